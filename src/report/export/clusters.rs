//! Every cluster of every round as CSV: what was asked of it, what that says, and how likely it would have missed something.

use std::fmt::Write;

use crate::report::Report;

const HEADER: &str = "round,cluster,size,askable,sampled,hits,p_value,q_value,miss_probability,kept\r\n";

/// A row for each cluster of each complete round of a search; the header alone for a report without one. Cells of values
/// that the rule does not compute are empty.
pub fn csv(report: &Report) -> String {
    let mut out = String::from(HEADER);
    for round in report.hunt.iter().flat_map(|hunt| &hunt.rounds) {
        for (cluster, test) in round.tests.iter().enumerate() {
            let or_empty = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
            // OK because writing to a String cannot fail.
            let _ = write!(
                out,
                "{},{cluster},{},{},{},{},{},{},{},{}\r\n",
                round.round,
                test.size,
                test.askable,
                test.sampled,
                test.hits,
                or_empty(test.p_value),
                or_empty(test.q_value),
                test.miss_probability,
                test.kept
            );
        }
    }
    out
}
