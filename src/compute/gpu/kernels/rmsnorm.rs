//! One workgroup per row.

use super::{Kernel, Launch, number, params::params, stored, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::rmsnorm::RmsNorm;

params! {
    n_rows: u32,
    n_columns: u32,
    eps: f32,
}

pub const KERNEL: Kernel = Kernel {
    name: "rmsnorm",
    source: include_str!("../../../../shaders/rmsnorm.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 2,
    n_outputs: 1,
};

pub fn launch<'a>(op: &RmsNorm, dispatch: &'a Dispatch) -> Launch<'a> {
    let (x, weight) = (&dispatch.inputs[0], &dispatch.inputs[1]);
    let params = Params { n_rows: number(x.rows()), n_columns: number(x.columns()), eps: op.eps };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        constants: vec![("workgroup_size", 128), ("weight_type", stored(Some(weight)))],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: x.rows() as u64,
    }
}
