// Row lookup: out[n,c] (+)= scale · table[ids[n], c]; an id outside the table gives a row of zeros.
//
// Shapes   ids: (N) · table: (V,C) in stored type · out: (N,C)
// Grid     one lane per element of `out`
// Twin     src/compute/ops/embedding.rs

#import index
#import stored
#import blocks

struct Params {
    n_elements: u32,
    n_columns: u32,
    n_vocabulary: u32,
    accumulate: u32,
    // Id of the table's first row
    first_row: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> table: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

override workgroup_size: u32 = 256u;
override table_type: u32 = STORED_F32;

fn stored_word(index: u32) -> u32 {
    return table[index];
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
    // An id below the first row wraps round and so lies outside as well.
    let id = ids[index / params.n_columns] - params.first_row;
    var value = 0.0;
    if id < params.n_vocabulary {
        let element = id * params.n_columns + index % params.n_columns;
        if is_blocks(table_type) {
            value = widen_four(table_type, element & ~3u)[element & 3u];
        } else {
            value = widen(table_type, table[word_index(table_type, element)], element);
        }
        value *= params.scale;
    }
    if params.accumulate != 0u {
        value += out[index];
    }
    out[index] = value;
}
