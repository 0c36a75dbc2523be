//! One workgroup per row of logits.

use super::{Kernel, Launch, number, params::params, tensors};
use crate::compute::Dispatch;

params! {
    n_rows: u32,
    n_vocabulary: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "next_token",
    source: include_str!("../../../../shaders/next_token.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 2,
    n_outputs: 2,
};

pub fn launch(dispatch: &Dispatch) -> Launch<'_> {
    let logits = &dispatch.inputs[0];
    let params = Params { n_rows: number(logits.rows()), n_vocabulary: number(logits.columns()) };
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
