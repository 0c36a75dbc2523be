// Weights in their stored type, four neighbours with one load. The shader that imports this binds the weight as
// `array<vec4u>`: `fn stored_four(index: u32) -> vec4u`.

#import stored

// Elements `element` to `element + 3`, not in blocks; `element` is a multiple of four.
fn widen_plain_four(stored: u32, element: u32) -> vec4f {
    if stored == STORED_F32 {
        return bitcast<vec4f>(stored_four(element >> 2u));
    }
    if stored >= STORED_F8E4M3 {
        let word = stored_four(element >> 4u)[(element >> 2u) & 3u];
        return vec4f(
            widen(stored, word, 0u), widen(stored, word, 1u), widen(stored, word, 2u), widen(stored, word, 3u));
    }
    let eight = stored_four(element >> 3u);
    let pair = select(eight.xy, eight.zw, (element & 4u) != 0u);
    if stored == STORED_F16 {
        return vec4f(unpack2x16float(pair.x), unpack2x16float(pair.y));
    }
    return bitcast<vec4f>(vec4u(pair.x << 16u, pair.x & 0xffff0000u, pair.y << 16u, pair.y & 0xffff0000u));
}
