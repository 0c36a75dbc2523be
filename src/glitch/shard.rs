//! An exhaustive scan in parts, for machines that share it, and the report that the parts come to.
//!
//! Every part asks the same controls and then every n-th token that text can produce; the first part draws the map. Joined,
//! they equal the report of the whole scan byte for byte, `timings` aside: verdicts depend on nothing but the token, and
//! everything that counts over tokens is counted again.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use super::comparison::{same_device, same_model};
use super::skipped::OTHER_PART;
use super::{ScanError, agreement, controls, summary, taxonomy, verdicts};
use crate::report::{AnswerColumn, Controls, Panel, PromptInfo, Report, Shard, Skipped, Status, Timing, VerdictColumn};

/// More parts than a cluster has machines: a count beyond it is a slip of the keyboard.
const PARTS_MAX: u32 = 100_000;

/// Which part of a scan; written `2/3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 1 to `count`.
    pub index: u32,
    pub count: u32,
}

impl Part {
    /// Its ids out of all: every `count`-th, so that parts take about as long as each other.
    pub fn of(self, all: &[u32]) -> Vec<u32> {
        all.iter().skip(self.index as usize - 1).step_by(self.count as usize).copied().collect()
    }

    /// What its report says of it before anything was asked.
    pub fn begun(self) -> Shard {
        Shard {
            index: self.index,
            count: self.count,
            notes: 0,
            incidents: Vec::new(),
            shared_model_tokens: 0,
            not_finite: Vec::new(),
        }
    }
}

impl FromStr for Part {
    type Err = ScanError;

