//! One workgroup per row and head.

use super::attention::{PARAMS, PARAMS_BYTES, Params};
use super::{Kernel, Launch, tensors};
use crate::compute::Dispatch;
use crate::compute::gpu::tuning::Tuning;
use crate::compute::ops::attention::Mask;
use crate::compute::ops::attention_weights::AttentionWeights;

pub const KERNEL: Kernel = Kernel {
    name: "attention_weights",
    source: include_str!("../../../../shaders/attention_weights.wgsl"),
    params: PARAMS,
    params_bytes: PARAMS_BYTES,
    n_inputs: 5,
    n_outputs: 1,
};

pub fn launch<'a>(op: &AttentionWeights, dispatch: &'a Dispatch, tuning: &Tuning) -> Launch<'a> {
    let op = &op.attention;
    let (qkv, slots, k_own) = (&dispatch.inputs[0], &dispatch.inputs[1], &dispatch.inputs[2]);
    let masked = op.mask == Mask::Given;
    let mut tensors = tensors(dispatch);
    // As for `attention`: something must be bound where prefix and mask would be.
    if dispatch.inputs.len() == 3 + usize::from(masked) {
        tensors.insert(3, k_own);
    }
    if !masked {
        tensors.insert(4, slots);
    }
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", tuning.lanes(128))],
        params: Params::new(op, dispatch, false).bytes(),
        tensors,
        workgroups: qkv.rows() as u64 * op.n_heads as u64,
    }
}
