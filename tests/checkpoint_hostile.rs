//! Oracle: the safetensors format and the faults planted here. Every fault gives an error that names the file, the
//! numbers and a next step; every fault is planted in a file that opens without it.

use std::collections::HashMap;
use std::rc::Rc;

use crate::common::now;
use glitchscope::checkpoint::source::MemorySource;
use glitchscope::checkpoint::{Checkpoint, CheckpointError, Config};
use glitchscope::tokenizer::{Tokenizer, TokenizerError};

const CONFIG: &str = r#"{"model_type": "llama", "vocab_size": 53}"#;
const HEADER: &str = r#"{"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}, "b": {"dtype": "F16", "shape": [3], "data_offsets": [16, 22]}}"#;
const DATA_BYTES: usize = 22;

fn file(header: &str, data_bytes: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.bytes());
    file.resize(file.len() + data_bytes, 0);
    file
}

fn open(files: &[(&str, Vec<u8>)]) -> Result<Checkpoint, CheckpointError> {
    let files: HashMap<String, Vec<u8>> = files.iter().map(|(name, bytes)| (name.to_string(), bytes.clone())).collect();
    now(Checkpoint::open(Rc::new(MemorySource::new("the folder", files))))
}

fn open_weights(bytes: Vec<u8>) -> Result<Checkpoint, CheckpointError> {
    open(&[("config.json", CONFIG.into()), ("model.safetensors", bytes)])
}

/// The error says all of `parts`, and what to do.
fn assert_says(error: &CheckpointError, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
    assert!(error.hint().is_some_and(|hint| hint.len() > 20), "{text:?} has no hint");
}

#[test]
fn the_sound_file_opens() {
    let checkpoint = open_weights(file(HEADER, DATA_BYTES)).expect("a sound file");
    assert_eq!(checkpoint.tensors().count(), 2);
    assert!(checkpoint.notes().is_empty());
    // Padding at the header's end is part of the format.
    open_weights(file(&format!("{HEADER}   "), DATA_BYTES)).expect("a padded header");
    // So is a file without tensors.
    assert_eq!(open_weights(file("{}", 0)).expect("no tensors").tensors().count(), 0);
}

/// Header with one replacement, and what the error must say.
#[test]
fn every_fault_of_a_header_is_named() {
    let faults: &[(&str, &str, &[&str])] = &[
        // Types.
        ("\"F16\"", "\"Q4_K\"", &["tensor b", "Q4_K", "no type"]),
        ("\"F16\"", "\"f16\"", &["tensor b", "f16"]),
        ("\"F16\"", "16", &["tensor b", "invalid type"]),
        // Shape times type.
        ("[3]", "[4]", &["tensor b", "[4]", "F16", "8 bytes", "6 bytes"]),
        ("[2, 2]", "[2, 3]", &["tensor a", "24 bytes", "16 bytes"]),
        ("[2, 2]", "[4294967296, 4294967296]", &["tensor a", "no whole number of bytes"]),
        ("[2, 2]", "[18446744073709551615]", &["tensor a", "no whole number"]),
        ("[2, 2]", "[-2, -2]", &["tensor a", "invalid value"]),
        ("[2, 2]", "[2.0, 2]", &["tensor a", "invalid type"]),
        ("[2, 2]", "[1,1,1,1,1,1,1,2,2]", &["tensor a", "8 dimensions"]),
        ("[2, 2]", "4", &["tensor a"]),
        // Offsets.
        ("[0, 16]", "[16, 0]", &["tensor a", "16..0", "backwards"]),
        ("[16, 22]", "[14, 20]", &["tensor b", "overlap", "tensor b starts at"]),
        ("[16, 22]", "[0, 6]", &["overlap"]),
        ("[16, 22]", "[18, 24]", &["truncated", "tensor b"]),
        ("[0, 16]", "[18446744073709551599, 18446744073709551615]", &["truncated", "tensor a", "18446744073709551615"]),
        ("[0, 16]", "[-1, 15]", &["tensor a"]),
        ("[0, 16]", "[0]", &["tensor a"]),
        ("[0, 16]", "[0, 16, 16]", &["tensor a"]),
        // Names and fields.
        ("\"b\"", "\"a\"", &["tensor a", "twice", "model.safetensors"]),
        ("\"dtype\": \"F16\", ", "", &["tensor b", "dtype"]),
        ("\"shape\": [3], ", "", &["tensor b", "shape"]),
        (", \"data_offsets\": [16, 22]", "", &["tensor b", "data_offsets"]),
        ("\"shape\": [3]", "\"shape\": [3], \"shape\": [3]", &["tensor b", "duplicate"]),
        // No JSON.
        ("{\"a\"", "[\"a\"", &["header", "an object of tensors"]),
        ("}}", "}", &["header", "EOF"]),
        ("}}", "}} x", &["header", "trailing"]),
        ("\"a\"", "\"\\ud800\"", &["header"]),
    ];
    for (sound, fault, parts) in faults {
        assert!(HEADER.contains(sound), "{sound}");
        let header = HEADER.replacen(sound, fault, 1);
        let error = open_weights(file(&header, DATA_BYTES)).map(|_| ()).expect_err(fault);
        let mut parts = parts.to_vec();
        parts.push("model.safetensors");
        assert_says(&error, &parts);
    }
}

