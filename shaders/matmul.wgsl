// Dense projection: out[m, column_offset + n] (+)= Σ_k x[m,k] · w[n,k] + bias[n]
//
// Shapes   x: (M,K) · weight: (N,K) or (K,N) in stored type · bias: (N) in stored type · out: (M,S)
// Grid     `forward`: one workgroup per 64 × 64 outputs; a lane sums 8 rows × 4 columns in registers, the operands pass
//          through workgroup memory 16 of K at a time.
//          `forward_few_rows` (M ≤ 8): one workgroup per few columns and all rows, so each weight is read once; K is
//          split over lanes and the parts are added in a fixed order.
// Twin     src/compute/cpu/matmul.rs

#import index
#import stored
#import blocks

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
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<u32>;
@group(0) @binding(3) var<storage, read> bias: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

override weight_type: u32 = STORED_F32;
override bias_type: u32 = STORED_ABSENT;
// 0: weight is (N,K), PyTorch's Linear; 1: weight is (K,N), GPT-2's Conv1D.
override weight_in_out: u32 = 0u;
// `forward_few_rows`: lanes that share the sum over K of one column, and rows held in registers: 1, 4 or 8.
override lanes_per_column: u32 = 32u;
override few_rows: u32 = 8u;

const TILE = 64u;
// 8 groups of 8 rows × 16 groups of 4 columns.
const TILE_LANES = 128u;
const DEPTH = 16u;
// A row of 16 vec4 (64 outputs), and one more so that lanes that write along K hit different banks.
const STRIDE = 17u;
// `forward_few_rows`
const LANES = 256u;

// (DEPTH, TILE / 4) of vec4: four rows of x, four columns of the weight.
// 2 · 16 · 17 · 16 bytes = 8.5 KiB of the 16 KiB every device has.
var<workgroup> sh_x: array<vec4f, 272>;
var<workgroup> sh_weight: array<vec4f, 272>;
// (8, LANES) = 8 KiB
var<workgroup> sh_partial: array<f32, 2048>;

fn x_at(m: u32, k: u32) -> f32 {
    if m < params.n_rows && k < params.n_inputs {
        return x[m * params.n_inputs + k];
    }
    return 0.0;
}

fn x_four(m: u32, k: u32) -> vec4f {
    return vec4f(x_at(m, k), x_at(m, k + 1u), x_at(m, k + 2u), x_at(m, k + 3u));
}

fn stored_word(index: u32) -> u32 {
    return weight[index];
}

fn weight_at(n: u32, k: u32) -> f32 {
    if n < params.n_outputs && k < params.n_inputs {
        var element = n * params.n_inputs + k;
        if weight_in_out != 0u {
            element = k * params.n_outputs + n;
        }
        if is_blocks(weight_type) {
            return widen_four(weight_type, element & ~3u)[element & 3u];
        }
        return widen(weight_type, weight[word_index(weight_type, element)], element);
    }
    return 0.0;
}

