//! A run as data: which operation reads which tensors and writes which, in order. Knows no device.

use std::collections::HashSet;

use super::{ComputeError, Op, Tensor};

/// One operation on named tensors. Tensors changed in place stand in `outputs` only.
#[derive(Clone, Debug)]
pub struct Dispatch {
    pub op: Op,
    pub inputs: Vec<Tensor>,
    pub outputs: Vec<Tensor>,
}

/// A list of dispatches. Devices replay it from front to back.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    dispatches: Vec<Dispatch>,
}

impl Recording {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a dispatch after checking its shapes, so that a device never meets a malformed one.
    pub fn push(&mut self, op: Op, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        op.check(inputs, outputs)?;
        self.dispatches.push(Dispatch {
            op,
            inputs: inputs.iter().map(|tensor| (*tensor).clone()).collect(),
            outputs: outputs.iter().map(|tensor| (*tensor).clone()).collect(),
        });
        Ok(())
    }

    pub fn dispatches(&self) -> &[Dispatch] {
        &self.dispatches
    }

    pub fn is_empty(&self) -> bool {
        self.dispatches.is_empty()
    }

    /// Adds another recording's dispatches, which were checked when it was made.
    pub fn append(&mut self, other: &Recording) {
        self.dispatches.extend_from_slice(other.dispatches());
    }

    /// The recording with every dispatch replaced by what `change` makes of it; `None` leaves it out.
    pub fn rewrite(&self, mut change: impl FnMut(&Dispatch) -> Option<Dispatch>) -> Result<Recording, ComputeError> {
        let mut rewritten = Recording::new();
        for dispatch in self.dispatches.iter().filter_map(&mut change) {
            let (inputs, outputs): (Vec<&Tensor>, Vec<&Tensor>) =
                (dispatch.inputs.iter().collect(), dispatch.outputs.iter().collect());
            rewritten.push(dispatch.op.clone(), &inputs, &outputs)?;
        }
        Ok(rewritten)
    }

    /// Every tensor that is read or written, once.
    pub fn tensors(&self) -> Vec<Tensor> {
        let mut seen = HashSet::new();
        let all = self.dispatches.iter().flat_map(|dispatch| dispatch.inputs.iter().chain(&dispatch.outputs));
        all.filter(|tensor| seen.insert(tensor.id())).cloned().collect()
    }

    /// The first `count` dispatches and the rest: replayed on two devices, they bisect a divergence.
    pub fn split_at(&self, count: usize) -> (Recording, Recording) {
        let (head, tail) = self.dispatches.split_at(count.min(self.dispatches.len()));
        (Recording { dispatches: head.to_vec() }, Recording { dispatches: tail.to_vec() })
    }
}
