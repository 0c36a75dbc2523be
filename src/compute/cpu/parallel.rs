//! Sharing rows out over the cores: natively with rayon, in the browser on one thread.

/// Calls `work(start, rows)` for stretches of `out`, each a whole number of rows of `columns` elements; `start` is the
/// index of the stretch's first element.
pub fn over_rows(out: &mut [f32], columns: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    #[cfg(not(target_arch = "wasm32"))]
    {
        use rayon::prelude::*;
        let stretch = stretch(out.len().div_ceil(columns)) * columns;
        out.par_chunks_mut(stretch).enumerate().for_each(|(i, out)| work(i * stretch, out));
    }
    #[cfg(target_arch = "wasm32")]
    {
        let _ = columns;
        work(0, out);
    }
}

/// Calls `work(row, a, b)` for every row of two arrays, with `a_columns` and `b_columns` elements a row.
pub fn over_two<A: Send, B: Send>(
    a: &mut [A],
    a_columns: usize,
    b: &mut [B],
    b_columns: usize,
    work: impl Fn(usize, &mut [A], &mut [B]) + Sync,
) {
    #[cfg(not(target_arch = "wasm32"))]
    {
        use rayon::prelude::*;
        let rows = a.par_chunks_mut(a_columns).zip(b.par_chunks_mut(b_columns));
        rows.enumerate().for_each(|(row, (a, b))| work(row, a, b));
    }
    #[cfg(target_arch = "wasm32")]
    for (row, (a, b)) in a.chunks_mut(a_columns).zip(b.chunks_mut(b_columns)).enumerate() {
        work(row, a, b);
    }
}

/// Calls `work(index)` for every index below `count`.
pub fn each(count: usize, work: impl Fn(usize) + Sync) {
    #[cfg(not(target_arch = "wasm32"))]
    {
        use rayon::prelude::*;
        if count > 1 {
            return (0..count).into_par_iter().with_max_len(1).for_each(&work);
        }
    }
    (0..count).for_each(work);
}

/// Threads that share the work.
pub fn threads() -> usize {
    #[cfg(not(target_arch = "wasm32"))]
    return rayon::current_num_threads();
    #[cfg(target_arch = "wasm32")]
    return 1;
}

/// Rows a thread takes at a time: a few stretches a thread, so that a slow one does not hold up the rest.
#[cfg(not(target_arch = "wasm32"))]
fn stretch(rows: usize) -> usize {
    rows.div_ceil(4 * threads()).max(1)
}
