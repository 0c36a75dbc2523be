//! One workgroup per row and head.

use super::{Kernel, Launch, number, params::params, tensors};
use crate::compute::ops::attention::Attention;
use crate::compute::{ComputeError, Dispatch, Tensor};

params! {
    n_rows: u32,
    n_columns: u32,
    n_heads: u32,
    n_kv_heads: u32,
    head_size: u32,
    n_tokens: u32,
    start: u32,
    prefix_tokens: u32,
    n_slots: u32,
    capacity: u32,
    scale: f32,
}

pub const KERNEL: Kernel = Kernel {
    name: "attention",
    source: include_str!("../../../../shaders/attention.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 6,
    n_outputs: 1,
};

/// `TILE` of the shader: lanes of a workgroup.
const LANES: usize = 64;
/// Four channels to a lane.
const HEAD_SIZE_MAX: usize = 4 * LANES;

pub fn launch<'a>(op: &Attention, dispatch: &'a Dispatch) -> Result<Launch<'a>, ComputeError> {
    let (qkv, k_own, v_own) = (&dispatch.inputs[0], &dispatch.inputs[2], &dispatch.inputs[3]);
    heads_fit("attention", op, qkv)?;
    let params = Params {
        n_rows: number(qkv.rows()),
        n_columns: number(qkv.columns()),
        n_heads: number(op.n_heads),
        n_kv_heads: number(op.n_kv_heads),
        head_size: number(op.head_size),
        n_tokens: number(op.tokens),
        start: number(op.start),
        prefix_tokens: number(op.prefix_tokens),
        n_slots: number(k_own.shape()[0]),
        capacity: number(k_own.shape()[1]),
        scale: op.scale,
    };
    let mut tensors = tensors(dispatch);
    if dispatch.inputs.len() == 4 {
        // Something must be bound where the prefix would be; with no prefix tokens it is not read.
        tensors.splice(4..4, [k_own, v_own]);
    }
    Ok(Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        constants: vec![("channels_per_lane", channels_per_lane(op))],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors,
        workgroups: qkv.rows() as u64 * op.n_heads as u64,
    })
}

/// The accumulators of a head must fit the lanes of a workgroup.
pub(super) fn heads_fit(name: &'static str, op: &Attention, qkv: &Tensor) -> Result<(), ComputeError> {
    if op.head_size <= HEAD_SIZE_MAX {
        return Ok(());
    }
    Err(ComputeError::ShapeMismatch {
        op: name,
        label: qkv.label().into(),
        expected: format!("heads of at most {HEAD_SIZE_MAX} channels on the GPU, not {}", op.head_size),
        got: qkv.shape().to_vec(),
    })
}

/// Channels of a head that one lane adds up.
pub(super) fn channels_per_lane(op: &Attention) -> u32 {
    number(op.head_size.div_ceil(LANES))
}
