// Backward of attention by the queries: dq += scale · Σ_j p_j (dp_j − δ) cap′(score_j) k_j with dp_j = dout · v_j and
// δ = Σ_j p_j dp_j, over the keys that the query sees.
//
// Shapes   qkv, dqkv: (B·T,S), queries of NH heads from column 0 · slots: (B) · k_own, v_own: (slots, capacity, KV)
//          · dout: (B·T, NH·HS) · mask: (B,T,keys), read when `masked` · stats: (B·T, 2·NH), for each head
//          log Σ_j exp(score_j) and δ
// Grid     one workgroup per (row, head). First a lane goes through every 64th key for the maximum, the sum and δ; then
//          64 keys at a time: a lane finds the factor of one key, and owns every 64th channel
// Source   Dao et al. 2022, appendix B
// Limits   HS ≤ 256
// Twin     src/compute/ops/attention_backward_query.rs

#import attention_backward
#import index

@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> slots: array<u32>;
@group(0) @binding(3) var<storage, read> k_own: array<f32>;
@group(0) @binding(4) var<storage, read> v_own: array<f32>;
@group(0) @binding(5) var<storage, read> dout: array<f32>;
@group(0) @binding(6) var<storage, read> mask: array<u32>;
@group(0) @binding(7) var<storage, read_write> dqkv: array<f32>;
@group(0) @binding(8) var<storage, read_write> stats: array<f32>;

var<workgroup> sh_query: array<f32, HEAD_SIZE_MAX>;
var<workgroup> sh_dout: array<f32, HEAD_SIZE_MAX>;
var<workgroup> sh_maximum: array<f32, TILE>;
var<workgroup> sh_sum: array<f32, TILE>;
var<workgroup> sh_delta: array<f32, TILE>;
var<workgroup> sh_factor: array<f32, TILE>;

// (score, dp) of the key whose channels begin at `base`.
fn score_and_dweight(base: u32) -> vec2f {
    var sums = vec2f(0.0);
    for (var c = 0u; c < params.head_size; c++) {
        sums += vec2f(sh_query[c] * k_own[base + c], sh_dout[c] * v_own[base + c]);
    }
    return vec2f(capped(params.scale * sums.x), sums.y);
}

fn is_seen(row: u32, key: u32) -> bool {
    if params.masked == 0u {
        return true;
    }
    return mask[row * n_keys() + key] != 0u;
}

fn source(index: u32) -> f32 {
    return k_own[index];
}

@compute @workgroup_size(TILE)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let row_head = workgroup_index(workgroup_id, num_workgroups);
    if row_head >= params.n_rows * params.n_heads {
        return;
    }
    let row = row_head / params.n_heads;
    let head = row_head % params.n_heads;
    let slot = slots[row / params.n_tokens];
    if slot >= params.n_slots {
        if lane < 2u {
            stats[2u * row_head + lane] = 0.0;
        }
        return;
    }
    let kv_size = params.n_kv_heads * params.head_size;
    let own_base =
        slot * params.capacity * kv_size + head / (params.n_heads / params.n_kv_heads) * params.head_size;
    let seen = span(row % params.n_tokens);
    let query_base = row * params.n_columns + head * params.head_size;
    let dout_base = row_head * params.head_size;
    for (var c = lane; c < params.head_size; c += TILE) {
        sh_query[c] = qkv[query_base + c];
        sh_dout[c] = dout[dout_base + c];
    }
    workgroupBarrier();

    var maximum = LOG_ZERO;
    var sum = 0.0;
    var delta = 0.0;
    for (var key = seen.x + lane; key < seen.y; key += TILE) {
        if !is_seen(row, key) {
            continue;
        }
        let found = score_and_dweight(own_base + key * kv_size);
        let larger = max(maximum, found.x);
        let rescale = exp(maximum - larger);
        let weight = exp(found.x - larger);
        sum = sum * rescale + weight;
        delta = delta * rescale + weight * found.y;
        maximum = larger;
    }
    sh_maximum[lane] = maximum;
    sh_sum[lane] = sum;
    sh_delta[lane] = delta;
    workgroupBarrier();
    // Every lane adds the 64 parts for itself, in the same order.
    for (var i = 0u; i < TILE; i++) {
        maximum = max(maximum, sh_maximum[i]);
    }
    sum = 0.0;
    delta = 0.0;
    for (var i = 0u; i < TILE; i++) {
        let rescale = exp(sh_maximum[i] - maximum);
        sum += sh_sum[i] * rescale;
        delta += sh_delta[i] * rescale;
    }
    // A query that sees nothing has no weights, and no gradient.
    var log_z = 0.0;
    if sum > 0.0 {
        delta /= sum;
        log_z = maximum + log(sum);
    }
    if lane == 0u {
        stats[2u * row_head] = log_z;
        stats[2u * row_head + 1u] = delta;
    }

    var accumulator = vec4f(0.0);
    for (var tile_start = seen.x; tile_start < seen.y; tile_start += TILE) {
        let key = tile_start + lane;
        var factor = 0.0;
        if key < seen.y && is_seen(row, key) {
            let found = score_and_dweight(own_base + key * kv_size);
            factor = slope_at(found.x) * exp(found.x - log_z) * (found.y - delta);
        }
        sh_factor[lane] = factor;
        workgroupBarrier();
        let n_tile = min(TILE, seen.y - tile_start);
        for (var j = 0u; j < n_tile; j++) {
            let base = own_base + (tile_start + j) * kv_size;
            accumulator += sh_factor[j] * channels(base, lane);
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < channels_per_lane; i++) {
        let c = lane + i * TILE;
        if c < params.head_size {
            dqkv[query_base + c] += accumulator[i];
        }
    }
}
