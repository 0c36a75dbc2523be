// Weights in their stored type, bound as 32-bit words and widened where they are used. Two halves share a word, the
// even element in the low bits, so any element offset works. No `shader-f16` is needed.

const STORED_F32 = 0u;
const STORED_F16 = 1u;
const STORED_BF16 = 2u;
// The optional tensor is left out; whatever is bound in its place is not read.
const STORED_ABSENT = 3u;

fn word_index(stored: u32, element: u32) -> u32 {
    if stored == STORED_F32 {
        return element;
    }
    return element >> 1u;
}

// `word` is the one at `word_index(stored, element)`.
fn widen(stored: u32, word: u32, element: u32) -> f32 {
    if stored == STORED_F32 {
        return bitcast<f32>(word);
    }
    let is_high = (element & 1u) == 1u;
    if stored == STORED_F16 {
        let halves = unpack2x16float(word);
        return select(halves.x, halves.y, is_high);
    }
    // bfloat16 is the upper half of an f32.
    return bitcast<f32>(select(word << 16u, word & 0xffff0000u, is_high));
}
