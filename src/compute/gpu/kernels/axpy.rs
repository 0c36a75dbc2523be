//! One lane per element of the block.

use super::{ELEMENTWISE_LANES, Kernel, Launch, elementwise, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::axpy::Axpy;

params! {
    n_elements: u32,
    n_columns: u32,
    x_columns: u32,
    x_column: u32,
    out_columns: u32,
    out_column: u32,
    alpha: f32,
    accumulate: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "axpy",
    source: include_str!("../../../../shaders/axpy.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 1,
    n_outputs: 1,
};

pub fn launch<'a>(op: &Axpy, dispatch: &'a Dispatch) -> Launch<'a> {
    let (x, out) = (&dispatch.inputs[0], &dispatch.outputs[0]);
    let elements = x.rows() * op.columns;
    let params = Params {
        n_elements: number(elements),
        n_columns: number(op.columns),
        x_columns: number(x.columns()),
        x_column: number(op.x_column),
        out_columns: number(out.columns()),
        out_column: number(op.out_column),
        alpha: op.alpha,
        accumulate: op.accumulate.into(),
    };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", ELEMENTWISE_LANES)],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: elementwise(elements),
    }
}
