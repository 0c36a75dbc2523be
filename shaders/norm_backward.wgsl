// Backward of layernorm and rmsnorm: dx[n,c] (+)= r · (g − mean_c(g) − x̂ · mean_c(g·x̂)) with r = 1 / sqrt(var + eps),
// x̂ = (x − mean)·r and g = (weight_offset + weight) · dout, over each group of channels by itself. Without centring the
// mean of x and the mean of g are left out.
//
// Shapes   x, dout, dx: (N,S), groups of C channels from `first_column` on · weight: (C) or (groups,C) in stored type
//          · stats: (N, 2·groups), mean and r
// Grid     one workgroup per row and group
// Twin     src/compute/ops/norm_backward.rs

#import index
#import reduce
#import stored

struct Params {
    n_rows: u32,
    // S
    row_columns: u32,
    // C
    n_columns: u32,
    first_column: u32,
    n_groups: u32,
    // The weight has a row for each group.
    has_rows: u32,
    eps: f32,
    weight_offset: f32,
    centred: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<u32>;
@group(0) @binding(3) var<storage, read> dout: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;
@group(0) @binding(5) var<storage, read_write> stats: array<f32>;

override weight_type: u32 = STORED_F32;

fn weight_at(element: u32) -> f32 {
    return params.weight_offset + widen(weight_type, weight[word_index(weight_type, element)], element);
}

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
    let row_base =
        row_group / params.n_groups * params.row_columns + params.first_column + group * params.n_columns;
    let weight_base = params.has_rows * group * params.n_columns;
    let columns = f32(params.n_columns);

    var mean = 0.0;
    if params.centred != 0u {
        var sum = 0.0;
        for (var c = lane; c < params.n_columns; c += workgroup_size) {
            sum += x[row_base + c];
        }
        mean = workgroup_sum(lane, sum) / columns;
    }
    var squares = 0.0;
    for (var c = lane; c < params.n_columns; c += workgroup_size) {
        let difference = x[row_base + c] - mean;
        squares += difference * difference;
    }
    let scale = 1.0 / sqrt(workgroup_sum(lane, squares) / columns + params.eps);

    var sum_g = 0.0;
    var sum_gx = 0.0;
    for (var c = lane; c < params.n_columns; c += workgroup_size) {
        let g = weight_at(weight_base + c) * dout[row_base + c];
        sum_g += g;
        sum_gx += g * ((x[row_base + c] - mean) * scale);
    }
    let mean_gx = workgroup_sum(lane, sum_gx) / columns;
    var mean_g = 0.0;
    if params.centred != 0u {
        mean_g = workgroup_sum(lane, sum_g) / columns;
    }

    for (var c = lane; c < params.n_columns; c += workgroup_size) {
        let g = weight_at(weight_base + c) * dout[row_base + c];
        var value = scale * (g - mean_g - (x[row_base + c] - mean) * scale * mean_gx);
        if params.accumulate != 0u {
            value += dx[row_base + c];
        }
        dx[row_base + c] = value;
    }
    if lane == 0u {
        stats[2u * row_group] = mean;
        stats[2u * row_group + 1u] = scale;
    }
}
