//! Checks a report that came from outside: columns as long as each other, ids in range, numbers finite.

use super::ReportError;
use crate::report::{Probe, Report, TokenGraph};

pub fn check(report: &Report) -> Result<(), ReportError> {
    let len = report.tokens.text.len();
    length("tokens.bytes_hex", report.tokens.bytes_hex.len(), len)?;
    length("tokens.class", report.tokens.class.len(), len)?;
    for (place, hex) in report.tokens.bytes_hex.iter().enumerate() {
        if hex.len() % 2 != 0 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ReportError::Value {
                what: "tokens.bytes_hex",
                place,
                value: shortened(hex),
                expected: "pairs of hexadecimal digits",
            });
        }
    }
    if let Some(controls) = &report.controls {
        probes("controls.probes", &controls.probes, len)?;
        length(
            "controls.probes",
            controls.probes.len(),
            controls.asked as usize,
        )?;
        let passed = controls.probes.iter().filter(|probe| probe.passed).count();
        length(
            "the passed ones of controls.probes",
            passed,
            controls.passed as usize,
        )?;
    }
    if let Some(graph) = &report.graph {
        check_graph(graph, len)?;
    }
    probes("probes", &report.probes, len)?;
    ascending("probes", report.probes.iter().map(|probe| probe.id))?;
    ids("glitch_tokens", &report.glitch_tokens, len)?;
    ascending("glitch_tokens", report.glitch_tokens.iter().copied())?;
    for (place, id) in report.glitch_tokens.iter().enumerate() {
        let failed = report
            .probes
            .binary_search_by_key(id, |probe| probe.id)
            .is_ok_and(|at| !report.probes[at].passed);
        if !failed {
            return Err(ReportError::Value {
                what: "glitch_tokens",
                place,
                value: id.to_string(),
                expected: "an id whose probe failed",
            });
        }
    }
    for skipped in &report.skipped {
        ids("skipped", &skipped.ids, len)?;
    }
    if let Some(hunt) = &report.hunt {
        ids("hunt.surviving", &hunt.surviving, len)?;
        ascending("hunt.surviving", hunt.surviving.iter().copied())?;
        for (place, round) in hunt.rounds.iter().enumerate() {
            finite("hunt.rounds.quality", place, round.quality)?;
        }
    }
    if let Some(comparison) = &report.comparison {
        finite("comparison.precision", 0, comparison.precision)?;
        finite("comparison.recall", 0, comparison.recall)?;
        finite("comparison.query_share", 0, comparison.query_share)?;
    }
    let options = &report.provenance.options;
    for (what, value) in [
        ("options.resolution", options.resolution),
        ("options.keep_ratio", options.keep_ratio),
        ("options.sample_fraction", options.sample_fraction),
        ("options.controls_pass_ratio", options.controls_pass_ratio),
    ] {
        finite(what, 0, value)?;
    }
    for (place, timing) in report.timings.iter().enumerate() {
        finite("timings.seconds", place, timing.seconds)?;
    }
    Ok(())
}

fn check_graph(graph: &TokenGraph, len: usize) -> Result<(), ReportError> {
    let vertices = graph.ids.len();
    ids("graph.ids", &graph.ids, len)?;
    ascending("graph.ids", graph.ids.iter().copied())?;
    length("graph.x", graph.x.len(), vertices)?;
    length("graph.y", graph.y.len(), vertices)?;
    length("graph.cluster", graph.cluster.len(), vertices)?;
    // The product of two file numbers may overflow on wasm32, so it is taken in 64 bits.
    let listed = vertices as u64 * u64::from(graph.neighbours_per_token);
    let listed = usize::try_from(listed).unwrap_or(usize::MAX);
    length("graph.neighbours", graph.neighbours.len(), listed)?;
    length("graph.distances", graph.distances.len(), listed)?;
    ids("graph.neighbours", &graph.neighbours, len)?;
    for (place, &cluster) in graph.cluster.iter().enumerate() {
        if cluster >= graph.n_clusters {
            return Err(ReportError::Value {
                what: "graph.cluster",
                place,
                value: cluster.to_string(),
                expected: "below graph.n_clusters",
            });
        }
    }
    for (what, column) in [
        ("graph.x", &graph.x),
        ("graph.y", &graph.y),
        ("graph.distances", &graph.distances),
    ] {
        for (place, &value) in column.iter().enumerate() {
            finite(what, place, f64::from(value))?;
        }
    }
    finite("graph.explained_variance", 0, graph.explained_variance)?;
    finite("graph.quality", 0, graph.quality)
}

fn probes(what: &'static str, probes: &[Probe], len: usize) -> Result<(), ReportError> {
    for (place, probe) in probes.iter().enumerate() {
        id_in_range(what, place, probe.id, len)?;
        id_in_range("the argmax of a probe", place, probe.argmax, len)?;
        for &id in &probe.answer {
            id_in_range("the answer of a probe", place, id, len)?;
        }
        finite("the p_target of a probe", place, f64::from(probe.p_target))?;
        finite("the entropy of a probe", place, f64::from(probe.entropy))?;
    }
    Ok(())
}

fn length(what: &'static str, got: usize, expected: usize) -> Result<(), ReportError> {
    if got == expected {
        return Ok(());
    }
    Err(ReportError::Length {
        what,
        got,
        expected,
    })
}

fn ids(what: &'static str, ids: &[u32], len: usize) -> Result<(), ReportError> {
    ids.iter()
        .enumerate()
        .try_for_each(|(place, &id)| id_in_range(what, place, id, len))
}

fn id_in_range(what: &'static str, place: usize, id: u32, len: usize) -> Result<(), ReportError> {
    if (id as usize) < len {
        return Ok(());
    }
    Err(ReportError::IdOutOfRange {
        what,
        place,
        id,
        len,
    })
}

/// Strictly, so that no id stands twice.
fn ascending(what: &'static str, ids: impl Iterator<Item = u32>) -> Result<(), ReportError> {
    let mut last = None;
    for (place, id) in ids.enumerate() {
        if last.is_some_and(|last| last >= id) {
            return Err(ReportError::Value {
                what,
                place,
                value: id.to_string(),
                expected: "above the id before it",
            });
        }
        last = Some(id);
    }
    Ok(())
}

/// JSON has no NaN or infinity, but a number like 1e999 or 1e39 becomes infinite in its type.
fn finite(what: &'static str, place: usize, value: f64) -> Result<(), ReportError> {
    if value.is_finite() {
        return Ok(());
    }
    Err(ReportError::Value {
        what,
        place,
        value: value.to_string(),
        expected: "a finite number",
    })
}

fn shortened(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}
