// Weights in their stored type, bound as 32-bit words and widened where they are used. Two halves or four bytes share a
// word, the first element in the low bits, so any element offset works. No `shader-f16` is needed. Types in blocks are
// in `blocks.wgsl`.

const STORED_F32 = 0u;
const STORED_F16 = 1u;
const STORED_BF16 = 2u;
// The optional tensor is left out; whatever is bound in its place is not read.
const STORED_ABSENT = 3u;
const STORED_F8E4M3 = 4u;
const STORED_F8E5M2 = 5u;

fn word_index(stored: u32, element: u32) -> u32 {
    if stored == STORED_F32 {
        return element;
    }
    if stored >= STORED_F8E4M3 {
        return element >> 2u;
    }
    return element >> 1u;
}

// `word` is the one at `word_index(stored, element)`.
fn widen(stored: u32, word: u32, element: u32) -> f32 {
    if stored == STORED_F32 {
        return bitcast<f32>(word);
    }
    if stored >= STORED_F8E4M3 {
        let byte = (word >> (8u * (element & 3u))) & 255u;
        if stored == STORED_F8E5M2 {
            // The upper byte of an f16.
            return unpack2x16float(byte << 8u).x;
        }
        return widen_e4m3(byte);
    }
    let is_high = (element & 1u) == 1u;
    if stored == STORED_F16 {
        let halves = unpack2x16float(word);
        return select(halves.x, halves.y, is_high);
    }
    // bfloat16 is the upper half of an f32.
    return bitcast<f32>(select(word << 16u, word & 0xffff0000u, is_high));
}

// 4 bits of exponent with bias 7, 3 of mantissa. The two NaN never get here: loading refuses them.
fn widen_e4m3(byte: u32) -> f32 {
    let magnitude = byte & 127u;
    var value = bitcast<f32>((magnitude << 20u) + (120u << 23u));
    if magnitude < 8u {
        value = f32(magnitude) * 0.001953125;
    }
    return select(value, -value, byte > 127u);
}
