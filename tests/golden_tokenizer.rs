//! Oracle: Hugging Face's `tokenizers` in Python on two tiny tokenizers (tools/reference/tokenizer.py), and, where
//! `GLITCHSCOPE_MODELS` names a folder with them, the published tokenizers of GPT-2 and Llama 2 with vectors by
//! independent encoders (OpenAI's and sentencepiece's).

use std::fs;

use crate::common::{fixture, now, published};
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::tokenizer::{GgufTokenizer, TokenClass, Tokenizer, TokenizerError};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Clone, Deserialize)]
struct Golden {
    script: String,
    sha256: std::collections::HashMap<String, String>,
    classes: Vec<TokenClass>,
    vectors: Vec<Vector>,
}

#[derive(Clone, Deserialize)]
struct Vector {
    text: String,
    ids: Vec<u32>,
    tokens: Vec<String>,
    offsets_in_characters: Vec<(usize, usize)>,
    ids_without_special: Vec<u32>,
    decoded: String,
    decoded_with_special: String,
}

/// The published vectors have texts and ids only.
#[derive(Clone, Deserialize)]
struct Published {
    vectors: Vec<TextIds>,
}

#[derive(Clone, Deserialize)]
struct TextIds {
    text: String,
    ids: Vec<u32>,
}

const TINY: [&str; 2] = ["byte_level", "metaspace"];

/// Pipelines of families of models, see `KINDS` in the script.
const KINDS: [&str; 10] = ["gpt_neox", "opt", "smollm", "llama3", "qwen2", "tekken", "gemma", "mistral", "phi3", "spm"];

fn tiny(name: &str) -> (Tokenizer, Golden) {
    let json = fixture(&format!("tests/golden/tokenizer/{name}/tokenizer.json"));
    let golden: Golden =
        serde_json::from_slice(&fixture(&format!("tests/golden/tokenizer/{name}/vectors.json"))).expect("vectors.json");
    let digest: String = Sha256::digest(&json).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        golden.sha256.get("tokenizer.json"),
        Some(&digest),
        "{name}: tokenizer.json is not the one of the vectors; run {}",
        golden.script
    );
    (Tokenizer::from_bytes(&json, None).expect("a tokenizer"), golden)
}

/// What differs, in words; empty when nothing does.
fn differences(tokenizer: &Tokenizer, vectors: &[Vector]) -> Vec<String> {
    let mut found = Vec::new();
    for vector in vectors {
        let text = &vector.text;
        let mut compare = |what: &str, same: bool, got: String| {
            if !same {
                found.push(format!("{text:?}: {what} {got}"));
            }
        };
        let encoding = tokenizer.encode(text, true).expect("an encoding");
        let plain = tokenizer.encode(text, false).expect("an encoding").ids;
        let chars = encoding.char_offsets(text);
        let decoded = tokenizer.decode(&vector.ids, true);
        let decoded_special = tokenizer.decode(&vector.ids, false);
        compare("ids", encoding.ids == vector.ids, format!("{:?}", encoding.ids));
        compare("tokens", encoding.tokens == vector.tokens, format!("{:?}", encoding.tokens));
        compare("offsets", chars == vector.offsets_in_characters, format!("{chars:?}"));
        compare("ids without special", plain == vector.ids_without_special, format!("{plain:?}"));
        compare("decoded", decoded == vector.decoded, decoded);
        compare("decoded with special", decoded_special == vector.decoded_with_special, decoded_special);
    }
    found
}

/// Texts whose ids differ.
fn id_differences(tokenizer: &Tokenizer, vectors: &[TextIds]) -> Vec<String> {
    vectors
        .iter()
        .filter(|vector| tokenizer.encode(&vector.text, false).expect("an encoding").ids != vector.ids)
        .map(|vector| vector.text.clone())
        .collect()
}

#[test]
fn tiny_tokenizers_equal_the_reference() {
    for name in TINY.into_iter().chain(KINDS) {
        let (tokenizer, golden) = tiny(name);
        assert!(golden.vectors.len() >= 25, "{name} has {} vectors", golden.vectors.len());
        assert_eq!(differences(&tokenizer, &golden.vectors), Vec::<String>::new(), "{name}");
    }
}

