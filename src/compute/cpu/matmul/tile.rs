//! The micro-kernel: a tile of outputs held in registers while one block of inputs passes through them.

use super::outputs;
use crate::compute::cpu::lanes::{self, Four, LOWER_HALF, Lanes, UPPER_BRAIN_HALF, UPPER_HALF};
use crate::compute::ops::matmul::MatMul;

/// One tile's work: out (+)= a · b over `k` inputs.
pub struct Tile {
    pub k: usize,
    /// Packed (k, rows).
    pub a: *const f32,
    /// Packed (k, columns of the panel).
    pub b: *const f32,
    pub rows: usize,
    /// Columns that exist; the panel is padded with zeros to its full width.
    pub columns: usize,
    pub out: *mut f32,
    pub out_stride: usize,
    /// What the sum is added to.
    pub onto: Onto,
}

/// The first block of inputs starts a sum, the others go on with it.
#[derive(Clone, Copy)]
pub struct Onto {
    pub out: bool,
    /// The tile's part of the bias.
    pub bias: Option<*const f32>,
}

impl Onto {
    /// For the block that begins with input `first`; `bias` begins with the tile's first column.
    pub fn of(op: &MatMul, first: usize, bias: Option<&[f32]>) -> Self {
        match first {
            0 => Onto { out: op.accumulate, bias: bias.map(<[f32]>::as_ptr) },
            _ => Onto { out: true, bias: None },
        }
    }

    /// # Safety
    /// `out` and the bias at that column are readable.
    pub unsafe fn base(&self, out: *const f32, column: usize) -> f32 {
        // SAFETY: the caller's.
        unsafe {
            match (self.out, self.bias) {
                (true, None) => *out,
                (true, Some(bias)) => *out + *bias.add(column),
                (false, Some(bias)) => *bias.add(column),
                (false, None) => 0.0,
            }
        }
    }
}

/// A compiled micro-kernel and the shape of its tiles.
pub struct Kernel {
    /// Rows of a tile; fewer are possible.
    pub rows: usize,
    /// Columns of a panel.
    pub columns: usize,
    run: unsafe fn(&Tile),
}

impl Kernel {
    /// # Safety
    /// `a` and `b` are readable for `k` times the tile's rows and the panel's columns; `out` is writable for `columns`
    /// floats at each of `rows` rows; `rows` is between 1 and the kernel's.
    #[inline]
    pub unsafe fn run(&self, tile: &Tile) {
        debug_assert!((1..=self.rows).contains(&tile.rows) && (1..=self.columns).contains(&tile.columns));
        // SAFETY: the caller's; whoever handed out the kernel has made sure of the instruction set.
        unsafe { (self.run)(tile) }
    }
}

/// Everything that is compiled for one instruction set.
pub struct Kernels {
    /// The instruction set, as the device line of a report names it.
    pub name: &'static str,
    high: Kernel,
    wide: Kernel,
    add_products: unsafe fn(&[f32], &[&[f32]], &mut [f32]),
    add_half_products: AddHalfProducts,
    outputs: unsafe fn(&mut outputs::Job),
}

type AddHalfProducts = unsafe fn(Half, &[f32], &[&[u8]], &mut [f32]);

/// A type of 16 bits.
#[derive(Clone, Copy)]
pub enum Half {
    F16,
    BF16,
}

/// With one or two rows, tiles are wider instead of higher: a sum waits for its last addition, so that at least as many
/// sums must be under way as additions fit into that wait.
const FEW_ROWS: usize = 2;

impl Kernels {
    pub fn of_rows(&self, rows: usize) -> &Kernel {
        if rows <= FEW_ROWS { &self.wide } else { &self.high }
    }

    /// sums[j] += Σ_i factors[i] · rows[i][j], one i after another.
    pub fn add_products(&self, factors: &[f32], rows: &[&[f32]], sums: &mut [f32]) {
        assert!(factors.len() <= rows.len() && rows[..factors.len()].iter().all(|row| row.len() == sums.len()));
        // SAFETY: measured above; whoever handed out the kernels has made sure of the instruction set.
        unsafe { (self.add_products)(factors, rows, sums) }
    }

