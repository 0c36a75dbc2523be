//! The state of a walk from back to front: which tensors have gradients so far, and where those are.

use std::collections::{HashMap, HashSet};

use super::Reversed;
use crate::compute::ops::axpy::Axpy;
use crate::compute::ops::fill::Fill;
use crate::compute::{ComputeError, DType, Op, Recording, Tensor, TensorId};

/// Grows a backward recording. The rules of the ops write to it.
pub struct Tape {
    recording: Recording,
    gradients: HashMap<TensorId, Tensor>,
    /// Tensors that a wanted one flows into, and the wanted ones.
    active: HashSet<TensorId>,
    /// Gradients that are given out or were given in, and so are not used again for others.
    kept: HashSet<TensorId>,
    /// Gradients that are used up, by shape.
    spare: HashMap<Vec<usize>, Vec<Tensor>>,
}

impl Tape {
    pub fn new(active: HashSet<TensorId>, wanted: &[TensorId], seeds: &[(Tensor, Tensor)]) -> Self {
        let mut kept: HashSet<TensorId> = wanted.iter().copied().collect();
        kept.extend(seeds.iter().map(|(tensor, _)| tensor.id()));
        Tape {
            recording: Recording::new(),
            gradients: seeds.iter().map(|(tensor, gradient)| (tensor.id(), gradient.clone())).collect(),
            active,
            kept,
            spare: HashMap::new(),
        }
    }

    /// Whether the tensor's gradient is of use to anybody.
    pub fn is_active(&self, tensor: &Tensor) -> bool {
        self.active.contains(&tensor.id())
    }

    /// What has been added up so far; `None` when nothing has.
    pub fn gradient(&self, tensor: &Tensor) -> Option<Tensor> {
        self.gradients.get(&tensor.id()).cloned()
    }

    /// Where a contribution that covers the whole tensor goes, and whether it is added to what is there.
    pub fn whole(&mut self, tensor: &Tensor) -> (Tensor, bool) {
        match self.gradient(tensor) {
            Some(gradient) => (gradient, true),
            None => (self.begin(tensor), false),
        }
    }

    /// Where a contribution goes that is always added: zeros, when there is nothing yet.
    pub fn sum(&mut self, tensor: &Tensor) -> Result<Tensor, ComputeError> {
        let (gradient, has_values) = self.whole(tensor);
        if !has_values {
            self.recording.push(Op::Fill(Fill { value: 0.0 }), &[], &[&gradient])?;
        }
        Ok(gradient)
    }

    /// Adds another tensor's whole gradient.
    pub fn pass_on(&mut self, from: &Tensor, to: &Tensor) -> Result<(), ComputeError> {
        let Some(gradient) = self.gradient(from) else { return Ok(()) };
        let (sum, accumulate) = self.whole(to);
        self.push(Op::Axpy(Axpy::whole(&gradient, 1.0, accumulate)), &[&gradient], &[&sum])
    }

    /// As [`Tape::pass_on`], for a copy whose own gradient nobody needs afterwards: the memory goes on instead.
    pub fn hand_over(&mut self, from: &Tensor, to: &Tensor) -> Result<(), ComputeError> {
        if self.gradients.contains_key(&to.id()) || self.kept.contains(&from.id()) || self.kept.contains(&to.id()) {
            return self.pass_on(from, to);
        }
        if let Some(gradient) = self.gradients.remove(&from.id()) {
            self.gradients.insert(to.id(), gradient);
        }
        Ok(())
    }

    /// A tensor for use within one rule.
    pub fn scratch(&mut self, label: &str, shape: &[usize]) -> Tensor {
        self.spare
            .get_mut(shape)
            .and_then(Vec::pop)
            .unwrap_or_else(|| Tensor::new(format!("scratch.{label}"), shape, DType::F32))
    }

    /// Gives a scratch tensor back.
    pub fn release(&mut self, tensor: Tensor) {
        self.spare.entry(tensor.shape().to_vec()).or_default().push(tensor);
    }

    pub fn push(&mut self, op: Op, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        self.recording.push(op, inputs, outputs)
    }

    /// The walk has passed the tensor's first writer: its gradient is complete, and used up.
    pub(super) fn finish(&mut self, tensor: &Tensor) {
        if self.kept.contains(&tensor.id()) {
            return;
        }
        if let Some(gradient) = self.gradients.remove(&tensor.id()) {
            self.release(gradient);
        }
    }

    pub(super) fn into_reversed(mut self, wanted: &[TensorId]) -> Reversed {
        self.gradients.retain(|id, _| wanted.contains(id));
        Reversed { recording: self.recording, gradients: self.gradients }
    }

    fn begin(&mut self, tensor: &Tensor) -> Tensor {
        let gradient = match self.spare.get_mut(tensor.shape()).and_then(Vec::pop) {
            // A gradient that is given out keeps its own memory and its own name.
            Some(spare) if !self.kept.contains(&tensor.id()) => spare,
            Some(spare) => {
                self.release(spare);
                Tensor::new(format!("gradient.{}", tensor.label()), tensor.shape(), DType::F32)
            }
            None => Tensor::new(format!("gradient.{}", tensor.label()), tensor.shape(), DType::F32),
        };
        self.gradients.insert(tensor.id(), gradient.clone());
        gradient
    }
}
