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
    sites: Vec<Site>,
}

/// A place with a name: what one dispatch writes, to be read or changed by whoever knows the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    pub name: String,
    /// Index of the dispatch.
    pub dispatch: usize,
    /// What the dispatch adds to its first output, rather than what that output holds afterwards.
    pub is_contribution: bool,
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

    /// Names what the first output of the last dispatch holds now.
    pub fn mark(&mut self, name: impl Into<String>) {
        self.mark_as(name.into(), false);
    }

    /// Names what the last dispatch has added to its first output, or written to it.
    pub fn mark_contribution(&mut self, name: impl Into<String>) {
        self.mark_as(name.into(), true);
    }

    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn mark_as(&mut self, name: String, is_contribution: bool) {
        if let Some(dispatch) = self.dispatches.len().checked_sub(1) {
            self.sites.push(Site { name, dispatch, is_contribution });
        }
    }

    pub fn is_empty(&self) -> bool {
        self.dispatches.is_empty()
    }

    /// Adds another recording's dispatches, which were checked when it was made.
    pub fn append(&mut self, other: &Recording) {
        let offset = self.dispatches.len();
        self.sites.extend(other.sites.iter().map(|site| Site { dispatch: site.dispatch + offset, ..site.clone() }));
        self.dispatches.extend_from_slice(other.dispatches());
    }

    /// The recording with every dispatch replaced by what `change` makes of it; `None` leaves it out.
    pub fn rewrite(&self, mut change: impl FnMut(&Dispatch) -> Option<Dispatch>) -> Result<Recording, ComputeError> {
        let mut rewritten = Recording::new();
        for (i, dispatch) in self.dispatches.iter().enumerate() {
            let Some(dispatch) = change(dispatch) else { continue };
            let (inputs, outputs): (Vec<&Tensor>, Vec<&Tensor>) =
                (dispatch.inputs.iter().collect(), dispatch.outputs.iter().collect());
            rewritten.push(dispatch.op.clone(), &inputs, &outputs)?;
            for site in self.sites.iter().filter(|site| site.dispatch == i) {
                rewritten.mark_as(site.name.clone(), site.is_contribution);
            }
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
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        for site in &self.sites {
            match site.dispatch.checked_sub(head.len()) {
                None => first.push(site.clone()),
                Some(dispatch) => rest.push(Site { dispatch, ..site.clone() }),
            }
        }
        (Recording { dispatches: head.to_vec(), sites: first }, Recording { dispatches: tail.to_vec(), sites: rest })
    }
}
