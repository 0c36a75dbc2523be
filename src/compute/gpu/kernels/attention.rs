//! One workgroup per row of the batch, key/value head and tile of the queries that read it.

use super::{Kernel, Launch, number, params::params, tensors};
use crate::compute::gpu::tuning::Tuning;
use crate::compute::ops::attention::{Attention, Mask};
use crate::compute::{ComputeError, Dispatch, Tensor};

// The parameters of every attention kernel, as in `shaders/lib/attention.wgsl`.
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
    n_slot_rows: u32,
    accumulate: u32,
}

impl Params {
    /// `dispatch` has qkv, slots and the row's own keys first. `accumulate` is for backward kernels.
    pub(super) fn new(op: &Attention, dispatch: &Dispatch, accumulate: bool) -> Self {
        let (qkv, slots, k_own) = (&dispatch.inputs[0], &dispatch.inputs[1], &dispatch.inputs[2]);
        Params {
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
            // Without a window, more keys than there can be.
            window: op.window.map_or(u32::MAX, |window| u32::try_from(window).unwrap_or(u32::MAX)),
            n_seen_by_all: match op.mask {
                Mask::Causal => 0,
                Mask::Prefix(n) => u32::try_from(n).unwrap_or(u32::MAX),
                Mask::Full | Mask::Given => u32::MAX,
            },
            masked: (op.mask == Mask::Given).into(),
            scale: op.scale,
            softcap: op.softcap.unwrap_or(0.0),
            n_slot_rows: number(slots.elements()),
            accumulate: accumulate.into(),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        bytemuck::bytes_of(self).to_vec()
    }
}

pub(super) const PARAMS: &[super::Field] = FIELDS;
pub(super) const PARAMS_BYTES: usize = size_of::<Params>();

pub const KERNEL: Kernel = Kernel {
    name: "attention",
    source: include_str!("../../../../shaders/attention.wgsl"),
    params: PARAMS,
    params_bytes: PARAMS_BYTES,
    n_inputs: 7,
    n_outputs: 1,
};

/// Channels of a head that the lanes' registers hold at most.
const HEAD_SIZE_MAX: usize = 256;
/// Workgroup memory of a lane, in bytes: four vectors of queries, four of weights and one of maxima.
const LANE_BYTES: u32 = 144;
/// Lanes of a workgroup on every device.
const LANES_MAX: usize = 256;
/// Lanes below which a workgroup would leave most of a GPU's warp idle.
const LANES_MIN: usize = 64;
/// Lanes of the backward kernels, `TILE` of the shaders.
const BACKWARD_LANES: usize = 64;

pub fn launch<'a>(op: &Attention, dispatch: &'a Dispatch, tuning: &Tuning) -> Result<Launch<'a>, ComputeError> {
    let (qkv, k_own, v_own) = (&dispatch.inputs[0], &dispatch.inputs[2], &dispatch.inputs[3]);
    heads_fit("attention", op, qkv)?;
    let mut tensors = tensors(dispatch);
    // Something must be bound where prefix and mask would be; without prefix tokens and with `masked` 0 it is not read.
    if dispatch.inputs.len() < 6 {
        tensors.splice(4..4, [k_own, v_own]);
    }
    if op.mask != Mask::Given {
        tensors.insert(6, &dispatch.inputs[1]);
    }
    let shape = Shape::new(op, tuning);
    Ok(Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: conditions(op, qkv),
        constants: vec![
            ("groups", number(shape.groups)),
            ("quads", number(shape.quads)),
            ("lanes", number(shape.lanes)),
            ("fours", number(4 * shape.lanes)),
        ],
        params: Params::new(op, dispatch, false).bytes(),
        tensors,
        workgroups: (dispatch.inputs[1].elements() * op.n_kv_heads * shape.tiles) as u64,
    })
}

/// How the queries that read one key/value head are shared out.
struct Shape {
    /// Fours of channels.
    groups: usize,
    /// Fours of queries of a workgroup.
    quads: usize,
    lanes: usize,
    /// Workgroups.
    tiles: usize,
}

impl Shape {
    fn new(op: &Attention, tuning: &Tuning) -> Shape {
        let lanes_max = LANES_MAX.min((tuning.workgroup_bytes / LANE_BYTES) as usize);
        let groups = op.head_size.div_ceil(4).max(1);
        let query_quads = (op.tokens * (op.n_heads / op.n_kv_heads)).div_ceil(4).max(1);
        // An imitated GPU reads keys again at no cost, and every lane costs it at a barrier, idle or not.
        let (quads_max, lanes_wanted) =
            if tuning.tile.is_staged() { ((lanes_max / groups).max(1), LANES_MIN) } else { (1, 1) };
        // As equal as they can be: 5 fours of queries where 4 fit are 3 and 2.
        let tiles = query_quads.div_ceil(quads_max);
        let quads = query_quads.div_ceil(tiles);
        let lanes = (quads * groups).max(lanes_wanted / quads * quads);
        Shape { groups, quads, lanes, tiles: query_quads.div_ceil(quads) }
    }
}

/// Of kernels that read channels in fours: whether heads and rows of qkv are whole fours.
pub(super) fn conditions(op: &Attention, qkv: &Tensor) -> Vec<&'static str> {
    let in_fours = op.head_size.is_multiple_of(4) && qkv.columns().is_multiple_of(4);
    if in_fours { vec!["in_fours"] } else { Vec::new() }
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

/// Channels of a head that one lane of a backward kernel adds up.
pub(super) fn channels_per_lane(op: &Attention) -> u32 {
    number(op.head_size.div_ceil(BACKWARD_LANES))
}
