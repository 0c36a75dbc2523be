//! A `tokenizer.json` without the merges that make certain tokens. Everything else of the text stays as it is written.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::TokenizerError;
use super::file::{self, ModelFile};
use super::model::Model;
use super::{Tokenizer, vocabulary::Vocabulary};

/// A file with fewer merges.
#[derive(Clone, Debug, PartialEq)]
pub struct Pruned {
    pub json: Vec<u8>,
    /// Merges that were taken out of the original list.
    pub merges: Vec<RemovedMerge>,
    /// `ignore_merges` was true and is false: with it a piece that is an entry is that token, whatever the merges say.
    pub ignore_merges_off: bool,
}

/// Its place in the list, and both halves.
pub type RemovedMerge = (usize, String, String);

#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    model: &'a RawValue,
}

#[derive(Deserialize)]
struct Inner<'a> {
    #[serde(borrow)]
    merges: Option<&'a RawValue>,
    #[serde(borrow)]
    ignore_merges: Option<&'a RawValue>,
}

/// One merge, in either way of writing it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Line(String),
}

/// Takes out every merge that makes one of the tokens.
///
/// Errors: `Unsupported` for a model that is no BPE, by its name.
pub fn prune(json: &[u8], ids: &BTreeSet<u32>) -> Result<Pruned, TokenizerError> {
    let malformed = |error: serde_json::Error| TokenizerError::Malformed {
        file: "tokenizer.json".into(),
        reason: error.to_string(),
    };
    let text = std::str::from_utf8(json)
        .map_err(|error| TokenizerError::Malformed { file: "tokenizer.json".into(), reason: error.to_string() })?;
    let outer: Outer = serde_json::from_str(text).map_err(malformed)?;
    let inner: Inner = serde_json::from_str(outer.model.get()).map_err(malformed)?;
    let model: ModelFile = serde_json::from_str(outer.model.get()).map_err(malformed)?;
    let unsupported = |kind: &str| TokenizerError::Unsupported {
        component: format!("the model {}", super::vocabulary::shortened(kind)),
        reason: "only a byte-pair encoding has merges that can be pruned".into(),
    };
    let kind = model.kind.clone().unwrap_or_else(|| "BPE".into());
    let (true, Some(raw)) = (kind == "BPE", inner.merges) else {
        return Err(unsupported(&kind));
    };
    let prefix = model.continuing_subword_prefix.clone().unwrap_or_default();
    let vocabulary = file::vocabulary(model.vocab)?;
    let (list, merges) = without(raw.get(), ids, &vocabulary, &prefix)?;

    let mut patches: Vec<(Range<usize>, String)> = vec![(place_in(text, raw.get()), list)];
    let mut ignore_merges_off = false;
    if let Some(flag) = inner.ignore_merges.filter(|flag| flag.get() == "true" && !merges.is_empty()) {
        patches.push((place_in(text, flag.get()), "false".into()));
        ignore_merges_off = true;
    }
    patches.sort_by_key(|(range, _)| range.start);
    let mut patched = String::with_capacity(text.len());
    let mut done = 0;
    for (range, replacement) in patches {
        patched.push_str(&text[done..range.start]);
        patched.push_str(&replacement);
        done = range.end;
    }
    patched.push_str(&text[done..]);
    Ok(Pruned { json: patched.into_bytes(), merges, ignore_merges_off })
}

