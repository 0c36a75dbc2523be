// One step of AdamW, in place on a parameter and its two moments; the factors come ready from the host.
//
// Shapes   gradient, parameter, m, v: any, equal
// Grid     one lane per element
// Source   Loshchilov & Hutter 2019
// Twin     src/compute/ops/adamw.rs

#import index

struct Params {
    n_elements: u32,
    decay: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    step_size: f32,
    root_bias_correction: f32,
    eps: f32,
    gradient_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(3) var<storage, read_write> m: array<f32>;
@group(0) @binding(4) var<storage, read_write> v: array<f32>;

override workgroup_size: u32 = 256u;

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
    let g = params.gradient_scale * gradient[index];
    let decayed = params.decay * parameter[index];
    let first = m[index] + params.one_minus_beta1 * (g - m[index]);
    let second = params.beta2 * v[index] + params.one_minus_beta2 * g * g;
    m[index] = first;
    v[index] = second;
    let denominator = sqrt(second) / params.root_bias_correction + params.eps;
    parameter[index] = decayed - params.step_size * (first / denominator);
}
