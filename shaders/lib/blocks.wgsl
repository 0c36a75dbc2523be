// Weights in blocks that share scales, widened four elements at a time. The shader that imports this says where the
// words are: `fn stored_word(index: u32) -> u32`.
//
// Source   the layouts of src/compute/quant/; every field lies at an even byte, a block may start in the middle of a word
// Agrees   bit for bit with the CPU: products of a scale and an integer are exact, so contraction changes nothing

const STORED_Q4_0 = 6u;
const STORED_Q4_1 = 7u;
const STORED_Q5_0 = 8u;
const STORED_Q5_1 = 9u;
const STORED_Q8_0 = 10u;
const STORED_Q4_K = 11u;
const STORED_Q5_K = 12u;
const STORED_Q6_K = 13u;

fn is_blocks(stored: u32) -> bool {
    return stored >= STORED_Q4_0;
}

// Four bytes from an even address, the first in the low bits.
fn stored_bytes(address: u32) -> u32 {
    let index = address >> 2u;
    let word = stored_word(index);
    if (address & 2u) == 0u {
        return word;
    }
    return (word >> 16u) | (stored_word(index + 1u) << 16u);
}

fn stored_half(address: u32) -> f32 {
    return unpack2x16float(stored_word(address >> 2u) >> (8u * (address & 2u))).x;
}

fn stored_byte(address: u32) -> u32 {
    return (stored_word(address >> 2u) >> (8u * (address & 3u))) & 255u;
}

// The same bits of each of four bytes.
fn bits_of_each(bytes: u32, shift: u32, mask: u32) -> vec4u {
    return (vec4u(bytes) >> (vec4u(0u, 8u, 16u, 24u) + shift)) & vec4u(mask);
}

// The fifth bits of four neighbours, from a word with one bit for each.
fn fifth_bits(word: u32, first: u32) -> vec4u {
    return ((vec4u(word) >> (vec4u(0u, 1u, 2u, 3u) + first)) & vec4u(1u)) << vec4u(4u);
}

// Scale and min of a part of a Q4_K or Q5_K block, whose twelve packed bytes start at `address`.
fn scale_and_min(address: u32, part: u32) -> vec2f {
    if part < 4u {
        return vec2f(vec2u(stored_byte(address + part), stored_byte(address + 4u + part)) & vec2u(63u));
    }
    let both = stored_byte(address + 4u + part);
    let high = vec2u(stored_byte(address + part - 4u), stored_byte(address + part)) >> vec2u(6u);
    return vec2f(vec2u(both & 15u, both >> 4u) | (high << vec2u(4u)));
}

// Elements `element` to `element + 3`; `element` is a multiple of four.
fn widen_four(stored: u32, element: u32) -> vec4f {
    if stored >= STORED_Q4_K {
        return widen_four_of_256(stored, element >> 8u, element & 255u);
    }
    let block = element >> 5u;
    let i = element & 31u;
    if stored == STORED_Q8_0 {
        let address = block * 34u;
        let bytes = bits_of_each(stored_bytes(address + 2u + i), 0u, 255u);
        // Two's complement: the upper half of the bytes is negative.
        let q = vec4i(bytes) - vec4i((bytes & vec4u(128u)) << vec4u(1u));
        return vec4f(q) * stored_half(address);
    }
    // Elements 16 to 31 are the upper halves of the bytes.
    let shift = 4u * (i >> 4u);
    let at = i & 15u;
    if stored == STORED_Q4_0 {
        let address = block * 18u;
        let q = bits_of_each(stored_bytes(address + 2u + at), shift, 15u);
        return (vec4f(q) - 8.0) * stored_half(address);
    }
    if stored == STORED_Q4_1 {
        let address = block * 20u;
        let q = bits_of_each(stored_bytes(address + 4u + at), shift, 15u);
        return vec4f(q) * stored_half(address) + stored_half(address + 2u);
    }
    if stored == STORED_Q5_0 {
        let address = block * 22u;
        let q = bits_of_each(stored_bytes(address + 6u + at), shift, 15u) | fifth_bits(stored_bytes(address + 2u), i);
        return (vec4f(q) - 16.0) * stored_half(address);
    }
    let address = block * 24u;
    let q = bits_of_each(stored_bytes(address + 8u + at), shift, 15u) | fifth_bits(stored_bytes(address + 4u), i);
    return vec4f(q) * stored_half(address) + stored_half(address + 2u);
}

fn widen_four_of_256(stored: u32, block: u32, i: u32) -> vec4f {
    let part = i >> 5u;
    let at = i & 31u;
    if stored == STORED_Q6_K {
        let address = block * 210u;
        let half = part >> 2u;
        let quarter = part & 3u;
        let low = bits_of_each(stored_bytes(address + 64u * half + 32u * (quarter & 1u) + at), 4u * (quarter >> 1u), 15u);
        let high = bits_of_each(stored_bytes(address + 128u + 32u * half + at), 2u * quarter, 3u);
        let byte = stored_byte(address + 192u + (i >> 4u));
        let scale = stored_half(address + 208u) * f32(i32(byte) - i32((byte & 128u) << 1u));
        return scale * (vec4f(low | (high << vec4u(4u))) - 32.0);
    }
    var address = block * 144u;
    if stored == STORED_Q5_K {
        address = block * 176u;
    }
    let scales = scale_and_min(address + 4u, part) * vec2f(stored_half(address), stored_half(address + 2u));
    let shift = 4u * (part & 1u);
    var q: vec4u;
    if stored == STORED_Q4_K {
        q = bits_of_each(stored_bytes(address + 16u + 32u * (part >> 1u) + at), shift, 15u);
    } else {
        let low = bits_of_each(stored_bytes(address + 48u + 32u * (part >> 1u) + at), shift, 15u);
        q = low | (bits_of_each(stored_bytes(address + 16u + at), part, 1u) << vec4u(4u));
    }
    return vec4f(q) * scales.x - scales.y;
}
