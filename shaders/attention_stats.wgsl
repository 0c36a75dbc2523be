// What the softmax of each query divides by: the largest score, and the sum of exponentials below it.
//
// Shapes   qkv: (B·T,S), queries of NH heads from column 0 · slots: (B) · k_own: (slots, capacity, KV) · k_prefix: (1, P, KV)
//          · mask: (B, T, keys), read when `masked` · stats: (B·T, 2·NH), 0 and 0 where nothing is seen
// Grid     a lane owns four neighbouring queries of a head and goes through the keys they see, in fours. Nothing is shared,
//          so nobody waits; a workgroup's lanes read the same keys at about the same time
// Text     `in_fours`: heads and rows of qkv are whole fours, and one load brings four channels
// Source   Milakov & Gimelshein 2018
// Limits   HS ≤ 256
// Twin     src/compute/ops/attention_stats.rs

#import attention_fours
#import index

override workgroup_size: u32 = 64u;
// Fours of channels in a head: ceil(HS / 4).
override groups: u32 = 16u;

@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> slots: array<u32>;
@group(0) @binding(3) var<storage, read> k_own: array<vec4f>;
@group(0) @binding(4) var<storage, read> k_prefix: array<vec4f>;
@group(0) @binding(5) var<storage, read> mask: array<u32>;
@group(0) @binding(6) var<storage, read_write> stats: array<f32>;

// Largest score and sum of exponentials of four queries so far.
struct Stats {
    maximum: vec4f,
    sum: vec4f,
}

// Of each of the four queries: its row, the first key it sees and the one behind the last.
struct Queries {
    row: vec4u,
    seen_from: vec4u,
    seen_to: vec4u,
}

// Adds four keys, those from `first` on that come before `end`.
fn with_keys(before: Stats, products: mat4x4f, queries: Queries, first: u32, end: u32) -> Stats {
    var scores = array<vec4f, 4>();
    var larger = before.maximum;
    for (var i = 0u; i < 4u; i++) {
        let key = first + i;
        var is_seen = (vec4u(key) >= queries.seen_from) & (vec4u(key) < queries.seen_to) & vec4<bool>(key < end);
        if params.masked != 0u {
            for (var j = 0u; j < 4u; j++) {
                if is_seen[j] {
                    is_seen[j] = mask[queries.row[j] * n_keys() + key] != 0u;
                }
            }
        }
        scores[i] = select(vec4f(LOG_ZERO), capped_four(products[i]), is_seen);
        larger = max(larger, scores[i]);
    }
    var sum = before.sum * exp(before.maximum - larger);
    for (var i = 0u; i < 4u; i++) {
        // Where nothing is seen yet, the maximum is that of hidden keys, and they would weigh 1.
        sum += select(vec4f(0.0), exp(scores[i] - larger), scores[i] > vec4f(LOG_ZERO));
    }
    return Stats(larger, sum);
}

@compute @workgroup_size(workgroup_size)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let n_quads = (params.n_tokens + 3u) / 4u;
    let index = workgroup_index(workgroup_id, num_workgroups) * workgroup_size + lane;
    if index >= params.n_slot_rows * params.n_heads * n_quads {
        return;
    }
    let first = index % n_quads * 4u;
    let head = index / n_quads % params.n_heads;
    let b = index / n_quads / params.n_heads;
    let slot = slots[b];
    // Queries behind the last are scored as the last and left out below.
    let t = min(first + vec4u(0u, 1u, 2u, 3u), vec4u(params.n_tokens - 1u));
    let row = b * params.n_tokens + t;
    var queries = Queries(row, vec4u(0u), vec4u(0u));
    for (var i = 0u; i < 4u; i++) {
        let seen = span(t[i]);
        queries.seen_from[i] = seen.x;
        queries.seen_to[i] = seen.y;
    }
    let base = row * params.n_columns + head * params.head_size;
    let kv_size = params.n_kv_heads * params.head_size;
    let kv_offset = head / (params.n_heads / params.n_kv_heads) * params.head_size;

    var found = Stats(vec4f(LOG_ZERO), vec4f(0.0));
    if slot < params.n_slots {
        // Spans begin and end later for later queries.
        let seen = vec2u(queries.seen_from.x, queries.seen_to.w);
        let prefix_end = min(seen.y, params.prefix_tokens);
        for (var key = seen.x; key < prefix_end; key += 4u) {
            let keys = min(key + vec4u(0u, 1u, 2u, 3u), vec4u(prefix_end - 1u)) * kv_size + kv_offset;
            found = with_keys(found, products_prefix(base, keys, groups), queries, key, prefix_end);
        }
        let own = slot * params.capacity * kv_size + kv_offset;
        for (var key = max(seen.x, params.prefix_tokens); key < seen.y; key += 4u) {
            let keys = (min(key + vec4u(0u, 1u, 2u, 3u), vec4u(seen.y - 1u)) - params.prefix_tokens) * kv_size + own;
            found = with_keys(found, products_own(base, keys, groups), queries, key, seen.y);
        }
    }
    for (var i = 0u; i < 4u; i++) {
        if first + i < params.n_tokens {
            let at = 2u * (row[i] * params.n_heads + head);
            stats[at] = select(0.0, found.maximum[i], found.sum[i] > 0.0);
            stats[at + 1u] = found.sum[i];
        }
    }
}
