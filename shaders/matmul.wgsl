// Dense projection: out[m, column_offset + n] (+)= Σ_k x[m,k] · w[n,k] + bias[n]
//
// Shapes   x: (M,K) · weight: (N,K) or (K,N) in stored type · bias: (N) in stored type · out: (M,S)
// Grid     one workgroup per tile of outputs, see `lib/tile.wgsl`; or, for M ≤ 8, `few_rows`: one workgroup per few columns
//          and all rows, so each weight is read once; K is split over lanes and the parts are added in a fixed order
// Text     `in_out`: weight is (K,N), GPT-2's Conv1D, otherwise (N,K), PyTorch's Linear · `blocks`: the weight is in blocks
//          · `x_in_fours`, `weight_in_fours`: rows of x, of the stored weight, are whole fours, and one load brings four
// Twin     src/compute/cpu/matmul.rs

#if blocks
#import blocks
#end
#import fours
#import index
#if !few_rows
#import tile
#end

struct Params {
    n_rows: u32,
    // N
    n_outputs: u32,
    // K
    n_inputs: u32,
    // S
    out_columns: u32,
    column_offset: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4u>;
@group(0) @binding(3) var<storage, read> bias: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

override weight_type: u32 = STORED_F32;
override bias_type: u32 = STORED_ABSENT;

fn x_at(m: u32, k: u32) -> f32 {
    if m < params.n_rows && k < params.n_inputs {
        let element = m * params.n_inputs + k;
        return x[element >> 2u][element & 3u];
    }
    return 0.0;
}

// Inputs k to k + 3 of a row; k is a multiple of four.
fn x_four(m: u32, k: u32) -> vec4f {
#if x_in_fours
    if m < params.n_rows && k < params.n_inputs {
        return x[(m * params.n_inputs + k) >> 2u];
    }
    return vec4f(0.0);
#else
    return vec4f(x_at(m, k), x_at(m, k + 1u), x_at(m, k + 2u), x_at(m, k + 3u));
#end
}

fn weight_element(n: u32, k: u32) -> u32 {
#if in_out
    return k * params.n_outputs + n;
#else
    return n * params.n_inputs + k;
#end
}

fn stored_four(index: u32) -> vec4u {
    return weight[index];
}

fn stored_word(index: u32) -> u32 {
    return weight[index >> 2u][index & 3u];
}

// Four elements that lie side by side: along k for (N,K), along n for (K,N), from a multiple of four on.
#if weight_in_fours
fn weight_four(n: u32, k: u32) -> vec4f {
    if n < params.n_outputs && k < params.n_inputs {
#if blocks
        return widen_four(weight_type, weight_element(n, k));
#else
        return widen_plain_four(weight_type, weight_element(n, k));
#end
    }
    return vec4f(0.0);
}
#else
fn weight_at(n: u32, k: u32) -> f32 {
    if n < params.n_outputs && k < params.n_inputs {
        let element = weight_element(n, k);
        return widen(weight_type, stored_word(word_index(weight_type, element)), element);
    }
    return 0.0;
}

fn weight_four(n: u32, k: u32) -> vec4f {
#if in_out
    return vec4f(weight_at(n, k), weight_at(n + 1u, k), weight_at(n + 2u, k), weight_at(n + 3u, k));
#else
    return vec4f(weight_at(n, k), weight_at(n, k + 1u), weight_at(n, k + 2u), weight_at(n, k + 3u));
#end
}
#end

fn left_square(k: u32, m: u32) -> mat4x4f {
    return transpose(mat4x4f(x_four(m, k), x_four(m + 1u, k), x_four(m + 2u, k), x_four(m + 3u, k)));
}

fn right_square(k: u32, n: u32) -> mat4x4f {
#if in_out
    return mat4x4f(weight_four(n, k), weight_four(n, k + 1u), weight_four(n, k + 2u), weight_four(n, k + 3u));
#else
    return transpose(
        mat4x4f(weight_four(n, k), weight_four(n + 1u, k), weight_four(n + 2u, k), weight_four(n + 3u, k)));
#end
}

fn store(m: u32, n: u32, sum: f32) {
    if m < params.n_rows && n < params.n_outputs {
        let index = m * params.out_columns + params.column_offset + n;
        var value = sum;
        if bias_type != STORED_ABSENT {
            value += widen(bias_type, bias[word_index(bias_type, n)], n);
        }
        if params.accumulate != 0u {
            value += out[index];
        }
        out[index] = value;
    }
}

fn store_four(m: u32, n: u32, sums: vec4f) {
    store(m, n, sums.x);
    store(m, n + 1u, sums.y);
    store(m, n + 2u, sums.z);
    store(m, n + 3u, sums.w);
}

#if !few_rows
@compute @workgroup_size(lanes_n, lanes_m)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_id) lane: vec3u,
) {
    let tile = workgroup_index(workgroup_id, num_workgroups);
    let rows = 4u * lanes_m * blocks_m;
    let columns = 4u * lanes_n * blocks_n;
    let n_tiles_m = (params.n_rows + rows - 1u) / rows;
    let n_tiles_n = (params.n_outputs + columns - 1u) / columns;
    if tile >= n_tiles_m * n_tiles_n {
        return;
    }
    // Neighbouring workgroups share their columns, so that weights, the larger operand, stay in the cache.
#if in_out
    let along_k = false;
#else
    let along_k = true;
#end
    multiply_tile(tile % n_tiles_m * rows, tile / n_tiles_m * columns, params.n_inputs, lane.xy, true, along_k);
}
#else
// Rows held in registers: 1, 4 or 8.
override rows_held: u32 = 8u;

