// Attention of new tokens over a prefix that all rows share and over the row's own tokens.
//
// Shapes   qkv: (B·T,S), queries of NH heads from column 0 · slots: (B) · k_own, v_own: (slots, capacity, KV)
//          · k_prefix, v_prefix: (1, P, KV) · mask: (B, T, keys), read when `masked` · out: (B·T, NH·HS), KV = NKV·HS;
//          a slot that does not exist gives zeros, and so does a query that sees no key
// Grid     one workgroup per (row, head). 64 keys at a time: a lane scores one key, then owns every 64th channel
// Source   Vaswani et al. 2017; one pass with a running maximum, Milakov & Gimelshein 2018
// Limits   HS ≤ 256
// Twin     src/compute/ops/attention.rs

#import attention
#import index

struct Params {
    // B · T
    n_rows: u32,
    n_columns: u32,
    n_heads: u32,
    n_kv_heads: u32,
    head_size: u32,
    n_tokens: u32,
    start: u32,
    prefix_tokens: u32,
    n_slots: u32,
    capacity: u32,
    // Keys a query looks back at most, itself counted.
    window: u32,
    // Keys that every query sees, besides those before it.
    n_seen_by_all: u32,
    masked: u32,
    scale: f32,
    // 0: none.
    softcap: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> slots: array<u32>;
@group(0) @binding(3) var<storage, read> k_own: array<f32>;
@group(0) @binding(4) var<storage, read> v_own: array<f32>;
@group(0) @binding(5) var<storage, read> k_prefix: array<f32>;
@group(0) @binding(6) var<storage, read> v_prefix: array<f32>;
@group(0) @binding(7) var<storage, read> mask: array<u32>;
@group(0) @binding(8) var<storage, read_write> out: array<f32>;

// Keys of a tile, and lanes of a workgroup.
const TILE = 64u;
const HEAD_SIZE_MAX = 256u;
const LOG_ZERO = -3.0e38;

// ceil(HS / 64): known when the pipeline is built, so that the accumulators stay in registers.
override channels_per_lane: u32 = 4u;

var<workgroup> sh_query: array<f32, HEAD_SIZE_MAX>;
var<workgroup> sh_scores: array<f32, TILE>;
var<workgroup> sh_weights: array<f32, TILE>;

fn v_prefix_at(base: u32, c: u32) -> f32 {
    if c < params.head_size {
        return v_prefix[base + c];
    }
    return 0.0;
}

fn v_own_at(base: u32, c: u32) -> f32 {
    if c < params.head_size {
        return v_own[base + c];
    }
    return 0.0;
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
    let out_base = (row * params.n_heads + head) * params.head_size;
    let slot = slots[row / params.n_tokens];
    if slot >= params.n_slots {
        for (var c = lane; c < params.head_size; c += TILE) {
            out[out_base + c] = 0.0;
        }
        return;
    }

    let kv_size = params.n_kv_heads * params.head_size;
    let kv_offset = head / (params.n_heads / params.n_kv_heads) * params.head_size;
    let own_base = slot * params.capacity * kv_size + kv_offset;
    let n_keys = params.prefix_tokens + params.start + params.n_tokens;
    let seen = span(
        params.prefix_tokens + params.start + row % params.n_tokens, n_keys, params.window, params.n_seen_by_all);

    let query_base = row * params.n_columns + head * params.head_size;
    for (var c = lane; c < params.head_size; c += TILE) {
        sh_query[c] = qkv[query_base + c];
    }
    workgroupBarrier();

    var maximum = LOG_ZERO;
    var sum = 0.0;
    var accumulator = vec4f(0.0);
    for (var tile_start = seen.x; tile_start < seen.y; tile_start += TILE) {
        let key = tile_start + lane;
        var score = LOG_ZERO;
        var is_seen = key < seen.y;
        if is_seen && params.masked != 0u {
            is_seen = mask[row * n_keys + key] != 0u;
        }
        if is_seen {
            var dot_product = 0.0;
            if key < params.prefix_tokens {
                let k_base = key * kv_size + kv_offset;
                for (var c = 0u; c < params.head_size; c++) {
                    dot_product += sh_query[c] * k_prefix[k_base + c];
                }
            } else {
                let k_base = own_base + (key - params.prefix_tokens) * kv_size;
                for (var c = 0u; c < params.head_size; c++) {
                    dot_product += sh_query[c] * k_own[k_base + c];
                }
            }
            score = capped(params.scale * dot_product, params.softcap);
        }
        sh_scores[lane] = score;
        workgroupBarrier();

        // Every lane finds the maximum for itself: 64 broadcast reads cost less than the barriers of a tree.
        let n_tile = min(TILE, seen.y - tile_start);
        var tile_maximum = maximum;
        for (var j = 0u; j < n_tile; j++) {
            tile_maximum = max(tile_maximum, sh_scores[j]);
        }
        // No barrier is missing before this write: the weights of the last tile were read before the barrier above.
        // Where nothing is seen yet, the maximum is that of hidden keys, and they would weigh 1.
        sh_weights[lane] = select(0.0, exp(score - tile_maximum), is_seen);
        workgroupBarrier();

        let rescale = exp(maximum - tile_maximum);
        maximum = tile_maximum;
        sum *= rescale;
        accumulator *= rescale;
        for (var j = 0u; j < n_tile; j++) {
            let weight = sh_weights[j];
            sum += weight;
            let key_index = tile_start + j;
            var value = vec4f(0.0);
            if key_index < params.prefix_tokens {
                let v_base = key_index * kv_size + kv_offset;
                value.x = v_prefix_at(v_base, lane);
                if channels_per_lane > 1u {
                    value.y = v_prefix_at(v_base, lane + 1u * TILE);
                }
                if channels_per_lane > 2u {
                    value.z = v_prefix_at(v_base, lane + 2u * TILE);
                }
                if channels_per_lane > 3u {
                    value.w = v_prefix_at(v_base, lane + 3u * TILE);
                }
            } else {
                let v_base = own_base + (key_index - params.prefix_tokens) * kv_size;
                value.x = v_own_at(v_base, lane);
                if channels_per_lane > 1u {
                    value.y = v_own_at(v_base, lane + 1u * TILE);
                }
                if channels_per_lane > 2u {
                    value.z = v_own_at(v_base, lane + 2u * TILE);
                }
                if channels_per_lane > 3u {
                    value.w = v_own_at(v_base, lane + 3u * TILE);
                }
            }
            accumulator += weight * value;
        }
    }
    for (var i = 0u; i < channels_per_lane; i++) {
        let c = lane + i * TILE;
        if c < params.head_size {
            out[out_base + c] = select(0.0, accumulator[i] / sum, sum > 0.0);
        }
    }
}
