//! Oracle: the GGUF format and the faults planted here; for weights, the same blocks widened to safetensors. Every fault
//! gives an error that names the file, the numbers and a next step, and is planted in a file that opens without it.

use std::collections::HashMap;
use std::rc::Rc;

use crate::common::compare::assert_logits;
use crate::common::{devices, now};
use crate::gguf_support::{Gguf, Tensor, Value, as_safetensors, delivered, number, text};
use glitchscope::checkpoint::source::MemorySource;
use glitchscope::checkpoint::{Checkpoint, CheckpointError};
use glitchscope::compute::ops::check::random;
use glitchscope::compute::quant::{self, Quantised};
use glitchscope::compute::{DType, DevicePreference};
use glitchscope::progress::Silent;
use glitchscope::rng::Rng;
use glitchscope::session::Session;

/// A Llama of one layer; matrices are of the given type, in turn.
fn llama(channels: u64, types: &[DType]) -> Gguf {
    let mut rng = Rng::new(12);
    let (inner, vocabulary) = (channels, 48);
    let mut types = types.iter().copied().cycle();
    let mut tensors: Vec<Tensor> = Vec::new();
    let mut matrix = |name: &str, rows: u64, columns: u64| {
        let dtype = types.next().expect("endless");
        let (_, bytes) = random(name, &[rows as usize, columns as usize], dtype, &mut rng);
        tensors.push((format!("{name}.weight"), vec![columns, rows], number(dtype), bytes));
    };
    matrix("token_embd", vocabulary, channels);
    matrix("blk.0.attn_q", channels, channels);
    matrix("blk.0.attn_k", channels / 2, channels);
    matrix("blk.0.attn_v", channels / 2, channels);
    matrix("blk.0.attn_output", channels, channels);
    matrix("blk.0.ffn_gate", inner, channels);
    matrix("blk.0.ffn_up", inner, channels);
    matrix("blk.0.ffn_down", channels, inner);
    let ones: Vec<u8> = (0..channels).flat_map(|i| (0.75 + i as f32 / 64.0).to_le_bytes()).collect();
    for name in ["blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"] {
        tensors.push((format!("{name}.weight"), vec![channels], 0, ones.clone()));
    }
    Gguf::new(
        vec![
            ("general.architecture", text("llama")),
            ("llama.block_count", Value::U32(1)),
            ("llama.context_length", Value::U32(64)),
            ("llama.embedding_length", Value::U32(channels as u32)),
            ("llama.feed_forward_length", Value::U32(inner as u32)),
            ("llama.attention.head_count", Value::U32(4)),
            ("llama.attention.head_count_kv", Value::I32(2)),
            ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
            ("tokenizer.ggml.model", text("llama")),
            ("tokenizer.ggml.tokens", Value::Texts(vec!["<unk>", "<s>", "</s>", "\u{2581}a"])),
            ("tokenizer.ggml.scores", Value::F32s(vec![0.0, 0.0, 0.0, -1.5])),
            ("tokenizer.ggml.token_type", Value::I32s(vec![2, 3, 3, 1])),
            ("tokenizer.ggml.eos_token_id", Value::U32(2)),
            ("tokenizer.ggml.add_bos_token", Value::Bool(1)),
        ],
        tensors,
    )
}

fn small() -> Gguf {
    llama(32, &[DType::F32])
}

fn source(files: &[(&str, Vec<u8>)]) -> Rc<MemorySource> {
    let files: HashMap<String, Vec<u8>> = files.iter().map(|(name, bytes)| (name.to_string(), bytes.clone())).collect();
    Rc::new(MemorySource::new("the folder", files))
}

fn open(bytes: Vec<u8>) -> Result<Checkpoint, CheckpointError> {
    now(Checkpoint::open(source(&[("model.gguf", bytes)])))
}

/// The error says all of `parts`, and what to do.
fn assert_says(error: &CheckpointError, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
    assert!(error.hint().is_some_and(|hint| hint.len() > 20), "{text:?} has no hint");
}

fn refused(bytes: Vec<u8>, parts: &[&str]) {
    match open(bytes) {
        Ok(_) => panic!("it opens, although {parts:?}"),
        Err(error) => assert_says(&error, parts),
    }
}

