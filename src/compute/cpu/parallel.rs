//! Sharing rows out over the cores: natively with rayon, in the browser with the helpers of a [`pool`] where the page may
//! have threads, otherwise on one thread. What is shared out is never part of a sum, so no number depends on how many
//! threads there are.

#[cfg(any(test, all(target_arch = "wasm32", target_feature = "atomics")))]
mod pool;
#[cfg(target_arch = "wasm32")]
pub mod sharing;

/// Calls `work(start, rows)` for stretches of `out`, each a whole number of rows of `columns` elements; `start` is the
/// index of the stretch's first element.
pub fn over_rows<T: Send>(out: &mut [T], columns: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    let stretch = stretch(out.len().div_ceil(columns)) * columns;
    let parts = Parts::of(out, stretch);
    each(parts.count(), |index| {
        // SAFETY: `each` calls once for an index.
        work(index * stretch, unsafe { parts.part(index) });
    });
}

/// Calls `work(row, a, b)` for every row of two arrays, with `a_columns` and `b_columns` elements a row; the shorter
/// array says how many rows there are.
pub fn over_two<A: Send, B: Send>(
    a: &mut [A],
    a_columns: usize,
    b: &mut [B],
    b_columns: usize,
    work: impl Fn(usize, &mut [A], &mut [B]) + Sync,
) {
    let (a, b) = (Parts::of(a, a_columns), Parts::of(b, b_columns));
    let rows = a.count().min(b.count());
    let stretch = stretch(rows);
    each(rows.div_ceil(stretch), |index| {
        for row in index * stretch..((index + 1) * stretch).min(rows) {
            // SAFETY: `each` calls once for an index, and no row belongs to two of them.
            unsafe { work(row, a.part(row), b.part(row)) };
        }
    });
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
    #[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
    if count > 1 && threads() > 1 {
        return sharing::POOL.run(count, &work);
    }
    (0..count).for_each(work);
}

/// Threads that share the work.
pub fn threads() -> usize {
    #[cfg(not(target_arch = "wasm32"))]
    return rayon::current_num_threads();
    #[cfg(target_arch = "wasm32")]
    return sharing::threads();
}

/// Why a page has no more threads; empty where there is nothing to say.
pub fn note() -> String {
    #[cfg(not(target_arch = "wasm32"))]
    return String::new();
    #[cfg(target_arch = "wasm32")]
    return sharing::note();
}

/// Rows a thread takes at a time: a few stretches a thread, so that a slow one does not hold up the rest.
fn stretch(rows: usize) -> usize {
    match threads() {
        1 => rows.max(1),
        threads => rows.div_ceil(4 * threads).max(1),
    }
}

/// An array that several threads write in disjoint places.
#[derive(Clone, Copy)]
pub struct Shared<T>(pub *mut T);

// SAFETY: whoever writes through it writes places of its own only, and what is in them may be handed to another thread.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub fn at(&self, element: usize) -> *mut T {
        self.0.wrapping_add(element)
    }
}

/// An array in parts of equal length, the last one perhaps shorter, that several threads write at once.
struct Parts<T> {
    first: *mut T,
    len: usize,
    part: usize,
}

// SAFETY: whoever takes a part takes it once, and what is in it may be handed to another thread.
unsafe impl<T: Send> Sync for Parts<T> {}

impl<T> Parts<T> {
    fn of(array: &mut [T], part: usize) -> Parts<T> {
        assert!(part > 0, "OK because no tensor has rows without columns");
        Parts { first: array.as_mut_ptr(), len: array.len(), part }
    }

    fn count(&self) -> usize {
        self.len.div_ceil(self.part)
    }

    /// # Safety
    /// The array must still be borrowed, and each index may be asked for once.
    #[allow(clippy::mut_from_ref)]
    unsafe fn part(&self, index: usize) -> &mut [T] {
        let start = index * self.part;
        assert!(start < self.len, "OK because callers count parts first");
        // SAFETY: the part lies inside the array, and by the caller's word nobody else has it.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(start), self.part.min(self.len - start)) }
    }
}

#[cfg(test)]
mod tests;
