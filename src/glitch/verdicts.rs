//! What the oracle has said so far. No token is asked about twice.

use super::summary::number;
use super::{Oracle, ScanError};
use crate::error::Result;
use crate::progress::Monitor;
use crate::report::Probe;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Unknown,
    Good,
    Bad,
}

/// Known-good and known-bad tokens with the oracle's answers. One state per id, so the two sets cannot overlap.
pub struct Verdicts {
    known: Vec<Verdict>,
    probes: Vec<Probe>,
    /// Tokens whose numbers were not finite.
    not_finite: Vec<u32>,
}

impl Verdicts {
    /// For ids below `len`.
    pub fn new(len: usize) -> Self {
        Verdicts { known: vec![Verdict::Unknown; len], probes: Vec::new(), not_finite: Vec::new() }
    }

    pub fn is_unknown(&self, id: u32) -> bool {
        self.known[id as usize] == Verdict::Unknown
    }

    pub fn is_bad(&self, id: u32) -> bool {
        self.known[id as usize] == Verdict::Bad
    }

    /// Tokens the oracle has answered about.
    pub fn len(&self) -> usize {
        self.probes.len()
    }

    /// Tokens known to fail.
    pub fn n_bad(&self) -> usize {
        self.probes.iter().filter(|probe| !probe.passed).count()
    }

    /// Ids that failed, ascending.
    pub fn bad(&self) -> Vec<u32> {
        (0..self.known.len() as u32).filter(|&id| self.is_bad(id)).collect()
    }

    /// Asks about those of `ids` that are still unknown, in their order. Verdicts reached before an error or a cancel
    /// are kept.
    pub async fn ask(&mut self, oracle: &mut dyn Oracle, ids: &[u32], monitor: &mut dyn Monitor) -> Result<()> {
        let unknown: Vec<u32> = ids.iter().copied().filter(|&id| self.is_unknown(id)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let mut answered = Vec::with_capacity(unknown.len());
        let outcome = oracle.probe(&unknown, &mut answered, monitor).await;
        let n_answered = answered.len();
        for (&asked, probe) in unknown.iter().zip(answered) {
            if probe.id != asked {
                return Err(ScanError::WrongAnswer { asked, answered: probe.id }.into());
            }
            self.record(probe);
        }
        outcome?;
        if n_answered != unknown.len() {
            return Err(ScanError::Unanswered { asked: unknown.len(), answered: n_answered }.into());
        }
        Ok(())
    }

    fn record(&mut self, mut probe: Probe) {
        if sanitise(&mut probe) {
            self.not_finite.push(probe.id);
        }
        let verdict = if probe.passed { Verdict::Good } else { Verdict::Bad };
        self.known[probe.id as usize] = verdict;
        self.probes.push(probe);
    }

    /// Tokens whose numbers were not finite, in the order in which they were asked about.
    pub fn not_finite(&self) -> &[u32] {
        &self.not_finite
    }

    /// A sentence about answers whose numbers were not finite, if there were any.
    pub fn note(&self) -> Option<String> {
        not_finite_note(&self.not_finite, self.probes.len())
    }

    /// Every answer, by token id.
    pub fn into_probes(mut self) -> Vec<Probe> {
        self.probes.sort_by_key(|probe| probe.id);
        self.probes
    }
}

/// A sentence about `ids`, whose numbers were not finite, out of `asked`.
pub fn not_finite_note(ids: &[u32], asked: usize) -> Option<String> {
    let first = ids.first()?;
    Some(format!(
        "{} of {} answers came with a probability or entropy that is not a finite number (the first for \
         token {first}); they count as failures and show 0.",
        number(ids.len()),
        number(asked)
    ))
}

/// Turns an answer with a number that is not finite into a failure that a report can hold (JSON has no NaN). Says
/// whether it had to.
pub fn sanitise(probe: &mut Probe) -> bool {
    if probe.p_target.is_finite() && probe.entropy.is_finite() && probe.value.is_none_or(f32::is_finite) {
        return false;
    }
    let value = probe.value.map(|value| if value.is_finite() { value } else { 0.0 });
    *probe = Probe { passed: false, passed_strict: false, value, p_target: 0.0, entropy: 0.0, ..probe.clone() };
    true
}
