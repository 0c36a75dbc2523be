//! One workgroup per row and head.

use super::{Kernel, Launch, number, params::params, tensors};
use crate::compute::ops::attention::{Attention, Mask};
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
    window: u32,
    n_seen_by_all: u32,
    masked: u32,
    scale: f32,
    softcap: f32,
}

pub const KERNEL: Kernel = Kernel {
    name: "attention",
    source: include_str!("../../../../shaders/attention.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 7,
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
        window: window(op),
        n_seen_by_all: n_seen_by_all(op),
        masked: (op.mask == Mask::Given).into(),
        scale: op.scale,
        softcap: op.softcap.unwrap_or(0.0),
    };
    let mut tensors = tensors(dispatch);
    // Something must be bound where prefix and mask would be; without prefix tokens and with `masked` 0 it is not read.
    if dispatch.inputs.len() < 6 {
        tensors.splice(4..4, [k_own, v_own]);
    }
    if op.mask != Mask::Given {
        tensors.insert(6, &dispatch.inputs[1]);
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

/// Keys a query looks back at most; without a window, more than there can be.
pub(super) fn window(op: &Attention) -> u32 {
    op.window.map_or(u32::MAX, |window| u32::try_from(window).unwrap_or(u32::MAX))
}

/// Keys that every query sees, besides those before it.
pub(super) fn n_seen_by_all(op: &Attention) -> u32 {
    match op.mask {
        Mask::Causal => 0,
        Mask::Prefix(n) => u32::try_from(n).unwrap_or(u32::MAX),
        Mask::Full | Mask::Given => u32::MAX,
    }
}