#[test]
fn gaps_and_wrong_lengths_are_named() {
    let gap = HEADER.replace("[16, 22]", "[18, 24]");
    assert_says(&open_weights(file(&gap, 24)).map(|_| ()).expect_err("a gap"), &["tensor b", "gap", "starts at"]);
    for missing in [1, 6, 7, DATA_BYTES] {
        let whole = file(HEADER, DATA_BYTES);
        let cut = whole[..whole.len() - missing].to_vec();
        let bytes = cut.len().to_string();
        assert_says(&open_weights(cut).map(|_| ()).expect_err("a cut file"), &["truncated", "tensor", &bytes]);
    }
    let error = open_weights(file(HEADER, DATA_BYTES + 5)).map(|_| ()).expect_err("bytes at the end");
    assert!(matches!(error, CheckpointError::TrailingBytes { .. }));
    assert_says(&error, &["model.safetensors", "tensors end at"]);
}

#[test]
fn the_length_of_the_header_is_checked_before_it_is_used() {
    for length in [u64::MAX, 1 << 63, 1 << 40, 100_000_001, 1000] {
        let mut bytes = file(HEADER, DATA_BYTES);
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        let error = open_weights(bytes).map(|_| ()).expect_err("an absurd length");
        assert_says(&error, &["model.safetensors", &length.to_string(), "100000000"]);
    }
    for bytes in 0..8 {
        let error = open_weights(vec![0; bytes]).map(|_| ()).expect_err("a tiny file");
        assert_says(&error, &[&format!("it has {bytes} bytes")]);
    }
    // Length zero: an empty header is no JSON.
    assert_says(&open_weights(vec![0; 8]).map(|_| ()).expect_err("no header"), &["header"]);
}

#[test]
fn what_people_download_by_mistake_is_recognised() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".to_vec();
    let error = open_weights(pointer).map(|_| ()).expect_err("a pointer");
    assert_says(&error, &["Git LFS"]);
    assert!(error.hint().is_some_and(|hint| hint.contains("git lfs pull")));
    for page in [&b"<!DOCTYPE html><html>"[..], b"<!doctype html>", b"<HTML><head>", b"<html lang=\"en\">"] {
        let error = open_weights(page.to_vec()).map(|_| ()).expect_err("a page");
        assert_says(&error, &["web page"]);
        assert!(error.hint().is_some_and(|hint| hint.contains("address of the file")));
    }
}

