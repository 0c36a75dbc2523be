// How much attention each key receives: sums over the queries of exp(score − maximum) / sum.
//
// Shapes   qkv: (B·T,S), queries of NH heads from column 0 · slots: (B) · k_own: (slots, capacity, KV) · stats: (B·T, 2·NH)
//          · k_prefix: (1, P, KV) · mask: (B, T, keys), read when `masked` · out: (B, NH, keys)
// Grid     a lane owns four neighbouring keys and their sums, so nothing is added atomically, and goes through the queries in
//          fours, those left out that see none of the keys. Fours of keys never straddle the prefix's end
// Text     `in_fours`: heads and rows of qkv are whole fours, and one load brings four channels
// Limits   HS ≤ 256
// Twin     src/compute/ops/attention_sums.rs

#import attention_fours
#import index

override workgroup_size: u32 = 64u;
// Fours of channels in a head: ceil(HS / 4).
override groups: u32 = 16u;

@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> slots: array<u32>;
@group(0) @binding(3) var<storage, read> k_own: array<vec4f>;
@group(0) @binding(4) var<storage, read> stats: array<f32>;
@group(0) @binding(5) var<storage, read> k_prefix: array<vec4f>;
@group(0) @binding(6) var<storage, read> mask: array<u32>;
@group(0) @binding(7) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(workgroup_size)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let prefix_quads = (params.prefix_tokens + 3u) / 4u;
    let n_quads = prefix_quads + (n_keys() - params.prefix_tokens + 3u) / 4u;
    let index = workgroup_index(workgroup_id, num_workgroups) * workgroup_size + lane;
    if index >= params.n_slot_rows * params.n_heads * n_quads {
        return;
    }
    let quad = index % n_quads;
    let row_head = index / n_quads;
    let head = row_head % params.n_heads;
    let b = row_head / params.n_heads;
    let slot = slots[b];
    let kv_size = params.n_kv_heads * params.head_size;
    let kv_offset = head / (params.n_heads / params.n_kv_heads) * params.head_size;
    let is_prefix = quad < prefix_quads;
    // The first key of the four, and the one behind the last that there is.
    var first = 4u * quad;
    var end = params.prefix_tokens;
    if !is_prefix {
        first = params.prefix_tokens + 4u * (quad - prefix_quads);
        end = n_keys();
    }
    // Keys behind the last are scored as the last and left out below.
    let key = min(first + vec4u(0u, 1u, 2u, 3u), vec4u(end - 1u));
    var keys = key * kv_size + kv_offset;
    if !is_prefix {
        keys = (slot * params.capacity + key - params.prefix_tokens) * kv_size + kv_offset;
    }

    var sum = vec4f(0.0);
    var n_tokens = params.n_tokens;
    if slot >= params.n_slots {
        n_tokens = 0u;
    }
    for (var tile = 0u; tile < n_tokens; tile += 4u) {
        // Spans begin and end later for later queries.
        let t = min(tile + vec4u(0u, 1u, 2u, 3u), vec4u(n_tokens - 1u));
        if span(t.x).x >= min(first + 4u, end) || span(t.w).y <= first {
            continue;
        }
        let row = b * params.n_tokens + t;
        let queries = row * params.n_columns + head * params.head_size;
        var products: mat4x4f;
        if is_prefix {
            products = products_prefix(queries, keys, groups);
        } else {
            products = products_own(queries, keys, groups);
        }
        var maximum = vec4f(0.0);
        var total = vec4f(0.0);
        var seen_from = vec4u(0u);
        var seen_to = vec4u(0u);
        for (var i = 0u; i < 4u; i++) {
            if tile + i < n_tokens {
                let at = 2u * (row[i] * params.n_heads + head);
                maximum[i] = stats[at];
                total[i] = stats[at + 1u];
                let seen = span(t[i]);
                seen_from[i] = seen.x;
                seen_to[i] = seen.y;
            }
        }
        for (var i = 0u; i < 4u; i++) {
            let here = first + i;
            var is_seen = (vec4u(here) >= seen_from) & (vec4u(here) < seen_to) & (total > vec4f(0.0));
            if params.masked != 0u && here < end {
                for (var j = 0u; j < 4u; j++) {
                    if is_seen[j] {
                        is_seen[j] = mask[row[j] * n_keys() + here] != 0u;
                    }
                }
            }
            let weights = select(vec4f(0.0), exp(capped_four(products[i]) - maximum) / total, is_seen);
            sum[i] += weights.x + weights.y + weights.z + weights.w;
        }
    }
    for (var i = 0u; i < 4u; i++) {
        if first + i < end {
            out[row_head * n_keys() + first + i] = sum[i];
        }
    }
}
