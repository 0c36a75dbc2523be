// Backward of gelu. Exact: dx (+)= dout · (Φ(x) + x · φ(x)). Tanh: dx (+)= dout · (½ (1 + tanh u) + ½ x (1 − tanh² u) · u′)
//
// Shapes   x, dout, dx: any, equal
// Grid     one lane per element
// Source   Hendrycks & Gimpel 2016
// Twin     src/compute/ops/gelu_backward.rs

#import gelu
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
    var value = dout[index] * gelu_slope(x[index], use_tanh);
    if params.accumulate != 0u {
        value += dx[index];
    }
    dx[index] = value;
}
