// Backward of softcap, in place on the gradient: d → d · (1 − (y / cap)²), y the capped value
//
// Shapes   y, d: any, equal
// Grid     one lane per element
// Twin     src/compute/ops/softcap_backward.rs

#import index

struct Params {
    n_elements: u32,
    cap: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> d: array<f32>;

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
    let tangent = y[index] / params.cap;
    d[index] *= 1.0 - tangent * tangent;
}