#[test]
fn the_sound_file_opens() {
    for version in [2, 3] {
        let checkpoint = open(Gguf { version, ..small() }.bytes()).expect("a sound file");
        assert_eq!(checkpoint.tensors().count(), 11);
        assert!(checkpoint.notes().is_empty(), "{:?}", checkpoint.notes());
        let config = checkpoint.config();
        assert_eq!((config.model_type().unwrap(), config.usize("vocab_size").unwrap()), ("llama", 48));
        assert_eq!(config.ids("eos_token_id").unwrap(), [2]);
        assert!(config.bool_or("tie_word_embeddings", false).unwrap());
    }
    let wide = Gguf { alignment: 4096, ..small() }.set("general.alignment", Value::U32(4096));
    open(wide.bytes()).expect("another alignment");
}

#[test]
fn the_tokenizer_is_read_when_asked_for() {
    let checkpoint = open(small().bytes()).expect("a sound file");
    let tokenizer = now(checkpoint.gguf_tokenizer()).unwrap().expect("it has one");
    assert_eq!(tokenizer.tokens, ["<unk>", "<s>", "</s>", "\u{2581}a"]);
    assert_eq!((tokenizer.scores[3], &tokenizer.token_types[..]), (-1.5, &[2, 3, 3, 1][..]));
    assert_eq!((tokenizer.model.as_str(), tokenizer.eos, tokenizer.bos), ("llama", Some(2), None));
    assert!(tokenizer.merges.is_empty());
}

#[test]
fn every_fault_of_a_header_is_named() {
    let good = small().bytes();
    let patched = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    refused(good[..20].to_vec(), &["model.gguf", "20 bytes", "24"]);
    refused(patched(0, b"GGML"), &["begins with", "GGML"]);
    refused(patched(0, b"version https://git-lfs"), &["Git LFS"]);
    refused(patched(0, b"<html><head>"), &["web page"]);
    refused(patched(4, &3_u32.to_be_bytes()), &["big-endian"]);
    refused(patched(4, &1_u32.to_le_bytes()), &["version 1"]);
    refused(patched(4, &4_u32.to_le_bytes()), &["version 4"]);
    refused(patched(8, &u64::MAX.to_le_bytes()), &["18446744073709551615 tensors", "4096"]);
    refused(patched(8, &4000_u64.to_le_bytes()), &["tensor"]);
    refused(patched(16, &u64::MAX.to_le_bytes()), &["metadata keys", "1024"]);
    // The first key's length.
    refused(patched(24, &u64::MAX.to_le_bytes()), &["ends at byte", "18446744073709551615"]);
    for cut in [25, 40, 100, 500, 1500] {
        refused(good[..cut].to_vec(), &["model.gguf"]);
    }
    // Cut inside the last tensor.
    refused(good[..good.len() - 1].to_vec(), &["truncated", "output_norm.weight"]);

    let with = |key: &str, value: Value| small().set(key, value).bytes();
    refused(with("general.architecture", text("rwkv6")), &["rwkv6", "llama, smollm3", "gpt2"]);
    refused(with("general.architecture", Value::U32(3)), &["general.architecture is 3", "a string"]);
    refused(with("general.architecture", Value::Text(vec![0xff, 0xfe])), &["UTF-8"]);
    refused(with("general.alignment", Value::U32(0)), &["general.alignment is 0"]);
    refused(with("general.alignment", Value::U32(24)), &["general.alignment is 24"]);
    refused(with("llama.attention.head_count", Value::U32(0)), &["head_count is 0"]);
    refused(with("llama.attention.head_count", Value::U32(5)), &["rows"]);
    refused(with("llama.attention.head_count_kv", Value::U32(0)), &["rows"]);
    refused(with("llama.attention.head_count_kv", Value::I32s(vec![1, 2])), &["a list of 2", "a whole number"]);
    refused(with("llama.block_count", Value::F32(2.0)), &["block_count is 2", "a whole number"]);
    refused(with("llama.attention.layer_norm_rms_epsilon", Value::F32(f32::NAN)), &["NaN", "finite"]);
    refused(with("llama.expert_count", Value::U32(8)), &["llama.expert_count is 8", "does not understand"]);
    open(with("llama.expert_count", Value::U32(0))).expect("no experts are no mixture");
    refused(with("llama.rope.dimension_count", Value::U32(4)), &["dimension_count is 4", "head size 8"]);
    refused(with("llama.rope.scaling.type", text("odd")), &["rope.scaling.type", "odd"]);
    refused(with("x", Value::Bool(2)), &["x is neither true nor false"]);
    refused(with("x", Value::Raw(13, vec![])), &["x is of type 13"]);
    // Lists: too long, of lists, of strings that leave the file.
    let list = |kind: u32, count: u64, rest: &[u8]| {
        Value::Raw(9, [&kind.to_le_bytes()[..], &count.to_le_bytes()[..], rest].concat())
    };
    refused(with("x", list(0, u64::MAX, &[])), &["x is a list of 18446744073709551615 U8"]);
    refused(with("x", list(12, 1 << 61, &[])), &["x is a list of"]);
    refused(with("x", list(9, 0, &[])), &["list of lists"]);
    refused(with("x", list(8, 2, &u64::MAX.to_le_bytes())), &["in the middle of a string"]);
    let mut twice = small();
    twice.values.push(("llama.block_count".into(), Value::U32(1)));
    refused(twice.bytes(), &["llama.block_count occurs twice"]);
    let mut absent = small();
    absent.values.retain(|(key, _)| key != "llama.context_length");
    refused(absent.bytes(), &["llama.context_length is absent"]);
}

