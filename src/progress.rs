//! Progress and cancellation of long work.
//!
//! A scan reads no clock: it says what is done of how much, and the edge that listens adds rates and estimates.
//! Work stops only at `pause`, which every loop calls between two batches; the browser's worker uses the same moment
//! to take messages, so a cancel is seen there.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::report::{DetectorTable, Probe, TokenGraph};

pub type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What a long job tells its listener.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(rename = "ScanEvent"))]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event<'a> {
    /// A new stage begins, for example `probing` in round 2. `detail` is a sentence fragment for people.
    Stage { stage: &'static str, detail: String },
    /// `done` of `total` in `unit` of the current stage.
    Advance {
        #[cfg_attr(test, ts(type = "number"))]
        done: u64,
        #[cfg_attr(test, ts(type = "number"))]
        total: u64,
        unit: &'static str,
    },
    /// Verdicts, as they are reached.
    Probes { probes: &'a [Probe] },
    /// The map is drawn; comes before the first question of a search.
    Graph { graph: &'a TokenGraph },
    /// A detector is done; the comparison so far, with the status it has if it ends here.
    Detectors { table: &'a DetectorTable },
    /// What a generation says next: whole characters, in order.
    Text { text: String },
    /// A line of the scan's state, ending in a newline, for whoever writes it somewhere; only of scans whose state is kept.
    State { line: String },
    /// Something the user should know; also kept in the report.
    Note { text: String },
}

/// Listens to a long job, and may stop it.
pub trait Monitor {
    fn event(&mut self, event: Event<'_>);

    /// Asked at every pause.
    fn is_cancelled(&self) -> bool;

    /// Gives other work a turn. The default returns at once: natively nothing waits for this thread.
    fn give_way(&mut self) -> LocalBoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Gives way, then fails with `Error::Cancelled` if the listener wants the job to stop.
pub async fn pause(monitor: &mut dyn Monitor) -> Result<()> {
    monitor.give_way().await;
    if monitor.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
}

/// Listens to nothing and never cancels; for tests and for callers without an interface.
pub struct Silent;

impl Monitor for Silent {
    fn event(&mut self, _event: Event<'_>) {}

    fn is_cancelled(&self) -> bool {
        false
    }
}