// Of a weight in blocks, four elements that lie side by side: along k for (N,K), along n for (K,N). Both axes that can
// be contiguous are whole blocks long, so a group of four is inside or outside.
fn weights_at(n: u32, k: u32) -> vec4f {
    if n < params.n_outputs && k < params.n_inputs {
        if weight_in_out != 0u {
            return widen_four(weight_type, k * params.n_outputs + n);
        }
        return widen_four(weight_type, n * params.n_inputs + k);
    }
    return vec4f(0.0);
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

// Row m of the tile from four columns on.
fn store_columns(m: u32, n: u32, sums: vec4f) {
    store(m, n, sums.x);
    store(m, n + 1u, sums.y);
    store(m, n + 2u, sums.z);
    store(m, n + 3u, sums.w);
}

@compute @workgroup_size(TILE_LANES)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = workgroup_index(workgroup_id, num_workgroups);
    let n_tiles_m = (params.n_rows + TILE - 1u) / TILE;
    let n_tiles_n = (params.n_outputs + TILE - 1u) / TILE;
    if tile >= n_tiles_m * n_tiles_n {
        return;
    }
    // Neighbouring workgroups share their columns, so that weights, the larger operand, stay in the cache.
    let tile_m = tile % n_tiles_m * TILE;
    let tile_n = tile / n_tiles_m * TILE;
    let lane_low = lane % 16u;
    let lane_high = lane / 16u;

    // A tile is 256 vec4: two for each lane. Neighbouring lanes fetch neighbouring addresses, for either layout.
    var weight_k = vec2u(lane_low);
    var weight_group = vec2u(lane_high, lane_high + 8u);
    if weight_in_out != 0u {
        weight_k = vec2u(lane_high, lane_high + 8u);
        weight_group = vec2u(lane_low);
    }

    var sum_0 = vec4f(0.0);
    var sum_1 = vec4f(0.0);
    var sum_2 = vec4f(0.0);
    var sum_3 = vec4f(0.0);
    var sum_4 = vec4f(0.0);
    var sum_5 = vec4f(0.0);
    var sum_6 = vec4f(0.0);
    var sum_7 = vec4f(0.0);
    for (var depth = 0u; depth < params.n_inputs; depth += DEPTH) {
        for (var i = 0u; i < 2u; i++) {
            let k = depth + lane_low;
            let group = lane_high + 8u * i;
            let m = tile_m + 4u * group;
            sh_x[lane_low * STRIDE + group] = vec4f(x_at(m, k), x_at(m + 1u, k), x_at(m + 2u, k), x_at(m + 3u, k));
        }
        if is_blocks(weight_type) && weight_in_out == 0u {
            // Groups of four run along K, so half of the lanes bring a square of 4 × 4 each and turn it.
            let group = lane >> 2u;
            let k = 4u * (lane & 3u);
            if group < TILE / 4u {
                let n = tile_n + 4u * group;
                var square = transpose(mat4x4f(
                    weights_at(n, depth + k),
                    weights_at(n + 1u, depth + k),
                    weights_at(n + 2u, depth + k),
                    weights_at(n + 3u, depth + k),
                ));
                for (var i = 0u; i < 4u; i++) {
                    sh_weight[(k + i) * STRIDE + group] = square[i];
                }
            }
        } else {
            for (var i = 0u; i < 2u; i++) {
                let k = depth + weight_k[i];
                let n = tile_n + 4u * weight_group[i];
                let index = weight_k[i] * STRIDE + weight_group[i];
                if is_blocks(weight_type) {
                    sh_weight[index] = weights_at(n, k);
                } else {
                    sh_weight[index] =
                        vec4f(weight_at(n, k), weight_at(n + 1u, k), weight_at(n + 2u, k), weight_at(n + 3u, k));
                }
            }
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let rows_0 = sh_x[k * STRIDE + 2u * lane_high];
            let rows_1 = sh_x[k * STRIDE + 2u * lane_high + 1u];
            let columns = sh_weight[k * STRIDE + lane_low];
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

    let m = tile_m + 8u * lane_high;
    let n = tile_n + 4u * lane_low;
    store_columns(m, n, sum_0);
    store_columns(m + 1u, n, sum_1);
    store_columns(m + 2u, n, sum_2);
    store_columns(m + 3u, n, sum_3);
    store_columns(m + 4u, n, sum_4);
    store_columns(m + 5u, n, sum_5);
    store_columns(m + 6u, n, sum_6);
    store_columns(m + 7u, n, sum_7);
}

@compute @workgroup_size(LANES)
fn forward_few_rows(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let columns_per_workgroup = LANES / lanes_per_column;
    let column_base = workgroup_index(workgroup_id, num_workgroups) * columns_per_workgroup;
    if column_base >= params.n_outputs {
        return;
    }
    // As above: lanes run along the axis that is contiguous in memory.
    var part = lane % lanes_per_column;
    var column = lane / lanes_per_column;
    if weight_in_out != 0u {
        part = lane / columns_per_workgroup;
        column = lane % columns_per_workgroup;
    }

    var sums_0 = vec4f(0.0);
    var sums_1 = vec4f(0.0);
    if is_blocks(weight_type) && weight_in_out == 0u {
        for (var k = 4u * part; k < params.n_inputs; k += 4u * lanes_per_column) {
            let w = weights_at(column_base + column, k);
            sums_0.x += dot(x_four(0u, k), w);
            if few_rows > 1u {
                sums_0 += vec4f(0.0, dot(x_four(1u, k), w), dot(x_four(2u, k), w), dot(x_four(3u, k), w));
            }
            if few_rows > 4u {
                sums_1 +=
                    vec4f(dot(x_four(4u, k), w), dot(x_four(5u, k), w), dot(x_four(6u, k), w), dot(x_four(7u, k), w));
            }
        }
    } else {
        for (var k = part; k < params.n_inputs; k += lanes_per_column) {
            let w = weight_at(column_base + column, k);
            if few_rows == 1u {
                sums_0.x += x_at(0u, k) * w;
            } else {
                sums_0 += vec4f(x_at(0u, k), x_at(1u, k), x_at(2u, k), x_at(3u, k)) * w;
            }
            if few_rows == 8u {
                sums_1 += vec4f(x_at(4u, k), x_at(5u, k), x_at(6u, k), x_at(7u, k)) * w;
            }
        }
    }
    let partial = column * lanes_per_column + part;
    sh_partial[partial] = sums_0.x;
    if few_rows > 1u {
        sh_partial[partial + LANES] = sums_0.y;
        sh_partial[partial + 2u * LANES] = sums_0.z;
        sh_partial[partial + 3u * LANES] = sums_0.w;
    }
    if few_rows > 4u {
        sh_partial[partial + 4u * LANES] = sums_1.x;
        sh_partial[partial + 5u * LANES] = sums_1.y;
        sh_partial[partial + 6u * LANES] = sums_1.z;
        sh_partial[partial + 7u * LANES] = sums_1.w;
    }
    workgroupBarrier();

    for (var output = lane; output < few_rows * columns_per_workgroup; output += LANES) {
        var sum = 0.0;
        for (var i = 0u; i < lanes_per_column; i++) {
            sum += sh_partial[output * lanes_per_column + i];
        }
        store(output / columns_per_workgroup, column_base + output % columns_per_workgroup, sum);
    }
}
