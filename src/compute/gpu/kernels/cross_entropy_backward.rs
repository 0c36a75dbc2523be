//! One workgroup per row of logits.

use super::{Kernel, Launch, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::cross_entropy_backward::CrossEntropyBackward;

params! {
    n_rows: u32,
    n_vocabulary: u32,
    accumulate: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "cross_entropy_backward",
    source: include_str!("../../../../shaders/cross_entropy_backward.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 3,
    n_outputs: 1,
};

pub fn launch<'a>(op: &CrossEntropyBackward, dispatch: &'a Dispatch) -> Launch<'a> {
    let logits = &dispatch.inputs[0];
    let params = Params {
        n_rows: number(logits.rows()),
        n_vocabulary: number(logits.columns()),
        accumulate: op.accumulate.into(),
    };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", 256)],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: logits.rows() as u64,
    }
}
