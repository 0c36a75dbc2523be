//! A lane per row of the batch, head and four keys.

use super::attention::{PARAMS, PARAMS_BYTES, Params, conditions, heads_fit};
use super::attention_stats::LANES;
use super::{Kernel, Launch, number, tensors};
use crate::compute::ops::attention::Mask;
use crate::compute::ops::attention_sums::AttentionSums;
use crate::compute::{ComputeError, Dispatch};

pub const KERNEL: Kernel = Kernel {
    name: "attention_sums",
    source: include_str!("../../../../shaders/attention_sums.wgsl"),
    params: PARAMS,
    params_bytes: PARAMS_BYTES,
    n_inputs: 6,
    n_outputs: 1,
};

pub fn launch<'a>(op: &AttentionSums, dispatch: &'a Dispatch) -> Result<Launch<'a>, ComputeError> {
    let op = &op.attention;
    let (qkv, slots, k_own) = (&dispatch.inputs[0], &dispatch.inputs[1], &dispatch.inputs[2]);
    heads_fit("attention_sums", op, qkv)?;
    let masked = op.mask == Mask::Given;
    let mut tensors = tensors(dispatch);
    // As for `attention`: something must be bound where prefix and mask would be.
    if dispatch.inputs.len() == 4 + usize::from(masked) {
        tensors.insert(4, k_own);
    }
    if !masked {
        tensors.insert(5, slots);
    }
    let quads = op.prefix_tokens.div_ceil(4) + (op.n_keys() - op.prefix_tokens).div_ceil(4);
    let items = slots.elements() as u64 * op.n_heads as u64 * quads as u64;
    Ok(Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: conditions(op, qkv),
        constants: vec![("workgroup_size", LANES), ("groups", number(op.head_size.div_ceil(4)))],
        params: Params::new(op, dispatch, false).bytes(),
        tensors,
        workgroups: items.div_ceil(LANES.into()),
    })
}
