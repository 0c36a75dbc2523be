// Rectified linear unit: out = max(x, 0)
//
// Shapes   x, out: any, equal
// Grid     one lane per element
// Twin     src/compute/ops/relu.rs

#import index

struct Params {
    n_elements: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
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
    let value = x[index];
    out[index] = select(value, 0.0, value < 0.0);
}
