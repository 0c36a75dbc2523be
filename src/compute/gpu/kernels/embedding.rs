//! One lane per element of the rows looked up.

use super::{ELEMENTWISE_LANES, Kernel, Launch, elementwise, number, params::params, stored, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::embedding::Embedding;

params! {
    n_elements: u32,
    n_columns: u32,
    n_vocabulary: u32,
    accumulate: u32,
    first_row: u32,
    scale: f32,
}

pub const KERNEL: Kernel = Kernel {
    name: "embedding",
    source: include_str!("../../../../shaders/embedding.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 2,
    n_outputs: 1,
};

pub fn launch<'a>(op: &Embedding, dispatch: &'a Dispatch) -> Launch<'a> {
    let (table, out) = (&dispatch.inputs[1], &dispatch.outputs[0]);
    let params = Params {
        n_elements: number(out.elements()),
        n_columns: number(table.columns()),
        n_vocabulary: number(table.rows()),
        accumulate: op.accumulate.into(),
        first_row: op.first_row,
        scale: op.scale,
    };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", ELEMENTWISE_LANES), ("table_type", stored(Some(table)))],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: elementwise(out.elements()),
    }
}
