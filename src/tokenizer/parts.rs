//! The steps around the model — normalizer, pre-tokenizer, post-processor, decoder — checked before they are built.
//!
//! The `tokenizers` crate trusts its file: some parts panic or grow without bound when their parameters are hostile
//! (found by reading 0.23.2, and by fuzzing). What is refused here, and why, stands at each check.

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokenizers::utils::SysRegex;

use super::TokenizerError;

/// Longest pattern, in bytes. Published ones have up to 1,000; compiling is at worst quadratic.
const MAX_PATTERN_BYTES: usize = 4096;

/// How much longer the replacements of a tokenizer may make a text, all of them together. `▁` for a blank is 3; a list
/// of replacements that each double the text would grow it exponentially.
const MAX_GROWTH: usize = 256;

/// Which of the steps a part belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Normalizer,
    PreTokenizer,
    PostProcessor,
    Decoder,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Normalizer => "normalizer",
            Step::PreTokenizer => "pre_tokenizer",
            Step::PostProcessor => "post_processor",
            Step::Decoder => "decoder",
        }
    }

    /// Types that are run, and the key under which a `Sequence` of this step lists its parts.
    fn known(self) -> (&'static [&'static str], &'static str) {
        match self {
            Step::Normalizer => (
                &[
                    "NFC",
                    "NFD",
                    "NFKC",
                    "NFKD",
                    "Nmt",
                    "Lowercase",
                    "Strip",
                    "StripAccents",
                    "BertNormalizer",
                    "ByteLevel",
                    "Replace",
                    "Prepend",
                ],
                "normalizers",
            ),
            Step::PreTokenizer => (
                &[
                    "BertPreTokenizer",
                    "ByteLevel",
                    "Delimiter",
                    "Digits",
                    "FixedLength",
                    "Metaspace",
                    "Punctuation",
                    "Split",
                    "UnicodeScripts",
                    "Whitespace",
                    "WhitespaceSplit",
                ],
                "pretokenizers",
            ),
            Step::PostProcessor => {
                (&["BertProcessing", "ByteLevel", "RobertaProcessing", "TemplateProcessing"], "processors")
            }
            Step::Decoder => (
                &["BPEDecoder", "ByteFallback", "ByteLevel", "Fuse", "Metaspace", "Replace", "Strip", "WordPiece"],
                "decoders",
            ),
        }
    }
}

/// Checks a part and builds it. Also returns how many times as long the part can make a text.
pub(super) fn build<T: DeserializeOwned>(
    step: Step,
    part: Option<Value>,
    highest_id: usize,
) -> Result<(Option<T>, usize), TokenizerError> {
    let mut growth = 1;
    let Some(part) = part.filter(|part| !part.is_null()) else {
        return Ok((None, growth));
    };
    check(step, &part, highest_id, &mut growth)?;
    let built = serde_json::from_value(part).map_err(|error| TokenizerError::Malformed {
        file: "tokenizer.json".into(),
        reason: format!("its {} cannot be built ({error})", step.name()),
    })?;
    Ok((Some(built), growth))
}

