//! Oracle: none is needed. Whatever the bytes, the parsers return; they do not panic, and they take no more memory than
//! four times the file plus a constant. A counting allocator measures it. The cases are the same in every run.

mod common;
mod gguf_support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use common::{fixture, now, published};
use gguf_support::{Gguf, Value, text};
use glitchscope::checkpoint::source::MemorySource;
use glitchscope::checkpoint::{Checkpoint, CheckpointError, Config};
use glitchscope::error::Error;
use glitchscope::progress::Silent;
use glitchscope::rng::Rng;
use glitchscope::tokenizer::Tokenizer;
use proptest::prelude::*;
use proptest::test_runner::{Config as ProptestConfig, RngAlgorithm, TestRng, TestRunner};

/// Counts what this thread has allocated and not freed, and the most it ever had.
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that ends may allocate after its counters are gone.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(layout.size())));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }

    // The default `realloc` allocates, copies and frees, so old and new are counted together: the honest worst case.
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most memory that `work` had at once, beyond what was there before.
fn peak_bytes<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = work();
    (result, (PEAK.get() - before).max(0) as usize)
}

/// The largest block that `work` asked for at once. A hostile number of entries shows here, before it shows in the sum.
fn largest_block<T>(work: impl FnOnce() -> T) -> (T, usize) {
    LARGEST.set(0);
    let result = work();
    (result, LARGEST.get())
}

/// What does not grow with the file: error messages, the source's maps, and the values of a configuration, of which
/// `MAX_CONFIG_VALUES` are kept whatever the size of their text (measured: up to 140 bytes each while a list grows).
const CONSTANT_BYTES: usize = 640 << 10;

/// Four times the file: its bytes, the entries made from them, and room for both.
const FACTOR: usize = 4;

fn assert_within(what: &str, file_bytes: usize, peak: usize) {
    assert!(peak <= FACTOR * file_bytes + CONSTANT_BYTES, "{what}: {peak} bytes for a file of {file_bytes}");
}

/// Negative control: the allocator sees an allocation, and the comparer refuses it.
#[test]
fn the_allocator_counts() {
    let (_, peak) = peak_bytes(|| vec![0_u8; 3 << 20]);
    assert!((3 << 20..4 << 20).contains(&peak), "{peak}");
    let (_, largest) = largest_block(|| (vec![0_u8; 1 << 20], vec![0_u8; 3 << 20]));
    assert_eq!(largest, 3 << 20);
    let (_, growing) = peak_bytes(|| {
        let mut list = Vec::new();
        (0..1 << 20).for_each(|number: u32| list.push(number));
    });
    assert!(growing >= 6 << 20, "a list that moves is counted twice while it does: {growing}");
    assert!(std::panic::catch_unwind(|| assert_within("control", 1000, CONSTANT_BYTES + 4001)).is_err());
    assert_within("control", 1000, CONSTANT_BYTES + 4000);
}

/// The same cases in every run; no file of past failures. For a longer search: `GLITCHSCOPE_FUZZ=100` runs a hundred
/// times as many.
fn runner(cases: u32) -> TestRunner {
    let factor = std::env::var("GLITCHSCOPE_FUZZ").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    let config = ProptestConfig { cases: cases * factor, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

const CONFIG: &[u8] =
    br#"{"model_type": "llama", "vocab_size": 53, "eos_token_id": [1, 99], "rope_scaling": {"factor": 8.0}}"#;
const HEADER: &str = r#"{"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}, "b": {"dtype": "F16", "shape": [3], "data_offsets": [16, 22]}, "c": {"dtype": "BOOL", "shape": [2], "data_offsets": [22, 24]}}"#;
const INDEX: &[u8] =
    br#"{"metadata": {"total_size": 24}, "weight_map": {"a": "model-1.safetensors", "b": "model-1.safetensors"}}"#;

fn safetensors(header: &[u8], data_bytes: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header);
    file.resize(file.len() + data_bytes, 0);
    file
}

/// Opens a folder, and asks of it what an engine would. Returns whether it opened.
fn open(files: &[(&str, &[u8])]) -> bool {
    let source: HashMap<String, Vec<u8>> =
        files.iter().map(|(name, bytes)| (name.to_string(), bytes.to_vec())).collect();
    let largest = files.iter().map(|(_, bytes)| bytes.len()).max().unwrap_or(0);
    let source = Rc::new(MemorySource::new("fuzz", source));
    let (opened, peak) = peak_bytes(|| {
        let checkpoint = match now(Checkpoint::open(source)) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                let _ = (error.to_string(), error.hint());
                return false;
            }
        };
        for entry in checkpoint.tensors() {
            assert!(entry.range.end <= largest as u64);
            assert_eq!(entry.stored().bytes_of(entry.elements() as usize) as u64, entry.bytes());
        }
        let config = checkpoint.config();
        let keys: Vec<String> = config.keys().map(String::from).collect();
        for key in keys {
            let _ = (config.opt_usize(&key), config.opt_f64(&key), config.opt_str(&key), config.ids(&key));
        }
        true
    });
    assert_within("opening", largest, peak);
    opened
}

