// Attention of new tokens over a prefix that all rows share and over the row's own tokens.
//
// Shapes   qkv: (B·T,S), queries of NH heads from column 0 · slots: (B) · k_own, v_own: (slots, capacity, KV)
//          · k_prefix, v_prefix: (1, P, KV) · mask: (B, T, keys), read when `masked` · out: (B·T, NH·HS), KV = NKV·HS;
//          a slot that does not exist gives zeros, and so does a query that sees no key
// Grid     one workgroup per row of the batch, key/value head, and 4 · `quads` of the queries that read it: T tokens times
//          NH / NKV heads. First a lane scores four keys for four queries, then it adds up four channels for four
//          queries, over 4 · `lanes` / `quads` keys at a time. Queries and weights are in workgroup memory; a key goes
//          from memory to the registers of the lanes that score it, so a copy would only be one step more
// Text     `in_fours`: heads and rows of qkv are whole fours, and one load brings four channels
// Source   Vaswani et al. 2017; one pass with a running maximum, Milakov & Gimelshein 2018; tiles of queries, Dao et al.
//          2022
// Limits   HS ≤ 256; 144 bytes of workgroup memory a lane
// Twin     src/compute/ops/attention.rs

#import attention_fours
#import index

@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> slots: array<u32>;
@group(0) @binding(3) var<storage, read> k_own: array<vec4f>;
@group(0) @binding(4) var<storage, read> v_own: array<vec4f>;
@group(0) @binding(5) var<storage, read> k_prefix: array<vec4f>;
@group(0) @binding(6) var<storage, read> v_prefix: array<vec4f>;
@group(0) @binding(7) var<storage, read> mask: array<u32>;
@group(0) @binding(8) var<storage, read_write> out: array<f32>;

// Fours of channels in a head: ceil(HS / 4).
override groups: u32 = 16u;
// Fours of queries of a workgroup.
override quads: u32 = 4u;
// Lanes of a workgroup: a multiple of `quads`, and at least `quads` · `groups`.
override lanes: u32 = 64u;
// 4 · `lanes`.
override fours: u32 = 256u;

// (groups, 4, quads): one channel of four queries.
var<workgroup> sh_query: array<vec4f, fours>;
// (keys of a tile, quads): weights of one key for four queries.
var<workgroup> sh_weights: array<vec4f, fours>;
// (fours of keys, quads)
var<workgroup> sh_maximum: array<vec4f, lanes>;

#if in_fours
fn v_prefix_four(base: u32, group: u32) -> vec4f {
    return v_prefix[(base >> 2u) + group];
}

fn v_own_four(base: u32, group: u32) -> vec4f {
    return v_own[(base >> 2u) + group];
}
#else
fn v_prefix_four(base: u32, group: u32) -> vec4f {
    let i = base + 4u * group + vec4u(0u, 1u, 2u, 3u);
    let at = i >> vec4u(2u);
    let values =
        vec4f(v_prefix[at.x][i.x & 3u], v_prefix[at.y][i.y & 3u], v_prefix[at.z][i.z & 3u], v_prefix[at.w][i.w & 3u]);
    return inside(values, group);
}

fn v_own_four(base: u32, group: u32) -> vec4f {
    let i = base + 4u * group + vec4u(0u, 1u, 2u, 3u);
    let at = i >> vec4u(2u);
    return inside(vec4f(v_own[at.x][i.x & 3u], v_own[at.y][i.y & 3u], v_own[at.z][i.z & 3u], v_own[at.w][i.w & 3u]), group);
}
#end

// Which keys of the prefix and of the row's own are gone through, counted over both; in fours that never straddle.
struct Keys {
    prefix: vec2u,
    own: vec2u,
    prefix_quads: u32,
    quads: u32,
}

fn keys_of(seen: vec2u) -> Keys {
    let p = params.prefix_tokens;
    let prefix = min(seen, vec2u(p));
    let own = max(seen, vec2u(p));
    let prefix_quads = (prefix.y - prefix.x + 3u) / 4u;
    return Keys(prefix, own, prefix_quads, prefix_quads + (own.y - own.x + 3u) / 4u);
}

