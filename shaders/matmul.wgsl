// Dense projection: out[m, column_offset + n] (+)= Σ_k x[m,k] · w[n,k] + bias[n]
//
// Shapes   x: (M,K) · weight: (N,K) or (K,N) in stored type · bias: (N) in stored type · out: (M,S)
// Grid     `forward`: one workgroup per 64 × 64 outputs; a lane sums 4 × 4 of them in registers, the operands pass
//          through workgroup memory 16 of K at a time.
//          `forward_few_rows` (M ≤ 8): one workgroup per few columns and all rows, so each weight is read once; K is
//          split over lanes and the parts are added in a fixed order.
// Twin     src/compute/cpu/matmul.rs

#import index
#import stored

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
// `forward_few_rows`: lanes that share the sum over K of one column, and rows held in registers, at most 8.
override lanes_per_column: u32 = 32u;
override few_rows: u32 = 8u;

const LANES = 256u;
const TILE = 64u;
const DEPTH = 16u;
// A row of 16 vec4 (64 outputs), and one more so that lanes that write along K hit different banks.
const STRIDE = 17u;

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

fn weight_at(n: u32, k: u32) -> f32 {
    if n < params.n_outputs && k < params.n_inputs {
        var element = n * params.n_inputs + k;
        if weight_in_out != 0u {
            element = k * params.n_outputs + n;
        }
        return widen(weight_type, weight[word_index(weight_type, element)], element);
    }
    return 0.0;
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

@compute @workgroup_size(LANES)
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

    // Which of the tile a lane fetches: neighbouring lanes read neighbouring addresses, for either layout.
    var weight_k = lane_low;
    var weight_group = lane_high;
    if weight_in_out != 0u {
        weight_k = lane_high;
        weight_group = lane_low;
    }
    let fetch_m = tile_m + 4u * lane_high;
    let fetch_n = tile_n + 4u * weight_group;

    var sum_0 = vec4f(0.0);
    var sum_1 = vec4f(0.0);
    var sum_2 = vec4f(0.0);
    var sum_3 = vec4f(0.0);
    for (var depth = 0u; depth < params.n_inputs; depth += DEPTH) {
        let x_k = depth + lane_low;
        sh_x[lane_low * STRIDE + lane_high] =
            vec4f(x_at(fetch_m, x_k), x_at(fetch_m + 1u, x_k), x_at(fetch_m + 2u, x_k), x_at(fetch_m + 3u, x_k));
        let w_k = depth + weight_k;
        sh_weight[weight_k * STRIDE + weight_group] = vec4f(
            weight_at(fetch_n, w_k),
            weight_at(fetch_n + 1u, w_k),
            weight_at(fetch_n + 2u, w_k),
            weight_at(fetch_n + 3u, w_k),
        );
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let rows = sh_x[k * STRIDE + lane_high];
            let columns = sh_weight[k * STRIDE + lane_low];
            sum_0 += rows.x * columns;
            sum_1 += rows.y * columns;
            sum_2 += rows.z * columns;
            sum_3 += rows.w * columns;
        }
        workgroupBarrier();
    }

    let n = tile_n + 4u * lane_low;
    for (var j = 0u; j < 4u; j++) {
        store(fetch_m, n + j, sum_0[j]);
        store(fetch_m + 1u, n + j, sum_1[j]);
        store(fetch_m + 2u, n + j, sum_2[j]);
        store(fetch_m + 3u, n + j, sum_3[j]);
    }
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

    var sums: array<f32, 8>;
    for (var k = part; k < params.n_inputs; k += lanes_per_column) {
        let w = weight_at(column_base + column, k);
        for (var m = 0u; m < few_rows; m++) {
            sums[m] += x_at(m, k) * w;
        }
    }
    for (var m = 0u; m < few_rows; m++) {
        sh_partial[(m * columns_per_workgroup + column) * lanes_per_column + part] = sums[m];
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
