// What the attention kernels share: their parameters, which keys a query sees, and the scores' cap. The shader that imports
// this binds the slots at binding 2.

#import tanh

struct Params {
    // B · T
    n_rows: u32,
    // S
    n_columns: u32,
    n_heads: u32,
    n_kv_heads: u32,
    head_size: u32,
    // T
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
    // Rows of the batch, B.
    n_slot_rows: u32,
    // Backward: add to what the gradient holds.
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

const LOG_ZERO = -3.0e38;

fn n_keys() -> u32 {
    return params.prefix_tokens + params.start + params.n_tokens;
}

// The first key that is seen and the one behind the last, for token `t` of a row.
fn span(t: u32) -> vec2u {
    let query = params.prefix_tokens + params.start + t;
    return vec2u(
        max(query + 1u, params.window) - params.window, max(query + 1u, min(params.n_seen_by_all, n_keys())));
}

fn capped(score: f32) -> f32 {
    if params.softcap == 0.0 {
        return score;
    }
    return params.softcap * tanh_exact(score / params.softcap);
}
