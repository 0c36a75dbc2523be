// What one position says about the next token: stats[b] = (log p(target), log p(argmax), entropy in nats), and the
// smallest id with the largest logit.
//
// Shapes   logits: (B,V) · targets: (B) · stats: (B,3) · argmax: (B)
// Grid     one workgroup per row: the maximum first, then log-sum-exp and entropy with it subtracted
// Twin     src/compute/ops/next_token.rs

#import index
#import reduce

struct Params {
    n_rows: u32,
    n_vocabulary: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read_write> stats: array<f32>;
@group(0) @binding(4) var<storage, read_write> argmax: array<u32>;

// Stands for minus infinity, which WGSL cannot write down.
const LOG_ZERO = -3.0e38;

var<workgroup> sh_logit: array<f32, workgroup_size>;
var<workgroup> sh_id: array<u32, workgroup_size>;

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

    // A lane sees its ids in rising order, so `>` alone keeps the smallest id of a tie. NaN never wins.
    var best_logit = LOG_ZERO;
    var best_id = params.n_vocabulary;
    for (var id = lane; id < params.n_vocabulary; id += workgroup_size) {
        let logit = logits[row_base + id];
        if logit > best_logit {
            best_logit = logit;
            best_id = id;
        }
    }
    sh_logit[lane] = best_logit;
    sh_id[lane] = best_id;
    workgroupBarrier();
    for (var stride = workgroup_size / 2u; stride > 0u; stride >>= 1u) {
        if lane < stride {
            let logit = sh_logit[lane + stride];
            let id = sh_id[lane + stride];
            if logit > sh_logit[lane] || (logit == sh_logit[lane] && id < sh_id[lane]) {
                sh_logit[lane] = logit;
                sh_id[lane] = id;
            }
        }
        workgroupBarrier();
    }
    let maximum = sh_logit[0];

    var sum = 0.0;
    var weighted = 0.0;
    for (var id = lane; id < params.n_vocabulary; id += workgroup_size) {
        let below = logits[row_base + id] - maximum;
        let exponential = exp(below);
        sum += exponential;
        weighted += exponential * below;
    }
    sum = workgroup_sum(lane, sum);
    weighted = workgroup_sum(lane, weighted);

    if lane == 0u {
        let log_z = log(sum);
        let target_id = targets[row];
        var log_target = LOG_ZERO;
        if target_id < params.n_vocabulary {
            log_target = logits[row_base + target_id] - maximum - log_z;
        }
        stats[3u * row] = log_target;
        stats[3u * row + 1u] = -log_z;
        stats[3u * row + 2u] = log_z - weighted / sum;
        // Without one finite logit no id has won; the row's statistics then tell that it is broken.
        argmax[row] = select(sh_id[0], 0u, sh_id[0] == params.n_vocabulary);
    }
}
