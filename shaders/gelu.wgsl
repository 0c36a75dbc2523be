// Gaussian error linear unit: x · Φ(x), exact or in GPT-2's tanh form.
//
// Shapes   x, out: any, equal
// Grid     one lane per element
// Source   Hendrycks & Gimpel 2016; erfc by Abramowitz & Stegun 7.1.26, |error| ≤ 1.5e-7
// Twin     src/compute/ops/gelu.rs

#import index

struct Params {
    n_elements: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

override workgroup_size: u32 = 256u;
// 0: exact; 1: the tanh form.
override use_tanh: u32 = 0u;

// erfc(z) for z ≥ 0.
fn erfc(z: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.3275911 * z);
    let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return series * exp(-z * z);
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
    let value = x[index];
    if use_tanh != 0u {
        // tanh is 1 to f32 precision from 9.02 on; beyond, drivers that use exp(2u) would overflow.
        let u = clamp(0.7978846 * (value + 0.044715 * value * value * value), -15.0, 15.0);
        out[index] = 0.5 * value * (1.0 + tanh(u));
    } else {
        // Through erfc the negative tail keeps its digits. exp(−13²) is 0 in f32, so larger z add nothing.
        let tail = 0.5 * value * erfc(min(abs(value) * 0.70710678, 13.0));
        if value < 0.0 {
            out[index] = tail;
        } else {
            out[index] = value - tail;
        }
    }
}