/// Negative control: every field of a vector, when it is wrong, is reported.
#[test]
fn a_wrong_vector_is_reported() {
    let (tokenizer, golden) = tiny("byte_level");
    let right = golden.vectors.iter().find(|vector| vector.text == "Hello world").expect("the vector");
    type Spoil = fn(&mut Vector);
    let spoilers: [(&str, Spoil); 6] = [
        ("ids", |vector| vector.ids[1] += 1),
        ("tokens", |vector| vector.tokens[0].push('x')),
        ("offsets", |vector| vector.offsets_in_characters[0].1 += 1),
        ("ids without special", |vector| vector.ids_without_special.swap(0, 1)),
        ("decoded", |vector| vector.decoded.push(' ')),
        ("decoded with special", |vector| vector.decoded_with_special.push(' ')),
    ];
    for (field, spoil) in spoilers {
        let mut wrong = right.clone();
        spoil(&mut wrong);
        let found = differences(&tokenizer, &[wrong]);
        assert!(found.iter().any(|line| line.contains(field)), "{field}: {found:?}");
    }
    let wrong = TextIds { text: "Hello world".into(), ids: vec![1] };
    assert_eq!(id_differences(&tokenizer, &[wrong]).len(), 1);
}

#[test]
fn classes_equal_the_second_implementation() {
    for name in TINY.into_iter().chain(KINDS) {
        let (tokenizer, golden) = tiny(name);
        assert_eq!(tokenizer.vocab_size(), golden.classes.len());
        let rows = golden.classes.len() + 3;
        let classes = tokenizer.classify(rows);
        assert_eq!(classes.len(), rows);
        for (id, (got, expected)) in classes.iter().zip(&golden.classes).enumerate() {
            assert_eq!(got, expected, "{name}: id {id}, {:?}", tokenizer.token(id as u32));
        }
        assert_eq!(&classes[rows - 3..], [TokenClass::Unused; 3]);
        // All the kinds are there, so the comparison says something about each.
        for class in [TokenClass::Ok, TokenClass::Special, TokenClass::Byte, TokenClass::Unreachable] {
            assert!(KINDS.contains(&name) || golden.classes.contains(&class), "{name} has no {class:?}");
        }
    }
    assert!(tiny("byte_level").1.classes.contains(&TokenClass::PartialUtf8));
}

/// Oracle: the bytes of the texts themselves. The bytes of a text's tokens, one after the other, are the text.
#[test]
fn token_bytes_spell_the_text() {
    for name in TINY {
        let (tokenizer, golden) = tiny(name);
        for vector in golden.vectors.iter().filter(|vector| !vector.text.contains('<')) {
            let ids = tokenizer.encode(&vector.text, false).expect("an encoding").ids;
            let bytes: Vec<u8> = ids.iter().flat_map(|id| tokenizer.token_bytes(*id).expect("bytes")).collect();
            let mut expected = vector.text.clone().into_bytes();
            if name == "metaspace" {
                // The normaliser puts a blank first, and cannot tell its mark from a blank.
                if !expected.is_empty() {
                    expected.insert(0, b' ');
                }
                expected = String::from_utf8(expected).expect("text").replace('▁', " ").into_bytes();
            }
            assert_eq!(bytes, expected, "{name}: {:?}", vector.text);
        }
        assert_eq!(tokenizer.token_bytes(u32::MAX), None);
        assert_eq!(tokenizer.token_text(u32::MAX), "");
    }
}

#[test]
fn token_text_keeps_the_leading_blank() {
    for (name, blank) in [("byte_level", 'Ġ'), ("metaspace", '▁')] {
        let tokenizer = tiny(name).0;
        let id = tokenizer.id(&format!("{blank}the")).expect("the word");
        assert_eq!(tokenizer.token_text(id), " the", "{name}");
    }
}

#[test]
fn unknown_ids_are_left_out() {
    for name in TINY {
        let tokenizer = tiny(name).0;
        let beyond = tokenizer.vocab_size() as u32;
        assert_eq!(tokenizer.decode(&[beyond, u32::MAX], false), "", "{name}");
        assert_eq!(tokenizer.decode(&[], false), "", "{name}");
    }
}