const LANES = 256u;
// Lanes that share the sum over K of one column, or of four columns of a weight stored (K,N).
const PARTS = 32u;
const GROUPS = LANES / PARTS;

// (4, LANES) = 16 KiB
var<workgroup> sh_partial: array<vec4f, 1024>;

#if in_out
// Four rows: column i of `sums` is this lane's part of row m + i.
fn add_parts(m: u32, column_base: u32, lane: u32, sums: mat4x4f) {
    let n_rows = min(rows_held, 4u);
    sh_partial[lane] = sums[0];
    if rows_held > 1u {
        sh_partial[LANES + lane] = sums[1];
        sh_partial[2u * LANES + lane] = sums[2];
        sh_partial[3u * LANES + lane] = sums[3];
    }
    workgroupBarrier();
    if lane < n_rows * GROUPS {
        let row = lane / GROUPS;
        let group = lane % GROUPS;
        var sum = vec4f(0.0);
        for (var part = 0u; part < PARTS; part++) {
            sum += sh_partial[row * LANES + part * GROUPS + group];
        }
        store_four(m + row, column_base + 4u * group, sum);
    }
}

// Lanes run along N, which is contiguous: each takes four columns of every 32nd input.
@compute @workgroup_size(LANES)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let column_base = workgroup_index(workgroup_id, num_workgroups) * 4u * GROUPS;
    if column_base >= params.n_outputs {
        return;
    }
    let n = column_base + 4u * (lane % GROUPS);
    var sums_0 = mat4x4f();
    var sums_1 = mat4x4f();
    for (var k = lane / GROUPS; k < params.n_inputs; k += PARTS) {
        let w = weight_four(n, k);
        sums_0[0] += x_at(0u, k) * w;
        if rows_held > 1u {
            sums_0[1] += x_at(1u, k) * w;
            sums_0[2] += x_at(2u, k) * w;
            sums_0[3] += x_at(3u, k) * w;
        }
        if rows_held > 4u {
            sums_1[0] += x_at(4u, k) * w;
            sums_1[1] += x_at(5u, k) * w;
            sums_1[2] += x_at(6u, k) * w;
            sums_1[3] += x_at(7u, k) * w;
        }
    }
    add_parts(0u, column_base, lane, sums_0);
    if rows_held > 4u {
        workgroupBarrier();
        add_parts(4u, column_base, lane, sums_1);
    }
}
#else
// Lanes run along K, which is contiguous: each takes every 32nd four of one column.
@compute @workgroup_size(LANES)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let column_base = workgroup_index(workgroup_id, num_workgroups) * GROUPS;
    if column_base >= params.n_outputs {
        return;
    }
    let n = column_base + lane / PARTS;
    var sums_0 = vec4f(0.0);
    var sums_1 = vec4f(0.0);
    for (var k = 4u * (lane % PARTS); k < params.n_inputs; k += 4u * PARTS) {
        let w = weight_four(n, k);
        sums_0.x += dot(x_four(0u, k), w);
        if rows_held > 1u {
            sums_0 += vec4f(0.0, dot(x_four(1u, k), w), dot(x_four(2u, k), w), dot(x_four(3u, k), w));
        }
        if rows_held > 4u {
            sums_1 += vec4f(dot(x_four(4u, k), w), dot(x_four(5u, k), w), dot(x_four(6u, k), w), dot(x_four(7u, k), w));
        }
    }
    sh_partial[lane] = sums_0;
    if rows_held > 4u {
        sh_partial[LANES + lane] = sums_1;
    }
    workgroupBarrier();
    // One lane for each column and four rows.
    if lane < (rows_held + 3u) / 4u * GROUPS {
        var sum = vec4f(0.0);
        for (var part = 0u; part < PARTS; part++) {
            sum += sh_partial[lane * PARTS + part];
        }
        let m = 4u * (lane / GROUPS);
        let column = column_base + lane % GROUPS;
        store(m, column, sum.x);
        store(m + 1u, column, sum.y);
        store(m + 2u, column, sum.z);
        store(m + 3u, column, sum.w);
    }
}
#end
#end
