//! The crate's error: one enum around one enum per stage, every message with its numbers, every user-facing error
//! with a hint that says what to do next.

use crate::checkpoint::CheckpointError;
use crate::compute::ComputeError;
use crate::corpus::CorpusError;
use crate::engine::EngineError;
use crate::glitch::ScanError;
use crate::graph::GraphError;
use crate::labs::attention::AttentionError;
#[cfg(any(not(target_arch = "wasm32"), feature = "database"))]
use crate::labs::holobench::HoloError;
use crate::repair::RepairError;
use crate::report::ReportError;
use crate::stats::StatsError;
use crate::tokenizer::TokenizerError;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, by the stage in which it did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Compute(#[from] ComputeError),
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Stats(#[from] StatsError),
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    #[error(transparent)]
    Repair(#[from] RepairError),
    #[error(transparent)]
    Attention(#[from] AttentionError),
    #[cfg(any(not(target_arch = "wasm32"), feature = "database"))]
    #[error(transparent)]
    Holo(#[from] HoloError),
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// What the person who meets this error can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Checkpoint(error) => error.hint(),
            Error::Tokenizer(error) => error.hint(),
            Error::Engine(error) => error.hint(),
            Error::Compute(error) => error.hint(),
            Error::Graph(error) => error.hint(),
            Error::Scan(error) => error.hint(),
            Error::Report(error) => error.hint(),
            Error::Corpus(error) => error.hint(),
            Error::Repair(error) => error.hint(),
            Error::Attention(error) => error.hint(),
            #[cfg(any(not(target_arch = "wasm32"), feature = "database"))]
            Error::Holo(error) => error.hint(),
            Error::Stats(_) | Error::Cancelled => None,
        }
    }

    /// Cancelling is not a failure: what was found is kept.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Error::Cancelled)
    }

    /// The device could not be had, was lost, or is too small for the tensor: another device may do.
    pub fn is_device(&self) -> bool {
        matches!(self, Error::Compute(error) if error.is_device())
    }
}
