// A scaled copy or addition of a block of columns: out[n, out_column + c] (+)= alpha · x[n, x_column + c]
//
// Shapes   x: (N,X) · out: (N,O)
// Grid     one lane per element of the block
// Twin     src/compute/ops/axpy.rs

#import index

struct Params {
    // N · columns
    n_elements: u32,
    n_columns: u32,
    x_columns: u32,
    x_column: u32,
    out_columns: u32,
    out_column: u32,
    alpha: f32,
    accumulate: u32,
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
    let n = index / params.n_columns;
    let c = index % params.n_columns;
    let out_index = n * params.out_columns + params.out_column + c;
    var value = params.alpha * x[n * params.x_columns + params.x_column + c];
    if params.accumulate != 0u {
        value += out[out_index];
    }
    out[out_index] = value;
}
