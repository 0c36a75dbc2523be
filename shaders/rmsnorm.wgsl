// Root-mean-square normalisation: out[n,c] = weight[c] · x[n,c] / sqrt(mean_c(x²) + eps)
//
// Shapes   x, out: (N,C) · weight: (C) in stored type
// Grid     one workgroup per row
// Source   Zhang & Sennrich 2019
// Twin     src/compute/ops/rmsnorm.rs

#import index
#import reduce
#import stored

struct Params {
    n_rows: u32,
    n_columns: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

override weight_type: u32 = STORED_F32;

@compute @workgroup_size(workgroup_size)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(workgroup_id, num_workgroups);
    if row >= params.n_rows {
        return;
    }
    let row_base = row * params.n_columns;

    var squares = 0.0;
    for (var c = lane; c < params.n_columns; c += workgroup_size) {
        let value = x[row_base + c];
        squares += value * value;
    }
    let mean_square = workgroup_sum(lane, squares) / f32(params.n_columns);
    let scale = 1.0 / sqrt(mean_square + params.eps);

    for (var c = lane; c < params.n_columns; c += workgroup_size) {
        out[row_base + c] = widen(weight_type, weight[word_index(weight_type, c)], c) * (x[row_base + c] * scale);
    }
}
