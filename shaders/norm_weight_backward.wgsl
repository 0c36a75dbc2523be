// Backward of layernorm and rmsnorm by their weight: dweight[c] (+)= Σ_n Σ_groups dout[n,c] · (x[n,c] − mean) · r
//
// Shapes   x, dout: (N,S), groups of C channels from `first_column` on · stats: (N, 2·groups), mean and r
//          · dweight: (C), or (groups,C), which keeps the groups apart
// Grid     one workgroup per 32 elements of `dweight`
// Twin     src/compute/ops/norm_weight_backward.rs

#import index

struct Params {
    n_rows: u32,
    // Elements of `dweight`.
    n_columns: u32,
    // S
    row_columns: u32,
    // C
    n_channels: u32,
    first_column: u32,
    n_groups: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read> dout: array<f32>;
@group(0) @binding(4) var<storage, read_write> dweight: array<f32>;

// All groups of row n that element i belongs to.
fn term(n: u32, i: u32) -> f32 {
    let c = i % params.n_channels;
    var group = i / params.n_channels;
    var end = group + 1u;
    if params.n_columns == params.n_channels {
        group = 0u;
        end = params.n_groups;
    }
    var sum = 0.0;
    for (; group < end; group++) {
        let index = n * params.row_columns + params.first_column + group * params.n_channels + c;
        let row_group = n * params.n_groups + group;
        sum += dout[index] * ((x[index] - stats[2u * row_group]) * stats[2u * row_group + 1u]);
    }
    return sum;
}

const COLUMNS = 32u;
// Rows are dealt out to eight lanes of a column, whose sums are added in a fixed order.
const PARTS = 8u;
const LANES = 256u;

var<workgroup> sh_partial: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let c = workgroup_index(workgroup_id, num_workgroups) * COLUMNS + lane % COLUMNS;
    var sum = 0.0;
    if c < params.n_columns {
        for (var n = lane / COLUMNS; n < params.n_rows; n += PARTS) {
            sum += term(n, c);
        }
    }
    sh_partial[lane] = sum;
    workgroupBarrier();
    if lane < COLUMNS && c < params.n_columns {
        var total = 0.0;
        for (var part = 0u; part < PARTS; part++) {
            total += sh_partial[part * COLUMNS + lane];
        }
        if params.accumulate != 0u {
            total += dweight[c];
        }
        dweight[c] = total;
    }
}
