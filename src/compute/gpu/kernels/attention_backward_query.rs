//! One workgroup per row and head.

use super::attention::{PARAMS, PARAMS_BYTES, Params, channels_per_lane, heads_fit};
use super::{Kernel, Launch, tensors};
use crate::compute::ops::attention::Mask;
use crate::compute::ops::attention_backward_query::AttentionBackwardQuery;
use crate::compute::{ComputeError, Dispatch};

pub const KERNEL: Kernel = Kernel {
    name: "attention_backward_query",
    source: include_str!("../../../../shaders/attention_backward_query.wgsl"),
    params: PARAMS,
    params_bytes: PARAMS_BYTES,
    n_inputs: 6,
    n_outputs: 2,
};

pub fn launch<'a>(op: &AttentionBackwardQuery, dispatch: &'a Dispatch) -> Result<Launch<'a>, ComputeError> {
    let (qkv, forward) = (&dispatch.inputs[0], &op.forward);
    heads_fit("attention_backward_query", forward, qkv)?;
    let mut tensors = tensors(dispatch);
    if forward.mask != Mask::Given {
        // Something must be bound where the mask would be; with `masked` 0 it is not read.
        tensors.insert(5, &dispatch.inputs[1]);
    }
    Ok(Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("channels_per_lane", channels_per_lane(forward))],
        params: Params::new(forward, dispatch, false).bytes(),
        tensors,
        workgroups: qkv.rows() as u64 * forward.n_heads as u64,
    })
}
