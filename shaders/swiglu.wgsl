// Gated feed-forward activation: out[n,i] = silu(gate_up[n,i]) · gate_up[n, I+i], silu(x) = x / (1 + exp(−x))
//
// Shapes   gate_up: (N,2I) · out: (N,I)
// Grid     one lane per element of `out`
// Source   Shazeer 2020
// Twin     src/compute/ops/swiglu.rs

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
    let gate = gate_up[gate_index];
    // exp(80) = 5.5e34 is still finite, and x / 5.5e34 is zero beside any f32 that matters.
    let silu = gate / (1.0 + exp(min(-gate, 80.0)));
    out[index] = silu * gate_up[gate_index + params.n_columns];
}
