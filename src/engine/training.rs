//! Loss, gradients, and steps down them.
//!
//! Reading order: [`batch`] says which rows are trained on and which of their tokens count, [`pass`] records a batch
//! forward and backward, [`optimiser`] and [`schedule`] say how a gradient moves a parameter, [`trainer`] takes steps,
//! [`checkpoint`] keeps them.
//!
//! Training is deterministic: the same rows, settings and device give the same bits. There is no dropout.

pub mod batch;
pub mod pass;

pub use batch::Batch;
pub use pass::{Loss, loss, loss_and_gradients};