fn check(step: Step, part: &Value, highest_id: usize, growth: &mut usize) -> Result<(), TokenizerError> {
    let Some(kind) = part.get("type").and_then(Value::as_str) else {
        return Err(TokenizerError::Malformed {
            file: "tokenizer.json".into(),
            reason: format!("its {} has a part without a type", step.name()),
        });
    };
    let refuse = |reason: &str| {
        Err(TokenizerError::Unsupported {
            component: format!("the {} {}", step.name(), kind.chars().take(40).collect::<String>()),
            reason: reason.into(),
        })
    };
    let (known, sequence_key) = step.known();
    if kind == "Sequence" {
        for inner in part.get(sequence_key).and_then(Value::as_array).into_iter().flatten() {
            check(step, inner, highest_id, growth)?;
        }
        return Ok(());
    }
    if !known.contains(&kind) {
        return match kind {
            "Precompiled" => {
                refuse("its table is followed without bounds checks, so a damaged file would stop the page")
            }
            "CTC" => refuse("it is for speech"),
            _ => refuse("it is unknown"),
        };
    }
    let number = |key: &str| part.get(key).and_then(Value::as_u64);
    match (step, kind) {
        (Step::Normalizer | Step::Decoder, "Replace") | (Step::PreTokenizer, "Split") => {
            let pattern = part.get("pattern");
            let literal = pattern.and_then(|pattern| pattern.get("String")).and_then(Value::as_str);
            let regex = pattern.and_then(|pattern| pattern.get("Regex")).and_then(Value::as_str);
            let Some(text) = literal.or(regex) else {
                return refuse("its pattern is neither a String nor a Regex");
            };
            if text.len() > MAX_PATTERN_BYTES {
                return refuse(&format!("its pattern has {} bytes, more than {MAX_PATTERN_BYTES}", text.len()));
            }
            // After a replacement of nothing, later steps of the crate index beyond its alignments and panic.
            if step == Step::Normalizer && may_match_nothing(literal, regex) {
                return refuse("its pattern may match nothing at all");
            }
            if kind == "Replace" {
                let content = part.get("content").and_then(Value::as_str).unwrap_or("").len();
                // An expression, like an empty string, may match between any two characters.
                let factor = match literal {
                    Some(literal) if !literal.is_empty() => content.div_ceil(literal.len()).max(1),
                    _ => content + 1,
                };
                *growth = growth.saturating_mul(factor);
            }
        }
        (Step::Normalizer, "Prepend") => {
            let prepend = part.get("prepend").and_then(Value::as_str).unwrap_or("");
            if prepend.is_empty() {
                // The same indexing panic as after a replacement of nothing.
                return refuse("it prepends nothing");
            }
            *growth = growth.saturating_mul(1 + prepend.len());
        }
        // Pieces of zero characters: the crate divides the text by it.
        (Step::PreTokenizer, "FixedLength") if number("length") == Some(0) => {
            return refuse("its length is 0");
        }
        // The crate counts down past the beginning of a token that is shorter.
        (Step::Decoder, "Strip") if number("stop") != Some(0) => {
            return refuse(&format!("its stop is {}, expected 0", part.get("stop").unwrap_or(&Value::Null)));
        }
        (Step::PostProcessor, "TemplateProcessing") => check_template(part, highest_id, &refuse)?,
        (Step::PostProcessor, "BertProcessing" | "RobertaProcessing") => {
            for key in ["sep", "cls"] {
                let id = part.get(key).and_then(|pair| pair.get(1)).and_then(Value::as_u64);
                if id.is_none_or(|id| id > highest_id as u64) {
                    return refuse(&format!("its {key} has no id up to {highest_id}"));
                }
            }
        }
        _ => {}
    }
    if *growth > MAX_GROWTH {
        return refuse(&format!(
            "with it the replacements can make a text {growth} times as long, more than {MAX_GROWTH}"
        ));
    }
    Ok(())
}

/// Whether a pattern can match an empty piece of text, found out on the empty text. That is enough because where the
/// assertions `^ $ \A \z` hold, they also hold there; patterns with other assertions are taken to do so.
fn may_match_nothing(literal: Option<&str>, regex: Option<&str>) -> bool {
    const ASSERTIONS: &[&str] = &["(?=", "(?!", "(?<=", "(?<!", "(?(", "\\b", "\\B", "\\K", "\\G", "\\<", "\\>"];
    if literal.is_some() {
        return literal == Some("");
    }
    regex.is_some_and(|regex| {
        // One that does not compile is refused with its own reason.
        ASSERTIONS.iter().any(|assertion| regex.contains(assertion))
            || SysRegex::new(regex).is_ok_and(|regex| regex.find_iter("").next().is_some())
    })
}

/// The crate looks special tokens up without asking whether they are there, and believes the lists of ids and tokens
/// to be of one length. A template for one text must have the text exactly once.
fn check_template(
    part: &Value,
    highest_id: usize,
    refuse: &dyn Fn(&str) -> Result<(), TokenizerError>,
) -> Result<(), TokenizerError> {
    let empty = serde_json::Map::new();
    let tokens = part.get("special_tokens").and_then(Value::as_object).unwrap_or(&empty);
    for (name, token) in tokens {
        let ids = token.get("ids").and_then(Value::as_array).map(Vec::as_slice).unwrap_or(&[]);
        let names = token.get("tokens").and_then(Value::as_array).map(Vec::as_slice).unwrap_or(&[]);
        if ids.len() != names.len() {
            return refuse(&format!("{name:?} has {} ids and {} tokens", ids.len(), names.len()));
        }
        if let Some(id) = ids.iter().find(|id| id.as_u64().is_none_or(|id| id > highest_id as u64)) {
            return refuse(&format!("{name:?} has the id {id}, the highest is {highest_id}"));
        }
    }
    for (key, sequences_wanted) in [("single", 1), ("pair", 2)] {
        let Some(pieces) = part.get(key).and_then(Value::as_array) else {
            return refuse(&format!("its {key} is no list"));
        };
        let mut sequences = 0;
        for piece in pieces {
            if let Some(special) = piece.get("SpecialToken") {
                let id = special.get("id").and_then(Value::as_str).unwrap_or("");
                if !tokens.contains_key(id) {
                    return refuse(&format!("its {key} names {id:?}, which special_tokens has not"));
                }
            }
            if let Some(sequence) = piece.get("Sequence") {
                sequences += 1;
                if key == "single" && sequence.get("id").and_then(Value::as_str) != Some("A") {
                    return refuse("its single names another sequence than A");
                }
            }
        }
        if key == "single" && sequences != sequences_wanted {
            return refuse(&format!("its {key} has {sequences} sequences, expected {sequences_wanted}"));
        }
    }
    Ok(())
}
