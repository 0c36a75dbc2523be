// Exact nearest neighbours by Euclidean distance: d(i,j) = sqrt(Σ_c (x[i,c] − x[j,c])²), the row itself left out, ties
// by the smaller index.
//
// Shapes   x: (N,C) · neighbours, distances: (R,K), rows from `row_start`, distances ascending
// Grid     one workgroup per 32 rows. All N rows pass by 64 at a time: 256 lanes find 32 × 64 squared distances, then
//          one lane per row puts the better ones into that row's list, which lives in the outputs
// Limits   a row with NaN is 1.8e19 (the root of 3.4e38) away from everything, where the twin says infinity
// Twin     src/compute/ops/knn.rs

#import index

struct Params {
    // N
    n_points: u32,
    n_columns: u32,
    row_start: u32,
    // R
    n_rows: u32,
    // K
    n_neighbours: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> neighbours: array<u32>;
@group(0) @binding(3) var<storage, read_write> distances: array<f32>;

const LANES = 256u;
const ROWS = 32u;
const TILE = 64u;
const DEPTH = 16u;
const STRIDE = 17u;
// 65 instead of 64: the 32 lanes that read down a column then hit different banks.
const DISTANCE_STRIDE = 65u;
const FAR = 3.4e38;

// 16 · 17 · 8 + 16 · 17 · 16 + 32 · 65 · 4 bytes = 14.5 KiB of the 16 KiB every device has.
var<workgroup> sh_rows: array<vec2f, 272>;
var<workgroup> sh_points: array<vec4f, 272>;
var<workgroup> sh_squared: array<f32, 2080>;

fn x_at(point: u32, c: u32) -> f32 {
    if point < params.n_points && c < params.n_columns {
        return x[point * params.n_columns + c];
    }
    return 0.0;
}

@compute @workgroup_size(LANES)
fn forward(
    @builtin(workgroup_id) workgroup_id: vec3u,
    @builtin(num_workgroups) num_workgroups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let row_base = workgroup_index(workgroup_id, num_workgroups) * ROWS;
    if row_base >= params.n_rows {
        return;
    }
    let lane_low = lane % 16u;
    let lane_high = lane / 16u;

    // Lanes 0..32 keep the list of row `row_base + lane`.
    let keeps_list = lane < ROWS && row_base + lane < params.n_rows;
    let own_point = params.row_start + row_base + lane;
    let list_base = (row_base + lane) * params.n_neighbours;
    var n_kept = 0u;
    var worst = FAR;

    for (var tile = 0u; tile < params.n_points; tile += TILE) {
        var squared_0 = vec4f(0.0);
        var squared_1 = vec4f(0.0);
        for (var depth = 0u; depth < params.n_columns; depth += DEPTH) {
            let c = depth + lane_low;
            let row = params.row_start + row_base + 2u * lane_high;
            sh_rows[lane_low * STRIDE + lane_high] = vec2f(x_at(row, c), x_at(row + 1u, c));
            let point = tile + 4u * lane_high;
            sh_points[lane_low * STRIDE + lane_high] =
                vec4f(x_at(point, c), x_at(point + 1u, c), x_at(point + 2u, c), x_at(point + 3u, c));
            workgroupBarrier();
            for (var k = 0u; k < DEPTH; k++) {
                let rows = sh_rows[k * STRIDE + lane_high];
                let points = sh_points[k * STRIDE + lane_low];
                let difference_0 = points - rows.x;
                let difference_1 = points - rows.y;
                squared_0 += difference_0 * difference_0;
                squared_1 += difference_1 * difference_1;
            }
            workgroupBarrier();
        }
        let squared_base = 2u * lane_high * DISTANCE_STRIDE + 4u * lane_low;
        for (var j = 0u; j < 4u; j++) {
            sh_squared[squared_base + j] = squared_0[j];
            sh_squared[squared_base + DISTANCE_STRIDE + j] = squared_1[j];
        }
        workgroupBarrier();

        if keeps_list {
            let n_tile = min(TILE, params.n_points - tile);
            for (var j = 0u; j < n_tile; j++) {
                let point = tile + j;
                if point == own_point {
                    continue;
                }
                var squared = sh_squared[lane * DISTANCE_STRIDE + j];
                // Not `min`: for NaN the comparison is false.
                if !(squared < FAR) {
                    squared = FAR;
                }
                if n_kept == params.n_neighbours && squared >= worst {
                    continue;
                }
                // Points come in rising order and only strictly worse ones move back: ties stay by the smaller index.
                var place = min(n_kept, params.n_neighbours - 1u);
                while place > 0u && distances[list_base + place - 1u] > squared {
                    distances[list_base + place] = distances[list_base + place - 1u];
                    neighbours[list_base + place] = neighbours[list_base + place - 1u];
                    place -= 1u;
                }
                distances[list_base + place] = squared;
                neighbours[list_base + place] = point;
                n_kept = min(n_kept + 1u, params.n_neighbours);
                if n_kept == params.n_neighbours {
                    worst = distances[list_base + params.n_neighbours - 1u];
                }
            }
        }
        // The list keepers read `sh_squared` until here; the next tile writes it after at least one more barrier.
    }

    if keeps_list {
        for (var i = 0u; i < n_kept; i++) {
            distances[list_base + i] = sqrt(distances[list_base + i]);
        }
    }
}
