// Backward of attention by the keys: dk_j (+)= scale · Σ_heads Σ_t p_tj (dp_tj − δ_t) cap′(score_tj) q_t
//
// Shapes   qkv: (B·T,S) · slots: (B) · k_own, v_own, dk: (slots, capacity, KV) · dout: (B·T, NH·HS) · stats: (B·T, 2·NH)
//          · mask: (B,T,keys), read when `masked`
// Grid     one workgroup per (key, its head). For each query head of the group 64 tokens at a time: a lane finds the
//          factor of one token, and owns every 64th channel
// Source   Dao et al. 2022, appendix B
// Limits   HS ≤ 256
// Twin     src/compute/ops/attention_backward_key.rs

#import attention_backward
#import index

@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> slots: array<u32>;
@group(0) @binding(3) var<storage, read> k_own: array<f32>;
@group(0) @binding(4) var<storage, read> v_own: array<f32>;
@group(0) @binding(5) var<storage, read> dout: array<f32>;
@group(0) @binding(6) var<storage, read> stats: array<f32>;
@group(0) @binding(7) var<storage, read> mask: array<u32>;
@group(0) @binding(8) var<storage, read_write> dk: array<f32>;

var<workgroup> sh_key: array<f32, HEAD_SIZE_MAX>;
var<workgroup> sh_value: array<f32, HEAD_SIZE_MAX>;
var<workgroup> sh_factor: array<f32, TILE>;

fn source(index: u32) -> f32 {
    return qkv[index];
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
    let row = row_of_slot(slot);
    var tokens = tokens_that_see(key);
    if row == params.n_slot_rows {
        tokens.y = 0u;
    }
    workgroupBarrier();

    let group = params.n_heads / params.n_kv_heads;
    var accumulator = vec4f(0.0);
    for (var i = 0u; i < group; i++) {
        let head = kv_head * group + i;
        for (var tile_start = tokens.x; tile_start < tokens.y; tile_start += TILE) {
            var factor = 0.0;
            let t = row * params.n_tokens + tile_start + lane;
            var is_seen = tile_start + lane < tokens.y;
            if is_seen && params.masked != 0u {
                is_seen = mask[t * n_keys() + key] != 0u;
            }
            if is_seen {
                let row_head = t * params.n_heads + head;
                let query_base = t * params.n_columns + head * params.head_size;
                let dout_base = row_head * params.head_size;
                var sums = vec2f(0.0);
                for (var c = 0u; c < params.head_size; c++) {
                    sums += vec2f(qkv[query_base + c] * sh_key[c], dout[dout_base + c] * sh_value[c]);
                }
                let score = capped(params.scale * sums.x);
                factor = slope_at(score) * exp(score - stats[2u * row_head]) * (sums.y - stats[2u * row_head + 1u]);
            }
            sh_factor[lane] = factor;
            workgroupBarrier();
            let n_tile = min(TILE, tokens.y - tile_start);
            for (var j = 0u; j < n_tile; j++) {
                let t = row * params.n_tokens + tile_start + j;
                accumulator += sh_factor[j] * channels(t * params.n_columns + head * params.head_size, lane);
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
