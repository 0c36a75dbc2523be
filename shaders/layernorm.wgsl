// Layer normalisation: out[n,c] = weight[c] · (x[n,c] − mean) / sqrt(variance + eps) + bias[c]
//
// Shapes   x, out: (N,C) · weight, bias: (C) in stored type
// Grid     one workgroup per row; mean and variance in two passes, as the twin does
// Source   Ba, Kiros & Hinton 2016
// Twin     src/compute/ops/layernorm.rs

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
@group(0) @binding(3) var<storage, read> bias: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

override weight_type: u32 = STORED_F32;
override bias_type: u32 = STORED_ABSENT;

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

    var sum = 0.0;
    for (var c = lane; c < params.n_columns; c += workgroup_size) {
        sum += x[row_base + c];
    }
    let mean = workgroup_sum(lane, sum) / f32(params.n_columns);

    var squares = 0.0;
    for (var c = lane; c < params.n_columns; c += workgroup_size) {
        let difference = x[row_base + c] - mean;
        squares += difference * difference;
    }
    let variance = workgroup_sum(lane, squares) / f32(params.n_columns);
    let scale = 1.0 / sqrt(variance + params.eps);

    for (var c = lane; c < params.n_columns; c += workgroup_size) {
        var value = widen(weight_type, weight[word_index(weight_type, c)], c) * ((x[row_base + c] - mean) * scale);
        if bias_type != STORED_ABSENT {
            value += widen(bias_type, bias[word_index(bias_type, c)], c);
        }
        out[row_base + c] = value;
    }
}
