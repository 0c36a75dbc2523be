//! A token before and after a repair.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::glitch::oracle::Oracle;
use crate::progress::{Event, Monitor};
use crate::report::{Probe, ScanOptions};
use crate::session::Session;

/// What an oracle said of a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Said {
    pub passed: bool,
    pub answer: String,
    /// Probability of the token itself as the first token of the answer; null where it is not one token.
    pub p_target: Option<f32>,
    /// The oracle's graded value.
    pub value: Option<f32>,
}

impl From<&Probe> for Said {
    fn from(probe: &Probe) -> Said {
        let answer = probe.answer_text.clone();
        Said { passed: probe.passed, answer, p_target: Some(probe.p_target), value: probe.value }
    }
}

/// Verdicts about tokens by the oracle of a report, in the order of `ids`, and the oracle's id.
pub async fn ask(
    session: &mut Session,
    options: &ScanOptions,
    ids: &[u32],
    when: &'static str,
    monitor: &mut dyn Monitor,
) -> Result<Vec<Probe>> {
    monitor.event(Event::Stage { stage: when, detail: format!("asking about {} tokens", ids.len()) });
    let mut panel = session.panel(options)?;
    let mut probes = Vec::with_capacity(ids.len());
    panel.probe(ids, &mut probes, monitor).await?;
    Ok(probes)
}
