// Backward of cross_entropy: dlogits[n,v] (+)= dnll[n] · (softmax(logits[n])[v] − [v = targets[n]]); 0 where the target
// is outside the vocabulary.
//
// Shapes   logits, dlogits: (N,V) · targets, dnll: (N)
// Grid     one workgroup per row
// Twin     src/compute/ops/cross_entropy_backward.rs

#import index
#import reduce

struct Params {
    n_rows: u32,
    n_vocabulary: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read> dnll: array<f32>;
@group(0) @binding(4) var<storage, read_write> dlogits: array<f32>;

// Stands for minus infinity, which WGSL cannot write down.
const LOG_ZERO = -3.0e38;

@compute @workgroup_size(workgroup_size)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(workgroup_id, num_workgroups);
    if row >= params.n_rows {
        return;
    }
    let row_base = row * params.n_vocabulary;
    var largest = LOG_ZERO;
    for (var v = lane; v < params.n_vocabulary; v += workgroup_size) {
        largest = max(largest, logits[row_base + v]);
    }
    let maximum = workgroup_max(lane, largest);
    var sum = 0.0;
    for (var v = lane; v < params.n_vocabulary; v += workgroup_size) {
        sum += exp(logits[row_base + v] - maximum);
    }
    let log_z = maximum + log(workgroup_sum(lane, sum));
    let target_id = targets[row];
    let is_counted = target_id < params.n_vocabulary;
    let factor = dnll[row];
    for (var v = lane; v < params.n_vocabulary; v += workgroup_size) {
        var value = 0.0;
        if is_counted {
            value = exp(logits[row_base + v] - log_z);
            if v == target_id {
                value -= 1.0;
            }
            value *= factor;
        }
        if params.accumulate != 0u {
            value += dlogits[row_base + v];
        }
        dlogits[row_base + v] = value;
    }
}
