// Backward of matmul by its weight: out[p,q] (+)= Σ_m a[m, a_column + p] · b[m, b_column + q]
//
// Shapes   a: (M,A) · b: (M,B) · out: (P,Q)
// Grid     one workgroup per 64 × 64 outputs; a lane sums 8 rows × 4 columns in registers, the operands pass through
//          workgroup memory 16 of M at a time
// Twin     src/compute/cpu/matmul_weight_backward.rs

#import index

struct Params {
    // M
    n_rows: u32,
    // P
    n_out_rows: u32,
    // Q
    n_out_columns: u32,
    a_columns: u32,
    a_column: u32,
    b_columns: u32,
    b_column: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

const TILE = 64u;
// 8 groups of 8 rows × 16 groups of 4 columns.
const TILE_LANES = 128u;
const DEPTH = 16u;
// A row of 16 vec4 (64 outputs), and one more against bank conflicts.
const STRIDE = 17u;

// (DEPTH, TILE / 4) of vec4: 2 · 16 · 17 · 16 bytes = 8.5 KiB of the 16 KiB every device has.
var<workgroup> sh_a: array<vec4f, 272>;
var<workgroup> sh_b: array<vec4f, 272>;

fn a_at(m: u32, p: u32) -> f32 {
    if m < params.n_rows && p < params.n_out_rows {
        return a[m * params.a_columns + params.a_column + p];
    }
    return 0.0;
}

fn b_at(m: u32, q: u32) -> f32 {
    if m < params.n_rows && q < params.n_out_columns {
        return b[m * params.b_columns + params.b_column + q];
    }
    return 0.0;
}

fn store_columns(p: u32, q: u32, sums: vec4f) {
    for (var j = 0u; j < 4u; j++) {
        if p < params.n_out_rows && q + j < params.n_out_columns {
            let index = p * params.n_out_columns + q + j;
            var value = sums[j];
            if params.accumulate != 0u {
                value += out[index];
            }
            out[index] = value;
        }
    }
}

@compute @workgroup_size(TILE_LANES)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = workgroup_index(workgroup_id, num_workgroups);
    let tiles_per_row = (params.n_out_columns + TILE - 1u) / TILE;
    let tile_p = tile / tiles_per_row * TILE;
    let tile_q = tile % tiles_per_row * TILE;
    if tile_p >= params.n_out_rows {
        return;
    }
    let lane_low = lane % 16u;
    let lane_high = lane / 16u;

    var sum_0 = vec4f(0.0);
    var sum_1 = vec4f(0.0);
    var sum_2 = vec4f(0.0);
    var sum_3 = vec4f(0.0);
    var sum_4 = vec4f(0.0);
    var sum_5 = vec4f(0.0);
    var sum_6 = vec4f(0.0);
    var sum_7 = vec4f(0.0);
    for (var depth = 0u; depth < params.n_rows; depth += DEPTH) {
        // Lanes run along the columns, which are contiguous in both operands.
        for (var i = 0u; i < 2u; i++) {
            let m = lane_high + 8u * i;
            let p = tile_p + 4u * lane_low;
            let q = tile_q + 4u * lane_low;
            let row = depth + m;
            sh_a[m * STRIDE + lane_low] = vec4f(a_at(row, p), a_at(row, p + 1u), a_at(row, p + 2u), a_at(row, p + 3u));
            sh_b[m * STRIDE + lane_low] = vec4f(b_at(row, q), b_at(row, q + 1u), b_at(row, q + 2u), b_at(row, q + 3u));
        }
        workgroupBarrier();
        for (var m = 0u; m < DEPTH; m++) {
            let rows_0 = sh_a[m * STRIDE + 2u * lane_high];
            let rows_1 = sh_a[m * STRIDE + 2u * lane_high + 1u];
            let columns = sh_b[m * STRIDE + lane_low];
            sum_0 += rows_0.x * columns;
            sum_1 += rows_0.y * columns;
            sum_2 += rows_0.z * columns;
            sum_3 += rows_0.w * columns;
            sum_4 += rows_1.x * columns;
            sum_5 += rows_1.y * columns;
            sum_6 += rows_1.z * columns;
            sum_7 += rows_1.w * columns;
        }
        workgroupBarrier();
    }

    let p = tile_p + 8u * lane_high;
    let q = tile_q + 4u * lane_low;
    store_columns(p, q, sum_0);
    store_columns(p + 1u, q, sum_1);
    store_columns(p + 2u, q, sum_2);
    store_columns(p + 3u, q, sum_3);
    store_columns(p + 4u, q, sum_4);
    store_columns(p + 5u, q, sum_5);
    store_columns(p + 6u, q, sum_6);
    store_columns(p + 7u, q, sum_7);
}
