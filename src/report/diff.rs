//! Two reports side by side: two models, two revisions or two precisions of one, two oracles. Ids of two tokenizers say
//! nothing to each other, so their tokens are matched by their bytes.

use std::collections::HashMap;

use serde::Serialize;

use super::{IndicatorTable, Probe, Provenance, Report, Status, TokenTable};
use crate::tokenizer::TokenClass;

/// What changed from report `a` to report `b`. Everything a view of it needs is here.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReportDiff {
    /// Always [`ReportDiff::SCHEMA`].
    pub schema: String,
    pub schema_version: u32,
    pub a: Provenance,
    pub b: Provenance,
    /// What has to stand beside every number: each report's [`Report::caution`].
    pub cautions: Vec<String>,
    /// In sentences a person could quote.
    pub summary: Vec<String>,
    /// What differs between the scans besides their verdicts, and may explain them; empty when they should agree.
    pub differences: Vec<String>,
    pub matching: Matching,
    /// The scans' own verdicts first, then every other oracle that both asked.
    pub oracles: Vec<DiffOracle>,
    /// Every token that both scans asked about, ascending by the id in `a`.
    pub tokens: DiffTokens,
    /// Places in `tokens` whose verdicts differ.
    pub flips: Vec<u32>,
    /// Both models' answers to each of them.
    pub flip_answers: Vec<(String, String)>,
    /// Indicators of the models, where they were at hand: [`ReportDiff::with_indicators`].
    pub indicators: Vec<DiffIndicator>,
    /// Means over `tokens` of the absolute change, and the largest.
    pub p_target_change: Change,
    pub entropy_change: Change,
    /// Glitch tokens of one scan that the other has no verdict on, and why.
    pub only_a: Vec<Unmatched>,
    pub only_b: Vec<Unmatched>,
}

impl ReportDiff {
    pub const SCHEMA: &'static str = "glitchscope.diff";
    pub const SCHEMA_VERSION: u32 = 1;

    /// The same with the indicators that both models have, for the compared tokens. A token that one of the tables does not
    /// reach gets none.
    pub fn with_indicators(mut self, a: &IndicatorTable, b: &IndicatorTable) -> ReportDiff {
        let of = |values: &[f32], ids: &[u32]| -> Vec<Option<f32>> {
            ids.iter().map(|&id| values.get(id as usize).copied().filter(|value| value.is_finite())).collect()
        };
        let both = a.columns.iter().filter_map(|in_a| {
            let in_b = b.columns.iter().find(|column| column.name == in_a.name)?;
            let (name, what) = (in_a.name.clone(), in_a.what.clone());
            let (a, b) = (of(&in_a.values, &self.tokens.id_a), of(&in_b.values, &self.tokens.id_b));
            let (of_a, of_b): (Vec<f32>, Vec<f32>) = a.iter().zip(&b).filter_map(|(&a, &b)| a.zip(b)).unzip();
            Some(DiffIndicator { name, what, change: change(&of_a, &of_b), a, b })
        });
        self.indicators = both.collect();
        self
    }
}

/// One of Magikarp's indicators in both models. Columns are as long as those of `tokens`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DiffIndicator {
    pub name: String,
    pub what: String,
    pub a: Vec<Option<f32>>,
    pub b: Vec<Option<f32>>,
    /// Over the tokens that both models have it for.
    pub change: Change,
}

/// How the two vocabularies go together, in entries that have text or bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Matching {
    /// `id` when the vocabularies are the same, else `bytes`.
    pub by: String,
    pub matched: u32,
    pub only_a: u32,
    pub only_b: u32,
    /// Entries for whose bytes one of the vocabularies has several entries, no single one of which is ordinary.
    pub ambiguous_a: u32,
    pub ambiguous_b: u32,
}

/// One oracle's verdicts on the tokens that both scans asked about.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DiffOracle {
    /// Of `a`; the scans' own oracles may differ, which `differences` then say.
    pub oracle: String,
    pub both_fail: u32,
    pub only_a_fails: u32,
    pub only_b_fails: u32,
    pub both_pass: u32,
    /// Tokens that fail both / tokens that fail one of them; null when none fails.
    pub jaccard: Option<f64>,
}

