// Sums and maxima over a workgroup, by a tree, so that the order of summation is fixed by `workgroup_size` alone.

// Lanes of a workgroup: a power of two.
override workgroup_size: u32 = 128u;

var<workgroup> sh_reduce: array<f32, workgroup_size>;

// Every lane calls it, and every lane gets the sum.
fn workgroup_sum(lane: u32, value: f32) -> f32 {
    sh_reduce[lane] = value;
    workgroupBarrier();
    for (var stride = workgroup_size / 2u; stride > 0u; stride >>= 1u) {
        if lane < stride {
            sh_reduce[lane] += sh_reduce[lane + stride];
        }
        workgroupBarrier();
    }
    let sum = sh_reduce[0];
    // Nobody may start the next sum before everybody has read this one.
    workgroupBarrier();
    return sum;
}

// Every lane calls it, and every lane gets the largest value.
fn workgroup_max(lane: u32, value: f32) -> f32 {
    sh_reduce[lane] = value;
    workgroupBarrier();
    for (var stride = workgroup_size / 2u; stride > 0u; stride >>= 1u) {
        if lane < stride {
            sh_reduce[lane] = max(sh_reduce[lane], sh_reduce[lane + stride]);
        }
        workgroupBarrier();
    }
    let largest = sh_reduce[0];
    workgroupBarrier();
    return largest;
}
