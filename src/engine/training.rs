//! Loss, gradients, and steps down them.
//!
//! Reading order: [`batch`] says which rows are trained on and which of their tokens count, [`pass`] records a batch
//! forward and backward, [`optimiser`] and [`schedule`] say how a gradient moves a parameter, [`trainer`] takes steps
//! on batches of [`rows`], [`checkpoint`] keeps them.
//!
//! Training is deterministic: the same rows, settings and device give the same bits. There is no dropout.

pub mod batch;
pub mod checkpoint;
pub mod optimiser;
pub mod options;
pub mod pass;
pub mod recorded;
pub mod rows;
pub mod schedule;
pub mod trainer;

pub use batch::{AttentionMask, Batch, Target};
pub use optimiser::{AdamWSettings, Group};
pub use options::{ScheduleName, TrainingOptions};
pub use pass::{Loss, loss, loss_and_gradients, loss_and_site_gradients};
pub use recorded::RecordedBatches;
pub use rows::Rows;
pub use schedule::{Schedule, Shape};
pub use trainer::{StepReport, Trainer, TrainingSettings};
