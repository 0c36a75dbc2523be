// Backward of kv_write: dqkv[b·T + t, key_offset + c] += dk_cache[slots[b], start + t, c], and the values behind the keys
//
// Shapes   slots: (B) · dk_cache, dv_cache: (slots, capacity, KV) · dqkv: (B·T,S)
// Grid     one lane per row and channel of the keys
// Twin     src/compute/ops/kv_write_backward.rs

#import index

struct Params {
    n_elements: u32,
    n_columns: u32,
    n_tokens: u32,
    start: u32,
    key_offset: u32,
    n_slots: u32,
    capacity: u32,
    kv_size: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> slots: array<u32>;
@group(0) @binding(2) var<storage, read> dk_cache: array<f32>;
@group(0) @binding(3) var<storage, read> dv_cache: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<f32>;

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
    let row = index / params.kv_size;
    let c = index % params.kv_size;
    let slot = slots[row / params.n_tokens];
    if slot >= params.n_slots {
        return;
    }
    let cache_index = (slot * params.capacity + params.start + row % params.n_tokens) * params.kv_size + c;
    let key = row * params.n_columns + params.key_offset + c;
    dqkv[key] += dk_cache[cache_index];
    dqkv[key + params.kv_size] += dv_cache[cache_index];
}
