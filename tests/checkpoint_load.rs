//! Oracle: the bytes that were written into the files. Every tensor arrives whole, in order, in chunks that keep their
//! promises, and the hashes are those of the files.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use crate::common::{now, published};
use glitchscope::checkpoint::source::{FolderSource, MemorySource};
use glitchscope::checkpoint::{CHUNK_BYTES, Checkpoint, CheckpointError, Source, TensorEntry};
use glitchscope::compute::DType;
use glitchscope::compute::quant::Quantised;
use glitchscope::progress::{Event, LocalBoxFuture, Monitor, Silent};
use glitchscope::report::FileInfo;
use sha2::{Digest, Sha256};

/// Name, type, shape, bytes.
type Tensor = (String, &'static str, Vec<usize>, Vec<u8>);

/// A safetensors file as the format describes it.
fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (name, dtype, shape, bytes) in tensors {
        let start = data.len();
        data.extend_from_slice(bytes);
        header.insert(
            name.clone(),
            serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]}),
        );
    }
    header.insert("__metadata__".into(), serde_json::json!({"format": "pt"}));
    let mut json = serde_json::to_vec(&header).expect("JSON");
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut file = (json.len() as u64).to_le_bytes().to_vec();
    file.extend(json);
    file.extend(data);
    file
}

/// Bytes that differ from place to place and from tensor to tensor.
fn noise(count: usize, seed: u32) -> Vec<u8> {
    let mut rng = glitchscope::rng::Rng::new(seed.into());
    // Below 0x40 no type sees a NaN or an infinity, which would stop the load.
    (0..count).map(|_| rng.next_u32() as u8 & 0x3f).collect()
}

fn tensor(name: &str, dtype: &'static str, shape: &[usize], seed: u32) -> Tensor {
    let bytes = match dtype {
        "F32" => 4,
        "F16" | "BF16" => 2,
        "I64" => 8,
        _ => 1,
    };
    let count = shape.iter().product::<usize>() * bytes;
    (name.into(), dtype, shape.to_vec(), noise(count, seed))
}

const CONFIG: &str = r#"{"model_type": "gpt2", "vocab_size": 8, "bos_token_id": 1, "eos_token_id": [1, 2]}"#;