/// Columns of equal length.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DiffTokens {
    pub id_a: Vec<u32>,
    pub id_b: Vec<u32>,
    /// In `a`.
    pub text: Vec<String>,
    pub passed_a: Vec<bool>,
    pub passed_b: Vec<bool>,
    pub p_target_a: Vec<f32>,
    pub p_target_b: Vec<f32>,
    pub entropy_a: Vec<f32>,
    pub entropy_b: Vec<f32>,
    /// The oracles' graded values.
    pub value_a: Vec<Option<f32>>,
    pub value_b: Vec<Option<f32>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Change {
    pub mean: f64,
    pub largest: f64,
}

/// A glitch token that cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Unmatched {
    pub id: u32,
    pub text: String,
    pub reason: String,
}

/// What changed from `a` to `b`.
pub fn diff(a: &Report, b: &Report) -> ReportDiff {
    let (pairs, matching) = match_tokens(&a.tokens, &b.tokens);
    let probes = |report: &Report| -> HashMap<u32, usize> {
        report.probes.iter().enumerate().map(|(place, probe)| (probe.id, place)).collect()
    };
    let (probes_a, probes_b) = (probes(a), probes(b));
    let mut tokens = DiffTokens::default();
    for &(id_a, id_b) in &pairs {
        if let (Some(&at_a), Some(&at_b)) = (probes_a.get(&id_a), probes_b.get(&id_b)) {
            push(&mut tokens, &a.tokens, &a.probes[at_a], &b.probes[at_b]);
        }
    }
    let flips: Vec<u32> =
        (0..tokens.id_a.len()).filter(|&at| tokens.passed_a[at] != tokens.passed_b[at]).map(|at| at as u32).collect();
    let own = counted(&a.provenance.oracle.id, tokens.passed_a.iter().copied().zip(tokens.passed_b.iter().copied()));
    let mut oracles = vec![own];
    oracles.extend(other_oracles(a, b, &pairs));
    let answers = |report: &Report, places: &HashMap<u32, usize>, id: u32| {
        places.get(&id).map_or(String::new(), |&at| report.probes[at].answer_text.clone())
    };
    let flip_answers = flips.iter().map(|&at| {
        let (id_a, id_b) = (tokens.id_a[at as usize], tokens.id_b[at as usize]);
        (answers(a, &probes_a, id_a), answers(b, &probes_b, id_b))
    });
    let flip_answers = flip_answers.collect();
    let mut difference = ReportDiff {
        schema: ReportDiff::SCHEMA.into(),
        schema_version: ReportDiff::SCHEMA_VERSION,
        a: a.provenance.clone(),
        b: b.provenance.clone(),
        cautions: [a, b].into_iter().filter_map(Report::caution).collect(),
        summary: Vec::new(),
        differences: differences(a, b),
        matching,
        oracles,
        flips,
        flip_answers,
        indicators: Vec::new(),
        p_target_change: change(&tokens.p_target_a, &tokens.p_target_b),
        entropy_change: change(&tokens.entropy_a, &tokens.entropy_b),
        only_a: unmatched(a, b, &pairs.iter().copied().collect()),
        only_b: unmatched(b, a, &pairs.iter().map(|&(id_a, id_b)| (id_b, id_a)).collect()),
        tokens,
    };
    difference.summary = summary(&difference);
    difference
}

/// The mean of the absolute changes, and the largest; zeros for nothing.
fn change(a: &[f32], b: &[f32]) -> Change {
    let changes = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs()));
    let (sum, largest) = changes.fold((0.0, 0.0f64), |(sum, largest), change| (sum + change, largest.max(change)));
    Change { mean: sum / a.len().max(1) as f64, largest }
}

fn push(tokens: &mut DiffTokens, table: &TokenTable, a: &Probe, b: &Probe) {
    tokens.id_a.push(a.id);
    tokens.id_b.push(b.id);
    tokens.text.push(table.text.get(a.id as usize).cloned().unwrap_or_default());
    tokens.passed_a.push(a.passed);
    tokens.passed_b.push(b.passed);
    tokens.p_target_a.push(a.p_target);
    tokens.p_target_b.push(b.p_target);
    tokens.entropy_a.push(a.entropy);
    tokens.entropy_b.push(b.entropy);
    tokens.value_a.push(a.value);
    tokens.value_b.push(b.value);
}

fn counted(oracle: &str, verdicts: impl Iterator<Item = (bool, bool)>) -> DiffOracle {
    let mut of = DiffOracle { oracle: oracle.into(), ..DiffOracle::default() };
    for (a, b) in verdicts {
        *match (a, b) {
            (false, false) => &mut of.both_fail,
            (false, true) => &mut of.only_a_fails,
            (true, false) => &mut of.only_b_fails,
            (true, true) => &mut of.both_pass,
        } += 1;
    }
    let either = of.both_fail + of.only_a_fails + of.only_b_fails;
    of.jaccard = (either > 0).then(|| f64::from(of.both_fail) / f64::from(either));
    of
}

