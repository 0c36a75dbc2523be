// Sum over rows: out[c] (+)= Σ_n x[n, column + c]
//
// Shapes   x: (N,X) · out: (C)
// Grid     one workgroup per 32 columns
// Twin     src/compute/ops/column_sum.rs

#import index

struct Params {
    n_rows: u32,
    // C
    n_columns: u32,
    x_columns: u32,
    column: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

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
            sum += x[n * params.x_columns + params.column + c];
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
            total += out[c];
        }
        out[c] = total;
    }
}
