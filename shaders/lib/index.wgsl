// Flat indices from a folded grid. WebGPU allows 65,535 workgroups per dimension, so the host folds a longer line of
// workgroups into rows; the last row may overhang, and every kernel guards against its own count.

fn workgroup_index(workgroup_id: vec3u, num_workgroups: vec3u) -> u32 {
    return workgroup_id.y * num_workgroups.x + workgroup_id.x;
}
