// The attention maps: the softmax weights of every query over the keys it sees, 0 for the others.
//
// Shapes   qkv: (B·T,S), queries of NH heads from column 0 · slots: (B) · k_own: (slots, capacity, KV) · k_prefix: (1, P, KV)
//          · mask: (B, T, keys), read when `masked` · out: (B, NH, T, keys)
// Grid     one workgroup per row and head: scores to `out`, then their maximum, their sum, and the quotients
// Twin     src/compute/ops/attention_weights.rs

#import attention
#import index
#import reduce

@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> slots: array<u32>;
@group(0) @binding(3) var<storage, read> k_own: array<f32>;
@group(0) @binding(4) var<storage, read> k_prefix: array<f32>;
@group(0) @binding(5) var<storage, read> mask: array<u32>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;

var<workgroup> sh_maximum: array<f32, workgroup_size>;

@compute @workgroup_size(workgroup_size)
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
    let b = row / params.n_tokens;
    let t = row % params.n_tokens;
    let slot = slots[b];
    let out_base = ((b * params.n_heads + head) * params.n_tokens + t) * n_keys();
    let kv_size = params.n_kv_heads * params.head_size;
    let kv_offset = head / (params.n_heads / params.n_kv_heads) * params.head_size;
    let query_base = row * params.n_columns + head * params.head_size;
    let seen = span(t);

    // Each lane keeps to its own keys throughout, so that it reads back only what it wrote.
    var maximum = LOG_ZERO;
    for (var key = lane; key < n_keys(); key += workgroup_size) {
        var score = LOG_ZERO;
        var is_seen = slot < params.n_slots && key >= seen.x && key < seen.y;
        if is_seen && params.masked != 0u {
            is_seen = mask[row * n_keys() + key] != 0u;
        }
        if is_seen {
            var dot_product = 0.0;
            if key < params.prefix_tokens {
                let k_base = key * kv_size + kv_offset;
                for (var c = 0u; c < params.head_size; c++) {
                    dot_product += qkv[query_base + c] * k_prefix[k_base + c];
                }
            } else {
                let k_base = (slot * params.capacity + key - params.prefix_tokens) * kv_size + kv_offset;
                for (var c = 0u; c < params.head_size; c++) {
                    dot_product += qkv[query_base + c] * k_own[k_base + c];
                }
            }
            score = capped(params.scale * dot_product);
        }
        out[out_base + key] = score;
        maximum = max(maximum, score);
    }
    sh_maximum[lane] = maximum;
    workgroupBarrier();
    for (var stride = workgroup_size / 2u; stride > 0u; stride >>= 1u) {
        if lane < stride {
            sh_maximum[lane] = max(sh_maximum[lane], sh_maximum[lane + stride]);
        }
        workgroupBarrier();
    }
    maximum = sh_maximum[0];

    var exponentials = 0.0;
    for (var key = lane; key < n_keys(); key += workgroup_size) {
        let score = out[out_base + key];
        // A hidden key stays hidden where no key is seen at all.
        let exponential = select(0.0, exp(score - maximum), score > LOG_ZERO);
        out[out_base + key] = exponential;
        exponentials += exponential;
    }
    let sum = workgroup_sum(lane, exponentials);
    if sum > 0.0 {
        for (var key = lane; key < n_keys(); key += workgroup_size) {
            out[out_base + key] /= sum;
        }
    }
}