#[test]
fn missing_files_are_named() {
    let weights = file(HEADER, DATA_BYTES);
    assert_says(
        &open(&[("model.safetensors", weights)]).map(|_| ()).expect_err("no configuration"),
        &["config.json", "missing", "the folder"],
    );
    assert_says(
        &open(&[("config.json", CONFIG.into())]).map(|_| ()).expect_err("no weights"),
        &["model.safetensors", "missing", "the folder"],
    );
    let error =
        open(&[("config.json", CONFIG.into()), ("pytorch_model.bin", vec![0])]).map(|_| ()).expect_err("other weights");
    assert_says(&error, &["pytorch_model.bin"]);
    let source = MemorySource::new("the folder", HashMap::new());
    let error = now(Tokenizer::from_source(&source)).map(|_| ()).expect_err("no tokenizer");
    assert!(error.to_string().contains("tokenizer.json is missing from the folder"), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn special_ids_outside_the_vocabulary_cost_a_note() {
    let config = r#"{"vocab_size": 53, "bos_token_id": 50256, "eos_token_id": 51, "pad_token_id": -1}"#;
    let generation = r#"{"bos_token_id": 50256, "eos_token_id": [51, 60]}"#;
    let checkpoint = open(&[
        ("config.json", config.into()),
        ("generation_config.json", generation.into()),
        ("model.safetensors", file(HEADER, DATA_BYTES)),
    ])
    .expect("survived");
    let notes = checkpoint.notes();
    assert_eq!(notes.len(), 4, "{notes:?}");
    assert!(notes[0].contains("config.json: bos_token_id is 50256, outside the vocabulary of 53"), "{notes:?}");
    assert!(notes[1].contains("pad_token_id is -1"), "{notes:?}");
    assert!(notes[2].starts_with("generation_config.json") && notes[3].contains("60"), "{notes:?}");
    // A generation configuration that is no JSON costs a note as well.
    let checkpoint = open(&[
        ("config.json", config.into()),
        ("generation_config.json", b"{".to_vec()),
        ("model.safetensors", file(HEADER, DATA_BYTES)),
    ])
    .expect("survived");
    assert!(checkpoint.notes().iter().any(|note| note.contains("generation_config.json") && note.contains("ignored")));
    assert!(checkpoint.generation_config().is_none());
}

#[test]
fn a_configuration_is_read_with_care() {
    let config = Config::from_bytes(
        "config.json",
        br#"{"model_type": "llama", "n": 12, "float": 12.0, "half": 1.5, "negative": -1, "huge": 2147483649, "none": null,
            "flag": true, "text": "silu", "list": ["a", "b"], "ids": [1, 2], "rope_scaling": {"factor": 8.0, "deep": {"x": 1}}}"#,
    )
    .expect("a configuration");
    assert_eq!(config.model_type().expect("it"), "llama");
    assert_eq!(config.usize("n").expect("it"), 12);
    assert_eq!(config.usize("float").expect("it"), 12);
    assert_eq!(config.usize_or("none", 7).expect("it"), 7);
    assert_eq!(config.opt_usize("absent").expect("it"), None);
    assert_eq!(config.f64_or("half", 0.0).expect("it"), 1.5);
    assert_eq!(config.f64_or("absent", 0.5).expect("it"), 0.5);
    assert!(config.bool_or("flag", false).expect("it"));
    assert_eq!(config.str_or("text", "gelu").expect("it"), "silu");
    assert_eq!(config.strings("list").expect("it"), ["a", "b"]);
    assert_eq!(config.ids("ids").expect("it"), [1, 2]);
    assert_eq!(config.ids("n").expect("it"), [12]);
    assert_eq!(config.f64("rope_scaling.factor").expect("it"), 8.0);
    assert_eq!(config.usize("rope_scaling.deep.x").expect("it"), 1);
    assert!(config.has("n") && !config.has("none") && !config.has("absent"));
    assert_eq!(config.keys().count(), 12);

    assert_says(
        &config.usize("half").expect_err("it"),
        &["config.json", "half is 1.5", "whole number from 0 to 2147483648"],
    );
    assert_says(&config.usize("negative").expect_err("it"), &["negative is -1"]);
    assert_says(&config.usize("huge").expect_err("it"), &["huge is 2147483649"]);
    assert_says(&config.usize("text").expect_err("it"), &["text is \"silu\""]);
    assert_says(&config.usize("absent").expect_err("it"), &["absent is absent"]);
    assert_says(&config.usize("rope_scaling.absent").expect_err("it"), &["rope_scaling.absent"]);
    assert_says(&config.str("n").expect_err("it"), &["n is 12", "a string"]);
    assert_says(&config.bool_or("n", true).expect_err("it"), &["n is 12", "true or false"]);
    assert_says(&config.f64("text").expect_err("it"), &["finite number"]);
    assert_says(&config.refuse("text", "gelu_new"), &["text is \"silu\", expected gelu_new"]);

    for bad in ["", "[]", "3", "{", r#"{"a": 1} {"#, r#"{"a": 1, "a": 2}"#, r#"{"a": 1e999}"#] {
        let error = Config::from_bytes("config.json", bad.as_bytes()).expect_err(bad);
        assert_says(&error, &["config.json"]);
    }
    let many = format!(r#"{{"a": [{}1]}}"#, "1,".repeat(5_000));
    assert_says(&Config::from_bytes("config.json", many.as_bytes()).expect_err("many"), &["4096"]);
    let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    assert_says(&Config::from_bytes("config.json", deep.as_bytes()).expect_err("deep"), &["recursion"]);
}

fn tokenizer(parts: &str) -> Result<Tokenizer, TokenizerError> {
    let json = format!(
        r#"{{"model": {{"type": "BPE", "vocab": {{"a": 0, "b": 1, "ab": 2}}, "merges": ["a b"]}}{}{parts}}}"#,
        if parts.is_empty() { "" } else { ", " }
    );
    Tokenizer::from_bytes(json.as_bytes(), None)
}

/// What the `tokenizers` crate answers with a panic, an endless loop or the wrong text is refused by name.
#[test]
fn hostile_parts_of_a_tokenizer_are_refused() {
    tokenizer("").expect("a sound tokenizer");
    let template = |special: &str, single: &str| {
        format!(
            r#""post_processor": {{"type": "TemplateProcessing", "single": [{single}], "pair": [], "special_tokens": {{{special}}}}}"#
        )
    };
    let sequence = r#"{"Sequence": {"id": "A", "type_id": 0}}"#;
    let bos = r#"{"SpecialToken": {"id": "<s>", "type_id": 0}}"#;
    tokenizer(&template(r#""<s>": {"id": "<s>", "ids": [2], "tokens": ["ab"]}"#, &format!("{bos}, {sequence}")))
        .expect("a sound template");
    let doubling = r#"{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}"#;
    let faults: Vec<(String, &str)> = vec![
        (template("", &format!("{bos}, {sequence}")), "<s>"),
        (template(r#""<s>": {"id": "<s>", "ids": [3], "tokens": ["x"]}"#, sequence), "highest is 2"),
        (template(r#""<s>": {"id": "<s>", "ids": [1], "tokens": []}"#, sequence), "1 ids and 0 tokens"),
        (template("", r#"{"Sequence": {"id": "B", "type_id": 0}}"#), "another sequence"),
        (template("", ""), "0 sequences"),
        (r#""decoder": {"type": "Strip", "content": " ", "start": 0, "stop": 1}"#.into(), "stop is 1"),
        (
            r#""decoder": {"type": "CTC", "pad_token": "", "word_delimiter_token": "", "cleanup": true}"#.into(),
            "speech",
        ),
        (r#""decoder": 5"#.into(), "without a type"),
        (r#""decoder": {"type": "Sequence"}"#.into(), "decoder"),
        (r#""pre_tokenizer": {"type": "FixedLength", "length": 0}"#.into(), "length is 0"),
        (
            r#""pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(("}, "behavior": "Removed", "invert": false}"#
                .into(),
            "pre_tokenizer",
        ),
        (
            r#""pre_tokenizer": {"type": "Split", "pattern": {"Regex": 3}, "behavior": "Removed", "invert": false}"#
                .into(),
            "pattern",
        ),
        (r#""pre_tokenizer": {"type": "Telepathy"}"#.into(), "unknown"),
        (r#""normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}"#.into(), "Precompiled"),
        (
            format!(r#""normalizer": {{"type": "Sequence", "normalizers": [{}]}}"#, [doubling; 20].join(",")),
            "512 times",
        ),
        (
            format!(
                r#""normalizer": {{"type": "Replace", "pattern": {{"Regex": "{}"}}, "content": ""}}"#,
                "a".repeat(5000)
            ),
            "5000 bytes",
        ),
        (format!(r#""normalizer": {{"type": "Sequence", "x": [{}0]}}"#, "0,".repeat(5000)), "more values"),
    ];
    for (fault, part) in faults {
        let error = tokenizer(&fault).map(|_| ()).expect_err(&fault);
        assert!(error.to_string().contains(part), "{error} lacks {part}");
        assert!(error.hint().is_some(), "{error}");
    }
}

#[test]
fn hostile_models_of_a_tokenizer_are_refused() {
    let faults: &[(&str, &str)] = &[
        (r#"{"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]}"#, "\"ab\""),
        (r#"{"type": "BPE", "vocab": {"a": 0, "ab": 1}, "merges": [["a", "b"]]}"#, "needs \"b\""),
        (r#"{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a  b"]}"#, "no merge"),
        (r#"{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["ab"]}"#, "no merge"),
        (r#"{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a"]]}"#, "fewer than two"),
        (
            r###"{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"], "continuing_subword_prefix": "##"}"###,
            "##",
        ),
        (r#"{"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}"#, "id 0 is given to \"a\" and to \"b\""),
        (r#"{"type": "BPE", "vocab": {"a": 0, "a": 1}, "merges": []}"#, "twice"),
        (r#"{"type": "BPE", "vocab": {"a": 4000000000}, "merges": []}"#, "4000000000"),
        (r#"{"type": "BPE", "vocab": {"a": -1}, "merges": []}"#, "invalid"),
        (r#"{"type": "BPE", "vocab": [["a", 0.0]], "merges": []}"#, "wrong form"),
        (r#"{"type": "Unigram", "vocab": [["", 0.0]], "unk_id": 0}"#, "entry 0"),
        (r#"{"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": 9}"#, "unk"),
        (r#"{"type": "Unigram", "vocab": {"a": 0}}"#, "wrong form"),
        (r#"{"type": "WordPiece", "vocab": {"a": 0}, "max_input_chars_per_word": 100000}"#, "100000"),
        (r#"{"type": "Oracle", "vocab": {"a": 0}}"#, "Oracle"),
        (r#"{"type": "BPE"}"#, "vocab"),
        ("7", "invalid type"),
    ];
    for (model, part) in faults {
        let json = format!(r#"{{"model": {model}}}"#);
        let error = Tokenizer::from_bytes(json.as_bytes(), None).map(|_| ()).expect_err(model);
        assert!(error.to_string().contains(part), "{error} lacks {part}");
        assert!(error.hint().is_some(), "{error}");
    }
    // Dropout would make two encodings of one text differ: it is left out, visibly.
    let json = r#"{"model": {"type": "BPE", "dropout": 0.5, "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}"#;
    let tokenizer = Tokenizer::from_bytes(json.as_bytes(), None).expect("survived");
    assert!(tokenizer.notes()[0].contains("dropout"), "{:?}", tokenizer.notes());
    for _ in 0..100 {
        assert_eq!(tokenizer.encode("ab", false).expect("ids").ids, [2]);
    }
}
