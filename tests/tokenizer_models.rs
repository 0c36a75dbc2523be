//! Oracle: the models and the added vocabulary of the `tokenizers` crate, which read the same `tokenizer.json`. Ids,
//! entries, offsets and decoded texts of random texts are equal.

use crate::common::{fixture, published};
use glitchscope::rng::Rng;
use glitchscope::tokenizer::Tokenizer;

/// Pieces of random texts: scripts, marks of both spellings, blanks of several kinds, added tokens, odd code points.
const PIECES: &[&str] = &[
    "the",
    "Hello",
    "world",
    "question",
    "ing",
    "'s",
    "'LL",
    "don't",
    "a",
    "b",
    "c",
    "aa",
    "ab",
    "abc",
    "cab",
    "e\u{301}",
    "é",
    "ﬁ",
    "Ü",
    "ß",
    "мир",
    "Привет",
    "東京",
    "日本語",
    "한국어",
    "שלום",
    "مرحبا",
    "हिन्दी",
    "😀",
    "👩‍👩‍👧‍👦",
    "🇩🇪",
    "▁",
    "Ġ",
    "Ċ",
    " ",
    "  ",
    "   ",
    "\t",
    "\n",
    "\r\n",
    "\n\n",
    "\u{a0}",
    "\u{3000}",
    "\u{200b}",
    "\u{202e}",
    "\u{feff}",
    "\u{fffd}",
    "\0",
    "\u{7f}",
    "\u{10ffff}",
    "0",
    "12",
    "345",
    "6789",
    "3.14",
    ",",
    ".",
    "!?",
    "«",
    "»",
    "<",
    ">",
    "<s>",
    "</s>",
    "<unk>",
    "<extra>",
    "<|endoftext|>",
    "<0x41>",
    "##",
    "[UNK]",
    "_",
    "-",
    "=",
    "(",
    "{",
    "\\",
];

fn random_text(rng: &mut Rng, most: u32) -> String {
    (0..rng.below(most + 1))
        .map(|_| match rng.below(12) {
            0 => char::from_u32(rng.below(0x3000)).unwrap_or('x').to_string(),
            1 => char::from_u32(rng.below(0x11_0000)).unwrap_or('y').to_string(),
            2 => PIECES[rng.below(PIECES.len() as u32) as usize].repeat(1 + rng.below(9) as usize),
            _ => PIECES[rng.below(PIECES.len() as u32) as usize].into(),
        })
        .collect()
}

/// Where ours and the crate's answers differ for a text, in words.
fn difference(ours: &Tokenizer, theirs: &tokenizers::Tokenizer, text: &str) -> Option<String> {
    for special in [false, true] {
        match (ours.encode(text, special), theirs.encode(text, special)) {
            (Ok(encoding), Ok(theirs)) => {
                let mut ids = Vec::new();
                // The way without offsets.
                if !special && (ours.encode_ids(text, &mut ids).is_err() || ids != theirs.get_ids()) {
                    return Some(format!("{text:?}: {ids:?} and {:?}", theirs.get_ids()));
                }
                let ours = encoding;
                if (&ours.ids[..], &ours.tokens[..], &ours.offsets[..])
                    != (theirs.get_ids(), theirs.get_tokens(), theirs.get_offsets())
                {
                    return Some(format!("{text:?}: {ours:?} and {theirs:?}"));
                }
            }
            (Err(_), Err(_)) => {}
            (ours, theirs) => return Some(format!("{text:?}: {ours:?} and {theirs:?}")),
        }
    }
    let ids = ours.encode(text, false).ok()?.ids;
    let (our_text, their_text) = (ours.decode(&ids, false), theirs.decode(&ids, false));
    match their_text {
        Ok(their_text) if !ids.is_empty() && our_text != their_text => {
            Some(format!("{ids:?}: {our_text:?} and {their_text:?}"))
        }
        _ => None,
    }
}

fn both(json: &[u8]) -> (Tokenizer, tokenizers::Tokenizer) {
    let ours = Tokenizer::from_bytes(json, None).expect("our tokenizer");
    (ours, tokenizers::Tokenizer::from_bytes(json).expect("their tokenizer"))
}

fn assert_equal(name: &str, json: &[u8], texts: usize) {
    let (ours, theirs) = both(json);
    assert_eq!(ours.vocab_size(), theirs.get_vocab(true).values().max().map_or(0, |&id| id as usize + 1), "{name}");
    for id in 0..ours.vocab_size() as u32 + 3 {
        assert_eq!(ours.token(id), theirs.id_to_token(id), "{name}: {id}");
        if let Some(token) = ours.token(id) {
            assert_eq!(ours.id(&token), theirs.token_to_id(&token), "{name}: {token:?}");
        }
    }
    let mut rng = Rng::new(7);
    for _ in 0..texts {
        let text = random_text(&mut rng, 24);
        if let Some(difference) = difference(&ours, &theirs, &text) {
            panic!("{name}: {difference}");
        }
    }
}

