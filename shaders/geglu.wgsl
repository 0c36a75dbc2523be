// Gated feed-forward activation: out[n,i] = gelu(gate_up[n,i]) · gate_up[n, I+i]
//
// Shapes   gate_up: (N,2I) · out: (N,I)
// Grid     one lane per element of `out`
// Source   Shazeer 2020
// Twin     src/compute/ops/geglu.rs

#import gelu
#import index

struct Params {
    n_elements: u32,
    // I
    n_columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gate_up: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

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
    // Row n of `gate_up` begins at 2·n·I, which is I·n further than row n of `out`.
    let gate_index = index + index / params.n_columns * params.n_columns;
    out[index] = gelu(gate_up[gate_index], use_tanh) * gate_up[gate_index + params.n_columns];
}
