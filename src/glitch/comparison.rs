//! A search measured against the exhaustive scan of the same model, asked the same question on the same device.

use crate::compute::DeviceInfo;
use crate::report::{Comparison, FileInfo, Method, ModelInfo, Report, Status};

/// Why `hunt` cannot be measured against `truth`, in words; `None` when it can.
pub fn incomparable(hunt: &Report, truth: &Report) -> Option<String> {
    if hunt.provenance.options.method != Method::Glitchhunter {
        return Some("this scan is exhaustive itself".into());
    }
    if hunt.status == Status::NotTestable {
        return Some("the model was found not testable, so nothing was searched".into());
    }
    not_a_truth(truth).or_else(|| different_question(hunt, truth))
}

/// Why a report cannot serve as the truth, in words.
pub fn not_a_truth(truth: &Report) -> Option<String> {
    if truth.provenance.options.method != Method::Exhaustive {
        return Some("the stored report is not that of an exhaustive scan".into());
    }
    if let Some(shard) = &truth.shard {
        return Some(format!("the stored report is part {} of {} of a scan", shard.index, shard.count));
    }
    if let (Status::NotTestable, Some(controls)) = (truth.status, &truth.controls) {
        let (passed, asked) = (controls.passed, controls.asked);
        return Some(format!(
            "the model passed {passed} of {asked} ordinary words, so nothing was asked; --despite-controls scans it all the \
             same"
        ));
    }
    (truth.status != Status::Complete).then(|| "the stored scan did not run to its end".into())
}

fn different_question(hunt: &Report, truth: &Report) -> Option<String> {
    let (ours, theirs) = (&hunt.provenance, &truth.provenance);
    if ours.oracle != theirs.oracle {
        return Some(if ours.oracle.id == theirs.oracle.id {
            format!("both used the oracle {}, but not with the same words and rules", ours.oracle.id)
        } else {
            format!("it used the oracle {}, this scan {}", theirs.oracle.id, ours.oracle.id)
        });
    }
    if !same_model(&ours.model, &theirs.model) || hunt.tokens != truth.tokens {
        return Some(format!(
            "it is of another model ({}, {} parameters, {} tokens) than this scan ({}, {} parameters, {} tokens)",
            theirs.model.name,
            theirs.model.parameters,
            truth.tokens.text.len(),
            ours.model.name,
            ours.model.parameters,
            hunt.tokens.text.len()
        ));
    }
    let (here, there) = (&ours.device, &theirs.device);
    if !same_device(here, there) {
        return Some(format!(
            "it was made on another device ({}, {}) than this scan ({}, {}), and verdicts may differ between devices",
            there.name, there.precision, here.name, here.precision
        ));
    }
    None
}

/// The same weights and the same shape. Where both know the hash of a file the hash decides, else its size; the name
/// the user gave the model does not count.
pub fn same_model(a: &ModelInfo, b: &ModelInfo) -> bool {
    let nameless = |model: &ModelInfo| ModelInfo { name: String::new(), files: Vec::new(), ..model.clone() };
    let same_file = |(a, b): (&FileInfo, &FileInfo)| {
        let same_hash = match (&a.sha256, &b.sha256) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        a.name == b.name && a.bytes == b.bytes && same_hash
    };
    nameless(a) == nameless(b) && a.files.len() == b.files.len() && a.files.iter().zip(&b.files).all(same_file)
}

/// All that can change a number; why the device was chosen cannot.
pub fn same_device(a: &DeviceInfo, b: &DeviceInfo) -> bool {
    a.kind == b.kind && a.name == b.name && a.detail == b.detail && a.precision == b.precision
}

/// Precision, recall and cost of a search. Ask [`incomparable`] first; the numbers mean nothing between scans that
/// differ in model, oracle or device.
pub fn compare(hunt: &Report, truth: &Report) -> Comparison {
    let queries = hunt.hunt.as_ref().map_or(hunt.probes.len(), |hunt| hunt.queries as usize);
    measure(&hunt.glitch_tokens, &truth.glitch_tokens, queries, truth.probes.len())
}

/// The same from bare numbers.
pub fn measure(found: &[u32], truth: &[u32], queries: usize, queries_exhaustive: usize) -> Comparison {
    let found: std::collections::HashSet<u32> = found.iter().copied().collect();
    let truth: std::collections::HashSet<u32> = truth.iter().copied().collect();
    let true_positives = found.intersection(&truth).count();
    let share = |part: usize, whole: usize, empty: f64| {
        if whole == 0 { empty } else { part as f64 / whole as f64 }
    };
    Comparison {
        true_positives: true_positives as u32,
        false_positives: (found.len() - true_positives) as u32,
        false_negatives: (truth.len() - true_positives) as u32,
        precision: share(true_positives, found.len(), 1.0),
        recall: share(true_positives, truth.len(), 1.0),
        queries_exhaustive: queries_exhaustive as u32,
        query_share: share(queries, queries_exhaustive, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the definitions, by hand.
    #[test]
    fn measures() {
        let comparison = measure(&[1, 2, 3], &[2, 3, 4, 5], 10, 40);
        assert_eq!((comparison.true_positives, comparison.false_positives, comparison.false_negatives), (2, 1, 2));
        assert_eq!((comparison.precision, comparison.recall, comparison.query_share), (2.0 / 3.0, 0.5, 0.25));
        let nothing = measure(&[], &[], 0, 0);
        assert_eq!((nothing.precision, nothing.recall, nothing.query_share), (1.0, 1.0, 0.0));
    }
}
