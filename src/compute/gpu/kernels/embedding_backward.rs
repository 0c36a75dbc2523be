//! One workgroup per row that was looked up.

use super::{Kernel, Launch, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::embedding_backward::EmbeddingBackward;

params! {
    n_rows: u32,
    n_columns: u32,
    n_vocabulary: u32,
    scale: f32,
    first_row: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "embedding_backward",
    source: include_str!("../../../../shaders/embedding_backward.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 2,
    n_outputs: 1,
};

pub fn launch<'a>(op: &EmbeddingBackward, dispatch: &'a Dispatch) -> Launch<'a> {
    let (ids, dtable) = (&dispatch.inputs[0], &dispatch.outputs[0]);
    let params = Params {
        n_rows: number(ids.elements()),
        n_columns: number(dtable.columns()),
        n_vocabulary: number(dtable.rows()),
        scale: op.scale,
        first_row: op.first_row,
    };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", 64)],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: ids.elements() as u64,
    }
}
