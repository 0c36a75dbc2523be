// Backward of gelu. Exact: dx (+)= dout · (Φ(x) + x · φ(x)). Tanh: dx (+)= dout · (½ (1 + tanh u) + ½ x (1 − tanh² u) · u′)
//
// Shapes   x, dout, dx: any, equal
// Grid     one lane per element
// Source   Hendrycks & Gimpel 2016; erfc by Abramowitz & Stegun 7.1.26, |error| ≤ 1.5e-7
// Twin     src/compute/ops/gelu_backward.rs

#import index

struct Params {
    n_elements: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dout: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

override workgroup_size: u32 = 256u;
// 0: exact; 1: the tanh form.
override use_tanh: u32 = 0u;

// erfc(z) for z ≥ 0.
fn erfc(z: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.3275911 * z);
    let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return series * exp(-z * z);
}

fn derivative(value: f32) -> f32 {
    if use_tanh != 0u {
        // Beyond ±9.02 tanh is ±1 to f32 precision, and what multiplies 1 − tanh² must stay finite.
        let held = clamp(value, -20.0, 20.0);
        let u = clamp(0.7978846 * (held + 0.044715 * held * held * held), -15.0, 15.0);
        let hyperbolic = tanh(u);
        let slope = 0.7978846 * (1.0 + 0.134145 * held * held);
        return 0.5 * (1.0 + hyperbolic) + 0.5 * held * (1.0 - hyperbolic * hyperbolic) * slope;
    }
    // exp(−13²) is 0 in f32, so larger values add nothing.
    let z = min(abs(value) * 0.70710678, 13.0);
    let tail = 0.5 * erfc(z);
    let density = 0.3989423 * exp(-z * z);
    let held = clamp(value, -20.0, 20.0);
    if value < 0.0 {
        return tail + held * density;
    }
    return 1.0 - tail + held * density;
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
    var value = dout[index] * derivative(x[index]);
    if params.accumulate != 0u {
        value += dx[index];
    }
    dx[index] = value;
}
