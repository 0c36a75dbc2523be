// Four channels of a query or of a key, and the products of four queries with four keys. The shader that imports this binds
// `qkv`, `k_own` and `k_prefix` as arrays of vec4f.
//
// Text     `in_fours`: heads and rows of qkv are whole fours, and one load brings four channels

#import attention

#if in_fours
fn query_four(base: u32, group: u32) -> vec4f {
    return qkv[(base >> 2u) + group];
}

fn k_prefix_four(base: u32, group: u32) -> vec4f {
    return k_prefix[(base >> 2u) + group];
}

fn k_own_four(base: u32, group: u32) -> vec4f {
    return k_own[(base >> 2u) + group];
}
#else
// Zeros where the head has ended.
fn inside(values: vec4f, group: u32) -> vec4f {
    return select(vec4f(0.0), values, (4u * group + vec4u(0u, 1u, 2u, 3u)) < vec4u(params.head_size));
}

fn query_four(base: u32, group: u32) -> vec4f {
    let i = base + 4u * group + vec4u(0u, 1u, 2u, 3u);
    let at = i >> vec4u(2u);
    return inside(vec4f(qkv[at.x][i.x & 3u], qkv[at.y][i.y & 3u], qkv[at.z][i.z & 3u], qkv[at.w][i.w & 3u]), group);
}

fn k_prefix_four(base: u32, group: u32) -> vec4f {
    let i = base + 4u * group + vec4u(0u, 1u, 2u, 3u);
    let at = i >> vec4u(2u);
    let values =
        vec4f(k_prefix[at.x][i.x & 3u], k_prefix[at.y][i.y & 3u], k_prefix[at.z][i.z & 3u], k_prefix[at.w][i.w & 3u]);
    return inside(values, group);
}

fn k_own_four(base: u32, group: u32) -> vec4f {
    let i = base + 4u * group + vec4u(0u, 1u, 2u, 3u);
    let at = i >> vec4u(2u);
    return inside(vec4f(k_own[at.x][i.x & 3u], k_own[at.y][i.y & 3u], k_own[at.z][i.z & 3u], k_own[at.w][i.w & 3u]), group);
}
#end

// Column i: key i with the four queries. `queries` and `keys` are where their channels begin.
fn products_prefix(queries: vec4u, keys: vec4u, groups: u32) -> mat4x4f {
    var products = mat4x4f();
    for (var g = 0u; g < groups; g++) {
        let q = transpose(mat4x4f(
            query_four(queries.x, g), query_four(queries.y, g), query_four(queries.z, g), query_four(queries.w, g)));
        products[0] += q * k_prefix_four(keys.x, g);
        products[1] += q * k_prefix_four(keys.y, g);
        products[2] += q * k_prefix_four(keys.z, g);
        products[3] += q * k_prefix_four(keys.w, g);
    }
    return products;
}

fn products_own(queries: vec4u, keys: vec4u, groups: u32) -> mat4x4f {
    var products = mat4x4f();
    for (var g = 0u; g < groups; g++) {
        let q = transpose(mat4x4f(
            query_four(queries.x, g), query_four(queries.y, g), query_four(queries.z, g), query_four(queries.w, g)));
        products[0] += q * k_own_four(keys.x, g);
        products[1] += q * k_own_four(keys.y, g);
        products[2] += q * k_own_four(keys.z, g);
        products[3] += q * k_own_four(keys.w, g);
    }
    return products;
}

fn capped_four(scores: vec4f) -> vec4f {
    if params.softcap == 0.0 {
        return params.scale * scores;
    }
    let scaled = params.scale * scores;
    return vec4f(capped(scaled.x), capped(scaled.y), capped(scaled.z), capped(scaled.w));
}
