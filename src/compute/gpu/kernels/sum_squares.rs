//! One workgroup per stretch.

use super::{Kernel, Launch, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::sum_squares::SumSquares;

params! {
    n_elements: u32,
    n_parts: u32,
    stretch: u32,
    first: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "sum_squares",
    source: include_str!("../../../../shaders/sum_squares.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 1,
    n_outputs: 1,
};

pub fn launch<'a>(op: &SumSquares, dispatch: &'a Dispatch) -> Launch<'a> {
    let x = &dispatch.inputs[0];
    let params = Params {
        n_elements: number(x.elements()),
        n_parts: number(op.parts),
        stretch: number(op.stretch(x)),
        first: number(op.first),
    };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", 256)],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: op.parts as u64,
    }
}
