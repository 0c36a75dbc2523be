// Soft cap of logits, in place: x → cap · tanh(x / cap)
//
// Shapes   x: any
// Grid     one lane per element
// Source   Gemma Team 2024
// Twin     src/compute/ops/softcap.rs

#import index
#import tanh

struct Params {
    n_elements: u32,
    cap: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;

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
    x[index] = params.cap * tanh_exact(x[index] / params.cap);
}
