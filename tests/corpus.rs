//! Oracle: the tokenizers library in Python over Python's json and csv (tools/reference/corpus.py), and closed forms:
//! a text repeated n times, the whole text against the same in parts.

use std::rc::Rc;

use crate::common::{Impatient, fixture, now};
use glitchscope::checkpoint::source::MemorySource;
use glitchscope::corpus::layout::Layout;
use glitchscope::corpus::reader::Join;
use glitchscope::corpus::{
    CorpusError, CorpusFile, Format, Place, Prevalence, PrevalenceOptions, Reader, Sink, prevalence,
};
use glitchscope::progress::{Monitor, Silent};
use glitchscope::report::{Report, Status, TokenTable};
use glitchscope::tokenizer::Tokenizer;
use glitchscope::{Error, Result};
use proptest::prelude::*;
use proptest::test_runner::{Config as ProptestConfig, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

fn tokenizer(name: &str) -> Tokenizer {
    Tokenizer::from_bytes(&fixture(&format!("tests/golden/tokenizer/{name}/tokenizer.json")), None).unwrap()
}

/// A report of a tokenizer's vocabulary that calls these ids glitch tokens.
fn report(tokenizer: &Tokenizer, ids: &[u32]) -> Report {
    let json = String::from_utf8(fixture("tests/golden/report_version_1.json")).unwrap();
    let mut report = Report::from_json(&json).unwrap();
    let rows = tokenizer.vocab_size();
    report.tokens = TokenTable {
        text: (0..rows as u32).map(|id| tokenizer.token_text(id)).collect(),
        bytes_hex: vec![String::new(); rows],
        class: tokenizer.classify(rows),
    };
    report.glitch_tokens = ids.to_vec();
    report
}

fn counted(
    tokenizer: &Tokenizer,
    ids: &[u32],
    files: &[(&str, Vec<u8>)],
    options: &PrevalenceOptions,
    monitor: &mut dyn Monitor,
) -> Result<Prevalence> {
    let held = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect();
    let source = Rc::new(MemorySource::new("test", held));
    let files: Vec<CorpusFile> =
        files.iter().map(|(name, _)| CorpusFile { source: source.clone(), name: (*name).into() }).collect();
    now(prevalence::prevalence(tokenizer, &report(tokenizer, ids), &files, options, monitor))
}

fn count_one(tokenizer: &Tokenizer, ids: &[u32], name: &str, bytes: &[u8]) -> Prevalence {
    let options = PrevalenceOptions { documents: 1000, ..PrevalenceOptions::default() };
    counted(tokenizer, ids, &[(name, bytes.to_vec())], &options, &mut Silent).unwrap()
}

fn ids_of(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn counts_are_those_of_the_library() {
    let golden: Value = serde_json::from_slice(&fixture("tests/golden/corpus/counts.json")).unwrap();
    for (name, expected) in golden["counts"].as_object().unwrap() {
        let tokenizer = tokenizer(name);
        let ids = ids_of(&expected["ids"]);
        for (file, expected) in expected["files"].as_object().unwrap() {
            let bytes = fixture(&format!("tests/golden/corpus/{file}"));
            let options = PrevalenceOptions {
                line_by_line: file == "lines.txt",
                documents: 1000,
                ..PrevalenceOptions::default()
            };
            let result = counted(&tokenizer, &ids, &[(file, bytes)], &options, &mut Silent).unwrap();
            let at = format!("{name}, {file}");
            let documents: Vec<(u64, u64)> = serde_json::from_value(expected["documents"].clone()).unwrap();
            let tokens: u64 = documents.iter().map(|(tokens, _)| tokens).sum();
            let hits: u64 = documents.iter().map(|(_, hits)| hits).sum();
            assert_eq!((result.status, &result.files[0].error), (Status::Complete, &None), "{at}");
            assert_eq!((result.all.documents, result.files[0].broken), (documents.len() as u64, 0), "{at}");
            assert_eq!((result.all.tokens, result.all.glitch_tokens), (tokens, hits), "{at}");
            assert_eq!(result.ratio, Some(hits as f64 / tokens as f64), "{at}");
            // Documents one by one, found by their numbers.
            assert_eq!(result.densest.len(), documents.iter().filter(|(_, hits)| *hits > 0).count(), "{at}");
            for document in &result.densest {
                let expected = documents[document.document as usize - 1];
                assert_eq!((document.tokens, document.glitch_tokens), expected, "{at}, {}", document.document);
            }
            let density = |place: usize| result.densest[place].density;
            assert!((1..result.densest.len()).all(|place| density(place - 1) >= density(place)), "{at}");
            for (id, expected) in expected["tokens"].as_object().unwrap() {
                let id: u32 = id.parse().unwrap();
                let found = result.tokens.iter().find(|token| token.id == id);
                let expected: (u64, u64) = serde_json::from_value(expected.clone()).unwrap();
                assert_eq!(found.map_or((0, 0), |token| (token.count, token.documents)), expected, "{at}, {id}");
            }
        }
    }
}

/// Oracle: the closed form. Negative control: another list of ids has another count.
#[test]
fn a_text_repeated_has_so_many_times_its_tokens() {
    let tokenizer = tokenizer("byte_level");
    let sentence = "the question is about a teaching garden and nothing\n";
    let mut ids = Vec::new();
    tokenizer.encode_ids(sentence, &mut ids).unwrap();
    let wanted = ids[1];
    let once = ids.iter().filter(|&&id| id == wanted).count() as u64;
    for n in [1, 7, 40_000] {
        let whole = count_one(&tokenizer, &[wanted], "a.txt", sentence.repeat(n).as_bytes());
        assert_eq!((whole.all.tokens, whole.all.glitch_tokens), (ids.len() as u64 * n as u64, once * n as u64));
        assert_eq!((whole.all.documents, whole.notes.len()), (1, 0));
        let options = PrevalenceOptions { line_by_line: true, ..PrevalenceOptions::default() };
        let bytes = sentence.repeat(n).into_bytes();
        let lines = counted(&tokenizer, &[wanted], &[("a.txt", bytes)], &options, &mut Silent).unwrap();
        // The line's end is no part of a line; it is a token of its own.
        assert_eq!((lines.all.documents, lines.all.glitch_tokens), (n as u64, once * n as u64));
        assert_eq!(lines.all.tokens, (ids.len() as u64 - 1) * n as u64);
        assert_eq!(lines.densest.len(), n.min(100));
        assert_eq!(lines.densest[0].document, 1);
    }
    let other = count_one(&tokenizer, &[ids[0]], "a.txt", sentence.as_bytes());
    assert!(ids[0] != wanted && other.tokens[0].id == ids[0]);
}

/// Oracle: the tokens of the whole text, for a text of over a megabyte that is read in parts, with blanks of all kinds.
#[test]
fn parts_have_the_tokens_of_the_whole() {
    let plain = String::from_utf8(fixture("tests/golden/corpus/plain.txt")).unwrap();
    let text =
        (0..200).map(|i| format!("{} {i}\n", &plain[..plain.floor_char_boundary(4_000 + 9 * i)])).collect::<String>();
    assert!(text.len() > 900_000);
    for name in ["byte_level", "llama3", "qwen2", "smollm", "gpt_neox", "metaspace", "mistral"] {
        let tokenizer = tokenizer(name);
        let mut ids = Vec::new();
        tokenizer.encode_ids(&text, &mut ids).unwrap();
        let wanted = ids[ids.len() / 2];
        let result = count_one(&tokenizer, &[wanted], "a.md", text.as_bytes());
        assert_eq!(result.all.tokens, ids.len() as u64, "{name}");
        assert_eq!(result.all.glitch_tokens, ids.iter().filter(|&&id| id == wanted).count() as u64, "{name}");
        assert!(result.notes.is_empty(), "{name}: {:?}", result.notes);
    }
    // Negative control: a text without a place to cut says so.
    let tokenizer = tokenizer("byte_level");
    let result = count_one(&tokenizer, &[260], "a.txt", "é".repeat(400_000).as_bytes());
    assert!(result.notes.iter().any(|note| note.contains("no blank to cut at")), "{:?}", result.notes);
}

/// Oracle: by hand. The excerpt is the text around the token.
#[test]
fn excerpts_show_the_token_in_its_context() {
    let tokenizer = tokenizer("byte_level");
    let text = "Hello <b>question</b>\u{202e} and the end";
    let encoding = tokenizer.encode(text, false).unwrap();
    let wanted = *encoding.ids.iter().zip(&encoding.tokens).max_by_key(|(_, token)| token.len()).unwrap().0;
    let result = count_one(&tokenizer, &[wanted], "a.json", serde_json::json!([text]).to_string().as_bytes());
    let excerpt = &result.densest[0].excerpts[0];
    let shown: String = excerpt.spans.iter().map(|span| span.text.as_str()).collect();
    assert!(text.contains(&shown) && !shown.is_empty(), "{shown:?}");
    assert!(excerpt.spans.iter().any(|span| span.id == Some(wanted)));
    // As CSV it is one line, and disarmed.
    let csv = result.documents_csv();
    assert_eq!(csv.lines().count(), 3);
    assert!(csv.contains("\\u{202e}") && !csv.contains('\u{202e}'), "{csv}");
    assert!(result.tokens_csv().starts_with("id,token,count,documents\r\n"));
    let again: Prevalence = serde_json::from_str(&result.to_json()).unwrap();
    assert_eq!(again, result);
}

/// Oracle: the same records as JSON. Columns lie in lists and groups, are compressed in every way, and some hold no text.
#[test]
fn rows_of_parquet_are_the_records_they_were_made_of() {
    let tokenizer = tokenizer("byte_level");
    let golden: Value = serde_json::from_slice(&fixture("tests/golden/corpus/counts.json")).unwrap();
    let ids = ids_of(&golden["counts"]["byte_level"]["ids"]);
    let read = |file: &str, fields: &[&str]| {
        let options = PrevalenceOptions {
            documents: 1000,
            fields: fields.iter().map(|field| (*field).into()).collect(),
            ..PrevalenceOptions::default()
        };
        let bytes = fixture(&format!("tests/golden/corpus/{file}"));
        counted(&tokenizer, &ids, &[(file, bytes)], &options, &mut Silent).unwrap()
    };
    for (parquet, json, fields) in [
        ("alpaca.parquet", "alpaca.json", &[][..]),
        ("alpaca.parquet", "alpaca.json", &["output"]),
        ("nested.parquet", "nested.jsonl", &[]),
        ("nested.parquet", "nested.jsonl", &["notes", "facts"]),
        ("chats.parquet", "chats.jsonl", &[]),
    ] {
        let (got, expected) = (read(parquet, fields), read(json, fields));
        let at = format!("{parquet}, {fields:?}");
        assert_eq!((got.status, &got.files[0].error, got.files[0].broken), (Status::Complete, &None, 0), "{at}");
        assert_eq!((got.all, &got.files[0].layouts), (expected.all, &expected.files[0].layouts), "{at}");
        assert_eq!((&got.tokens, got.files[0].bytes_read), (&expected.tokens, got.files[0].bytes), "{at}");
        let documents = |result: &Prevalence| {
            let of = result.densest.iter().map(|found| (found.document, found.tokens, found.glitch_tokens));
            of.collect::<Vec<_>>()
        };
        assert_eq!(documents(&got), documents(&expected), "{at}");
        assert!(got.all.documents > 30 && got.all.glitch_tokens > 0, "{at}: {:?}", got.all);
        assert!(got.densest.iter().all(|found| found.line >= found.document), "{at}: rows are numbered");
    }
    // Negative control: other columns have other tokens.
    assert!(read("alpaca.parquet", &["output"]).all.tokens < read("alpaca.parquet", &[]).all.tokens);
    let error = read("alpaca.parquet", &["none"]).files.remove(0).error.unwrap();
    assert!(error.contains("(none)") && error.contains("\"instruction\", \"input\", \"output\", \"n\""), "{error}");
}

/// Control: files cut short or changed in one place, which are read as far as they go and say where they end.
#[test]
fn broken_parquet_says_where() {
    let tokenizer = tokenizer("byte_level");
    let sound = fixture("tests/golden/corpus/alpaca.parquet");
    let error_of = |bytes: &[u8]| {
        let result = count_one(&tokenizer, &[260], "a.parquet", bytes);
        (result.files[0].error.clone().unwrap_or_default(), result.all.documents)
    };
    let length = sound.len();
    for (bytes, words) in [
        (&sound[..7], "it has 7 bytes, a Parquet file at least 12"),
        (&sound[..length - 4], "its end"),
        (&b"not a Parquet file at all"[..], "its end"),
        (b"", "it has 0 bytes"),
    ] {
        let (error, documents) = error_of(bytes);
        assert!(error.contains(words) && documents == 0, "{error}");
    }
    let with = |place: usize, bytes: &[u8]| {
        let mut changed = sound.clone();
        changed[place..place + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let (error, _) = error_of(&with(length - 8, &u32::MAX.to_le_bytes()));
    assert!(error.contains("4294967295 bytes of metadata") && error.contains(&length.to_string()), "{error}");
    // The data of the second row group, from its first column on: the first one's rows are counted.
    let cut = sound.len() / 2;
    let (error, documents) = error_of(&with(cut, &[0xff; 64]));
    assert!(error.contains("row group ") && error.contains(" of 3"), "{error}");
    assert!(documents < 60, "{documents}");
    // Wherever it breaks, it says so or is read; it does not panic.
    for place in (0..length - 4).step_by(7) {
        error_of(&with(place, &[0xa5; 4]));
    }
    // Lengths that the decoders of the parquet crate do not check, and panic at.
    let sound = fixture("tests/golden/corpus/chats.parquet");
    for place in [709, 719] {
        let mut changed = sound.clone();
        changed[place] = 1;
        let (error, _) = error_of(&changed);
        assert!(error.contains("are damaged"), "{error}");
    }
}

/// What a reader gave, in its order, and the error that ended it.
#[derive(Default, PartialEq, Debug)]
struct Given(Vec<String>, Option<String>);

impl Sink for Given {
    fn text(&mut self, text: &str, join: Join) -> Result<()> {
        self.0.push(format!("{join:?} {text:?}"));
        Ok(())
    }

    fn end(&mut self, place: Place, layout: Layout) -> Result<()> {
        self.0.push(format!("{place:?} {layout:?}"));
        Ok(())
    }

    fn broken(&mut self, place: Place, reason: String) {
        self.0.push(format!("{place:?} {reason}"));
    }

    fn replaced(&mut self, count: u64) {
        self.0.push(format!("{count} replaced"));
    }
}

fn given<'a>(name: &str, lines: bool, parts: impl Iterator<Item = &'a [u8]>) -> Given {
    let mut given = Given::default();
    let mut reader = Reader::new(name, Format::of_name(name, lines).unwrap(), &[]).unwrap();
    let read = || {
        for part in parts {
            reader.push(part, &mut given)?;
        }
        reader.finish(&mut given)
    };
    let error = read().err().map(|error| error.to_string());
    Given(given.0, error)
}

/// Oracle: the whole file at once. How a file of texts is cut while it is read, whatever is in it, changes nothing.
#[test]
fn where_a_file_is_cut_does_not_matter() {
    const PIECES: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"\\",
        b"\n",
        b"\r",
        b"\r\n",
        b"\t",
        b" ",
        b"null",
        b"-1",
        b"\"a\"",
        b"\"instruction\": \"x\"",
        b"\"\"",
        b"\xef\xbb\xbf",
        b"\xef",
        b"\xff",
        b"\xf0\x9f",
        "é日😀".as_bytes(),
        b"\0",
        b"a b",
        b"\\ud800",
        b"\xff\xfe",
    ];
    let config = ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let cases = (prop::collection::vec(prop::sample::select(PIECES), 0..30), 1_usize..9);
    let several = std::cell::Cell::new(0);
    TestRunner::new_with_rng(config, rng)
        .run(&cases, |(pieces, size)| {
            let bytes = pieces.concat();
            for (name, lines) in [
                ("a.txt", false),
                ("a.txt", true),
                ("a.json", false),
                ("a.jsonl", false),
                ("a.csv", false),
                ("a.tsv", false),
            ] {
                let whole = given(name, lines, [&bytes[..]].into_iter());
                prop_assert_eq!(&whole, &given(name, lines, bytes.chunks(size)), "{} in parts of {}", name, size);
                several.set(several.get() + u32::from(whole.0.len() > 2));
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    // Control: it is not only about files of which nothing is read.
    assert!(several.get() > 500, "{} gave something", several.get());
}

/// Control: each file is broken in one way; what came before is counted and the message names the place.
#[test]
fn broken_files_say_where() {
    let tokenizer = tokenizer("byte_level");
    let cases: &[(&str, &[u8], u64, &str)] = &[
        ("a.json", b"[\"a\", \"b\"", 2, "line 1, byte 9: the file ends inside its array"),
        ("b.json", b"[\"a\",\n\"b", 1, "line 2, byte 6: the record that begins here does not end"),
        ("c.json", b"[\"a\" \"b\"]", 1, "line 1, byte 5: expected a comma or the end of the array"),
        ("d.json", b"[\"a\",]", 1, "line 1, byte 5: expected a record"),
        ("e.json", b"[\"a\"] x", 1, "line 1, byte 6: expected nothing behind the array"),
        ("f.json", b"hello", 0, "line 1, byte 0: expected an array, a record or a text"),
        ("g.json", b"[\"a\", {\"x\": nonsense}]", 1, "line 1, byte 6: the record that begins there is no JSON"),
        ("h.json", b"[\"a\", {\"x\": [}]}]", 1, "is no JSON"),
        ("i.zip", b"PK", 0, "its ending .zip is none of the known ones"),
        ("j.txt", b"\xff\xfea\0", 0, "UTF-16"),
    ];
    for (name, bytes, documents, words) in cases {
        let result = count_one(&tokenizer, &[260], name, bytes);
        let error = result.files[0].error.as_deref().unwrap_or_else(|| panic!("{name} was read"));
        assert!(error.contains(words), "{name}: {error}");
        assert_eq!(result.all.documents, *documents, "{name}");
    }
    // A deep nesting ends the file, not the program.
    let deep = format!("[{}", "[".repeat(1 << 20));
    assert!(count_one(&tokenizer, &[260], "deep.json", deep.as_bytes()).files[0].error.is_some());
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    assert!(count_one(&tokenizer, &[260], "deep.json", format!("[{deep}]").as_bytes()).files[0].error.is_some());
}

/// Oracle: by hand. A broken line or row costs itself only.
#[test]
fn broken_records_cost_themselves() {
    let tokenizer = tokenizer("byte_level");
    let lines = b"\xef\xbb\xbf\"a\"\n{\"x\": \n\n\"b\"\nnonsense\n[\"c\"]\n\"\xff\"\n\"d\"";
    let result = count_one(&tokenizer, &[260], "a.jsonl", lines);
    assert_eq!((result.all.documents, result.files[0].broken, &result.files[0].error), (4, 3, &None));
    let at: Vec<(u64, u64)> = result.files[0].first_broken.iter().map(|broken| (broken.line, broken.offset)).collect();
    assert_eq!(at, [(2, 7), (5, 19), (7, 34)]);
    let many = "{\n".repeat(50);
    let result = count_one(&tokenizer, &[260], "a.jsonl", many.as_bytes());
    assert_eq!((result.files[0].broken, result.files[0].first_broken.len()), (50, 5));
    let table = b"x,y\r\none,two\r\nthree\r\n\"fo\"\"ur\nmore\",5\r\n6,7\r\n";
    let result = count_one(&tokenizer, &[260], "a.csv", table);
    assert_eq!((result.all.documents, result.files[0].broken), (2, 1));
    assert_eq!(result.files[0].first_broken[0].line, 3);
    let result = count_one(&tokenizer, &[260], "a.tsv", b"x\ty\none, two\tthree\n");
    assert_eq!(result.all.documents, 1);
    // An empty file has nothing in it, and no share.
    for name in ["a.txt", "a.json", "a.jsonl", "a.csv"] {
        let result = count_one(&tokenizer, &[260], name, b"");
        assert_eq!((result.all.documents, result.ratio, result.status), (0, None, Status::Complete), "{name}");
        assert_eq!(result.files[0].error, None, "{name}");
    }
    // Fields by name.
    let options = PrevalenceOptions { fields: vec!["y".into()], ..PrevalenceOptions::default() };
    let bytes = b"{\"x\": \"one two\", \"y\": \"a\"}\n{\"x\": \"b\"}".to_vec();
    let result = counted(&tokenizer, &[260], &[("a.jsonl", bytes)], &options, &mut Silent).unwrap();
    assert_eq!((result.all.documents, result.all.tokens), (1, 1));
}

/// Oracle: the contract. A cancel keeps what was counted.
#[test]
fn a_cancel_keeps_what_was_counted() {
    let tokenizer = tokenizer("byte_level");
    let bytes = "\"one two three\"\n".repeat(100_000).into_bytes();
    let length = bytes.len() as u64;
    let mut monitor = Impatient(std::cell::Cell::new(3));
    let options = PrevalenceOptions::default();
    let result = counted(&tokenizer, &[260], &[("a.jsonl", bytes)], &options, &mut monitor).unwrap();
    assert_eq!(result.status, Status::Cancelled);
    assert!(result.all.documents > 1000 && result.all.documents < 100_000, "{}", result.all.documents);
    assert!(result.files[0].bytes_read < length);
}

/// Oracle: the contract. A report of another tokenizer, or without glitch tokens, is refused.
#[test]
fn a_report_of_another_tokenizer_is_refused() {
    let (ours, other) = (tokenizer("byte_level"), tokenizer("metaspace"));
    let foreign = report(&other, &[300, 301]);
    let result = now(prevalence::prevalence(&ours, &foreign, &[], &PrevalenceOptions::default(), &mut Silent));
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Corpus(CorpusError::OtherTokenizer { total: 2, .. })), "{error}");
    assert!(error.hint().is_some());
    let empty = report(&ours, &[]);
    let result = now(prevalence::prevalence(&ours, &empty, &[], &PrevalenceOptions::default(), &mut Silent));
    assert!(matches!(result.unwrap_err(), Error::Corpus(CorpusError::NothingToCount)));
}