fn folder(files: &[(&str, Vec<u8>)]) -> MemorySource {
    let mut source = MemorySource::new("test", HashMap::new());
    source.insert("config.json", CONFIG);
    for (name, bytes) in files {
        source.insert(*name, bytes.clone());
    }
    source
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Loads and puts the tensors together again, checking every promise about chunks.
fn collect(
    checkpoint: &Checkpoint,
    wanted: &dyn Fn(&TensorEntry) -> bool,
) -> (HashMap<String, Vec<u8>>, Vec<FileInfo>) {
    let mut tensors: HashMap<String, Vec<u8>> = HashMap::new();
    let mut write = |entry: &TensorEntry, offset: usize, bytes: &[u8]| {
        let so_far = tensors.entry(entry.name.clone()).or_default();
        assert_eq!(so_far.len(), offset, "{}: chunks in order and without gaps", entry.name);
        assert_eq!(offset % 4, 0, "{}: a chunk starts at a multiple of four", entry.name);
        assert!(!bytes.is_empty() && bytes.len() as u64 <= CHUNK_BYTES, "{}: {} bytes", entry.name, bytes.len());
        so_far.extend_from_slice(bytes);
        Ok(())
    };
    let files = now(checkpoint.load(wanted, &mut write, &mut Silent)).expect("loading");
    (tensors, files)
}

/// A source that counts what is read of it, and how much at once.
struct Counting {
    inner: MemorySource,
    bytes_read: Cell<u64>,
    largest_read: Cell<u64>,
}

impl Source for Counting {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn len<'a>(&'a self, file: &'a str) -> LocalBoxFuture<'a, Result<Option<u64>, CheckpointError>> {
        self.inner.len(file)
    }

    fn read<'a>(&'a self, file: &'a str, range: Range<u64>) -> LocalBoxFuture<'a, Result<Vec<u8>, CheckpointError>> {
        let bytes = range.end - range.start;
        self.bytes_read.set(self.bytes_read.get() + bytes);
        self.largest_read.set(self.largest_read.get().max(bytes));
        self.inner.read(file, range)
    }
}

#[test]
fn every_tensor_arrives_whole() {
    let chunk = CHUNK_BYTES as usize;
    // Around the chunk size, odd numbers of bytes, an empty tensor, a scalar.
    let tensors = [
        tensor("a", "F32", &[3, 5], 1),
        tensor("b", "F16", &[7], 2),
        tensor("c", "BF16", &[chunk / 2 + 1], 3),
        tensor("d", "F16", &[chunk + 3], 4),
        tensor("e", "F32", &[0, 4], 5),
        tensor("f", "F32", &[], 6),
        tensor("g", "F32", &[chunk / 4], 7),
        tensor("h", "F16", &[1], 8),
    ];
    let file = safetensors(&tensors);
    let source = Rc::new(Counting {
        inner: folder(&[("model.safetensors", file.clone())]),
        bytes_read: Cell::new(0),
        largest_read: Cell::new(0),
    });
    let checkpoint = now(Checkpoint::open(source.clone())).expect("opening");
    assert!(checkpoint.notes().is_empty(), "{:?}", checkpoint.notes());
    assert_eq!(checkpoint.tensors().count(), tensors.len());
    assert!(source.bytes_read.get() < 4096, "opening reads no tensor: {} bytes", source.bytes_read.get());
    for (name, _, shape, bytes) in &tensors {
        let entry = checkpoint.tensor(name).expect("the tensor");
        assert_eq!(&entry.shape, shape);
        assert_eq!(&file[entry.range.start as usize..entry.range.end as usize], &bytes[..]);
    }
    assert_eq!(checkpoint.tensor("a").expect("a").dtype, DType::F32);
    assert_eq!(checkpoint.tensor("b").expect("b").dtype, DType::F16);
    assert_eq!(checkpoint.tensor("c").expect("c").dtype, DType::BF16);

    let (loaded, files) = collect(&checkpoint, &|_| true);
    for (name, _, _, bytes) in &tensors {
        assert_eq!(loaded.get(name).map_or(&[][..], |loaded| loaded), &bytes[..], "{name}");
    }
    assert!(source.largest_read.get() <= CHUNK_BYTES);
    let weights = files.iter().find(|file| file.name == "model.safetensors").expect("the file");
    assert_eq!((weights.bytes, &weights.sha256), (file.len() as u64, &Some(sha256(&file))));
    let config = files.iter().find(|file| file.name == "config.json").expect("the configuration");
    assert_eq!(config.sha256, Some(sha256(CONFIG.as_bytes())));
}

#[test]
fn little_that_nobody_wants_is_read_for_the_hash_and_much_is_not() {
    let tensors = [
        tensor("wanted", "F32", &[1000], 1),
        tensor("mask", "BOOL", &[100], 2),
        tensor("small", "F32", &[10], 3),
        tensor("also", "F32", &[1000], 4),
        tensor("positions", "I64", &[4], 5),
    ];
    let file = safetensors(&tensors);
    let checkpoint = now(Checkpoint::open(Rc::new(folder(&[("model.safetensors", file.clone())])))).expect("opening");
    assert!(checkpoint.notes()[0].contains("2 of 5"), "{:?}", checkpoint.notes());
    assert!(checkpoint.tensor("mask").is_none());
    match checkpoint.require("mask") {
        Err(error @ CheckpointError::UnsupportedType { .. }) => {
            assert!(error.to_string().contains("BOOL"), "{error}")
        }
        other => panic!("{other:?}"),
    }
    match checkpoint.require("absent") {
        Err(CheckpointError::MissingTensor { tensors: 3, .. }) => {}
        other => panic!("{other:?}"),
    }

    let sha_of =
        |files: &[FileInfo]| files.iter().find(|file| file.name == "model.safetensors").expect("it").sha256.clone();
    let (loaded, files) = collect(&checkpoint, &|entry| entry.name != "small");
    assert_eq!(loaded.len(), 2);
    assert_eq!(sha_of(&files), Some(sha256(&file)));
    let (loaded, files) = collect(&checkpoint, &|entry| entry.name == "also");
    assert_eq!(loaded["also"], tensors[3].3);
    assert_eq!(sha_of(&files), None);
    let (loaded, files) = collect(&checkpoint, &|_| false);
    assert!(loaded.is_empty());
    assert_eq!(sha_of(&files), None);
}

/// Oracle: the crate `half`. Matrices of more bits, and of other 16, are rounded to f16; everything else stays as it is.
#[test]
fn matrices_are_rounded_to_f16_while_they_are_loaded() {
    let numbers = |count: usize, seed: u64| -> Vec<f32> {
        let mut rng = glitchscope::rng::Rng::new(seed);
        // Large and small ones, those that f16 cannot tell from zero, and ties.
        (0..count)
            .map(|i| rng.normal() * 10f32.powi(i as i32 % 12 - 8) + if i % 97 == 0 { 2049.0 } else { 0.0 })
            .collect()
    };
    let bytes = |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
    let halves = |values: &[f32]| -> Vec<u8> {
        values.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect()
    };
    // Longer than what is converted at once, and rows of an odd length.
    let (wide, vector) = (numbers(301 * 1001, 1), numbers(9, 2));
    let brain: Vec<half::bf16> = numbers(15, 3).into_iter().map(half::bf16::from_f32).collect();
    let positions = tensor("wpe.weight", "F32", &[4, 32], 4);
    let whole = tensor("half", "F16", &[4, 3], 5);
    let file = |large: f32| {
        let mut wide = wide.clone();
        wide[300] = large;
        safetensors(&[
            ("wide".into(), "F32", vec![301, 1001], bytes(&wide)),
            ("vector".into(), "F32", vec![9], bytes(&vector)),
            ("brain".into(), "BF16", vec![3, 5], brain.iter().flat_map(|value| value.to_le_bytes()).collect()),
            positions.clone(),
            whole.clone(),
        ])
    };
    let open = |file: Vec<u8>| {
        let mut checkpoint = now(Checkpoint::open(Rc::new(folder(&[("model.safetensors", file)])))).expect("opening");
        checkpoint.round_to(Quantised::F16);
        checkpoint
    };
    let checkpoint = open(file(65504.0));
    assert!(checkpoint.notes()[0].contains("f16 (F16) while they were loaded: 2 of 5"), "{:?}", checkpoint.notes());
    let (loaded, _) = collect(&checkpoint, &|_| true);
    let mut rounded = wide.clone();
    rounded[300] = 65504.0;
    assert_eq!(loaded["wide"], halves(&rounded));
    assert_eq!(loaded["brain"], halves(&brain.iter().map(|value| value.to_f32()).collect::<Vec<f32>>()));
    assert_eq!((&loaded["vector"], &loaded["wpe.weight"], &loaded["half"]), (&bytes(&vector), &positions.3, &whole.3));
    // Negative control: rounding has changed numbers, and not by cutting bits off.
    let cut = |value: f32| f32::from_bits(value.to_bits() & !0x1fff);
    assert_ne!(halves(&rounded), halves(&rounded.iter().map(|&value| cut(value)).collect::<Vec<f32>>()));

    // 65,520 lies as near to infinity as to the largest half.
    let error = now(open(file(65520.0)).load(&|_| true, &mut |_, _, _| Ok(()), &mut Silent)).unwrap_err();
    assert!(error.to_string().contains("1 of the 301301 weights of tensor wide are too large"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("65,504")));
}

fn shards() -> (Vec<Tensor>, Vec<(&'static str, Vec<u8>)>) {
    let tensors = vec![tensor("x", "F32", &[6], 1), tensor("y", "F16", &[5], 2), tensor("z", "BF16", &[4, 4], 3)];
    let files = vec![
        ("model-00001-of-00002.safetensors", safetensors(&tensors[..2])),
        ("model-00002-of-00002.safetensors", safetensors(&tensors[2..])),
    ];
    (tensors, files)
}

fn index(lines: &[(&str, &str)]) -> Vec<u8> {
    let map: serde_json::Map<String, serde_json::Value> =
        lines.iter().map(|(tensor, shard)| (tensor.to_string(), (*shard).into())).collect();
    serde_json::to_vec(&serde_json::json!({"metadata": {"total_size": 1}, "weight_map": map})).expect("JSON")
}

#[test]
fn shards_are_one_model() {
    let (tensors, mut files) = shards();
    let (one, two) = (files[0].0, files[1].0);
    files.push(("model.safetensors.index.json", index(&[("x", one), ("y", one), ("z", two)])));
    let checkpoint = now(Checkpoint::open(Rc::new(folder(&files)))).expect("opening");
    assert!(checkpoint.notes().is_empty(), "{:?}", checkpoint.notes());
    assert_eq!(checkpoint.tensor("z").expect("z").file, two);
    let (loaded, infos) = collect(&checkpoint, &|_| true);
    for (name, _, _, bytes) in &tensors {
        assert_eq!(&loaded[name], bytes);
    }
    for (name, bytes) in &files {
        let info = infos.iter().find(|info| info.name == *name).expect("every file is listed");
        assert_eq!(info.sha256, Some(sha256(bytes)), "{name}");
    }

    // An index that names fewer tensors is survived.
    files.pop();
    files.push(("model.safetensors.index.json", index(&[("x", one), ("z", two)])));
    let checkpoint = now(Checkpoint::open(Rc::new(folder(&files)))).expect("opening");
    assert!(checkpoint.notes()[0].contains("2 lines"), "{:?}", checkpoint.notes());
}

#[test]
fn a_false_index_is_refused() {
    let (_, files) = shards();
    let (one, two) = (files[0].0, files[1].0);
    let open = |files: &[(&str, Vec<u8>)], lines: &[(&str, &str)]| {
        let mut files = files.to_vec();
        files.push(("model.safetensors.index.json", index(lines)));
        now(Checkpoint::open(Rc::new(folder(&files)))).map(|_| ()).expect_err("a false index")
    };
    let expect = |error: CheckpointError, parts: &[&str]| {
        for part in parts {
            assert!(error.to_string().contains(part), "{error} lacks {part}");
        }
        assert!(error.hint().is_some(), "{error}");
    };
    expect(open(&files[..1], &[("x", one), ("z", two)]), &[two, "missing", "index.json"]);
    expect(open(&files, &[("x", one), ("z", one), ("y", two)]), &["it is in"]);
    expect(open(&files, &[("x", one), ("ghost", two)]), &["ghost", "no shard has it"]);
    expect(open(&files, &[("x", "../../etc/passwd")]), &["passwd", "no plain file name"]);
    expect(open(&files, &[]), &["empty"]);
    let same = [files[0].clone(), ("model-00002-of-00002.safetensors", files[0].1.clone())];
    expect(open(&same, &[("x", one), ("y", two)]), &["occurs twice", one, two]);
}

/// A monitor that cancels after some events.
struct CancelAfter {
    events: usize,
    seen: Vec<(u64, u64)>,
}

impl Monitor for CancelAfter {
    fn event(&mut self, event: Event<'_>) {
        if let Event::Advance { done, total, unit: "bytes" } = event {
            self.seen.push((done, total));
        }
    }

    fn is_cancelled(&self) -> bool {
        self.seen.len() > self.events
    }
}

#[test]
fn progress_adds_up_and_a_cancel_is_heard() {
    let tensors = [tensor("big", "F32", &[5 * CHUNK_BYTES as usize / 8], 1)];
    let file = safetensors(&tensors);
    let checkpoint = now(Checkpoint::open(Rc::new(folder(&[("model.safetensors", file.clone())])))).expect("opening");
    let mut monitor = CancelAfter { events: usize::MAX, seen: Vec::new() };
    now(checkpoint.load(&|_| true, &mut |_, _, _| Ok(()), &mut monitor)).expect("loading");
    let total = file.len() as u64;
    assert_eq!(monitor.seen.first(), Some(&(0, total)));
    assert_eq!(monitor.seen.last(), Some(&(total, total)));
    assert!(monitor.seen.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(monitor.seen.len(), 1 + 3);

    let mut monitor = CancelAfter { events: 2, seen: Vec::new() };
    let ended = now(checkpoint.load(&|_| true, &mut |_, _, _| Ok(()), &mut monitor));
    assert!(ended.is_err_and(|error| error.is_cancelled()));
    assert_eq!(monitor.seen.len(), 3);
}

/// A source whose file shrinks between opening and loading.
#[test]
fn a_file_that_changed_is_an_error() {
    struct Shrinking(MemorySource);
    impl Source for Shrinking {
        fn name(&self) -> String {
            self.0.name()
        }

        fn len<'a>(&'a self, file: &'a str) -> LocalBoxFuture<'a, Result<Option<u64>, CheckpointError>> {
            self.0.len(file)
        }

        fn read<'a>(
            &'a self,
            file: &'a str,
            range: Range<u64>,
        ) -> LocalBoxFuture<'a, Result<Vec<u8>, CheckpointError>> {
            Box::pin(async move {
                let mut bytes = self.0.read(file, range.clone()).await?;
                if range.end > 600 {
                    bytes.pop();
                }
                Ok(bytes)
            })
        }
    }
    let file = safetensors(&[tensor("a", "F32", &[200], 1)]);
    let source = Shrinking(folder(&[("model.safetensors", file)]));
    let checkpoint = now(Checkpoint::open(Rc::new(source))).expect("opening");
    let error = now(checkpoint.load(&|_| true, &mut |_, _, _| Ok(()), &mut Silent)).expect_err("a short read");
    assert!(error.to_string().contains("bytes were asked for"), "{error}");
}

#[test]
fn published_models_open() {
    for (name, tensors, note) in [("stories260K", 47, None), ("capp-gpt", 52, Some("bos_token_id is 50256"))] {
        let Some(path) = published("published_models_open", &format!("models/{name}")) else {
            return;
        };
        let checkpoint = now(Checkpoint::open(Rc::new(FolderSource::new(&path)))).expect("opening");
        assert_eq!(checkpoint.tensors().count(), tensors, "{name}");
        match note {
            Some(note) => {
                assert!(checkpoint.notes().iter().all(|line| line.contains(note)), "{:?}", checkpoint.notes())
            }
            None => assert!(checkpoint.notes().is_empty(), "{name}: {:?}", checkpoint.notes()),
        }
        let (loaded, files) = collect(&checkpoint, &|_| true);
        assert_eq!(loaded.len(), tensors);
        for file in files {
            let bytes = std::fs::read(path.join(&file.name)).expect("the file");
            assert_eq!((file.bytes, file.sha256), (bytes.len() as u64, Some(sha256(&bytes))), "{name}/{}", file.name);
        }
    }
}

#[test]
fn a_folder_source_stays_in_its_folder() {
    let source = FolderSource::new(env!("CARGO_MANIFEST_DIR"));
    assert!(now(source.len("Cargo.toml")).expect("a length").is_some());
    assert_eq!(now(source.len("no such file")).expect("no error"), None);
    assert_eq!(now(source.len("src")).expect("a folder is no file"), None);
    for outside in ["../Cargo.toml", "src/lib.rs", "/etc/hostname", "..", ""] {
        assert!(now(source.read(outside, 0..1)).is_err(), "{outside:?}");
    }
    let bytes = now(source.len("Cargo.toml")).expect("a length").expect("a file");
    assert!(matches!(now(source.read("Cargo.toml", 0..bytes + 1)), Err(CheckpointError::ShortRead { .. })));
    assert_eq!(now(source.read("Cargo.toml", 1..8)).expect("bytes"), b"package");
}