    /// The same with rows of halves, a multiple of eight, and the sums of every eight columns in the order 0, 2, 4, 6, 1, 3,
    /// 5, 7. The factors of f16 are scaled by what halves are too small by.
    pub fn add_half_products(&self, half: Half, factors: &[f32], rows: &[&[u8]], sums: &mut [f32]) {
        assert!(sums.len().is_multiple_of(8) && factors.len() <= rows.len());
        assert!(rows[..factors.len()].iter().all(|row| row.len() == 2 * sums.len()));
        // SAFETY: measured above; whoever handed out the kernels has made sure of the instruction set.
        unsafe { (self.add_half_products)(half, factors, rows, sums) }
    }

    /// # Safety
    /// The weights and `x` are readable for the job's steps and rest.
    pub unsafe fn outputs(&self, job: &mut outputs::Job) {
        // SAFETY: the caller's; whoever handed out the kernels has made sure of the instruction set.
        unsafe { (self.outputs)(job) }
    }
}

/// Compiles the kernels for one instruction set: tiles `rows` high and two registers wide, and [`FEW_ROWS`] high and four
/// wide. Tiles that are less high than that have code of their own, so that no row is computed for nothing.
macro_rules! kernels {
    ($module:ident, $name:literal, $lanes:ty, $four:ty, $rows:literal: $($r:literal)*, $(#[$feature:meta])?) => {
        mod $module {
            use super::*;

            $(#[$feature])?
            unsafe fn high(tile: &Tile) {
                match tile.rows {
                    // SAFETY: the caller's.
                    $($r => unsafe { run::<$lanes, $r, 2>(tile) },)*
                    _ => unreachable!("a tile is at most as high as its kernel"),
                }
            }

            $(#[$feature])?
            unsafe fn wide(tile: &Tile) {
                match tile.rows {
                    // SAFETY: the caller's.
                    1 => unsafe { run::<$lanes, 1, 4>(tile) },
                    _ => unsafe { run::<$lanes, 2, 4>(tile) },
                }
            }

            $(#[$feature])?
            unsafe fn products(factors: &[f32], rows: &[&[f32]], sums: &mut [f32]) {
                // SAFETY: the caller's.
                unsafe { add_products::<$lanes>(factors, rows, sums) }
            }

            $(#[$feature])?
            unsafe fn half_products(half: Half, factors: &[f32], rows: &[&[u8]], sums: &mut [f32]) {
                // SAFETY: the caller's.
                unsafe { add_half_products::<$four>(half, factors, rows, sums) }
            }

            $(#[$feature])?
            unsafe fn of_outputs(job: &mut outputs::Job) {
                // SAFETY: the caller's.
                unsafe { outputs::run::<$four>(job) }
            }

            pub static KERNELS: Kernels = Kernels {
                name: $name,
                high: Kernel { rows: $rows, columns: 2 * <$lanes>::N, run: high },
                wide: Kernel { rows: FEW_ROWS, columns: 4 * <$lanes>::N, run: wide },
                add_products: products,
                add_half_products: half_products,
                outputs: of_outputs,
            };
        }
    };
}

// V8 gives out 15 of the 16 registers: twelve sums, two weights and one input; without a multiply-add a product as well.
#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
kernels!(simd128, "relaxed-simd", lanes::Simd128, lanes::Simd128, 6: 1 2 3 4 5 6,);
#[cfg(all(target_arch = "wasm32", target_feature = "simd128", not(target_feature = "relaxed-simd")))]
kernels!(simd128, "simd128", lanes::Simd128, lanes::Simd128, 5: 1 2 3 4 5,);
#[cfg(target_arch = "x86_64")]
kernels!(avx2, "avx2", lanes::Avx2, lanes::Fma, 6: 1 2 3 4 5 6, #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "x86_64")]
kernels!(avx512, "avx512", lanes::Avx512, lanes::Fma, 12: 1 2 3 4 5 6 7 8 9 10 11 12, #[target_feature(enable = "avx512f,avx2,fma")]);
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
kernels!(portable, "portable", lanes::Portable, lanes::Portable, 4: 1 2 3 4,);

/// The kernels that this processor can run, the best first.
pub fn available() -> impl Iterator<Item = &'static Kernels> {
    [
        #[cfg(target_arch = "x86_64")]
        is_x86_feature_detected!("avx512f").then_some(&avx512::KERNELS),
        #[cfg(target_arch = "x86_64")]
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(&avx2::KERNELS),
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Some(&simd128::KERNELS),
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        Some(&portable::KERNELS),
    ]
    .into_iter()
    .flatten()
}

/// The loop takes one input a turn. Unrolled here, LLVM moves the multiply-adds of several turns into one expression and
/// a browser's compiler runs out of registers: half the speed. Browsers and LLVM unroll it themselves where it pays.
#[inline(always)]
unsafe fn run<L: Lanes, const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
    let width = VECTORS * L::N;
    let mut sums = [[L::zero(); VECTORS]; ROWS];
    let (mut a, mut b) = (tile.a, tile.b);
    let steps = [ROWS, width];
    for _ in 0..tile.k {
        // SAFETY: `a` and `b` hold `k` steps, the caller's.
        unsafe {
            step::<L, ROWS, VECTORS>(a, b, &mut sums);
            (a, b) = (a.add(hidden(&steps[0])), b.add(hidden(&steps[1])));
        }
    }
    if tile.columns == width {
        for (row, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                // SAFETY: the tile is whole, so every register has a place in the row; so has the bias.
                unsafe {
                    let out = tile.out.add(row * tile.out_stride + v * L::N);
                    let base = match (tile.onto.out, tile.onto.bias) {
                        (true, None) => L::load(out),
                        (true, Some(bias)) => L::load(out).add(L::load(bias.add(v * L::N))),
                        (false, Some(bias)) => L::load(bias.add(v * L::N)),
                        (false, None) => L::zero(),
                    };
                    base.add(*sum).store(out);
                }
            }
        }
    } else {
        // A copy, because what has an address is kept in memory for the whole of the loop.
        let sums = sums;
        store_part(tile, &sums);
    }
}

/// The number, which in wasm LLVM must not know. It would rewrite the loop's addresses (loop strength reduction) so that
/// none of them is an instruction's offset any more, and move every second multiply-add to the end of the turn, where all
/// inputs of the turn are still needed: more registers than there are.
#[inline(always)]
fn hidden(step: &usize) -> usize {
    match cfg!(target_arch = "wasm32") {
        // SAFETY: a reference is readable.
        true => unsafe { std::ptr::read_volatile(step) },
        false => *step,
    }
}

/// One input: a column of `a` times a row of `b`.
#[inline(always)]
unsafe fn step<L: Lanes, const ROWS: usize, const VECTORS: usize>(
    a: *const f32,
    b: *const f32,
    sums: &mut [[L; VECTORS]; ROWS],
) {
    let mut row = [L::zero(); VECTORS];
    for (v, row) in row.iter_mut().enumerate() {
        // SAFETY: the caller's: one step of `b` is VECTORS registers.
        *row = unsafe { L::load(b.add(v * L::N)) };
    }
    for (r, sums) in sums.iter_mut().enumerate() {
        // SAFETY: the caller's: one step of `a` is ROWS floats.
        let factor = L::splat(unsafe { *a.add(r) });
        for (sum, row) in sums.iter_mut().zip(row) {
            *sum = factor.mul_add(row, *sum);
        }
    }
}

/// The last panel of a matrix, whose columns do not fill the registers.
#[inline(never)]
fn store_part<L: Lanes, const VECTORS: usize>(tile: &Tile, sums: &[[L; VECTORS]]) {
    // Four registers of sixteen floats are the widest there is.
    let mut buffer = [0.0f32; 64];
    for (row, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            // SAFETY: VECTORS · N is at most 64.
            unsafe { sum.store(buffer.as_mut_ptr().add(v * L::N)) };
        }
        for (column, sum) in buffer[..tile.columns].iter().enumerate() {
            // SAFETY: the caller's of `run`: the row and the bias have `columns` floats.
            unsafe {
                let out = tile.out.add(row * tile.out_stride + column);
                *out = tile.onto.base(out, column) + sum;
            }
        }
    }
}

/// # Safety
/// Each of the first `factors.len()` rows is as long as `sums`; the processor knows the instruction set.
#[inline(always)]
unsafe fn add_products<L: Lanes>(factors: &[f32], rows: &[&[f32]], sums: &mut [f32]) {
    let whole = sums.len() / L::N * L::N;
    let rest = sums.len() - whole;
    // SAFETY of all: `j` is below `whole`, or the buffers are as long as a register is wide.
    if let (&[a, b, c, d], &[row_a, row_b, row_c, row_d]) = (factors, rows) {
        let [a, b, c, d] = [L::splat(a), L::splat(b), L::splat(c), L::splat(d)];
        for j in (0..whole).step_by(L::N) {
            unsafe {
                let at = sums.as_mut_ptr().add(j);
                let sum = a.mul_add(L::load(row_a.as_ptr().add(j)), L::load(at));
                let sum = b.mul_add(L::load(row_b.as_ptr().add(j)), sum);
                let sum = c.mul_add(L::load(row_c.as_ptr().add(j)), sum);
                d.mul_add(L::load(row_d.as_ptr().add(j)), sum).store(at);
            }
        }
    } else {
        for (factor, row) in factors.iter().zip(rows) {
            for j in (0..whole).step_by(L::N) {
                unsafe {
                    let at = sums.as_mut_ptr().add(j);
                    L::splat(*factor).mul_add(L::load(row.as_ptr().add(j)), L::load(at)).store(at);
                }
            }
        }
    }
    if rest > 0 {
        // The same instruction as for the others, or a last column could round differently here than in a tile.
        let mut buffer = [0.0f32; 16];
        buffer[..rest].copy_from_slice(&sums[whole..]);
        let mut sum = unsafe { L::load(buffer.as_ptr()) };
        for (factor, row) in factors.iter().zip(rows) {
            buffer[..rest].copy_from_slice(&row[whole..]);
            sum = L::splat(*factor).mul_add(unsafe { L::load(buffer.as_ptr()) }, sum);
        }
        unsafe { sum.store(buffer.as_mut_ptr()) };
        sums[whole..].copy_from_slice(&buffer[..rest]);
    }
}

/// # Safety
/// Each of the first `factors.len()` rows is two bytes for each sum, of which there is a multiple of eight; the processor
/// knows the instruction set.
#[inline(always)]
unsafe fn add_half_products<L: Four>(half: Half, factors: &[f32], rows: &[&[u8]], sums: &mut [f32]) {
    let (lower, upper) = (L::constant(LOWER_HALF), L::constant(UPPER_HALF));
    let brain = L::constant(UPPER_BRAIN_HALF);
    // SAFETY of all: eight halves and eight sums are left from `j` on.
    unsafe {
        match half {
            Half::F16 => add_pairs(factors, rows, sums, |w: L| [w.lower_halves(lower), w.upper_halves(upper)]),
            Half::BF16 => add_pairs(factors, rows, sums, |w: L| [w.lower_brain_halves(), w.upper_brain_halves(brain)]),
        }
    }
}

/// # Safety
/// As above.
#[inline(always)]
unsafe fn add_pairs<L: Four>(factors: &[f32], rows: &[&[u8]], sums: &mut [f32], pair: impl Fn(L) -> [L; 2]) {
    // SAFETY of all: the caller's.
    let add = |factor: L, row: &[u8], j: usize, [even, odd]: [L; 2]| {
        let [even_weights, odd_weights] = pair(unsafe { L::load(row.as_ptr().add(2 * j).cast()) });
        [factor.mul_add(even_weights, even), factor.mul_add(odd_weights, odd)]
    };
    let load = |sums: &[f32], j: usize| unsafe { [L::load(sums.as_ptr().add(j)), L::load(sums.as_ptr().add(j + 4))] };
    let store = |sums: &mut [f32], j: usize, [even, odd]: [L; 2]| unsafe {
        even.store(sums.as_mut_ptr().add(j));
        odd.store(sums.as_mut_ptr().add(j + 4));
    };
    if let (&[a, b, c, d], &[row_a, row_b, row_c, row_d]) = (factors, rows) {
        let [a, b, c, d] = [L::splat(a), L::splat(b), L::splat(c), L::splat(d)];
        for j in (0..sums.len()).step_by(8) {
            let pair = add(a, row_a, j, load(sums, j));
            let pair = add(b, row_b, j, pair);
            let pair = add(c, row_c, j, pair);
            store(sums, j, add(d, row_d, j, pair));
        }
    } else {
        for (factor, row) in factors.iter().zip(rows) {
            for j in (0..sums.len()).step_by(8) {
                let pair = add(L::splat(*factor), row, j, load(sums, j));
                store(sums, j, pair);
            }
        }
    }
}
