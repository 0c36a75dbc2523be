//! One workgroup per value and key/value head.

use super::attention::{PARAMS, PARAMS_BYTES, Params, channels_per_lane, heads_fit};
use super::{Kernel, Launch};
use crate::compute::ops::attention_backward_value::AttentionBackwardValue;
use crate::compute::{ComputeError, Dispatch, Tensor};

pub const KERNEL: Kernel = Kernel {
    name: "attention_backward_value",
    source: include_str!("../../../../shaders/attention_backward_value.wgsl"),
    params: PARAMS,
    params_bytes: PARAMS_BYTES,
    n_inputs: 6,
    n_outputs: 1,
};

pub fn launch<'a>(op: &AttentionBackwardValue, dispatch: &'a Dispatch) -> Result<Launch<'a>, ComputeError> {
    let (qkv, k_own, forward) = (&dispatch.inputs[0], &dispatch.inputs[2], &op.forward);
    heads_fit("attention_backward_value", forward, qkv)?;
    // The values are not read, and something must be bound where the mask would be.
    let mut tensors: Vec<&Tensor> = [0, 1, 2, 4, 5].map(|i| &dispatch.inputs[i]).to_vec();
    tensors.push(dispatch.inputs.get(6).unwrap_or(&dispatch.inputs[1]));
    tensors.extend(&dispatch.outputs);
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