/// The oracles besides the scans' own that both panels hold, over the tokens that both asked about.
fn other_oracles(a: &Report, b: &Report, pairs: &[(u32, u32)]) -> Vec<DiffOracle> {
    let (Some(a), Some(b)) = (&a.panel, &b.panel) else { return Vec::new() };
    let shared: Vec<(usize, usize)> = pairs
        .iter()
        .filter_map(|(id_a, id_b)| Some((a.ids.binary_search(id_a).ok()?, b.ids.binary_search(id_b).ok()?)))
        .collect();
    let of_both = a.verdicts.iter().skip(1).filter_map(|in_a| {
        let in_b = b.verdicts.iter().find(|column| column.oracle == in_a.oracle)?;
        let verdicts = shared.iter().map(|&(at_a, at_b)| (in_a.passed[at_a], in_b.passed[at_b]));
        Some(counted(&in_a.oracle, verdicts))
    });
    of_both.collect()
}

/// The entries of one vocabulary that have the same bytes.
#[derive(Default)]
struct SameBytes {
    first: u32,
    n: u32,
    ordinary: u32,
    n_ordinary: u32,
}

impl SameBytes {
    /// The one that stands for the bytes: the only one, or the only ordinary one.
    fn resolved(&self) -> Option<u32> {
        match (self.n_ordinary, self.n) {
            (1, _) => Some(self.ordinary),
            (0, 1) => Some(self.first),
            _ => None,
        }
    }
}

/// Pairs of ids, ascending by the first.
fn match_tokens(a: &TokenTable, b: &TokenTable) -> (Vec<(u32, u32)>, Matching) {
    if a == b {
        let pairs: Vec<(u32, u32)> = (0..a.text.len() as u32).map(|id| (id, id)).collect();
        let matching = Matching { by: "id".into(), matched: pairs.len() as u32, ..Matching::default() };
        return (pairs, matching);
    }
    let (in_a, in_b) = (by_bytes(a), by_bytes(b));
    let mut matching = Matching { by: "bytes".into(), ..Matching::default() };
    let mut pairs = Vec::new();
    for (bytes, same) in &in_a {
        match (same.resolved(), in_b.get(bytes).map(SameBytes::resolved)) {
            (None, _) => matching.ambiguous_a += same.n,
            (Some(_), None) => matching.only_a += 1,
            (Some(_), Some(None)) => matching.ambiguous_a += 1,
            (Some(id_a), Some(Some(id_b))) => pairs.push((id_a, id_b)),
        }
    }
    for (bytes, same) in &in_b {
        match same.resolved() {
            None => matching.ambiguous_b += same.n,
            Some(_) => match in_a.get(bytes).map(SameBytes::resolved) {
                None => matching.only_b += 1,
                Some(None) => matching.ambiguous_b += 1,
                Some(Some(_)) => {}
            },
        }
    }
    pairs.sort_unstable();
    matching.matched = pairs.len() as u32;
    (pairs, matching)
}

fn by_bytes(tokens: &TokenTable) -> HashMap<Vec<u8>, SameBytes> {
    let mut all: HashMap<Vec<u8>, SameBytes> = HashMap::with_capacity(tokens.text.len());
    for (id, (text, hex)) in tokens.text.iter().zip(&tokens.bytes_hex).enumerate() {
        let bytes = if hex.is_empty() { text.as_bytes().to_vec() } else { from_hex(hex) };
        if bytes.is_empty() {
            continue;
        }
        let same = all.entry(bytes).or_default();
        if same.n == 0 {
            same.first = id as u32;
        }
        same.n += 1;
        if tokens.class[id] == TokenClass::Ok {
            same.ordinary = id as u32;
            same.n_ordinary += 1;
        }
    }
    all
}

/// What is no pair of digits is left out; an opened report has none.
fn from_hex(hex: &str) -> Vec<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
    hex.as_bytes().chunks_exact(2).filter_map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// Glitch tokens of `report` that `other` has no verdict on. `partner` leads from ids of the one to ids of the other.
