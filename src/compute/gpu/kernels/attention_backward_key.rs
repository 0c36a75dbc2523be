//! One workgroup per key and key/value head.

use super::attention::{PARAMS, PARAMS_BYTES, Params, channels_per_lane, heads_fit};
use super::{Kernel, Launch, tensors};
use crate::compute::ops::attention::Mask;
use crate::compute::ops::attention_backward_key::AttentionBackwardKey;
use crate::compute::{ComputeError, Dispatch};

pub const KERNEL: Kernel = Kernel {
    name: "attention_backward_key",
    source: include_str!("../../../../shaders/attention_backward_key.wgsl"),
    params: PARAMS,
    params_bytes: PARAMS_BYTES,
    n_inputs: 7,
    n_outputs: 1,
};

pub fn launch<'a>(op: &AttentionBackwardKey, dispatch: &'a Dispatch) -> Result<Launch<'a>, ComputeError> {
    let (qkv, k_own, forward) = (&dispatch.inputs[0], &dispatch.inputs[2], &op.forward);
    heads_fit("attention_backward_key", forward, qkv)?;
    let mut tensors = tensors(dispatch);
    if forward.mask != Mask::Given {
        // Something must be bound where the mask would be; with `masked` 0 it is not read.
        tensors.insert(6, &dispatch.inputs[1]);
    }
    Ok(Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("channels_per_lane", channels_per_lane(forward))],
        params: Params::new(forward, dispatch, op.accumulate).bytes(),
        tensors,
        workgroups: (k_own.elements() / forward.head_size) as u64,
    })
}
