// Backward of swiglu. With s = 1 / (1 + exp(−gate)): dgate (+)= dout · up · s · (1 + gate · (1 − s)),
// dup (+)= dout · gate · s
//
// Shapes   gate_up, dgate_up: (N,2I) · dout: (N,I)
// Grid     one lane per element of `dout`
// Twin     src/compute/ops/swiglu_backward.rs

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
    // exp(80) = 5.5e34 is still finite, and 1 / 5.5e34 is zero beside any f32 that matters.
    let sigmoid = 1.0 / (1.0 + exp(min(-gate, 80.0)));
    var dgate = dout[index] * gate_up[up_index] * sigmoid * (1.0 + gate * (1.0 - sigmoid));
    var dup = dout[index] * gate * sigmoid;
    if params.accumulate != 0u {
        dgate += dgate_up[gate_index];
        dup += dgate_up[up_index];
    }
    dgate_up[gate_index] = dgate;
    dgate_up[up_index] = dup;
}