/// Where a part that was borrowed from a text stands in it.
fn place_in(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

/// The list without the merges that make one of the tokens, its blanks and line ends as they were; and these merges.
fn without(
    list: &str,
    ids: &BTreeSet<u32>,
    vocabulary: &Vocabulary,
    prefix: &str,
) -> Result<(String, Vec<RemovedMerge>), TokenizerError> {
    let malformed = |reason: String| TokenizerError::Malformed {
        file: "tokenizer.json".into(),
        reason: format!("its merges: {reason}"),
    };
    let items: Vec<&RawValue> = serde_json::from_str(list).map_err(|error| malformed(error.to_string()))?;
    let mut kept = String::with_capacity(list.len());
    let mut removed = Vec::new();
    let (mut done, mut lead) = (0, None);
    for (rank, item) in items.iter().enumerate() {
        let place = place_in(list, item.get());
        // The bracket or comma in front, and the blanks behind that.
        let before = &list[done..place.start];
        done = place.end;
        let merge: Merge = serde_json::from_str(item.get()).map_err(|error| malformed(error.to_string()))?;
        let (left, right) = match merge {
            Merge::Pair(left, right) => (left, right),
            Merge::Line(line) => {
                let (left, right) =
                    line.split_once(' ').ok_or_else(|| malformed(format!("merge {rank} is no pair")))?;
                (left.to_owned(), right.to_owned())
            }
        };
        let whole = format!("{left}{}", right.strip_prefix(prefix).unwrap_or(&right));
        if vocabulary.id(&whole).is_some_and(|id| ids.contains(&id)) {
            removed.push((rank, left, right));
            if rank == 0 {
                lead = Some(before);
            }
            continue;
        }
        // The first that is kept stands behind the bracket.
        kept.push_str(if kept.is_empty() { lead.unwrap_or(before) } else { before });
        kept.push_str(item.get());
    }
    if kept.is_empty() {
        kept.push('[');
    }
    kept.push_str(&list[done..]);
    if items.is_empty() {
        kept = list.to_owned();
    }
    Ok((kept, removed))
}

impl Tokenizer {
    /// An added token is found in a text before the model sees it.
    pub fn is_added(&self, id: u32) -> bool {
        self.pipeline.added.contains(id)
    }

    /// The tokens that merges make, one after the other, of the token's entry; empty for other models.
    pub fn derivation(&self, id: u32) -> Vec<u32> {
        let Model::Bpe(bpe) = &self.pipeline.model else { return Vec::new() };
        bpe.vocabulary.text(id).map_or(Vec::new(), |entry| bpe.derivation(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{
  "version": "1.0",
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "aba": 3, "c": 4, "bc": 5},
    "merges": [
      MERGES
    ], "ignore_merges": IGNORE },
  "decoder": null
}"#;

    /// Oracle: by hand. The text is the original without the elements, in both ways of writing a merge.
    #[test]
    fn only_the_merges_are_missing() {
        let written =
            |merges: &[&str], ignore: &str| FILE.replace("MERGES", &merges.join(",\n      ")).replace("IGNORE", ignore);
        for all in [[r#""a b""#, r#""ab a""#, r#""b c""#], [r#"["a", "b"]"#, r#"[ "ab","a" ]"#, r#"["b","\u0063"]"#]] {
            let original = written(&all, "false");
            let without = |ids: &[u32]| {
                let pruned = prune(original.as_bytes(), &ids.iter().copied().collect()).unwrap();
                (String::from_utf8(pruned.json).unwrap(), pruned.merges)
            };
            assert_eq!(without(&[3]).0, written(&[all[0], all[2]], "false"));
            assert_eq!(without(&[5]).0, written(&all[..2], "false"));
            assert_eq!(without(&[2]), (written(&all[1..], "false"), vec![(0, "a".into(), "b".into())]));
            assert_eq!(without(&[2, 3]).0, written(&all[2..], "false"));
            assert_eq!(without(&[0, 4]), (original.clone(), vec![]));
            let none = without(&[2, 3, 5]).0;
            assert!(
                serde_json::from_str::<serde_json::Value>(&none).unwrap()["model"]["merges"] == serde_json::json!([])
            );
        }
        let pruned = prune(written(&[r#""a b""#], "true").as_bytes(), &BTreeSet::from([2])).unwrap();
        assert!(pruned.ignore_merges_off);
        assert!(String::from_utf8(pruned.json).unwrap().contains("\"ignore_merges\": false }"));
    }

    /// Oracle: the contract.
    #[test]
    fn other_models_are_refused_by_name() {
        for (model, name) in [
            (r#"{"type": "Unigram", "vocab": [["a", 0.0]]}"#, "Unigram"),
            (
                r###"{"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "a", "continuing_subword_prefix": "##"}"###,
                "WordPiece",
            ),
        ] {
            let error = prune(format!(r#"{{"model": {model}}}"#).as_bytes(), &BTreeSet::from([0])).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        for broken in ["", "{}", "[]", r#"{"model": {"type": "BPE", "vocab": {}, "merges": ["ab"]}}"#] {
            assert!(prune(broken.as_bytes(), &BTreeSet::new()).is_err(), "{broken}");
        }
    }
}