#[test]
fn special_tokens_are_known() {
    let metaspace = tiny("metaspace").0;
    assert_eq!((metaspace.bos(), metaspace.eos(), metaspace.unknown_id()), (Some(1), Some(2), Some(0)));
    let byte_level = tiny("byte_level").0;
    assert_eq!((byte_level.bos(), byte_level.eos(), byte_level.unknown_id()), (None, Some(0), None));
    assert!(byte_level.is_special(0));
    assert!(!byte_level.is_special(1));
    // Added, but not special.
    assert!(!byte_level.is_special(514));

    let json = fixture("tests/golden/tokenizer/byte_level/tokenizer.json");
    let config = br#"{"bos_token": "<|endoftext|>", "eos_token": {"content": "<extra>"}, "add_bos_token": true}"#;
    let configured = Tokenizer::from_bytes(&json, Some(config)).expect("a tokenizer");
    assert_eq!((configured.bos(), configured.eos()), (Some(0), Some(514)));
    assert!(configured.notes()[0].contains("asks for beginning of text"), "{:?}", configured.notes());
    // A configuration that cannot be used costs a note.
    for (config, note) in [(&b"{"[..], "cannot be read"), (br#"{"eos_token": "<nowhere>"}"#, "<nowhere>")] {
        let tokenizer = Tokenizer::from_bytes(&json, Some(config)).expect("a tokenizer");
        assert!(tokenizer.notes().iter().any(|line| line.contains(note)), "{:?}", tokenizer.notes());
    }
}

/// Oracle: the splice, put together again, is the encoding of the whole text.
#[test]
fn a_splice_is_the_prompt_with_a_hole() {
    for name in TINY.into_iter().chain(KINDS) {
        let tokenizer = tiny(name).0;
        let (before, after) = ("Please repeat the string '", "' and return it back to me.");
        let splice = tokenizer.splice(before, after).expect("a splice");
        let word = &splice.placeholder;
        let mut ids = splice.ids_before.clone();
        ids.push(splice.placeholder_id);
        ids.extend(&splice.ids_after);
        assert_eq!(ids, tokenizer.encode(&format!("{before}{word}{after}"), true).expect("ids").ids, "{name}");
        assert_eq!(tokenizer.decode(&ids, true), format!("{before}{word}{after}"), "{name}");
        assert_eq!(tokenizer.class(splice.placeholder_id), TokenClass::Ok);
        assert!(word.len() >= 4 && word.bytes().all(|byte| byte.is_ascii_alphabetic()), "{name}: {word:?}");
        assert_eq!(splice, tokenizer.splice(before, after).expect("a splice"), "{name}: not deterministic");
        if name == "metaspace" {
            assert_eq!(splice.ids_before[0], 1, "the beginning of text is part of the prompt");
        }
    }
}

#[test]
fn a_vocabulary_of_whole_words_cannot_spell_the_prompt() {
    for unknown in [r#", "unk_token": "<unk>""#, ""] {
        let json = format!(
            r#"{{"model": {{"type": "WordLevel", "vocab": {{"<unk>": 0, "Turning": 1, "Milling": 2}}{unknown}}},
                "pre_tokenizer": {{"type": "Split", "pattern": {{"String": "|"}}, "behavior": "Removed", "invert": false}}}}"#
        );
        let json = json.replace(r#""<unk>": 0, "#, if unknown.is_empty() { "" } else { r#""<unk>": 0, "# });
        let tokenizer = Tokenizer::from_bytes(json.as_bytes(), None).expect("a tokenizer");
        assert_eq!(tokenizer.encode("Milling|Turning", false).expect("ids").ids, [2, 1]);
        match tokenizer.splice("Repeat '", "' again|Turning") {
            Err(TokenizerError::Unspellable { unknown: 2, total: 3, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    // Known words, but none that keeps to itself.
    let json =
        br#"{"model": {"type": "WordLevel", "vocab": {"<unk>": 0, "a": 1, "b": 2, "word": 3}, "unk_token": "<unk>"}}"#;
    let tokenizer = Tokenizer::from_bytes(json, None).expect("a tokenizer");
    match tokenizer.splice("a", "b") {
        Err(TokenizerError::NoPlaceholder { candidates: 1, tried: 1, .. }) => {}
        other => panic!("{other:?}"),
    }
}

/// Oracle: counts. A tokenizer with more entries than the embedding has rows is refused, unless they are added tokens.
#[test]
fn a_tokenizer_larger_than_the_embedding_is_noticed() {
    let tokenizer = tiny("metaspace").0;
    let rows = tokenizer.vocab_size();
    assert_eq!(tokenizer.check_embedding(rows).expect("it fits"), Vec::<String>::new());
    let notes = tokenizer.check_embedding(rows - 1).expect("only <extra> has no row");
    assert!(notes[0].contains("<extra>"), "{notes:?}");
    match tokenizer.check_embedding(rows - 3) {
        Err(error @ TokenizerError::LargerThanEmbedding { .. }) => {
            let text = error.to_string();
            assert!(text.contains("2 ordinary") && text.contains(&(rows - 3).to_string()), "{text}");
            assert!(error.hint().is_some());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_above_the_limit_is_refused() {
    let tokenizer = tiny("byte_level").0;
    let text = "a ".repeat(glitchscope::tokenizer::MAX_TEXT_BYTES / 2 + 1);
    assert!(matches!(tokenizer.encode(&text, false), Err(TokenizerError::TextTooLong { .. })));
    // A long text below the limit is simply encoded.
    let text = "Please repeat the string. ".repeat(4000);
    let ids = tokenizer.encode(&text, false).expect("ids").ids;
    assert_eq!(tokenizer.decode(&ids, false), text);
}

fn published_tokenizer(test: &str, name: &str) -> Option<(Tokenizer, Published)> {
    let folder = published(test, name)?;
    let tokenizer = now(Tokenizer::from_source(&FolderSource::new(&folder))).expect("a tokenizer");
    let vectors = fs::read(folder.join("vectors.json")).expect("vectors.json");
    Some((tokenizer, serde_json::from_slice(&vectors).expect("vectors")))
}

#[test]
fn gpt2_equals_the_independent_encoder_and_magikarps_counts() {
    let Some((tokenizer, golden)) = published_tokenizer("gpt2", "tokenizers/gpt2") else {
        return;
    };
    assert!(golden.vectors.len() > 20);
    assert_eq!(id_differences(&tokenizer, &golden.vectors), Vec::<String>::new());
    let mut wrong = golden.vectors[0].clone();
    wrong.ids[0] ^= 1;
    assert_eq!(id_differences(&tokenizer, &[wrong]).len(), 1);

    // Land & Bartolo 2024, results for gpt2: 256 bytes, 216 partial UTF-8, none unreachable, 1 special.
    let classes = tokenizer.classify(50257);
    let count = |class| classes.iter().filter(|other| **other == class).count();
    let one_byte = tokenizer.ids().filter(|&id| tokenizer.token_bytes(id).is_some_and(|bytes| bytes.len() == 1));
    assert_eq!(one_byte.count(), 256);
    assert_eq!(count(TokenClass::Byte), 128);
    assert_eq!(count(TokenClass::PartialUtf8), 216);
    assert_eq!(count(TokenClass::Unreachable), 0);
    assert_eq!(count(TokenClass::Special), 1);
    assert_eq!(count(TokenClass::Ok), 50257 - 128 - 216 - 1);
    assert_eq!(tokenizer.token_text(43453), " SolidGoldMagikarp");
    assert_eq!(tokenizer.class(43453), TokenClass::Ok);
}

#[test]
fn llama2_equals_sentencepiece_and_has_nothing_unreachable() {
    let Some((tokenizer, golden)) = published_tokenizer("llama2", "tokenizers/llama2") else {
        return;
    };
    assert!(golden.vectors.len() > 20);
    assert_eq!(id_differences(&tokenizer, &golden.vectors), Vec::<String>::new());
    let mut wrong = golden.vectors[0].clone();
    wrong.ids.pop();
    assert_eq!(id_differences(&tokenizer, &[wrong]).len(), 1);

    // Land & Bartolo 2024, results for Llama-2: 3 special, none unreachable, no partial UTF-8.
    let classes = tokenizer.classify(32000);
    let count = |class| classes.iter().filter(|other| **other == class).count();
    assert_eq!(count(TokenClass::Special), 3);
    assert_eq!(count(TokenClass::Unreachable), 0);
    assert_eq!(count(TokenClass::PartialUtf8), 0);
    assert_eq!(tokenizer.encode("test", true).expect("ids").ids.first(), Some(&1));
}

/// The metadata that llama.cpp's converter writes for a `tokenizer.json`. The score of an entry is minus its id, as
/// sentencepiece's are but for a factor.
fn gguf_of(json: &[u8], pre: Option<&str>) -> GgufTokenizer {
    let file: serde_json::Value = serde_json::from_slice(json).expect("tokenizer.json");
    let added = file["added_tokens"].as_array().expect("added tokens");
    let mut entries: Vec<(u32, String)> = file["model"]["vocab"]
        .as_object()
        .expect("a vocabulary")
        .iter()
        .map(|(token, id)| (id.as_u64().expect("an id") as u32, token.clone()))
        .collect();
    for token in added {
        let entry =
            (token["id"].as_u64().expect("an id") as u32, token["content"].as_str().expect("a text").to_owned());
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    entries.sort();
    let kind = |token: &str| match added.iter().find(|added| added["content"] == token) {
        Some(added) if added["special"] == true => 3,
        Some(_) => 4,
        None if token.starts_with("<0x") && pre.is_none() => 6,
        None => 1,
    };
    let merges = file["model"]["merges"].as_array().expect("merges").iter().map(|pair| {
        pair.as_array().expect("a pair").iter().map(|half| half.as_str().expect("a half")).collect::<Vec<_>>().join(" ")
    });
    let bos =
        file.pointer("/post_processor/special_tokens").or(file.pointer("/post_processor/processors/1/special_tokens"));
    let bos = bos.and_then(|tokens| tokens.as_object()?.values().next()?["ids"][0].as_u64());
    GgufTokenizer {
        model: if pre.is_some() { "gpt2" } else { "llama" }.into(),
        pre: pre.map(Into::into),
        scores: if pre.is_some() { Vec::new() } else { entries.iter().map(|(id, _)| -(*id as f32)).collect() },
        token_types: entries.iter().map(|(_, token)| kind(token)).collect(),
        merges: if pre.is_some() { merges.collect() } else { Vec::new() },
        unknown: entries.iter().find(|(_, token)| token == "<unk>").map(|(id, _)| *id).filter(|_| pre.is_none()),
        tokens: entries.into_iter().map(|(_, token)| token).collect(),
        bos: bos.map(|id| id as u32),
        add_bos: Some(bos.is_some()),
        ..GgufTokenizer::default()
    }
}

/// Oracle: Hugging Face's library on the `tokenizer.json` that the metadata was made from.
#[test]
fn gguf_tokenizers_equal_the_reference() {
    for (name, pre) in [
        ("llama3", Some("llama-bpe")),
        ("qwen2", Some("qwen2")),
        ("smollm", Some("smollm")),
        ("tekken", Some("tekken")),
        ("opt", Some("gpt-2")),
        ("spm", None),
    ] {
        let golden = tiny(name).1;
        let json = fixture(&format!("tests/golden/tokenizer/{name}/tokenizer.json"));
        let gguf = gguf_of(&json, pre);
        let tokenizer = Tokenizer::from_gguf(&gguf).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(differences(&tokenizer, &golden.vectors), Vec::<String>::new(), "{name}");
        assert_eq!(tokenizer.classify(golden.classes.len()), golden.classes, "{name}");
        assert_eq!(tokenizer.bos(), gguf.bos, "{name}");
    }
    // Negative control: another split, and other scores.
    let golden = tiny("llama3").1;
    let json = fixture("tests/golden/tokenizer/llama3/tokenizer.json");
    let other = Tokenizer::from_gguf(&gguf_of(&json, Some("smollm"))).expect("a tokenizer");
    assert_ne!(differences(&other, &golden.vectors), Vec::<String>::new());
    let golden = tiny("spm").1;
    let mut gguf = gguf_of(&fixture("tests/golden/tokenizer/spm/tokenizer.json"), None);
    gguf.scores.reverse();
    let other = Tokenizer::from_gguf(&gguf).expect("a tokenizer");
    assert_ne!(differences(&other, &golden.vectors), Vec::<String>::new());
}