fn open_weights(weights: &[u8]) -> bool {
    open(&[("config.json", CONFIG), ("model.safetensors", weights)])
}

/// Some bytes changed, cut out, doubled or moved; the way real files break, and then some.
fn mutate(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let mut mutant = bytes.to_vec();
    // What a mutation likes to put in: structure of JSON, edges of numbers, pieces of escapes.
    const PIECES: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"null",
        b"true",
        b"-1",
        b"0",
        b"18446744073709551615",
        b"1e999",
        b"9223372036854775808",
        b"\\u0000",
        b"\\ud800",
        b"\xff",
        b"\x00",
        b"\"\"",
        b"[]",
        b"{}",
        b"4294967296",
    ];
    for _ in 0..=rng.below(4) {
        if mutant.is_empty() {
            break;
        }
        let place = rng.below(mutant.len() as u32) as usize;
        let length = (rng.below(24) as usize).min(mutant.len() - place);
        match rng.below(6) {
            0 => mutant[place] = rng.next_u32() as u8,
            1 => mutant[place] ^= 1 << rng.below(8),
            2 => drop(mutant.drain(place..place + length)),
            3 => {
                let piece = mutant[place..place + length].to_vec();
                let target = rng.below(mutant.len() as u32) as usize;
                drop(mutant.splice(target..target, piece));
            }
            4 => {
                let piece = PIECES[rng.below(PIECES.len() as u32) as usize];
                drop(mutant.splice(place..place + length.min(4), piece.iter().copied()));
            }
            _ => mutant.truncate(place),
        }
    }
    mutant
}