fn unmatched(report: &Report, other: &Report, partner: &HashMap<u32, u32>) -> Vec<Unmatched> {
    let skipped: HashMap<u32, &str> =
        other.skipped.iter().flat_map(|group| group.ids.iter().map(|&id| (id, group.reason.as_str()))).collect();
    let asked: std::collections::HashSet<u32> = other.probes.iter().map(|probe| probe.id).collect();
    let why = |id: &u32| match partner.get(id) {
        None => Some("no single token of the other vocabulary has its bytes".to_owned()),
        Some(there) if asked.contains(there) => None,
        Some(there) => Some(match skipped.get(there) {
            Some(reason) => format!("not asked about there: {reason}"),
            None => "not asked about there".into(),
        }),
    };
    let text = |id: u32| report.tokens.text.get(id as usize).cloned().unwrap_or_default();
    report.glitch_tokens.iter().filter_map(|&id| Some(Unmatched { id, text: text(id), reason: why(&id)? })).collect()
}

/// Everything besides verdicts in which the scans differ, one sentence each.
fn differences(a: &Report, b: &Report) -> Vec<String> {
    let mut all = Vec::new();
    let (pa, pb) = (&a.provenance, &b.provenance);
    let mut name = |what: &str, a: &str, b: &str| {
        if a != b {
            all.push(format!("{what}: {a} and {b}"));
        }
    };
    name("model", &pa.model.name, &pb.model.name);
    name("family", &pa.model.family, &pb.model.family);
    name("parameters", &pa.model.parameters.to_string(), &pb.model.parameters.to_string());
    let stored = |types: &[(String, u64)]| {
        types.iter().map(|(kind, bytes)| format!("{kind} {bytes} bytes")).collect::<Vec<_>>().join(", ")
    };
    name("weights", &stored(&pa.model.stored_types), &stored(&pb.model.stored_types));
    for file in &pa.model.files {
        let hash = |sha256: &Option<String>| {
            sha256.as_ref().map_or("not hashed".to_owned(), |hash| hash.chars().take(12).collect())
        };
        if let Some(other) = pb.model.files.iter().find(|other| other.name == file.name) {
            name(&format!("SHA-256 of {}", file.name), &hash(&file.sha256), &hash(&other.sha256));
        }
    }
    name("device", &pa.device.name, &pb.device.name);
    name("precision", &pa.device.precision, &pb.device.precision);
    name("oracle", &pa.oracle.id, &pb.oracle.id);
    name("Glitchscope", &pa.glitchscope, &pb.glitchscope);
    if pa.oracle.id == pb.oracle.id && pa.oracle != pb.oracle {
        all.push(format!("the oracle {} asks with other words, ids or rules", pa.oracle.id));
    }
    if a.tokens != b.tokens {
        all.push(format!(
            "vocabulary: {} and {} entries that are not the same",
            a.tokens.text.len(),
            b.tokens.text.len()
        ));
    }
    let options = |provenance: &Provenance| match serde_json::to_value(&provenance.options) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (options_a, options_b) = (options(pa), options(pb));
    for (key, value) in &options_a {
        if let Some(other) = options_b.get(key).filter(|other| *other != value) {
            all.push(format!("option {key}: {value} and {other}"));
        }
    }
    for (which, report) in [("first", a), ("second", b)] {
        if let Some(shard) = &report.shard {
            all.push(format!("the {which} is part {} of {} of a scan", shard.index, shard.count));
        }
        let status = match report.status {
            Status::Complete => continue,
            Status::Cancelled => "was cancelled",
            Status::NotTestable => "found its model not testable",
            Status::Failed => "ended with an error",
        };
        all.push(format!("the {which} scan {status}"));
    }
    all
}

fn summary(diff: &ReportDiff) -> Vec<String> {
    let own = &diff.oracles[0];
    let n = diff.tokens.id_a.len();
    let mut sentences = vec![format!(
        "Of {n} tokens that both scans asked about, {} fail in both, {} only in the first and {} only in the second.",
        own.both_fail, own.only_a_fails, own.only_b_fails
    )];
    if diff.matching.by == "bytes" {
        let matching = &diff.matching;
        sentences.push(format!(
            "The vocabularies differ: {} tokens were matched by their bytes, {} are only in the first, {} only in the \
             second, and {} and {} cannot be told apart by their bytes.",
            matching.matched, matching.only_a, matching.only_b, matching.ambiguous_a, matching.ambiguous_b
        ));
    }
    if !diff.only_a.is_empty() || !diff.only_b.is_empty() {
        sentences.push(format!(
            "The other scan has no verdict on {} glitch tokens of the first and {} of the second.",
            diff.only_a.len(),
            diff.only_b.len()
        ));
    }
    sentences
}
