// Sums of squares of consecutive stretches: out[first + p] = Σ_{i in stretch p} x[i]²
//
// Shapes   x: any · out: at least first + parts elements
// Grid     one workgroup per stretch
// Twin     src/compute/ops/sum_squares.rs

#import index
#import reduce

struct Params {
    n_elements: u32,
    n_parts: u32,
    stretch: u32,
    first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(workgroup_size)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let part = workgroup_index(workgroup_id, num_workgroups);
    if part >= params.n_parts {
        return;
    }
    // Sizes are below 2³², and a stretch that begins past the end is empty.
    let start = min(part * params.stretch, params.n_elements);
    let end = min(start + params.stretch, params.n_elements);
    var squares = 0.0;
    for (var i = start + lane; i < end; i += workgroup_size) {
        squares += x[i] * x[i];
    }
    let sum = workgroup_sum(lane, squares);
    if lane == 0u {
        out[params.first + part] = sum;
    }
}
