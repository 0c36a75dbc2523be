//! An oracle says of a token whether the model can handle it.

pub mod asker;
pub mod catalogue;
pub mod graders;
pub mod nucleus;
pub mod panel;
pub mod question;
pub mod task;

use crate::error::Result;
use crate::progress::{LocalBoxFuture, Monitor};
use crate::report::{OracleInfo, Probe};

/// One question, asked of many tokens.
pub trait Oracle {
    /// The question, to the byte.
    fn info(&self) -> OracleInfo;

    /// Verdicts for `ids`, in their order. Reports `Event::Advance` (unit `tokens`) and `Event::Probes` batch by batch
    /// and pauses between batches. When it is cancelled or fails, the verdicts that were reached before have already
    /// been pushed to `probes`.
    fn probe<'a>(
        &'a mut self,
        ids: &'a [u32],
        probes: &'a mut Vec<Probe>,
        monitor: &'a mut dyn Monitor,
    ) -> LocalBoxFuture<'a, Result<()>>;

    /// Tokens the model has processed so far, prefix positions shared by a batch counted once.
    fn model_tokens(&self) -> u64;
}