#[test]
fn every_fault_of_a_tensor_is_named() {
    let with = |change: &dyn Fn(&mut Vec<Tensor>)| {
        let mut file = small();
        change(&mut file.tensors);
        file.bytes()
    };
    refused(with(&|tensors| tensors[1].0 = tensors[0].0.clone()), &["embed_tokens", "occurs twice"]);
    refused(with(&|tensors| tensors[0].0 = String::new()), &["0 bytes", "1 to 256"]);
    refused(with(&|tensors| tensors[0].0 = "x".repeat(300)), &["300 bytes"]);
    refused(with(&|tensors| tensors[0].1 = vec![1; 5]), &["5 dimensions"]);
    refused(with(&|tensors| tensors[0].1 = vec![]), &["0 dimensions"]);
    refused(with(&|tensors| tensors[0].1 = vec![1 << 40, 1 << 40]), &["beyond 2^64"]);
    refused(with(&|tensors| tensors[0].1 = vec![1 << 40]), &["truncated", "token_embd"]);
    refused(with(&|tensors| tensors[0].1 = vec![64, 48]), &["overlap", "starts at"]);
    refused(with(&|tensors| tensors[0].2 = 77), &["type 77"]);
    refused(with(&|tensors| (tensors[0].1, tensors[0].2) = (vec![16, 96], 8)), &["Q8_0 blocks of 32"]);
    // The type of a tensor that is not asked for does not matter; of one that is, the error names it.
    let checkpoint = open(with(&|tensors| tensors[0].2 = 26)).expect("an I32 tensor is left out");
    assert!(checkpoint.notes()[0].contains("I32"), "{:?}", checkpoint.notes());
    assert_says(&checkpoint.require("token_embd.weight").unwrap_err(), &["token_embd", "I32", "Q4_K"]);
    // Offsets.
    let good = small().bytes();
    let name = b"blk.0.attn_q.weight";
    let place = good.windows(name.len()).position(|window| window == name).unwrap() + name.len() + 4 + 16 + 4;
    let offset = |offset: u64| {
        let mut file = good.clone();
        file[place..place + 8].copy_from_slice(&offset.to_le_bytes());
        file
    };
    refused(offset(17), &["blk.0.attn_q.weight", "offset 17", "32"]);
    refused(offset(u64::MAX - 31), &["truncated", "blk.0.attn_q.weight"]);
    refused(offset(0), &["overlap"]);
}

