//! Gradients: a recording is turned into the recording of its backward pass.
//!
//! A recording is data, so its derivative is data too: [`reverse`] walks the dispatches from back to front and writes
//! down, for each, the dispatches that turn the gradient of what it wrote into gradients of what it read. Nothing is
//! computed here. Devices replay the result as they replay any recording.
//!
//! A forward pass for inference reuses its tensors: the next layer writes over what the last one left. Backward needs
//! those values, so [`versions::separate`] first gives every value a tensor of its own.

mod rules;
pub mod tape;
pub mod versions;

use std::collections::{HashMap, HashSet};

use super::{ComputeError, Recording, Tensor, TensorId};
pub use rules::{Gradient, gradient};
use tape::Tape;
pub use versions::{Separated, separate};

/// A backward pass, and where it leaves its results.
pub struct Reversed {
    pub recording: Recording,
    /// The gradient of each wanted tensor, F32, of the tensor's shape. A wanted tensor that the seeds do not depend on
    /// is missing: its gradient is zero.
    pub gradients: HashMap<TensorId, Tensor>,
}

/// Writes the backward pass of `forward` down.
///
/// `seeds` are tensors that `forward` writes, each with a tensor that holds the gradient of the objective with respect
/// to it. `wanted` names the tensors whose gradients are asked for: parameters, inputs, or any value of the pass.
/// What no wanted tensor flows into costs nothing: its backward is not recorded. Gradients of values that are not
/// wanted share memory as soon as they have been used up.
///
/// Sums that several readers of a tensor contribute to are made in the order of the walk, and no kernel adds
/// atomically, so gradients repeat bit for bit.
///
/// Errors: `NotDifferentiable` when the way from a wanted tensor to a seed leads through an op without a gradient;
/// `Overwritten` when `forward` writes over a value that backward needs, which [`separate`] prevents.
pub fn reverse(forward: &Recording, seeds: &[(Tensor, Tensor)], wanted: &[TensorId]) -> Result<Reversed, ComputeError> {
    let mut active: HashSet<TensorId> = wanted.iter().copied().collect();
    let mut first_writer: HashMap<TensorId, usize> = HashMap::new();
    let mut last_writer: HashMap<TensorId, usize> = HashMap::new();
    for (i, dispatch) in forward.dispatches().iter().enumerate() {
        let flows = dispatch.inputs.iter().any(|tensor| active.contains(&tensor.id()));
        for tensor in &dispatch.outputs {
            if flows {
                active.insert(tensor.id());
            }
            first_writer.entry(tensor.id()).or_insert(i);
            last_writer.insert(tensor.id(), i);
        }
    }

    let mut tape = Tape::new(active, wanted, seeds);
    for (i, dispatch) in forward.dispatches().iter().enumerate().rev() {
        let is_reached = dispatch.outputs.iter().any(|tensor| tape.gradient(tensor).is_some());
        let is_active = dispatch.outputs.iter().any(|tensor| tape.is_active(tensor));
        if is_reached && is_active {
            for tensor in rules::needed(dispatch) {
                // What is read must still be there when the whole forward has run.
                if last_writer.get(&tensor.id()).is_some_and(|&last| last > i) {
                    return Err(ComputeError::Overwritten { label: tensor.label().into(), op: dispatch.op.name() });
                }
            }
            rules::apply(dispatch, &mut tape)?;
        }
        for tensor in &dispatch.outputs {
            if first_writer.get(&tensor.id()) == Some(&i) {
                tape.finish(tensor);
            }
        }
    }
    Ok(tape.into_reversed(wanted))
}
