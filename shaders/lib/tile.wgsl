// A product of two matrices, tile by tile: sums[m,n] = Σ_k left[k,m] · right[k,n]
//
// Lanes    a workgroup of lanes_n × lanes_m lanes makes one tile. A lane holds blocks_m × blocks_n squares of 4 × 4 sums
//          in registers; its second square lies half a tile away, so that neighbouring lanes read neighbouring words
// Text     `staged`: both operands pass through workgroup memory, `tile_depth` of K at a time, as four neighbours along m or
//          n. Without it each lane fetches what it needs itself: where the processor imitates the GPU, a barrier costs
//          as much as thousands of products
// Importer says how a square of 4 × 4 is fetched, column i of it being four neighbours at k + i, with zeros outside:
//          `fn left_square(k: u32, m: u32) -> mat4x4f` and `fn right_square(k: u32, n: u32) -> mat4x4f`; and where four
//          sums go: `fn store_four(m: u32, n: u32, sums: vec4f)`

#import four

override lanes_m: u32 = 8u;
override lanes_n: u32 = 8u;
// 1 or 2.
override blocks_m: u32 = 2u;
override blocks_n: u32 = 2u;

#if staged
// A multiple of 4.
override tile_depth: u32 = 16u;
// (tile_depth, groups of four and one more, so that lanes that write along K hit different banks):
// tile_depth · (lanes_m · blocks_m + 1), and the same along n.
override left_fours: u32 = 272u;
override right_fours: u32 = 272u;

var<workgroup> sh_left: array<Four, left_fours>;
var<workgroup> sh_right: array<Four, right_fours>;
#end

fn outer(rows: vec4f, columns: vec4f) -> mat4x4f {
    return mat4x4f(rows.x * columns, rows.y * columns, rows.z * columns, rows.w * columns);
}

fn product(left: mat4x4f, right: mat4x4f) -> mat4x4f {
    return outer(left[0], right[0]) + outer(left[1], right[1]) + outer(left[2], right[2]) + outer(left[3], right[3]);
}

fn store_square(m: u32, n: u32, sums: mat4x4f) {
    store_four(m, n, sums[0]);
    store_four(m + 1u, n, sums[1]);
    store_four(m + 2u, n, sums[2]);
    store_four(m + 3u, n, sums[3]);
}

// The tile whose first output is (tile_m, tile_n). `*_along_k`: which way the operand is contiguous in memory, so that
// neighbouring lanes fetch neighbouring addresses.
fn multiply_tile(tile_m: u32, tile_n: u32, n_depth: u32, lane: vec2u, left_along_k: bool, right_along_k: bool) {
    let m = tile_m + 4u * lane.y;
    let n = tile_n + 4u * lane.x;
    var sums_00 = mat4x4f();
    var sums_01 = mat4x4f();
    var sums_10 = mat4x4f();
    var sums_11 = mat4x4f();
#if staged
    let groups_m = lanes_m * blocks_m;
    let groups_n = lanes_n * blocks_n;
    let left_stride = groups_m + 1u;
    let right_stride = groups_n + 1u;
    let quads = tile_depth / 4u;
    let n_left = quads * groups_m;
    let n_squares = n_left + quads * groups_n;
    for (var depth = 0u; depth < n_depth; depth += tile_depth) {
        for (var i = lane.y * lanes_n + lane.x; i < n_squares; i += lanes_m * lanes_n) {
            if i < n_left {
                var k = 4u * (i / groups_m);
                var group = i % groups_m;
                if left_along_k {
                    k = 4u * (i % quads);
                    group = i / quads;
                }
                let square = left_square(depth + k, tile_m + 4u * group);
                sh_left[k * left_stride + group] = to_four(square[0]);
                sh_left[(k + 1u) * left_stride + group] = to_four(square[1]);
                sh_left[(k + 2u) * left_stride + group] = to_four(square[2]);
                sh_left[(k + 3u) * left_stride + group] = to_four(square[3]);
            } else {
                let j = i - n_left;
                var k = 4u * (j / groups_n);
                var group = j % groups_n;
                if right_along_k {
                    k = 4u * (j % quads);
                    group = j / quads;
                }
                let square = right_square(depth + k, tile_n + 4u * group);
                sh_right[k * right_stride + group] = to_four(square[0]);
                sh_right[(k + 1u) * right_stride + group] = to_four(square[1]);
                sh_right[(k + 2u) * right_stride + group] = to_four(square[2]);
                sh_right[(k + 3u) * right_stride + group] = to_four(square[3]);
            }
        }
        workgroupBarrier();
        for (var k = 0u; k < tile_depth; k++) {
            let rows_0 = vec4f(sh_left[k * left_stride + lane.y]);
            let columns_0 = vec4f(sh_right[k * right_stride + lane.x]);
            sums_00 += outer(rows_0, columns_0);
            if blocks_n > 1u {
                let columns_1 = vec4f(sh_right[k * right_stride + lanes_n + lane.x]);
                sums_01 += outer(rows_0, columns_1);
                if blocks_m > 1u {
                    let rows_1 = vec4f(sh_left[k * left_stride + lanes_m + lane.y]);
                    sums_10 += outer(rows_1, columns_0);
                    sums_11 += outer(rows_1, columns_1);
                }
            } else if blocks_m > 1u {
                let rows_1 = vec4f(sh_left[k * left_stride + lanes_m + lane.y]);
                sums_10 += outer(rows_1, columns_0);
            }
        }
        workgroupBarrier();
    }
#else
    for (var k = 0u; k < n_depth; k += 4u) {
        let left_0 = left_square(k, m);
        let right_0 = right_square(k, n);
        sums_00 += product(left_0, right_0);
        if blocks_n > 1u {
            let right_1 = right_square(k, n + 4u * lanes_n);
            sums_01 += product(left_0, right_1);
            if blocks_m > 1u {
                let left_1 = left_square(k, m + 4u * lanes_m);
                sums_10 += product(left_1, right_0);
                sums_11 += product(left_1, right_1);
            }
        } else if blocks_m > 1u {
            sums_10 += product(left_square(k, m + 4u * lanes_m), right_0);
        }
    }
#end

    store_square(m, n, sums_00);
    if blocks_n > 1u {
        store_square(m, n + 4u * lanes_n, sums_01);
    }
    if blocks_m > 1u {
        store_square(m + 4u * lanes_m, n, sums_10);
    }
    if blocks_m > 1u && blocks_n > 1u {
        store_square(m + 4u * lanes_m, n + 4u * lanes_n, sums_11);
    }
}