// Of four keys, the first and the one behind the last that there is.
fn quad_of(keys: Keys, quad: u32) -> vec2u {
    if quad < keys.prefix_quads {
        return vec2u(keys.prefix.x + 4u * quad, keys.prefix.y);
    }
    return vec2u(keys.own.x + 4u * (quad - keys.prefix_quads), keys.own.y);
}

// The row of qkv and of out, and the head, of a query of this workgroup.
fn row_and_head(b: u32, kv_head: u32, query: u32) -> vec2u {
    let group = params.n_heads / params.n_kv_heads;
    return vec2u(b * params.n_tokens + query / group, kv_head * group + query % group);
}

fn outer(rows: vec4f, columns: vec4f) -> mat4x4f {
    return mat4x4f(rows.x * columns, rows.y * columns, rows.z * columns, rows.w * columns);
}

@compute @workgroup_size(lanes)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let n_queries = params.n_tokens * (params.n_heads / params.n_kv_heads);
    let n_tiles = (n_queries + 4u * quads - 1u) / (4u * quads);
    let workgroup = workgroup_index(workgroup_id, num_workgroups);
    if workgroup >= params.n_slot_rows * params.n_kv_heads * n_tiles {
        return;
    }
    let first_query = workgroup % n_tiles * 4u * quads;
    let kv_head = workgroup / n_tiles % params.n_kv_heads;
    let b = workgroup / n_tiles / params.n_kv_heads;
    let slot = slots[b];
    // The four queries, and the four channels, of this lane.
    let quad = lane % quads;
    let group = lane / quads;
    let query = first_query + 4u * quad;

    var accumulator = mat4x4f();
    var sum = vec4f(0.0);
    // Where the slot does not exist, no key is gone through.
    var keys = Keys(vec2u(0u), vec2u(0u), 0u, 0u);
    if slot < params.n_slots {
        let heads = params.n_heads / params.n_kv_heads;
        let last_query = min(first_query + 4u * quads, n_queries) - 1u;
        keys = keys_of(vec2u(span(first_query / heads).x, span(last_query / heads).y));
    }
    if group < groups {
        var square = mat4x4f();
        for (var i = 0u; i < 4u; i++) {
            if query + i < n_queries {
                let at = row_and_head(b, kv_head, query + i);
                square[i] = query_four(at.x * params.n_columns + at.y * params.head_size, group);
            }
        }
        square = transpose(square);
        for (var i = 0u; i < 4u; i++) {
            sh_query[(4u * group + i) * quads + quad] = square[i];
        }
    }
    // Of each of the four queries, the first key it sees and the one behind the last.
    var seen_from = vec4u(0u);
    var seen_to = vec4u(0u);
    for (var i = 0u; i < 4u; i++) {
        if query + i < n_queries {
            let seen = span((query + i) / (params.n_heads / params.n_kv_heads));
            seen_from[i] = seen.x;
            seen_to[i] = seen.y;
        }
    }
    workgroupBarrier();

    let kv_size = params.n_kv_heads * params.head_size;
    let kv_offset = kv_head * params.head_size;
    let own_base = slot * params.capacity * kv_size + kv_offset;
    let tile_quads = lanes / quads;
    var maximum = vec4f(LOG_ZERO);
    for (var tile = 0u; tile < keys.quads; tile += tile_quads) {
        // Column i: the scores of key i of this lane's four for its four queries.
        var scores = mat4x4f(vec4f(LOG_ZERO), vec4f(LOG_ZERO), vec4f(LOG_ZERO), vec4f(LOG_ZERO));
        if tile + lane / quads < keys.quads {
            let here = quad_of(keys, tile + lane / quads);
            // Keys beyond the last are scored as the last and left out below.
            let key = min(here.x + vec4u(0u, 1u, 2u, 3u), vec4u(here.y - 1u));
            var products = mat4x4f();
            if here.x < params.prefix_tokens {
                let base = key * kv_size + kv_offset;
                for (var g = 0u; g < groups; g++) {
                    let q = 4u * g * quads + quad;
                    let queries = mat4x4f(
                        sh_query[q], sh_query[q + quads], sh_query[q + 2u * quads], sh_query[q + 3u * quads]);
                    products[0] += queries * k_prefix_four(base.x, g);
                    products[1] += queries * k_prefix_four(base.y, g);
                    products[2] += queries * k_prefix_four(base.z, g);
                    products[3] += queries * k_prefix_four(base.w, g);
                }
            } else {
                let base = (key - params.prefix_tokens) * kv_size + own_base;
                for (var g = 0u; g < groups; g++) {
                    let q = 4u * g * quads + quad;
                    let queries = mat4x4f(
                        sh_query[q], sh_query[q + quads], sh_query[q + 2u * quads], sh_query[q + 3u * quads]);
                    products[0] += queries * k_own_four(base.x, g);
                    products[1] += queries * k_own_four(base.y, g);
                    products[2] += queries * k_own_four(base.z, g);
                    products[3] += queries * k_own_four(base.w, g);
                }
            }
            for (var i = 0u; i < 4u; i++) {
                let at = here.x + i;
                var is_seen = (vec4u(at) >= seen_from) & (vec4u(at) < seen_to) & vec4<bool>(at < here.y);
                if params.masked != 0u && at < here.y {
                    for (var j = 0u; j < 4u; j++) {
                        if is_seen[j] {
                            is_seen[j] = mask[row_and_head(b, kv_head, query + j).x * n_keys() + at] != 0u;
                        }
                    }
                }
                scores[i] = select(vec4f(LOG_ZERO), capped_four(products[i]), is_seen);
            }
        }
        sh_maximum[lane] = max(max(scores[0], scores[1]), max(scores[2], scores[3]));
        workgroupBarrier();

        let n_quads = min(tile_quads, keys.quads - tile);
        var tile_maximum = maximum;
        for (var i = 0u; i < n_quads; i++) {
            tile_maximum = max(tile_maximum, sh_maximum[i * quads + quad]);
        }
        for (var i = 0u; i < 4u; i++) {
            // Where nothing is seen yet, the maximum is that of hidden keys, and they would weigh 1.
            sh_weights[(4u * (lane / quads) + i) * quads + quad] =
                select(vec4f(0.0), exp(scores[i] - tile_maximum), scores[i] > vec4f(LOG_ZERO));
        }
        workgroupBarrier();

        let rescale = exp(maximum - tile_maximum);
        maximum = tile_maximum;
        sum *= rescale;
        for (var i = 0u; i < 4u; i++) {
            accumulator[i] *= rescale[i];
        }
        if group < groups {
            for (var i = 0u; i < n_quads; i++) {
                let here = quad_of(keys, tile + i);
                let key = min(here.x + vec4u(0u, 1u, 2u, 3u), vec4u(here.y - 1u));
                var values: mat4x4f;
                if here.x < params.prefix_tokens {
                    let base = key * kv_size + kv_offset;
                    values = mat4x4f(
                        v_prefix_four(base.x, group), v_prefix_four(base.y, group), v_prefix_four(base.z, group),
                        v_prefix_four(base.w, group));
                } else {
                    let base = (key - params.prefix_tokens) * kv_size + own_base;
                    values = mat4x4f(
                        v_own_four(base.x, group), v_own_four(base.y, group), v_own_four(base.z, group),
                        v_own_four(base.w, group));
                }
                let at = 4u * i * quads + quad;
                let weights = mat4x4f(
                    sh_weights[at], sh_weights[at + quads], sh_weights[at + 2u * quads], sh_weights[at + 3u * quads]);
                sum += weights[0] + weights[1] + weights[2] + weights[3];
                accumulator += outer(weights[0], values[0]) + outer(weights[1], values[1])
                    + outer(weights[2], values[2]) + outer(weights[3], values[3]);
            }
        }
    }
    if group >= groups {
        return;
    }
    for (var i = 0u; i < 4u; i++) {
        if query + i < n_queries {
            let at = row_and_head(b, kv_head, query + i);
            let base = (at.x * params.n_heads + at.y) * params.head_size;
            let values = select(vec4f(0.0), accumulator[i] / sum[i], vec4<bool>(sum[i] > 0.0));
            for (var j = 0u; j < 4u; j++) {
                if 4u * group + j < params.head_size {
                    out[base + 4u * group + j] = values[j];
                }
            }
        }
    }
}
