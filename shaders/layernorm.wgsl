// Layer normalisation: out[n,c] = weight[c] · (x[n,c] − mean) / sqrt(variance + eps) + bias[c]
//
// Shapes   x, out: (N,S), groups of C channels from `first_column` on · weight, bias: (C) or (groups,C) in stored type
// Grid     one workgroup per row and group; mean and variance in two passes, as the twin does
// Source   Ba, Kiros & Hinton 2016
// Twin     src/compute/ops/layernorm.rs

#import index
#import reduce
#import stored

struct Params {
    n_rows: u32,
    // S
    n_columns: u32,
    first_column: u32,
    n_groups: u32,
    // C
    n_channels: u32,
    // From one group's weights to the next one's: C, or 0 when they are shared.
    weight_stride: u32,
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
    let row_group = workgroup_index(workgroup_id, num_workgroups);
    if row_group >= params.n_rows * params.n_groups {
        return;
    }
    let group = row_group % params.n_groups;
    let base = row_group / params.n_groups * params.n_columns + params.first_column + group * params.n_channels;
    let weight_base = group * params.weight_stride;

    var sum = 0.0;
    for (var c = lane; c < params.n_channels; c += workgroup_size) {
        sum += x[base + c];
    }
    let mean = workgroup_sum(lane, sum) / f32(params.n_channels);

    var squares = 0.0;
    for (var c = lane; c < params.n_channels; c += workgroup_size) {
        let difference = x[base + c] - mean;
        squares += difference * difference;
    }
    let variance = workgroup_sum(lane, squares) / f32(params.n_channels);
    let scale = 1.0 / sqrt(variance + params.eps);

    for (var c = lane; c < params.n_channels; c += workgroup_size) {
        let element = weight_base + c;
        let w = widen(weight_type, weight[word_index(weight_type, element)], element);
        var value = w * ((x[base + c] - mean) * scale);
        if bias_type != STORED_ABSENT {
            value += widen(bias_type, bias[word_index(bias_type, element)], element);
        }
        out[base + c] = value;
    }
}
