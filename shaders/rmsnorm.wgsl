// Root-mean-square normalisation: out[n,c] (+)= (weight_offset + weight[c]) · x[n,c] / sqrt(mean_c(x²) + eps)
//
// Shapes   x, out: (N,S), groups of C channels from `first_column` on · weight: (C) or (groups,C) in stored type
// Grid     one workgroup per row and group
// Source   Zhang & Sennrich 2019
// Twin     src/compute/ops/rmsnorm.rs

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
    accumulate: u32,
    eps: f32,
    weight_offset: f32,
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
    let row_group = workgroup_index(workgroup_id, num_workgroups);
    if row_group >= params.n_rows * params.n_groups {
        return;
    }
    let group = row_group % params.n_groups;
    let base = row_group / params.n_groups * params.n_columns + params.first_column + group * params.n_channels;
    let weight_base = group * params.weight_stride;

    var squares = 0.0;
    for (var c = lane; c < params.n_channels; c += workgroup_size) {
        let value = x[base + c];
        squares += value * value;
    }
    let mean_square = workgroup_sum(lane, squares) / f32(params.n_channels);
    let scale = 1.0 / sqrt(mean_square + params.eps);

    for (var c = lane; c < params.n_channels; c += workgroup_size) {
        let element = weight_base + c;
        let w = params.weight_offset + widen(weight_type, weight[word_index(weight_type, element)], element);
        var value = w * (x[base + c] * scale);
        if params.accumulate != 0u {
            value += out[base + c];
        }
        out[base + c] = value;
    }
}
