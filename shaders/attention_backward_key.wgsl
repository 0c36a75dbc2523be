// Backward of attention by the keys: dk_j (+)= scale · Σ_heads Σ_t p_tj (dp_tj − δ_t) cap′(score_tj) q_t
//
// Shapes   qkv: (B·T,S) · slots: (B) · k_own, v_own, dk: (slots, capacity, KV) · dout: (B·T, NH·HS) · stats: (B·T, 2·NH)
//          · mask: (B,T,keys), read when `masked`
// Grid     one workgroup per (key, its head). For each query head of the group 64 tokens at a time: a lane finds the
//          factor of one token, and owns every 64th channel
// Source   Dao et al. 2022, appendix B
// Limits   HS ≤ 256
// Twin     src/compute/ops/attention_backward_key.rs

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
    n_slot_rows: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> slots: array<u32>;
@group(0) @binding(3) var<storage, read> k_own: array<f32>;
@group(0) @binding(4) var<storage, read> v_own: array<f32>;
@group(0) @binding(5) var<storage, read> dout: array<f32>;
@group(0) @binding(6) var<storage, read> stats: array<f32>;
@group(0) @binding(7) var<storage, read> mask: array<u32>;
@group(0) @binding(8) var<storage, read_write> dk: array<f32>;

// Lanes of a workgroup, and tokens of a tile.
const TILE = 64u;
const HEAD_SIZE_MAX = 256u;

// ceil(HS / 64): known when the pipeline is built, so that the accumulators stay in registers.
override channels_per_lane: u32 = 4u;

var<workgroup> sh_key: array<f32, HEAD_SIZE_MAX>;
var<workgroup> sh_value: array<f32, HEAD_SIZE_MAX>;
var<workgroup> sh_factor: array<f32, TILE>;

// How fast a capped score moves with the product of query and key.
fn slope_at(score: f32) -> f32 {
    if params.softcap == 0.0 {
        return params.scale;
    }
    let tangent = score / params.softcap;
    return params.scale * (1.0 - tangent * tangent);
}

fn source_at(t: u32, head: u32, c: u32) -> f32 {
    if c < params.head_size {
        return qkv[t * params.n_columns + head * params.head_size + c];
    }
    return 0.0;
}

@compute @workgroup_size(TILE)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let key_head = workgroup_index(workgroup_id, num_workgroups);
    if key_head >= params.n_slots * params.capacity * params.n_kv_heads {
        return;
    }
    let kv_head = key_head % params.n_kv_heads;
    let slot = key_head / params.n_kv_heads / params.capacity;
    let key = key_head / params.n_kv_heads % params.capacity;
    // (slots, capacity, NKV, HS) is what the grid counts through.
    let key_base = key_head * params.head_size;
    for (var c = lane; c < params.head_size; c += TILE) {
        sh_key[c] = k_own[key_base + c];
        sh_value[c] = v_own[key_base + c];
    }
    // The row of the batch that owns the slot; without one nobody sees the key.
    var row = params.n_slot_rows;
    for (var b = 0u; b < params.n_slot_rows; b++) {
        if slots[b] == slot {
            row = b;
        }
    }
    // Token t stands at start + t. It sees the keys up to itself, those that all see, and none behind its window.
    let n_keys = params.start + params.n_tokens;
    var first = max(key, params.start) - params.start;
    if key < params.n_seen_by_all {
        first = 0u;
    }
    var n_tokens = params.n_tokens;
    if params.window < n_keys {
        n_tokens = min(n_tokens, max(key + params.window, params.start) - params.start);
    }
    if row == params.n_slot_rows || key >= n_keys {
        n_tokens = 0u;
    }
    workgroupBarrier();

    let group = params.n_heads / params.n_kv_heads;
    var accumulator = vec4f(0.0);
    for (var i = 0u; i < group; i++) {
        let head = kv_head * group + i;
        for (var tile_start = first; tile_start < n_tokens; tile_start += TILE) {
            var factor = 0.0;
            let t = row * params.n_tokens + tile_start + lane;
            var is_seen = tile_start + lane < n_tokens;
            if is_seen && params.masked != 0u {
                is_seen = mask[t * n_keys + key] != 0u;
            }
            if is_seen {
                let row_head = t * params.n_heads + head;
                let query_base = t * params.n_columns + head * params.head_size;
                let dout_base = row_head * params.head_size;
                var sums = vec2f(0.0);
                for (var c = 0u; c < params.head_size; c++) {
                    sums += vec2f(qkv[query_base + c] * sh_key[c], dout[dout_base + c] * sh_value[c]);
                }
                let score = capped(params.scale * sums.x, params.softcap);
                factor = slope_at(score) * exp(score - stats[2u * row_head]) * (sums.y - stats[2u * row_head + 1u]);
            }
            sh_factor[lane] = factor;
            workgroupBarrier();
            let n_tile = min(TILE, n_tokens - tile_start);
            for (var j = 0u; j < n_tile; j++) {
                let t = row * params.n_tokens + tile_start + j;
                var value = vec4f(source_at(t, head, lane), 0.0, 0.0, 0.0);
                if channels_per_lane > 1u {
                    value.y = source_at(t, head, lane + TILE);
                }
                if channels_per_lane > 2u {
                    value.z = source_at(t, head, lane + 2u * TILE);
                }
                if channels_per_lane > 3u {
                    value.w = source_at(t, head, lane + 3u * TILE);
                }
                accumulator += sh_factor[j] * value;
            }
            workgroupBarrier();
        }
    }
    for (var i = 0u; i < channels_per_lane; i++) {
        let c = lane + i * TILE;
        if c < params.head_size {
            var value = accumulator[i];
            if params.accumulate != 0u {
                value += dk[key_base + c];
            }
            dk[key_base + c] = value;
        }
    }
}
