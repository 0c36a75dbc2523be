// Backward of geglu: dgate (+)= dout · up · gelu′(gate), dup (+)= dout · gelu(gate)
//
// Shapes   gate_up, dgate_up: (N,2I) · dout: (N,I)
// Grid     one lane per element of `dout`
// Twin     src/compute/ops/geglu_backward.rs

#import gelu
#import index

struct Params {
    n_elements: u32,
    // I
    n_columns: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gate_up: array<f32>;
@group(0) @binding(2) var<storage, read> dout: array<f32>;
@group(0) @binding(3) var<storage, read_write> dgate_up: array<f32>;

override workgroup_size: u32 = 256u;
// 0: exact; 1: the tanh form.
override use_tanh: u32 = 0u;

@compute @workgroup_size(workgroup_size)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = workgroup_index(workgroup_id, num_workgroups) * workgroup_size + lane;
    if index >= params.n_elements {
        return;
    }
    // Row n of `gate_up` begins at 2·n·I, which is I·n further than row n of `dout`.
    let gate_index = index + index / params.n_columns * params.n_columns;
    let up_index = gate_index + params.n_columns;
    let gate = gate_up[gate_index];
    var dgate = dout[index] * gate_up[up_index] * gelu_slope(gate, use_tanh);
    var dup = dout[index] * gelu(gate, use_tanh);
    if params.accumulate != 0u {
        dgate += dgate_up[gate_index];
        dup += dgate_up[up_index];
    }
    dgate_up[gate_index] = dgate;
    dgate_up[up_index] = dup;
}
