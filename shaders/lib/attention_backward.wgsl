// What the backward kernels of attention share. A workgroup has 64 lanes; a lane scores one token or key of a tile, and
// owns every 64th channel of a head. The shader that imports this says where channels come from:
// `fn source(index: u32) -> f32`.

#import attention

// Lanes of a workgroup, and tokens or keys of a tile.
const TILE = 64u;
const HEAD_SIZE_MAX = 256u;

// ceil(HS / 64): known when the pipeline is built, so that the accumulators stay in registers.
override channels_per_lane: u32 = 4u;

// How fast a capped score moves with the product of query and key.
fn slope_at(score: f32) -> f32 {
    if params.softcap == 0.0 {
        return params.scale;
    }
    let tangent = score / params.softcap;
    return params.scale * (1.0 - tangent * tangent);
}

// The row of the batch that owns the slot; `n_slot_rows` when none does, and nobody sees its keys.
fn row_of_slot(slot: u32) -> u32 {
    var row = params.n_slot_rows;
    for (var b = 0u; b < params.n_slot_rows; b++) {
        if slots[b] == slot {
            row = b;
        }
    }
    return row;
}

// The first token that sees the key, and the one behind the last. Token t stands at start + t; it sees the keys up to
// itself, those that all see, and none behind its window.
fn tokens_that_see(key: u32) -> vec2u {
    var first = max(key, params.start) - params.start;
    if key < params.n_seen_by_all {
        first = 0u;
    }
    var end = params.n_tokens;
    if params.window < n_keys() {
        end = min(end, max(key + params.window, params.start) - params.start);
    }
    if key >= n_keys() {
        end = 0u;
    }
    return vec2u(first, end);
}

fn channel(base: u32, c: u32) -> f32 {
    if c < params.head_size {
        return source(base + c);
    }
    return 0.0;
}

// The lane's channels of the head that begins at `base`, zeros where there are none.
fn channels(base: u32, lane: u32) -> vec4f {
    var values = vec4f(channel(base, lane), 0.0, 0.0, 0.0);
    if channels_per_lane > 1u {
        values.y = channel(base, lane + TILE);
    }
    if channels_per_lane > 2u {
        values.z = channel(base, lane + 2u * TILE);
    }
    if channels_per_lane > 3u {
        values.w = channel(base, lane + 3u * TILE);
    }
    return values;
}