    fn from_str(text: &str) -> Result<Part, ScanError> {
        let wrong = || ScanError::Part { given: text.chars().take(40).collect() };
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let part = Part { index: index.parse().map_err(|_| wrong())?, count: count.parse().map_err(|_| wrong())? };
        if part.index == 0 || part.index > part.count || part.count > PARTS_MAX { Err(wrong()) } else { Ok(part) }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// Without controls the prompts were first run for the part's own tokens; every part runs them all the same.
pub fn count_shared_tokens(report: &mut Report) {
    let prompts = prompt_tokens(report);
    if let Some(shard) = &mut report.shard
        && shard.shared_model_tokens == 0
        && !report.probes.is_empty()
    {
        shard.shared_model_tokens = prompts.min(report.model_tokens);
    }
}

/// Tokens before the first hole of every question, questions that oracles share counted once.
fn prompt_tokens(report: &Report) -> u64 {
    let own = std::slice::from_ref(&report.provenance.oracle);
    let oracles = report.panel.as_ref().map_or(own, |panel| &panel.oracles[..]);
    let mut seen = HashSet::new();
    let mut prompts: Vec<&PromptInfo> = oracles.iter().flat_map(|oracle| &oracle.prompts).collect();
    prompts.retain(|prompt| seen.insert(prompt.name.as_str()));
    prompts.iter().filter_map(|prompt| prompt.ids.first()).map(|ids| ids.len() as u64).sum()
}

/// Joins the parts of one scan, in any order.
///
/// Errors   `Parts` when a part is missing, stands there twice, did not end, or is of another scan: another model,
///          vocabulary, oracle, set of options, device or version; with the numbers
pub fn merge(mut parts: Vec<Report>) -> Result<Report, ScanError> {
    check(&parts)?;
    parts.sort_by_key(|part| shard(part).map_or(0, |shard| shard.index));
    let refused = |reason: String| Err(ScanError::Parts { reason });
    let mut whole = parts[0].clone();
    let first = whole.shard.take().expect("OK because every part was checked to be one");
    whole.timings = summed(&parts);
    if whole.status == Status::NotTestable {
        return Ok(whole);
    }
    whole.notes.truncate(first.notes as usize);
    whole.notes.extend(parts.iter().filter_map(|part| shard(part).ok()).flat_map(|shard| shard.incidents.clone()));
    let mut not_finite: Vec<u32> =
        parts.iter().filter_map(|part| shard(part).ok()).flat_map(|shard| shard.not_finite.clone()).collect();
    not_finite.sort_unstable();
    whole.model_tokens = first.shared_model_tokens
        + parts
            .iter()
            .map(|part| part.model_tokens.saturating_sub(shard(part).map_or(0, |shard| shard.shared_model_tokens)))
            .sum::<u64>();
    let asked: usize = parts.iter().map(|part| part.probes.len()).sum();
    whole.notes.extend(verdicts::not_finite_note(&not_finite, asked));
    whole.skipped = without_other_parts(&parts[0]);
    whole.panel = joined_panel(&parts)?;
    whole.probes = parts.iter().flat_map(|part| part.probes.iter().cloned()).collect();
    whole.probes.sort_by_key(|probe| probe.id);
    if let Some(pair) = whole.probes.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return refused(format!("token {} was asked about in two parts", pair[0].id));
    }
    let expected: usize = asked_or_left(&parts[0]).len();
    if whole.probes.len() != expected {
        return refused(format!("they hold verdicts on {} tokens, the scan is about {expected}", whole.probes.len()));
    }
    whole.glitch_tokens = whole.probes.iter().filter(|probe| !probe.passed).map(|probe| probe.id).collect();
    whole.labels = taxonomy::labels(&whole);
    whole.label_counts = taxonomy::counts(&whole.labels);
    let untestable = controls::untestable(&whole);
    whole.notes.extend(untestable);
    whole.summary = summary::summary(&whole);
    Ok(whole)
}

fn shard(part: &Report) -> Result<&Shard, ScanError> {
    part.shard.as_ref().ok_or_else(|| ScanError::Parts {
        reason: format!("the report of {} is a whole scan, not a part", part.provenance.model.name),
    })
}

/// Whether these are all parts of one scan.
fn check(parts: &[Report]) -> Result<(), ScanError> {
    let refused = |reason: String| Err(ScanError::Parts { reason });
    let Some(first) = parts.first() else { return refused("none was given".into()) };
    let count = shard(first)?.count;
    let mut seen = HashSet::new();
    let all: HashSet<u32> = asked_or_left(first);
    for part in parts {
        let shard = shard(part)?;
        let name = format!("part {}/{}", shard.index, shard.count);
        if shard.count != count {
            return refused(format!("{name} stands beside parts of a scan in {count}"));
        }
        if !seen.insert(shard.index) {
            return refused(format!("{name} was given twice"));
        }
        match part.status {
            Status::Complete | Status::NotTestable if part.status == first.status => {}
            Status::Complete | Status::NotTestable => {
                return refused(format!("{name} and another part differ about whether the model can be tested"));
            }
            Status::Cancelled | Status::Failed => {
                return refused(format!("{name} did not end: it holds {} verdicts", part.probes.len()));
            }
        }
        if let Some(difference) = difference(first, part) {
            return refused(format!("{name} is of another scan than part {}: {difference}", self::shard(first)?.index));
        }
        if part.status == Status::Complete && asked_or_left(part) != all {
            return refused(format!("{name} is about other tokens than part {}", self::shard(first)?.index));
        }
        if part.status == Status::Complete && part.probes.is_empty() && all.len() >= count as usize {
            return refused(format!("{name} holds no verdicts"));
        }
    }
    let missing: Vec<String> =
        (1..=count).filter(|index| !seen.contains(index)).take(8).map(|i| i.to_string()).collect();
    if !missing.is_empty() {
        return refused(format!("{} of {count} parts were given; missing: {}", seen.len(), missing.join(", ")));
    }
    Ok(())
}

/// In what two parts are not of one scan, in words.
fn difference(a: &Report, b: &Report) -> Option<String> {
    let (pa, pb) = (&a.provenance, &b.provenance);
    if pa.glitchscope != pb.glitchscope {
        return Some(format!("version {} against {}", pb.glitchscope, pa.glitchscope));
    }
    if !same_model(&pa.model, &pb.model) {
        return Some(format!(
            "its model has {} parameters and {} files, with other sizes or hashes than {} parameters and {} files",
            pb.model.parameters,
            pb.model.files.len(),
            pa.model.parameters,
            pa.model.files.len()
        ));
    }
    if a.tokens != b.tokens {
        return Some(format!("its vocabulary of {} entries is not the same", b.tokens.text.len()));
    }
    if pa.oracle != pb.oracle || oracles(a) != oracles(b) {
        return Some(format!("it asked {}, with other words or rules than {}", pb.oracle.id, pa.oracle.id));
    }
    if pa.options != pb.options {
        return Some("its options are not the same".into());
    }
    if !same_device(&pa.device, &pb.device) {
        return Some(format!(
            "it ran on {} ({}), not on {} ({}), and verdicts may differ between devices",
            pb.device.name, pb.device.precision, pa.device.name, pa.device.precision
        ));
    }
    let verdicts = |controls: &Option<Controls>| {
        controls.as_ref().map(|controls| (controls.asked, controls.passed, controls.probes.clone()))
    };
    (verdicts(&a.controls) != verdicts(&b.controls)).then(|| "its ordinary words were answered otherwise".into())
}

fn oracles(report: &Report) -> Vec<&str> {
    report.panel.iter().flat_map(|panel| panel.oracles.iter().map(|oracle| oracle.id.as_str())).collect()
}

/// Every token of the whole scan: those the part asked about and those it left to the others.
fn asked_or_left(part: &Report) -> HashSet<u32> {
    let left =
        part.skipped.iter().filter(|group| group.reason == OTHER_PART).flat_map(|group| group.ids.iter().copied());
    part.probes.iter().map(|probe| probe.id).chain(left).collect()
}

fn without_other_parts(part: &Report) -> Vec<Skipped> {
    part.skipped.iter().filter(|group| group.reason != OTHER_PART).cloned().collect()
}

/// The panels' rows in the order of ids, and how the oracles agree over all of them.
fn joined_panel(parts: &[Report]) -> Result<Option<Panel>, ScanError> {
    let panels: Vec<&Panel> = parts.iter().filter_map(|part| part.panel.as_ref()).collect();
    if panels.is_empty() {
        return Ok(None);
    }
    let shape = |panel: &Panel| (panel.verdicts.len(), panel.answers.len());
    if panels.len() != parts.len() || panels.iter().any(|panel| shape(panel) != shape(panels[0])) {
        return Err(ScanError::Parts { reason: "not all of them hold the same questions and oracles".into() });
    }
    let mut order: Vec<(u32, usize, usize)> = Vec::new();
    for (of, panel) in panels.iter().enumerate() {
        order.extend(panel.ids.iter().enumerate().map(|(at, &id)| (id, of, at)));
    }
    order.sort_unstable();
    let verdicts: Vec<VerdictColumn> = (0..panels[0].verdicts.len())
        .map(|i| {
            let of = |panel: usize| &panels[panel].verdicts[i];
            VerdictColumn {
                passed: order.iter().map(|&(_, panel, at)| of(panel).passed[at]).collect(),
                passed_strict: order.iter().map(|&(_, panel, at)| of(panel).passed_strict[at]).collect(),
                value: order.iter().map(|&(_, panel, at)| of(panel).value[at]).collect(),
                interval: order.iter().filter_map(|&(_, panel, at)| of(panel).interval.get(at).copied()).collect(),
                ..of(0).clone()
            }
        })
        .collect();
    let answers = (0..panels[0].answers.len())
        .map(|i| {
            let of = |panel: usize| &panels[panel].answers[i];
            AnswerColumn {
                prompt: of(0).prompt.clone(),
                p_target: order.iter().map(|&(_, panel, at)| of(panel).p_target[at]).collect(),
                p_max: order.iter().map(|&(_, panel, at)| of(panel).p_max[at]).collect(),
                argmax: order.iter().map(|&(_, panel, at)| of(panel).argmax[at]).collect(),
                entropy: order.iter().map(|&(_, panel, at)| of(panel).entropy[at]).collect(),
                failed: order.iter().filter_map(|&(_, panel, at)| of(panel).failed.get(at).copied()).collect(),
                failures: order.iter().filter_map(|&(_, panel, at)| of(panel).failures.get(at).copied()).collect(),
                ids: order.iter().map(|&(_, panel, at)| of(panel).ids[at].clone()).collect(),
                text: order.iter().map(|&(_, panel, at)| of(panel).text[at].clone()).collect(),
            }
        })
        .collect();
    let agreement = agreement::agreement(&verdicts);
    let ids = order.into_iter().map(|(id, _, _)| id).collect();
    Ok(Some(Panel { oracles: panels[0].oracles.clone(), ids, verdicts, answers, agreement }))
}

/// The seconds of all parts, stage by stage in the order in which they first appear.
fn summed(parts: &[Report]) -> Vec<Timing> {
    let mut all: Vec<Timing> = Vec::new();
    for timing in parts.iter().flat_map(|part| &part.timings) {
        match all.iter_mut().find(|known| known.stage == timing.stage) {
            Some(known) => known.seconds += timing.seconds,
            None => all.push(timing.clone()),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand. Parts are disjoint and together everything.
    #[test]
    fn parts_are_read_and_deal_out_ids() {
        let all: Vec<u32> = (10..21).collect();
        let parts: Vec<Part> = (1..=3).map(|index| Part { index, count: 3 }).collect();
        assert_eq!(parts[1].of(&all), [11, 14, 17, 20]);
        let mut joined: Vec<u32> = parts.iter().flat_map(|part| part.of(&all)).collect();
        joined.sort_unstable();
        assert_eq!(joined, all);
        assert_eq!("2/3".parse::<Part>().unwrap(), parts[1]);
        assert_eq!(parts[1].to_string(), "2/3");
        for wrong in ["", "2", "0/3", "4/3", "2/0", "-1/3", "1/3/5", "a/b", "1/4294967296"] {
            let error = wrong.parse::<Part>().expect_err(wrong);
            assert!(error.to_string().contains(&format!("{wrong:?}")) && error.hint().is_some());
        }
    }
}
