// What the softmax of each query divides by: the largest score, and the sum of exponentials below it.
//
// Shapes   qkv: (B·T,S), queries of NH heads from column 0 · slots: (B) · k_own: (slots, capacity, KV) · k_prefix: (1, P, KV)
//          · mask: (B, T, keys), read when `masked` · stats: (B·T, 2·NH), 0 and 0 where nothing is seen
// Grid     one workgroup per (row of the batch, head, tile of queries). A lane owns a query; keys pass through workgroup
//          memory, eight at a time
// Source   Milakov & Gimelshein 2018
// Limits   HS ≤ 256
// Twin     src/compute/ops/attention_stats.rs

#import attention
#import index

override workgroup_size: u32 = 64u;

// Keys in workgroup memory.
const TILE = 8u;
const HEAD_SIZE_MAX = 256u;

@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> slots: array<u32>;
@group(0) @binding(3) var<storage, read> k_own: array<f32>;
@group(0) @binding(4) var<storage, read> k_prefix: array<f32>;
@group(0) @binding(5) var<storage, read> mask: array<u32>;
@group(0) @binding(6) var<storage, read_write> stats: array<f32>;

// Channel by channel, keys in fours.
var<workgroup> sh_keys: array<vec4f, 2u * HEAD_SIZE_MAX>;

// Channel `at` within the keys of a token; 0 behind the last key.
fn key_channel(key: u32, slot: u32, at: u32) -> f32 {
    let kv_size = params.n_kv_heads * params.head_size;
    if key >= n_keys() {
        return 0.0;
    }
    if key < params.prefix_tokens {
        return k_prefix[key * kv_size + at];
    }
    return k_own[(slot * params.capacity + key - params.prefix_tokens) * kv_size + at];
}

@compute @workgroup_size(workgroup_size)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let n_tiles = (params.n_tokens + workgroup_size - 1u) / workgroup_size;
    let index = workgroup_index(workgroup_id, num_workgroups);
    if index >= params.n_slot_rows * params.n_heads * n_tiles {
        return;
    }
    let first = index % n_tiles * workgroup_size;
    let head = index / n_tiles % params.n_heads;
    let b = index / n_tiles / params.n_heads;
    let slot = slots[b];
    let kv_offset = head / (params.n_heads / params.n_kv_heads) * params.head_size;
    let t = first + lane;
    let row = b * params.n_tokens + t;
    let is_query = t < params.n_tokens;
    let query_base = row * params.n_columns + head * params.head_size;
    let seen = span(t);

    // Spans begin and end later for later queries.
    let tile_start = span(first).x;
    var tile_end = span(min(first + workgroup_size, params.n_tokens) - 1u).y;
    if slot >= params.n_slots {
        tile_end = tile_start;
    }
    var maximum = LOG_ZERO;
    var sum = 0.0;
    for (var key = tile_start; key < tile_end; key += TILE) {
        for (var i = lane; i < 2u * params.head_size; i += workgroup_size) {
            let four = key + i / params.head_size * 4u;
            let c = i % params.head_size;
            sh_keys[2u * c + i / params.head_size] = vec4f(
                key_channel(four, slot, kv_offset + c), key_channel(four + 1u, slot, kv_offset + c),
                key_channel(four + 2u, slot, kv_offset + c), key_channel(four + 3u, slot, kv_offset + c));
        }
        workgroupBarrier();
        if is_query {
            var products = array<vec4f, 2>(vec4f(0.0), vec4f(0.0));
            for (var c = 0u; c < params.head_size; c++) {
                let q = qkv[query_base + c];
                products[0] += q * sh_keys[2u * c];
                products[1] += q * sh_keys[2u * c + 1u];
            }
            for (var j = 0u; j < TILE; j++) {
                var is_seen = key + j >= seen.x && key + j < seen.y;
                if is_seen && params.masked != 0u {
                    is_seen = mask[row * n_keys() + key + j] != 0u;
                }
                if is_seen {
                    let score = capped(params.scale * products[j / 4u][j % 4u]);
                    let larger = max(maximum, score);
                    sum = sum * exp(maximum - larger) + exp(score - larger);
                    maximum = larger;
                }
            }
        }
        // Nobody may put the next keys there before everybody has read these.
        workgroupBarrier();
    }
    if is_query {
        let at = 2u * (row * params.n_heads + head);
        stats[at] = select(0.0, maximum, sum > 0.0);
        stats[at + 1u] = sum;
    }
}
