// Backward of matmul by its weight: out[p,q] (+)= Σ_m a[m, a_column + p] · b[m, b_column + q]
//
// Shapes   a: (M,A) · b: (M,B) · out: (P,Q)
// Grid     one workgroup per tile of outputs, see `lib/tile.wgsl`
// Twin     src/compute/cpu/matmul_weight_backward.rs

#import index
#import tile

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

// Tile code calls the axes m, n and k; here they are p, q and the rows of a and b.
fn left_square(row: u32, p: u32) -> mat4x4f {
    var square: mat4x4f;
    for (var i = 0u; i < 4u; i++) {
        square[i] = vec4f(a_at(row + i, p), a_at(row + i, p + 1u), a_at(row + i, p + 2u), a_at(row + i, p + 3u));
    }
    return square;
}

fn right_square(row: u32, q: u32) -> mat4x4f {
    var square: mat4x4f;
    for (var i = 0u; i < 4u; i++) {
        square[i] = vec4f(b_at(row + i, q), b_at(row + i, q + 1u), b_at(row + i, q + 2u), b_at(row + i, q + 3u));
    }
    return square;
}

fn store_four(p: u32, q: u32, sums: vec4f) {
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

@compute @workgroup_size(lanes_n, lanes_m)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_id) lane: vec3u,
) {
    let tile = workgroup_index(workgroup_id, num_workgroups);
    let rows = 4u * lanes_m * blocks_m;
    let columns = 4u * lanes_n * blocks_n;
    let tiles_per_row = (params.n_out_columns + columns - 1u) / columns;
    let tile_p = tile / tiles_per_row * rows;
    if tile_p >= params.n_out_rows {
        return;
    }
    multiply_tile(tile_p, tile % tiles_per_row * columns, params.n_rows, lane.xy, false, false);
}
