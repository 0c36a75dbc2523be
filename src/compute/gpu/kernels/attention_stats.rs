//! One workgroup per row of the batch, head and tile of queries, a lane each.

use super::attention::{PARAMS, PARAMS_BYTES, Params, heads_fit};
use super::{Kernel, Launch, number, tensors};
use crate::compute::gpu::tuning::Tuning;
use crate::compute::ops::attention::Mask;
use crate::compute::ops::attention_stats::AttentionStats;
use crate::compute::{ComputeError, Dispatch};

pub const KERNEL: Kernel = Kernel {
    name: "attention_stats",
    source: include_str!("../../../../shaders/attention_stats.wgsl"),
    params: PARAMS,
    params_bytes: PARAMS_BYTES,
    n_inputs: 5,
    n_outputs: 1,
};

/// Queries of a workgroup, and keys of one of `attention_sums`.
pub(super) const LANES: u32 = 64;

pub fn launch<'a>(op: &AttentionStats, dispatch: &'a Dispatch, tuning: &Tuning) -> Result<Launch<'a>, ComputeError> {
    let op = &op.attention;
    let (qkv, slots, k_own) = (&dispatch.inputs[0], &dispatch.inputs[1], &dispatch.inputs[2]);
    heads_fit("attention_stats", op, qkv)?;
    let masked = op.mask == Mask::Given;
    let mut tensors = tensors(dispatch);
    // As for `attention`: something must be bound where prefix and mask would be.
    if dispatch.inputs.len() == 3 + usize::from(masked) {
        tensors.insert(3, k_own);
    }
    if !masked {
        tensors.insert(4, slots);
    }
    let lanes = tuning.lanes(LANES);
    let tiles = number(op.tokens).div_ceil(lanes);
    Ok(Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", lanes)],
        params: Params::new(op, dispatch, false).bytes(),
        tensors,
        workgroups: slots.elements() as u64 * op.n_heads as u64 * u64::from(tiles),
    })
}
