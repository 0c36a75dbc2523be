// Rotary positions, in place: (a, b) → (a·cos θ − b·sin θ, a·sin θ + b·cos θ), θ = positions[n] · inv_freq[i]
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
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> inv_freq: array<f32>;
@group(0) @binding(3) var<storage, read_write> qkv: array<f32>;

override workgroup_size: u32 = 256u;

// The angle brought into [−π, π], where WGSL bounds the error of sin and cos (2⁻¹¹ at worst, f32 rounding in practice).
// 2π is split (Cody & Waite 1980): 6.28125 has 8 significant bits, so turns · 6.28125 is exact for up to 2¹⁶ turns.
fn reduced(angle: f32) -> f32 {
    let turns = round(angle * 0.15915494);
    return (angle - turns * 6.28125) - turns * 0.0019353072;
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

    let angle = reduced(f32(positions[n]) * inv_freq[i]);
    let base = n * params.n_columns + head * params.head_size;
    var first = base + i;
    var second = first + params.n_pairs;
    if params.interleaved != 0u {
        first = base + 2u * i;
        second = first + 1u;
    }
    let a = qkv[first];
    let b = qkv[second];
    qkv[first] = a * cos(angle) - b * sin(angle);
    qkv[second] = a * sin(angle) + b * cos(angle);
}
