// Rotary positions, in place: (a, b) → m · (a·cos θ − b·sin θ, a·sin θ + b·cos θ), θ = positions[n] · inv_freq[i]
//
// Shapes   positions: (N) · inv_freq: (R/2) · qkv: (N,S), heads of HS channels from column 0, the first R are turned
// Grid     one lane per (row, head, pair)
// Source   Su et al. 2021
// Twin     src/compute/ops/rope.rs

#import index

struct Params {
    // N · n_heads · n_pairs
    n_elements: u32,
    n_columns: u32,
    n_heads: u32,
    head_size: u32,
    n_pairs: u32,
    // 0: channel i with i + R/2; 1: channel 2i with 2i + 1.
    interleaved: u32,
    // 1: turn the other way.
    transposed: u32,
    magnitude: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> inv_freq: array<f32>;
@group(0) @binding(3) var<storage, read_write> qkv: array<f32>;

override workgroup_size: u32 = 256u;

// (cos, sin) to f32 rounding. WGSL allows the built-in ones an error of 2⁻¹¹, and some adapters use it up.
//
// The angle is brought into [−π/4, π/4] by quarter turns, with π/2 split in three (Cody & Waite 1980; the parts have few
// bits, so quarters · part is exact for tens of thousands of turns); then Cephes' polynomials (Moshier, sinf and cosf).
fn cos_sin(angle: f32) -> vec2f {
    let quarters = round(angle * 0.63661977);
    let r = ((angle - quarters * 1.5703125) - quarters * 0.00048375129) - quarters * 7.549790e-8;
    let z = r * r;
    let s = r + r * z * (-0.16666654611 + z * (0.0083321608736 + z * -0.00019515295891));
    let c = 1.0 - 0.5 * z + z * z * (0.041666645683 + z * (-0.0013887316255 + z * 0.000024433157118));
    // Four quarters: (c, s), (−s, c), (−c, −s), (s, −c).
    let quadrant = i32(quarters) & 3;
    var turned = vec2f(c, s);
    if (quadrant & 1) == 1 {
        turned = vec2f(-s, c);
    }
    return select(turned, -turned, quadrant >= 2);
}

@compute @workgroup_size(workgroup_size)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = workgroup_index(workgroup_id, num_workgroups) * workgroup_size + lane;
    if index >= params.n_elements {
        return;
    }
    let i = index % params.n_pairs;
    let head = index / params.n_pairs % params.n_heads;
    let n = index / params.n_pairs / params.n_heads;

    var turn = params.magnitude * cos_sin(f32(positions[n]) * inv_freq[i]);
    if params.transposed != 0u {
        turn.y = -turn.y;
    }
    let base = n * params.n_columns + head * params.head_size;
    var first = base + i;
    var second = first + params.n_pairs;
    if params.interleaved != 0u {
        first = base + 2u * i;
        second = first + 1u;
    }
    let a = qkv[first];
    let b = qkv[second];
    qkv[first] = a * turn.x - b * turn.y;
    qkv[second] = a * turn.y + b * turn.x;
}
