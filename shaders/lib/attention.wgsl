// Which keys a query sees, and the soft cap of scores.

#import tanh

// The first key that is seen and the one behind the last, for the query at key `query` of `n_keys`.
fn span(query: u32, n_keys: u32, window: u32, n_seen_by_all: u32) -> vec2u {
    return vec2u(max(query + 1u, window) - window, max(query + 1u, min(n_seen_by_all, n_keys)));
}

fn capped(score: f32, softcap: f32) -> f32 {
    if softcap == 0.0 {
        return score;
    }
    return softcap * tanh_exact(score / softcap);
}
