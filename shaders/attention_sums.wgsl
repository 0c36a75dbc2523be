// How much attention each key receives: sums over the queries of exp(score − maximum) / sum.
//
// Shapes   qkv: (B·T,S), queries of NH heads from column 0 · slots: (B) · k_own: (slots, capacity, KV) · stats: (B·T, 2·NH)
//          · k_prefix: (1, P, KV) · mask: (B, T, keys), read when `masked` · out: (B, NH, keys)
// Grid     one workgroup per (row of the batch, head, tile of keys). A lane owns a key and its sum, so nothing is added
//          atomically; queries pass through workgroup memory, eight at a time, those tiles left out that see none of the keys
// Limits   HS ≤ 256
// Twin     src/compute/ops/attention_sums.rs

#import attention
#import index

override workgroup_size: u32 = 64u;

// Queries in workgroup memory.
const TILE = 8u;
const HEAD_SIZE_MAX = 256u;

@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> slots: array<u32>;
@group(0) @binding(3) var<storage, read> k_own: array<f32>;
@group(0) @binding(4) var<storage, read> stats: array<f32>;
@group(0) @binding(5) var<storage, read> k_prefix: array<f32>;
@group(0) @binding(6) var<storage, read> mask: array<u32>;
@group(0) @binding(7) var<storage, read_write> out: array<f32>;

// Channel by channel, queries in fours.
var<workgroup> sh_queries: array<vec4f, 2u * HEAD_SIZE_MAX>;

// Channel `at` of token `t` of row `b`; 0 behind the last token.
fn query_channel(b: u32, t: u32, at: u32) -> f32 {
    if t >= params.n_tokens {
        return 0.0;
    }
    return qkv[(b * params.n_tokens + t) * params.n_columns + at];
}

@compute @workgroup_size(workgroup_size)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let n_tiles = (n_keys() + workgroup_size - 1u) / workgroup_size;
    let index = workgroup_index(workgroup_id, num_workgroups);
    if index >= params.n_slot_rows * params.n_heads * n_tiles {
        return;
    }
    let first = index % n_tiles * workgroup_size;
    let row_head = index / n_tiles;
    let head = row_head % params.n_heads;
    let b = row_head / params.n_heads;
    let slot = slots[b];
    let kv_size = params.n_kv_heads * params.head_size;
    let kv_offset = head / (params.n_heads / params.n_kv_heads) * params.head_size;
    let key = first + lane;
    let is_key = key < n_keys() && slot < params.n_slots;
    let is_prefix = key < params.prefix_tokens;
    var key_base = key * kv_size + kv_offset;
    if !is_prefix {
        key_base = (slot * params.capacity + key - params.prefix_tokens) * kv_size + kv_offset;
    }

    var sum = 0.0;
    for (var tile = 0u; tile < params.n_tokens; tile += TILE) {
        // Spans begin and end later for later queries.
        let tile_start = span(tile).x;
        let tile_end = span(min(tile + TILE, params.n_tokens) - 1u).y;
        if tile_start >= first + workgroup_size || tile_end <= first {
            continue;
        }
        for (var i = lane; i < 2u * params.head_size; i += workgroup_size) {
            let four = tile + i / params.head_size * 4u;
            let c = i % params.head_size;
            let at = head * params.head_size + c;
            sh_queries[2u * c + i / params.head_size] = vec4f(
                query_channel(b, four, at), query_channel(b, four + 1u, at), query_channel(b, four + 2u, at),
                query_channel(b, four + 3u, at));
        }
        workgroupBarrier();
        if is_key {
            var products = array<vec4f, 2>(vec4f(0.0), vec4f(0.0));
            for (var c = 0u; c < params.head_size; c++) {
                var k = 0.0;
                if is_prefix {
                    k = k_prefix[key_base + c];
                } else {
                    k = k_own[key_base + c];
                }
                products[0] += k * sh_queries[2u * c];
                products[1] += k * sh_queries[2u * c + 1u];
            }
            for (var j = 0u; j < TILE; j++) {
                let row = b * params.n_tokens + tile + j;
                let seen = span(tile + j);
                var is_seen = tile + j < params.n_tokens && key >= seen.x && key < seen.y;
                if is_seen && params.masked != 0u {
                    is_seen = mask[row * n_keys() + key] != 0u;
                }
                if is_seen {
                    let at = 2u * (row * params.n_heads + head);
                    let score = capped(params.scale * products[j / 4u][j % 4u]);
                    let total = stats[at + 1u];
                    sum += select(0.0, exp(score - stats[at]) / total, total > 0.0);
                }
            }
        }
        // Nobody may put the next queries there before everybody has read these.
        workgroupBarrier();
    }
    if key < n_keys() {
        out[row_head * n_keys() + key] = sum;
    }
}