/// A NaN or an infinity anywhere in a tensor that is loaded stops the load, and the tensor is named with their number.
#[test]
fn weights_that_are_not_finite_are_named() {
    let load = |checkpoint: &Checkpoint| {
        now(checkpoint.load(&|_| true, &mut |_, _, _| Ok(()), &mut Silent))
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    for (dtype, bad) in [
        (DType::F32, f32::NAN.to_le_bytes().to_vec()),
        (DType::F16, 0xfc00_u16.to_le_bytes().to_vec()),
        (DType::BF16, 0x7f80_u16.to_le_bytes().to_vec()),
        (DType::Q8_0, 0x7c00_u16.to_le_bytes().to_vec()),
        (DType::Q4_1, 0x7e00_u16.to_le_bytes().to_vec()),
        (DType::Q5_0, 0xfc00_u16.to_le_bytes().to_vec()),
    ] {
        let mut file = llama(32, &[dtype]);
        load(&open(file.bytes()).unwrap()).unwrap_or_else(|error| panic!("{dtype:?}: {error}"));
        // In the second block of the permuted queries, and once more.
        let block = dtype.block_bytes();
        for at in [block, 5 * block] {
            file.tensors[1].3[at..at + bad.len()].copy_from_slice(&bad);
        }
        let error = load(&open(file.bytes()).unwrap()).unwrap_err();
        let count = 2 * dtype.block_elements();
        assert!(
            error.contains(&format!("{count} of the 1024 weights")) && error.contains("q_proj"),
            "{dtype:?}: {error}"
        );
        // Also when the weights are rounded on the way.
        let mut rounded = open(file.bytes()).unwrap();
        rounded.round_to(Quantised::Int4);
        assert!(load(&rounded).unwrap_err().contains("q_proj"));
    }
}

#[test]
fn parts_are_one_model() {
    let whole = small();
    let part = |number: u32, tensors: &[Tensor]| {
        let mut values = if number == 1 { whole.values.clone() } else { Vec::new() };
        values.push(("split.no".into(), Value::U32(number - 1)));
        values.push(("split.count".into(), Value::U32(2)));
        Gguf { values, tensors: tensors.to_vec(), ..whole.clone() }.bytes()
    };
    let files = [
        ("m-00001-of-00002.gguf", part(1, &whole.tensors[..4])),
        ("m-00002-of-00002.gguf", part(2, &whole.tensors[4..])),
    ];
    let folder = std::env::temp_dir().join(format!("glitchscope-gguf-parts-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in &files {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    let open_path = |name: &str| {
        let source = glitchscope::checkpoint::source::FolderSource::new(folder.join(name));
        now(Checkpoint::open(Rc::new(source)))
    };
    let parts = delivered(&open_path(files[0].0).expect("the first part opens the model"));
    assert_eq!(parts, delivered(&open(whole.bytes()).unwrap()));
    let second = open_path(files[1].0).err().expect("the second part has no metadata");
    assert_says(&second, &["m-00002-of-00002.gguf", "absent"]);
    std::fs::remove_file(folder.join(files[1].0)).unwrap();
    assert_says(&open_path(files[0].0).err().expect("a part is missing"), &["m-00002-of-00002.gguf", "missing"]);
    std::fs::remove_dir_all(folder).unwrap();
    // The first part under another name.
    refused(files[0].1.clone(), &["one of 2 parts", "-00001-of-00002.gguf"]);
}

/// Every type, mixed as in published files, on every device.
#[test]
fn logits_of_every_type_are_those_of_its_numbers() {
    let ids = [3, 9, 27, 11, 40, 2, 33, 5, 41, 7];
    let mixtures: [(u64, &[DType]); 4] = [
        (256, &[DType::Q6K, DType::Q4K, DType::Q5K]),
        (32, &[DType::Q5_0, DType::Q4_1, DType::Q5_1]),
        (64, &[DType::Q8_0, DType::BF16]),
        (32, &[DType::F16, DType::Q4_0]),
    ];
    for (channels, types) in mixtures {
        let file = llama(channels, types).bytes();
        let folder = source(&[
            ("model.safetensors", as_safetensors(&open(file.clone()).unwrap())),
            (
                "config.json",
                serde_json::json!({
                    "model_type": "llama", "num_hidden_layers": 1, "hidden_size": channels, "vocab_size": 48,
                    "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": channels,
                    "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": true,
                })
                .to_string()
                .into_bytes(),
            ),
        ]);
        let logits = |source: Rc<MemorySource>, device: DevicePreference| {
            let mut session = pollster::block_on(Session::open(source, device, &mut Silent)).unwrap();
            pollster::block_on(session.model.logits(&ids)).unwrap()
        };
        let expected = logits(folder, DevicePreference::Cpu);
        for device in devices("logits_of_every_type_are_those_of_its_numbers") {
            let got = logits(source(&[("model.gguf", file.clone())]), device);
            assert_logits(&format!("{types:?} on {device:?}"), &got, &expected);
        }
    }
}

/// safetensors in 8-bit floats: the numbers are PyTorch's (tests/golden_quant.rs), and the model's those of the numbers.
#[test]
fn eight_bit_floats_are_read_from_safetensors() {
    let mut rng = Rng::new(3);
    for dtype in [DType::F8E4M3, DType::F8E5M2] {
        let (_, bytes) = random("w", &[3, 7], dtype, &mut rng);
        let header = format!(r#"{{"w": {{"dtype": "{}", "shape": [3, 7], "data_offsets": [0, 21]}}}}"#, dtype.name());
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.bytes());
        file.extend(&bytes);
        let folder = source(&[("config.json", b"{}".to_vec()), ("model.safetensors", file)]);
        let tensors = delivered(&now(Checkpoint::open(folder)).unwrap());
        assert_eq!(tensors["w"], (vec![3, 7], dtype, bytes.clone()));
        assert_eq!(quant::widen_all(dtype, &bytes).len(), 21);
    }
}
