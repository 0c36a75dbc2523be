//! Checks a report that came from outside: columns as long as each other, ids in range and in order. Numbers need no
//! check: JSON has no NaN or infinity, and `serde_json` refuses a number too large for its type.

use super::ReportError;
use crate::report::{Panel, Probe, Report, TokenGraph};

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
        length("controls.probes", controls.probes.len(), controls.asked as usize)?;
        let passed = controls.probes.iter().filter(|probe| probe.passed).count();
        length("the passed ones of controls.probes", passed, controls.passed as usize)?;
    }
    if let Some(graph) = &report.graph {
        check_graph(graph, len)?;
    }
    probes("probes", &report.probes, len)?;
    ascending("probes", report.probes.iter().map(|probe| probe.id))?;
    ids("glitch_tokens", &report.glitch_tokens, len)?;
    ascending("glitch_tokens", report.glitch_tokens.iter().copied())?;
    for (place, id) in report.glitch_tokens.iter().enumerate() {
        let failed = report.probes.binary_search_by_key(id, |probe| probe.id).is_ok_and(|at| !report.probes[at].passed);
        if !failed {
            return Err(ReportError::Value {
                what: "glitch_tokens",
                place,
                value: id.to_string(),
                expected: "an id whose probe failed",
            });
        }
    }
    if let Some(panel) = &report.panel {
        check_panel(panel, len)?;
    }
    for (place, label) in report.labels.iter().enumerate() {
        id_in_range("labels", place, label.id, len)?;
    }
    for skipped in &report.skipped {
        ids("skipped", &skipped.ids, len)?;
    }
    if let Some(shard) = &report.shard {
        if shard.index == 0 || shard.index > shard.count {
            return Err(ReportError::Value {
                what: "shard.index",
                place: 0,
                value: shard.index.to_string(),
                expected: "from 1 to shard.count",
            });
        }
        ids("shard.not_finite", &shard.not_finite, len)?;
    }
    if let Some(hunt) = &report.hunt {
        ids("hunt.surviving", &hunt.surviving, len)?;
        ascending("hunt.surviving", hunt.surviving.iter().copied())?;
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
    Ok(())
}

fn check_panel(panel: &Panel, len: usize) -> Result<(), ReportError> {
    let rows = panel.ids.len();
    ids("panel.ids", &panel.ids, len)?;
    ascending("panel.ids", panel.ids.iter().copied())?;
    length("panel.verdicts", panel.verdicts.len(), panel.oracles.len())?;
    for column in &panel.verdicts {
        length("panel.verdicts.passed", column.passed.len(), rows)?;
        length("panel.verdicts.passed_strict", column.passed_strict.len(), rows)?;
        length("panel.verdicts.value", column.value.len(), rows)?;
        if !column.interval.is_empty() {
            length("panel.verdicts.interval", column.interval.len(), rows)?;
        }
    }
    for column in &panel.answers {
        length("panel.answers.p_target", column.p_target.len(), rows)?;
        length("panel.answers.p_max", column.p_max.len(), rows)?;
        length("panel.answers.argmax", column.argmax.len(), rows)?;
        length("panel.answers.entropy", column.entropy.len(), rows)?;
        length("panel.answers.ids", column.ids.len(), rows)?;
        length("panel.answers.text", column.text.len(), rows)?;
        if !column.failed.is_empty() {
            length("panel.answers.failed", column.failed.len(), rows)?;
        }
        if !column.failures.is_empty() {
            length("panel.answers.failures", column.failures.len(), rows)?;
        }
        ids("panel.answers.argmax", &column.argmax, len)?;
        for answer in &column.ids {
            ids("panel.answers.ids", answer, len)?;
        }
    }
    Ok(())
}

fn probes(what: &'static str, probes: &[Probe], len: usize) -> Result<(), ReportError> {
    for (place, probe) in probes.iter().enumerate() {
        id_in_range(what, place, probe.id, len)?;
        id_in_range("the argmax of a probe", place, probe.argmax, len)?;
        for &id in &probe.answer {
            id_in_range("the answer of a probe", place, id, len)?;
        }
    }
    Ok(())
}

fn length(what: &'static str, got: usize, expected: usize) -> Result<(), ReportError> {
    if got == expected {
        return Ok(());
    }
    Err(ReportError::Length { what, got, expected })
}

fn ids(what: &'static str, ids: &[u32], len: usize) -> Result<(), ReportError> {
    ids.iter().enumerate().try_for_each(|(place, &id)| id_in_range(what, place, id, len))
}

fn id_in_range(what: &'static str, place: usize, id: u32, len: usize) -> Result<(), ReportError> {
    if (id as usize) < len {
        return Ok(());
    }
    Err(ReportError::IdOutOfRange { what, place, id, len })
}

/// Strictly, so that no id stands twice.
fn ascending(what: &'static str, ids: impl Iterator<Item = u32>) -> Result<(), ReportError> {
    let mut last = None;
    for (place, id) in ids.enumerate() {
        if last.is_some_and(|last| last >= id) {
            return Err(ReportError::Value { what, place, value: id.to_string(), expected: "above the id before it" });
        }
        last = Some(id);
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}