#[test]
fn tiny_tokenizers_equal_the_crate() {
    for name in [
        "byte_level",
        "metaspace",
        "gpt_neox",
        "opt",
        "smollm",
        "llama3",
        "qwen2",
        "tekken",
        "gemma",
        "mistral",
        "phi3",
        "spm",
    ] {
        assert_equal(name, &fixture(&format!("tests/golden/tokenizer/{name}/tokenizer.json")), 800);
    }
}

#[test]
fn published_tokenizers_equal_the_crate() {
    for name in ["gpt2", "llama2"] {
        let path = format!("tokenizers/{name}/tokenizer.json");
        if let Some(path) = published("published_tokenizers_equal_the_crate", &path) {
            assert_equal(name, &std::fs::read(path).expect("the tokenizer"), 3000);
        }
    }
}

/// Negative control: a merge that ranks otherwise is noticed.
#[test]
fn another_order_of_merges_is_noticed() {
    let model = |merges: &str| {
        format!(
            r#"{{"model": {{"type": "BPE", "vocab": {{"a": 0, "b": 1, "ab": 2, "ba": 3, "aba": 4}}, "merges": [{merges}]}}}}"#
        )
    };
    let (ours, _) = both(model(r#""a b", "ab a", "b a""#).as_bytes());
    let (_, theirs) = both(model(r#""b a", "a b", "ab a""#).as_bytes());
    assert!(difference(&ours, &theirs, "bab").is_some());
    assert!(difference(&ours, &both(model(r#""a b", "ab a", "b a""#).as_bytes()).1, "bab").is_none());
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string")
}

/// A vocabulary over a few letters, with merges among its entries, and options at random.
fn random_bpe(rng: &mut Rng, with_gaps: bool) -> String {
    let prefix = ["", "", "##"][rng.below(3) as usize];
    let suffix = ["", "", "</w>"][rng.below(3) as usize];
    let mut entries: Vec<String> = Vec::new();
    let mut add = |entry: String| {
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    };
    for letter in ["a", "b", "c", "é", " "] {
        for (before, behind) in [("", ""), (prefix, ""), ("", suffix), (prefix, suffix)] {
            add(format!("{before}{letter}{behind}"));
        }
    }
    add("<unk>".into());
    if rng.below(2) == 0 {
        (0..=255).for_each(|byte| add(format!("<0x{byte:02X}>")));
    }
    let mut merges = Vec::new();
    for _ in 0..rng.below(40) {
        let left = entries[rng.below(entries.len() as u32) as usize].clone();
        let right = entries[rng.below(entries.len() as u32) as usize].clone();
        let Some(rest) = right.strip_prefix(prefix) else {
            continue;
        };
        let whole = format!("{left}{rest}");
        if !entries.contains(&whole) {
            entries.push(whole);
        }
        merges.push(format!("[{}, {}]", quoted(&left), quoted(&right)));
    }
    // Ids in another order than the file's.
    let (step, gap) = (if rng.below(2) == 0 { 1 } else { 7 }, if with_gaps { 2 } else { 1 });
    let count = entries.len();
    let coprime = if count.is_multiple_of(7) { 1 } else { step };
    let vocabulary: Vec<String> = entries
        .iter()
        .enumerate()
        .map(|(i, entry)| format!("{}: {}", quoted(entry), i * coprime % count * gap))
        .collect();
    let mut flag = || rng.below(2) == 0;
    let unknown = if flag() { r#""<unk>""# } else { "null" };
    format!(
        r#"{{"type": "BPE", "vocab": {{{}}}, "merges": [{}], "unk_token": {unknown}, "continuing_subword_prefix": {}, "end_of_word_suffix": {}, "fuse_unk": {}, "byte_fallback": {}, "ignore_merges": {}}}"#,
        vocabulary.join(", "),
        merges.join(", "),
        if prefix.is_empty() { "null".into() } else { quoted(prefix) },
        if suffix.is_empty() { "null".into() } else { quoted(suffix) },
        flag(),
        flag(),
        flag()
    )
}

fn random_unigram(rng: &mut Rng) -> String {
    let mut pieces = vec![("<unk>".to_string(), 0.0)];
    for _ in 0..2 + rng.below(30) {
        let piece: String = (0..1 + rng.below(4)).map(|_| ["a", "b", "c", "é", "▁"][rng.below(5) as usize]).collect();
        // A piece may come twice, and scores may tie.
        pieces.push((piece, -f64::from(rng.below(20)) / 2.0));
    }
    if rng.below(2) == 0 {
        pieces.extend((0..=255).map(|byte| (format!("<0x{byte:02X}>"), -20.0)));
    }
    let list: Vec<String> = pieces.iter().map(|(piece, score)| format!("[{}, {score}]", quoted(piece))).collect();
    let unknown = if rng.below(4) == 0 { "null" } else { "0" };
    format!(
        r#"{{"type": "Unigram", "unk_id": {unknown}, "byte_fallback": {}, "vocab": [{}]}}"#,
        rng.below(2) == 0,
        list.join(", ")
    )
}

fn random_words(rng: &mut Rng) -> String {
    let mut words: Vec<String> = vec!["[UNK]".into()];
    for _ in 0..rng.below(30) {
        let word: String = (0..1 + rng.below(3)).map(|_| ["a", "b", "c", "é"][rng.below(4) as usize]).collect();
        let word = if rng.below(2) == 0 { format!("##{word}") } else { word };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let vocabulary: Vec<String> = words.iter().enumerate().map(|(i, word)| format!("{}: {i}", quoted(word))).collect();
    match rng.below(2) {
        0 => format!(r#"{{"type": "WordLevel", "vocab": {{{}}}, "unk_token": "[UNK]"}}"#, vocabulary.join(", ")),
        _ => format!(
            r###"{{"type": "WordPiece", "vocab": {{{}}}, "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9}}"###,
            vocabulary.join(", ")
        ),
    }
}

/// Added tokens that overlap each other and the vocabulary, with flags at random; none that the crate panics at.
fn random_added(rng: &mut Rng) -> String {
    let mut tokens: Vec<String> = Vec::new();
    for content in ["<s>", "ab", "abc", "b", "<extra>", "é", "cab", "zz"] {
        if rng.below(2) == 0 {
            let mut flag = || rng.below(2) == 0;
            tokens.push(format!(
                r#"{{"id": {}, "content": {}, "single_word": {}, "lstrip": {}, "rstrip": {}, "normalized": {}, "special": {}}}"#,
                tokens.len(),
                quoted(content),
                flag(),
                flag(),
                flag(),
                flag(),
                flag()
            ));
        }
    }
    tokens.join(", ")
}

#[test]
fn random_models_equal_the_crate() {
    let mut rng = Rng::new(1);
    let mut compared = 0;
    for round in 0..1500 {
        // Where ids have gaps the crate gives an added token the id of another entry, and decodes one as the other.
        let added = if rng.below(4) == 0 { String::new() } else { random_added(&mut rng) };
        let model = match round % 3 {
            0 => random_bpe(&mut rng, added.is_empty()),
            1 => random_unigram(&mut rng),
            _ => random_words(&mut rng),
        };
        let normalizer = [
            "null",
            r#"{"type": "Lowercase"}"#,
            r#"{"type": "Strip", "strip_left": true, "strip_right": false}"#,
            r#"{"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}"#,
            r#"{"type": "NFD"}"#,
        ][rng.below(5) as usize];
        let pre_tokenizer = [
            "null",
            r#"{"type": "WhitespaceSplit"}"#,
            r#"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true}"#,
        ][rng.below(3) as usize];
        let json = format!(
            r#"{{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [{}], "normalizer": {normalizer}, "pre_tokenizer": {pre_tokenizer}, "post_processor": null, "decoder": null, "model": {model}}}"#,
            added
        );
        let Ok(ours) = Tokenizer::from_bytes(json.as_bytes(), None) else {
            // Refused for what the crate would panic at.
            continue;
        };
        let theirs =
            tokenizers::Tokenizer::from_bytes(json.as_bytes()).unwrap_or_else(|error| panic!("{error}: {json}"));
        for _ in 0..12 {
            let text: String = match rng.below(3) {
                0 => random_text(&mut rng, 8),
                _ => (0..rng.below(20))
                    .map(|_| ["a", "b", "c", "é", " ", "d", "▁", "<s>"][rng.below(8) as usize])
                    .collect(),
            };
            compared += 1;
            if let Some(difference) = difference(&ours, &theirs, &text) {
                panic!("{difference}\n{json}");
            }
        }
    }
    assert!(compared > 10_000, "{compared} compared");
}

/// Oracle: the crate, on one piece of a megabyte; and the time is that of n log n, or the test would not end.
#[test]
fn a_long_piece_is_merged_in_time() {
    let json = fixture("tests/golden/tokenizer/metaspace/tokenizer.json");
    let (ours, theirs) = both(&json);
    let mut rng = Rng::new(3);
    for text in
        ["a".repeat(1 << 20), (0..1 << 18).map(|_| ["the", "re", "q", "é"][rng.below(4) as usize]).collect::<String>()]
    {
        let expected = theirs.encode(text.as_str(), false).expect("an encoding");
        assert!(ours.encode(&text, false).expect("an encoding").ids == expected.get_ids());
    }
}