#[test]
fn mutated_checkpoints_open_or_say_why() {
    let weights = safetensors(HEADER.as_bytes(), 24);
    assert!(open_weights(&weights), "the sound file opens");
    let shards: [(&str, &[u8]); 3] =
        [("config.json", CONFIG), ("model.safetensors.index.json", INDEX), ("model-1.safetensors", &weights)];
    assert!(open(&shards), "the sound shards open");
    let opened = Cell::new(0);
    runner(4000)
        .run(&any::<u64>(), |seed| {
            opened.set(opened.get() + u32::from(open_weights(&mutate(&weights, seed))));
            // A header whose own length is right gets further.
            let header = mutate(HEADER.as_bytes(), seed);
            opened.set(opened.get() + u32::from(open_weights(&safetensors(&header, 24))));
            opened.set(
                opened.get()
                    + u32::from(open(&[("config.json", &mutate(CONFIG, seed)), ("model.safetensors", &weights)])),
            );
            let mut mutant = shards;
            let index = mutate(INDEX, seed);
            mutant[1].1 = &index;
            opened.set(opened.get() + u32::from(open(&mutant)));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    // Some mutations are harmless; if none were, the test would not reach what it is for.
    assert!(opened.get() > 100, "{} opened", opened.get());
}

/// JSON made of the words of the formats, nested at random.
fn json_soup() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_string()),
        Just("true".to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<i32>().prop_map(|number| number.to_string()),
        (0_u64..40).prop_map(|number| number.to_string()),
        Just("1e308".to_string()),
        prop_oneof![Just("F32"), Just("F16"), Just("BOOL"), Just("F4"), Just("x"), Just("")]
            .prop_map(|word| format!("{word:?}")),
    ];
    let key = prop_oneof![
        Just("dtype"),
        Just("shape"),
        Just("data_offsets"),
        Just("a"),
        Just("b"),
        Just("__metadata__"),
        Just("weight_map"),
        Just("vocab_size"),
        Just("bos_token_id"),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|entries| {
                let entries: Vec<String> = entries.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

#[test]
fn random_json_opens_or_says_why() {
    let weights = safetensors(HEADER.as_bytes(), 24);
    runner(3000)
        .run(&(json_soup(), 0_usize..64), |(json, data_bytes)| {
            let json = json.as_bytes();
            open_weights(&safetensors(json, data_bytes));
            open(&[("config.json", json), ("model.safetensors", &weights)]);
            open(&[("config.json", CONFIG), ("model.safetensors.index.json", json), ("a", &weights)]);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn random_bytes_open_or_say_why() {
    runner(3000)
        .run(&prop::collection::vec(any::<u8>(), 0..200), |bytes| {
            assert!(!open_weights(&bytes));
            let _ = Config::from_bytes("config.json", &bytes);
            let _ = Tokenizer::from_bytes(&bytes, Some(&bytes));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

/// The files that take the most memory for their size: entries as short as the format allows, lists of digits, deep
/// nesting, one long name.
#[test]
fn the_greediest_files_stay_within_the_bound() {
    let entries: Vec<String> =
        (0..100_000).map(|i| format!(r#""{i:x}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#)).collect();
    assert!(open_weights(&safetensors(format!("{{{}}}", entries.join(",")).as_bytes(), 0)));
    // As above, but of a type that is left out.
    let unreadable = entries.join(",").replace("F32", "I64");
    assert!(open_weights(&safetensors(format!("{{{unreadable}}}").as_bytes(), 0)));
    let long = format!(r#"{{"{}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}}}"#, "x".repeat(5 << 20));
    assert!(open_weights(&safetensors(long.as_bytes(), 0)));
    let refused = format!(r#"{{"{}":{{"dtype":"F31","shape":[0],"data_offsets":[0,0]}}}}"#, "x".repeat(5 << 20));
    assert!(!open_weights(&safetensors(refused.as_bytes(), 0)));
    let metadata = format!(r#"{{"__metadata__":{{"a":[{}1]}}}}"#, "1,".repeat(1 << 20));
    assert!(open_weights(&safetensors(metadata.as_bytes(), 0)));
    for nested in ["[".repeat(1 << 20), format!(r#"{{"a":{}"#, "{\"a\":".repeat(1 << 18))] {
        assert!(!open_weights(&safetensors(nested.as_bytes(), 0)));
        assert!(!open(&[("config.json", nested.as_bytes())]));
    }

    let weights = safetensors(HEADER.as_bytes(), 24);
    for config in [
        format!(r#"{{"a":[{}1]}}"#, "1,".repeat(1 << 20)),
        format!(r#"{{"a":[{}1]}}"#, "1,".repeat(4094)),
        format!(r#"{{{}"x":1}}"#, (0..4094).map(|i| format!("\"{i:x}\":1,")).collect::<String>()),
        format!(r#"{{"a":[{}1]}}"#, "[],".repeat(4094)),
        format!(r#"{{"a":[{}1]}}"#, "{\"\":1},".repeat(2046)),
    ] {
        open(&[("config.json", config.as_bytes()), ("model.safetensors", &weights)]);
    }

    let lines: String = (0..200_000).map(|i| format!(r#""{i:x}":"s","#)).collect();
    let index = format!(r#"{{"weight_map":{{{lines}"a":"s"}}}}"#);
    open(&[("config.json", CONFIG), ("model.safetensors.index.json", index.as_bytes()), ("s", &weights)]);
    let shards: String = (0..2000).map(|i| format!(r#""{i}":"{i}","#)).collect();
    let index = format!(r#"{{"weight_map":{{{shards}"a":"s"}}}}"#);
    assert!(!open(&[("config.json", CONFIG), ("model.safetensors.index.json", index.as_bytes())]));
}

/// Makes a tokenizer, and uses it as a scan would. Returns whether the bytes make one.
fn tokenize(json: &[u8], config: Option<&[u8]>) -> bool {
    let (tokenizer, peak) = peak_bytes(|| Tokenizer::from_bytes(json, config));
    assert_within("a tokenizer", json.len() + config.map_or(0, <[u8]>::len), peak);
    let tokenizer = match tokenizer {
        Ok(tokenizer) => tokenizer,
        Err(error) => {
            let _ = (error.to_string(), error.hint());
            return false;
        }
    };
    use_tokenizer(&tokenizer);
    true
}

fn use_tokenizer(tokenizer: &Tokenizer) {
    for text in [
        "",
        " ",
        "Repeat '",
        "naïve 😀\0\r\n",
        "<s><extra> «the»",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "  ab  a\u{301}\u{304} \u{3000}東京\u{200d}ﬁ ﷺ ",
        "\u{fffd}\u{feff}\u{202e}İẞ\u{1e9e}\t",
    ] {
        for special in [false, true] {
            if let Ok(encoding) = tokenizer.encode(text, special) {
                assert_eq!(encoding.ids.len(), encoding.tokens.len());
                assert_eq!(encoding.ids.len(), encoding.offsets.len());
                assert!(encoding.ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
                let _ = (encoding.char_offsets(text), tokenizer.decode(&encoding.ids, special));
            }
        }
    }
    let rows = tokenizer.vocab_size().min(700);
    for id in (0..rows as u32 + 2).chain([u32::MAX]) {
        let _ = (tokenizer.token_text(id), tokenizer.token_bytes(id), tokenizer.is_special(id));
    }
    let _ = tokenizer.check_embedding(rows / 2);
    let _ = tokenizer.splice("Repeat '", "' again.");
}

#[test]
fn mutated_tokenizers_work_or_say_why() {
    let config = br#"{"bos_token": "<s>", "eos_token": {"content": "</s>", "special": true}, "add_bos_token": true}"#;
    for name in ["byte_level", "metaspace"] {
        let json = fixture(&format!("tests/golden/tokenizer/{name}/tokenizer.json"));
        assert!(tokenize(&json, Some(config)));
        // The vocabulary is most of the file; the steps before it are most of the ways to go wrong.
        let split = json.windows(8).position(|window| window == br#""model":"#).expect("the model");
        let works = Cell::new(0);
        runner(400)
            .run(&any::<u64>(), |seed| {
                works.set(works.get() + u32::from(tokenize(&mutate(&json, seed), None)));
                let mut mutant = mutate(&json[..split], seed);
                mutant.extend_from_slice(&json[split..]);
                works.set(works.get() + u32::from(tokenize(&mutant, Some(&mutate(config, seed)))));
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(works.get() > 5, "{name}: {} worked", works.get());
    }
}

/// Steps of the file format with parameters that are right in kind and odd in value, in any order.
fn odd_part(step: &'static str) -> BoxedStrategy<String> {
    let text = prop_oneof![Just(""), Just(" "), Just("▁"), Just("a"), Just("\\u0000"), Just("e\u{301}"), Just("<s>")];
    let pattern = prop_oneof![
        text.clone().prop_map(|text| format!(r#"{{"String": "{text}"}}"#)),
        prop_oneof![Just(""), Just("."), Just("\\\\s+"), Just("(a*)*b"), Just("(?=a)"), Just("$"), Just("[")]
            .prop_map(|regex| format!(r#"{{"Regex": "{regex}"}}"#)),
    ];
    let flag = any::<bool>();
    let number = prop_oneof![Just(0_u64), Just(1), Just(2), Just(1 << 40), Just(u64::MAX)];
    let behaviour = prop_oneof![
        Just("Removed"),
        Just("Isolated"),
        Just("MergedWithPrevious"),
        Just("MergedWithNext"),
        Just("Contiguous"),
    ];
    let leaf = match step {
        "normalizer" => prop_oneof![
            prop_oneof![Just("NFC"), Just("NFD"), Just("NFKC"), Just("NFKD"), Just("Nmt"), Just("Lowercase"), Just("StripAccents"), Just("ByteLevel")]
                .prop_map(|kind| format!(r#"{{"type": "{kind}"}}"#)),
            (flag, flag).prop_map(|(l, r)| format!(r#"{{"type": "Strip", "strip_left": {l}, "strip_right": {r}}}"#)),
            (flag, flag).prop_map(|(a, b)| format!(
                r#"{{"type": "BertNormalizer", "clean_text": {a}, "handle_chinese_chars": {b}, "strip_accents": null, "lowercase": {a}}}"#
            )),
            (pattern, text.clone()).prop_map(|(p, t)| format!(r#"{{"type": "Replace", "pattern": {p}, "content": "{t}"}}"#)),
            text.prop_map(|t| format!(r#"{{"type": "Prepend", "prepend": "{t}"}}"#)),
        ]
        .boxed(),
        "pre_tokenizer" => prop_oneof![
            prop_oneof![Just("BertPreTokenizer"), Just("Whitespace"), Just("WhitespaceSplit"), Just("UnicodeScripts")]
                .prop_map(|kind| format!(r#"{{"type": "{kind}"}}"#)),
            (flag, flag).prop_map(|(a, b)| format!(
                r#"{{"type": "ByteLevel", "add_prefix_space": {a}, "trim_offsets": {b}, "use_regex": {b}}}"#
            )),
            (behaviour.clone(), pattern, flag).prop_map(|(b, p, i)| format!(
                r#"{{"type": "Split", "pattern": {p}, "behavior": "{b}", "invert": {i}}}"#
            )),
            behaviour.prop_map(|b| format!(r#"{{"type": "Punctuation", "behavior": "{b}"}}"#)),
            flag.prop_map(|f| format!(r#"{{"type": "Digits", "individual_digits": {f}}}"#)),
            number.prop_map(|n| format!(r#"{{"type": "FixedLength", "length": {n}}}"#)),
            (prop_oneof![Just("always"), Just("first"), Just("never")], flag).prop_map(|(p, s)| format!(
                r#"{{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "{p}", "split": {s}}}"#
            )),
        ]
        .boxed(),
        _ => prop_oneof![
            prop_oneof![Just("ByteFallback"), Just("Fuse"), Just("ByteLevel")].prop_map(|kind| format!(
                r#"{{"type": "{kind}", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}}"#
            )),
            (pattern, text.clone()).prop_map(|(p, t)| format!(r#"{{"type": "Replace", "pattern": {p}, "content": "{t}"}}"#)),
            (number.clone(), number)
                .prop_map(|(a, b)| format!(r#"{{"type": "Strip", "content": " ", "start": {a}, "stop": {b}}}"#)),
            (text.clone(), flag).prop_map(|(t, c)| format!(r#"{{"type": "WordPiece", "prefix": "{t}", "cleanup": {c}}}"#)),
            text.prop_map(|t| format!(r#"{{"type": "BPEDecoder", "suffix": "{t}"}}"#)),
            flag.prop_map(|s| format!(
                r#"{{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": {s}}}"#
            )),
        ]
        .boxed(),
    };
    let key = match step {
        "normalizer" => "normalizers",
        "pre_tokenizer" => "pretokenizers",
        _ => "decoders",
    };
    prop_oneof![
        Just("null".to_string()),
        leaf.clone(),
        prop::collection::vec(leaf, 0..4)
            .prop_map(move |parts| format!(r#"{{"type": "Sequence", "{key}": [{}]}}"#, parts.join(","))),
    ]
    .boxed()
}

fn odd_added_tokens() -> impl Strategy<Value = String> {
    let content =
        prop_oneof![Just("<s>"), Just("a"), Just(" "), Just("  "), Just(""), Just("ab"), Just("▁"), Just("😀")];
    let token = (content, 0_u32..9, any::<[bool; 5]>()).prop_map(|(content, id, [w, l, r, n, s])| {
        format!(
            r#"{{"id": {id}, "content": "{content}", "single_word": {w}, "lstrip": {l}, "rstrip": {r}, "normalized": {n}, "special": {s}}}"#
        )
    });
    prop::collection::vec(token, 0..5).prop_map(|tokens| format!("[{}]", tokens.join(",")))
}

#[test]
fn odd_tokenizers_work_or_say_why() {
    let models = [
        r#"{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "▁": 3, "Ġ": 4}, "merges": ["a b"]}"#,
        r#"{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "<0x00>": 3}, "merges": ["a b"], "unk_token": "b", "byte_fallback": true, "fuse_unk": true, "end_of_word_suffix": "</w>", "ignore_merges": true}"#,
        r#"{"type": "Unigram", "vocab": [["<unk>", 0.0], ["a", -1.0], ["ab", -2.0], ["▁", -3.0]], "unk_id": 0, "byte_fallback": true}"#,
        r###"{"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 1, "##b": 2}, "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 5}"###,
        r#"{"type": "WordLevel", "vocab": {"a": 0, "b": 1, "<unk>": 2}, "unk_token": "<unk>"}"#,
        r#"{"type": "WordLevel", "vocab": {}, "unk_token": "<unk>"}"#,
    ];
    let parts =
        (odd_part("normalizer"), odd_part("pre_tokenizer"), odd_part("decoder"), odd_added_tokens(), 0..models.len());
    let works = Cell::new(0);
    runner(4000)
        .run(&parts, |(normalizer, pre_tokenizer, decoder, added_tokens, model)| {
            let json = format!(
                r#"{{"added_tokens": {added_tokens}, "normalizer": {normalizer}, "pre_tokenizer": {pre_tokenizer}, "decoder": {decoder}, "model": {}}}"#,
                models[model]
            );
            works.set(works.get() + u32::from(tokenize(json.as_bytes(), None)));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(works.get() > 1000, "{} worked", works.get());
}

fn ratio(bytes: usize, file: &[u8]) -> f64 {
    bytes as f64 / file.len() as f64
}

/// The bound is that of the other parsers, for what a tokenizer keeps and for what it needs on the way, a list and its
/// copy counted together while it moves. The numbers are printed (`-- --nocapture`).
#[test]
fn tokenizers_stay_within_the_bound() {
    let mut files = vec![
        ("byte_level", fixture("tests/golden/tokenizer/byte_level/tokenizer.json")),
        ("metaspace", fixture("tests/golden/tokenizer/metaspace/tokenizer.json")),
    ];
    for name in ["gpt2", "llama2"] {
        if let Some(path) = published("tokenizers_stay_within_the_bound", &format!("tokenizers/{name}/tokenizer.json"))
        {
            files.push((name, std::fs::read(path).expect("the tokenizer")));
        }
    }
    // Entries as short as can be, merges as short as can be, and both with as many as fit a table just after it grew.
    let vocabulary: String = (0..115_000).map(|i| format!(r#""{i:x}":{i},"#)).collect();
    files.push((
        "entries",
        format!(r#"{{"model":{{"type":"BPE","vocab":{{{vocabulary}"z":999999}},"merges":[]}}}}"#).into_bytes(),
    ));
    let merges = r#""a b","#.repeat(300_000);
    files.push((
        "merges",
        format!(r#"{{"model":{{"type":"BPE","vocab":{{"a":0,"b":1,"ab":2}},"merges":[{merges}"a b"]}}}}"#).into_bytes(),
    ));
    let shortest = r#"" ","#.repeat(300_000);
    files.push((
        "merges of nothing",
        format!(r#"{{"model":{{"type":"BPE","vocab":{{"":0}},"merges":[{shortest}" "]}}}}"#).into_bytes(),
    ));
    let scores = r#"["a",0],"#.repeat(100_000);
    files.push((
        "scores",
        format!(r#"{{"model":{{"type":"Unigram","unk_id":0,"vocab":[{scores}["b",0]]}}}}"#).into_bytes(),
    ));
    let added: String = (0..20_000).map(|i| format!(r#"{{"id":{i},"content":"{i:x}"}},"#)).collect();
    files.push((
        "added tokens",
        format!(r#"{{"added_tokens":[{added}{{"id":20000,"content":"x"}}],"model":{{"type":"BPE","vocab":{{}},"merges":[]}}}}"#).into_bytes(),
    ));
    // As above, with every token special, normalized and with an id that it does not get.
    let flags = r#""special":true,"normalized":true,"lstrip":true"#;
    let added: String = (0..20_000).map(|i| format!(r#"{{"id":0,"content":"{i:x}",{flags}}},"#)).collect();
    files.push((
        "normalized added tokens",
        format!(r#"{{"added_tokens":[{added}{{"id":1,"content":"x"}}],"normalizer":{{"type":"Prepend","prepend":"▁"}},"model":{{"type":"BPE","vocab":{{"a":7}},"merges":[]}}}}"#).into_bytes(),
    ));
    // Distinct pairs, ids that do not count up, and texts with escapes.
    let letters: Vec<char> = ('\u{4e00}'..='\u{4eff}').collect();
    let pairs: Vec<(char, char)> =
        letters.iter().flat_map(|&left| letters.iter().map(move |&right| (left, right))).collect();
    let singles: String = letters.iter().rev().enumerate().map(|(i, c)| format!(r#""{c}":{},"#, i * 2)).collect();
    let doubles: Vec<String> =
        pairs.iter().enumerate().map(|(i, (l, r))| format!(r#""{l}{r}":{}"#, i + 1000)).collect();
    let merges: Vec<String> = pairs.iter().rev().map(|(l, r)| format!(r#""{l} {r}""#)).collect();
    files.push((
        "distinct merges",
        format!(
            r#"{{"model":{{"type":"BPE","vocab":{{{singles}{}}},"merges":[{}]}}}}"#,
            doubles.join(","),
            merges.join(",")
        )
        .into_bytes(),
    ));
    let newlines: String = (0..100_000).map(|i| format!(r#""\n{:x}":{},"#, i, 999_999 - i)).collect();
    files.push(("escapes", format!(r#"{{"model":{{"type":"WordLevel","vocab":{{{newlines}"z":0}}}}}}"#).into_bytes()));
    let long = format!("{}\\n{}", "x".repeat(1 << 21), "y".repeat(1 << 21));
    files
        .push(("one long entry", format!(r#"{{"model":{{"type":"WordLevel","vocab":{{"{long}":0}}}}}}"#).into_bytes()));
    files.push((
        "long names",
        format!(
            r#"{{"x":"{long}","model":{{"type":"BPE","unk_token":"{long}","end_of_word_suffix":"{long}","vocab":{{"a":0}}}}}}"#
        )
        .into_bytes(),
    ));
    for (name, json) in files {
        let ((tokenizer, peak), largest) = largest_block(|| peak_bytes(|| Tokenizer::from_bytes(&json, None)));
        println!("{name}: peak {:.1}, largest block {:.1} times the file", ratio(peak, &json), ratio(largest, &json));
        assert!(tokenizer.is_ok(), "{name}: {:?}", tokenizer.err());
        assert_within(name, json.len(), peak);
    }
}

/// Files that are refused after most of the work.
#[test]
fn refused_tokenizers_stay_within_the_bound() {
    let giant = "x".repeat(3 << 20);
    for json in [
        format!(r#"{{"model":{{"type":"{giant}","vocab":{{}}}}}}"#),
        format!(r#"{{"model":{{"type":"BPE","vocab":{{"\n{giant}":0,"\n{giant}":1}}}}}}"#),
        format!(r#"{{"model":{{"type":"BPE","vocab":{{"a":0}},"merges":["\n{giant} a"]}}}}"#),
        format!(r#"{{"model":{{"type":"BPE","vocab":{{"a":0}},"merges":["\n{giant}"]}}}}"#),
        format!(r#"{{"model":{{"type":"Unigram","vocab":[["\n{giant}",0]]}}}}"#),
        format!(r#"{{"model":{{"type":"BPE","vocab":{{"a":0}}}},"added_tokens":[{{"id":0,"content":"\n{giant}"}}]}}"#),
        format!(r#"{{"model":{{"type":"BPE","vocab":{{"a":0}}}},"normalizer":{{"type":"\n{giant}"}}}}"#),
        format!(
            r#"{{"model":{{"type":"BPE","vocab":{{"a":0}}}},"normalizer":{{"type":"Prepend","prepend":"\n{giant}"}}}}"#
        ),
        format!(r#"{{"model":{{"type":"BPE","vocab":{{"a":0}}}},"decoder":[{}1]}}"#, "[],".repeat(4000)),
        format!(r#"{{"model":{{"type":"BPE","vocab":{{"a":0}}}},"decoder":[{}1]}}"#, "1,".repeat(1 << 20)),
        format!(r#"{{"model":{{"type":"BPE","vocab":{}"#, "[".repeat(1 << 20)),
        format!(r#"{{"model":{{"type":"BPE","vocab":{{"a":{}"#, "[".repeat(1 << 20)),
        format!(r#"{{"model":{{"type":"BPE","vocab":{{"a":0}},"merges":[{}1]}}}}"#, "0,".repeat(1 << 20)),
    ] {
        let (tokenizer, peak) = peak_bytes(|| Tokenizer::from_bytes(json.as_bytes(), None).map(|_| ()));
        let shown: String = json.chars().take(60).collect();
        assert!(tokenizer.is_err(), "{shown}");
        assert_within(&shown, json.len(), peak);
    }
}

/// A GGUF file with every kind of value, a list of each kind, and tensors of several types.
fn gguf() -> Vec<u8> {
    let vector = |name: &str, count: u64| (name.to_owned(), vec![count], 0, vec![0; 4 * count as usize]);
    let tensors = vec![
        ("token_embd.weight".to_owned(), vec![32, 4], 8, vec![0; 4 * 34]),
        ("blk.0.attn_q.weight".to_owned(), vec![32, 8], 1, vec![0; 512]),
        vector("output_norm.weight", 32),
        ("odd".to_owned(), vec![256], 10, vec![0; 84]),
    ];
    Gguf::new(
        vec![
            ("general.architecture", text("llama")),
            ("llama.block_count", Value::U32(1)),
            ("llama.context_length", Value::U64(64)),
            ("llama.embedding_length", Value::U32(32)),
            ("llama.feed_forward_length", Value::U32(64)),
            ("llama.attention.head_count", Value::I32(4)),
            ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
            ("tokenizer.ggml.model", text("llama")),
            ("tokenizer.ggml.tokens", Value::Texts(vec!["a", "", "\u{2581}bc"])),
            ("tokenizer.ggml.scores", Value::F32s(vec![0.5, -1.0, 2.0])),
            ("tokenizer.ggml.token_type", Value::I32s(vec![1, 3, 6])),
            ("tokenizer.ggml.add_bos_token", Value::Bool(1)),
        ],
        tensors,
    )
    .bytes()
}

/// Opens a GGUF file, reads its vocabulary and loads its tensors. Returns whether it opened.
fn open_gguf(bytes: &[u8]) -> bool {
    let source = Rc::new(MemorySource::new("fuzz", HashMap::from([("model.gguf".to_string(), bytes.to_vec())])));
    let (opened, peak) = peak_bytes(|| match now(Checkpoint::open(source)) {
        Ok(checkpoint) => Some(checkpoint),
        Err(error) => {
            let _ = (error.to_string(), error.hint());
            None
        }
    });
    assert_within("opening a GGUF file", bytes.len(), peak);
    let Some(checkpoint) = opened else { return false };
    for entry in checkpoint.tensors() {
        assert!(entry.range.end <= bytes.len() as u64);
    }
    let (tokenizer, peak) = peak_bytes(|| now(checkpoint.gguf_tokenizer()));
    assert_within("the vocabulary of a GGUF file", bytes.len(), peak);
    if let Ok(Some(stored)) = tokenizer {
        match Tokenizer::from_gguf(&stored) {
            Ok(tokenizer) => use_tokenizer(&tokenizer),
            Err(error) => drop((error.to_string(), error.hint())),
        }
    }
    let loaded = now(checkpoint.load(&|_| true, &mut |_, _, _| Ok(()), &mut Silent));
    let expected =
        |error: &CheckpointError| matches!(error, CheckpointError::NonFinite { .. } | CheckpointError::TooLarge { .. });
    assert!(matches!(&loaded, Err(Error::Checkpoint(error)) if expected(error)) || loaded.is_ok(), "{loaded:?}");
    true
}

#[test]
fn mutated_gguf_files_open_or_say_why() {
    let sound = gguf();
    assert!(open_gguf(&sound), "the sound file opens");
    let header = sound.windows(4).position(|window| window == b"odd\x01").expect("the last tensor") + 40;
    let opened = Cell::new(0);
    runner(6000)
        .run(&any::<u64>(), |seed| {
            opened.set(opened.get() + u32::from(open_gguf(&mutate(&sound, seed))));
            // Most of the file is weights, where little can go wrong.
            let mut mutant = mutate(&sound[..header], seed);
            mutant.extend(&sound[header..]);
            opened.set(opened.get() + u32::from(open_gguf(&mutant)));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(opened.get() > 100, "{} opened", opened.get());
}

/// Files whose header grows most in memory: as many keys, tensors and tokens as the limits allow, each of few bytes.
#[test]
fn the_greediest_gguf_files_stay_within_the_bound() {
    let keys: Vec<(String, Value)> = (0..1000).map(|i| (format!("{i:x}"), Value::Bool(0))).collect();
    let tensors = (0..4096).map(|i| (format!("{i:x}"), vec![0], 0, Vec::new())).collect();
    let unreadable = (0..4096).map(|i| (format!("{i:x}"), vec![0], 24, Vec::new())).collect();
    for tensors in [tensors, unreadable] {
        let sound = Gguf::new(vec![], tensors);
        let base = Gguf::new(
            vec![
                ("general.architecture", text("gpt2")),
                ("gpt2.block_count", Value::U32(1)),
                ("gpt2.context_length", Value::U32(8)),
                ("gpt2.embedding_length", Value::U32(8)),
                ("gpt2.feed_forward_length", Value::U32(8)),
                ("gpt2.attention.head_count", Value::U32(1)),
            ],
            vec![],
        );
        let file = Gguf { values: [base.values, keys.clone()].concat(), ..sound };
        assert!(open_gguf(&file.bytes()));
    }
    for text_of in ["", "a", "abcdefgh"] {
        let file = Gguf::new(
            vec![
                ("general.architecture", text("gpt2")),
                ("gpt2.block_count", Value::U32(1)),
                ("gpt2.context_length", Value::U32(8)),
                ("gpt2.embedding_length", Value::U32(8)),
                ("gpt2.feed_forward_length", Value::U32(8)),
                ("gpt2.attention.head_count", Value::U32(1)),
                ("tokenizer.ggml.model", text("gpt2")),
                ("tokenizer.ggml.tokens", Value::Texts(vec![text_of; 200_000])),
                ("tokenizer.ggml.merges", Value::Texts(vec![text_of; 200_000])),
            ],
            vec![],
        );
        assert!(open_gguf(&file.bytes()));
    }
}
