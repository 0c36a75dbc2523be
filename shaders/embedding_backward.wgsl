// Backward of embedding: dtable[v,c] += scale · Σ_{n: ids[n] = first_row + v} dout[n,c]
//
// Shapes   ids: (N) · dout: (N,C) · dtable: (V,C)
// Grid     one workgroup per n. The first row that has an id adds up all rows that have it, in order: no atomics, so
//          results repeat
// Twin     src/compute/ops/embedding_backward.rs

#import index
#import reduce

struct Params {
    n_rows: u32,
    n_columns: u32,
    n_vocabulary: u32,
    scale: f32,
    // Id of the table's first row
    first_row: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> dout: array<f32>;
@group(0) @binding(3) var<storage, read_write> dtable: array<f32>;

@compute @workgroup_size(workgroup_size)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = workgroup_index(workgroup_id, num_workgroups);
    if first >= params.n_rows {
        return;
    }
    let id = ids[first];
    if id < params.first_row || id - params.first_row >= params.n_vocabulary {
        return;
    }
    var earlier = 0.0;
    for (var n = lane; n < first; n += workgroup_size) {
        if ids[n] == id {
            earlier = 1.0;
        }
    }
    if workgroup_sum(lane, earlier) > 0.0 {
        return;
    }
    for (var n = first; n < params.n_rows; n++) {
        if ids[n] != id {
            continue;
        }
        for (var c = lane; c < params.n_columns; c += workgroup_size) {
            dtable[(id - params.first_row) * params.n_columns + c] += params.scale * dout[n * params.n_columns + c];
        }
    }
}
