//! A few rows times a weight in `OutIn` layout: the weights of some outputs are read side by side to their ends and turned
//! into columns in registers. Nothing is packed, and every sum is taken in the order of the packed kernel.

use super::tile::{Kernels, Onto};
use super::{Shape, blocks};
use crate::compute::DType;
use crate::compute::cpu::lanes::{Four, LOWER_HALF, SCALED_HALF, UPPER_BRAIN_HALF, UPPER_HALF};
use crate::compute::cpu::parallel;
use crate::compute::cpu::parallel::Shared;
use crate::compute::cpu::values::Weights;
use crate::compute::ops::matmul::MatMul;

/// Rows of `x` at most.
pub const ROWS: usize = 4;
/// Outputs at a time at most.
const OUTPUTS_MAX: usize = 16;
/// Inputs that can be left behind the last whole step: blocks leave none.
const REST: usize = 7;

/// One stretch of inputs for some outputs.
pub struct Job {
    coding: DType,
    /// Where the stretch begins in the weights of the first output, and bytes from one output's weights to the next one's.
    weights: *const u8,
    stride: usize,
    /// Steps of the coding's width.
    steps: usize,
    /// Inputs behind the last whole step, widened: (inputs, outputs).
    rest: [[f32; OUTPUTS_MAX]; REST],
    rest_inputs: usize,
    /// Rows of `x` from the stretch's first input on; of fewer rows the last one is repeated.
    x: [*const f32; ROWS],
    is_one_row: bool,
    sums: [[f32; OUTPUTS_MAX]; ROWS],
}

/// `None` where weights cannot be read in place: for other codings, fewer outputs than are taken at a time, and inputs so
/// large that halves would have to be scaled one by one.
pub fn forward(
    kernels: &Kernels,
    op: &MatMul,
    shape: Shape,
    x: &[f32],
    weight: Weights<'_>,
    bias: Option<&[f32]>,
    out: Shared<f32>,
) -> Option<()> {
    let Shape { m, n, k, out_columns } = shape;
    let (coding, bytes): (DType, &[u8]) = match weight {
        Weights::F32(values) => (DType::F32, bytemuck::cast_slice(values)),
        Weights::F16(values) => (DType::F16, bytemuck::cast_slice(values)),
        Weights::BF16(values) => (DType::BF16, bytemuck::cast_slice(values)),
        Weights::Coded { dtype: dtype @ (DType::Q8_0 | DType::Q4_0), bytes } => (dtype, bytes),
        Weights::Coded { .. } => return None,
    };
    let x = &x[..m * k];
    let scaled = match coding {
        DType::F16 => Some(scaled(x)?),
        _ => None,
    };
    let x = scaled.as_deref().unwrap_or(x);
    let (width, outputs) = extent(coding, m == 1);
    if n < outputs {
        return None;
    }
    let row_bytes = coding.bytes_of(k);
    assert!(bytes.len() >= n * row_bytes && k.is_multiple_of(coding.block_elements()), "checked: rows of whole blocks");
    let stretch = super::stretch(n, outputs);
    parallel::each(n.div_ceil(stretch), |index| {
        for first in (index * stretch..((index + 1) * stretch).min(n)).step_by(outputs) {
            // The last outputs begin earlier, and what others have written is left alone.
            let column = first.min(n - outputs);
            let done = first - column;
            for inputs in blocks(k) {
                let steps = inputs.len() / width;
                let whole = inputs.start + steps * width;
                let mut job = Job {
                    coding,
                    weights: bytes[column * row_bytes + coding.bytes_of(inputs.start)..].as_ptr(),
                    stride: row_bytes,
                    steps,
                    rest: [[0.0; OUTPUTS_MAX]; REST],
                    rest_inputs: inputs.end - whole,
                    x: std::array::from_fn(|row| x[row.min(m - 1) * k + inputs.start..].as_ptr()),
                    is_one_row: m == 1,
                    sums: [[0.0; OUTPUTS_MAX]; ROWS],
                };
                for o in 0..outputs {
                    let mut rest = [0.0; REST];
                    let rest = &mut rest[..job.rest_inputs];
                    weight.widen((column + o) * k + whole, rest);
                    let factor = if coding == DType::F16 { 1.0 / SCALED_HALF } else { 1.0 };
                    rest.iter().zip(&mut job.rest).for_each(|(value, column)| column[o] = value * factor);
                }
                // SAFETY: every output's weights and every row of `x` reach to the end of the stretch.
                unsafe { kernels.outputs(&mut job) };
                let onto = Onto::of(op, inputs.start, bias.map(|bias| &bias[column..]));
                for (row, sums) in job.sums.iter().take(m).enumerate() {
                    for (o, sum) in sums.iter().enumerate().take(outputs).skip(done) {
                        // SAFETY: inside `out` by the shape check, and no other call writes these columns.
                        unsafe {
                            let out = out.at(row * out_columns + op.column_offset + column + o);
                            *out = onto.base(out, o) + sum;
                        }
                    }
                }
            }
        }
    });
    Some(())
}

/// `x` times what halves are too small by. A product is the same number whichever of the two is scaled, unless the larger
/// input is beyond the largest float: then `None`.
pub fn scaled(x: &[f32]) -> Option<Vec<f32>> {
    let scaled: Vec<f32> = x.iter().map(|value| value * SCALED_HALF).collect();
    scaled.iter().all(|value| value.is_finite()).then_some(scaled)
}

/// Inputs of a step, and outputs at a time.
fn extent(coding: DType, is_one_row: bool) -> (usize, usize) {
    let inputs = match coding {
        DType::F32 => Floats::INPUTS,
        DType::F16 | DType::BF16 => Halves::INPUTS,
        _ => Bytes::INPUTS,
    };
    (inputs, 4 * fours(is_one_row))
}

/// # Safety
/// The processor knows the instruction set of `L`; the weights and `x` are readable for the job's steps and rest.
#[inline(always)]
pub unsafe fn run<L: Four>(job: &mut Job) {
    // SAFETY of all: the caller's.
    unsafe {
        match (job.coding, job.is_one_row) {
            (DType::F32, true) => sum::<L, Floats, 1>(job),
            (DType::F32, false) => sum::<L, Floats, ROWS>(job),
            (DType::F16, true) => sum::<L, Halves, 1>(job),
            (DType::F16, false) => sum::<L, Halves, ROWS>(job),
            (DType::BF16, true) => sum::<L, BrainHalves, 1>(job),
            (DType::BF16, false) => sum::<L, BrainHalves, ROWS>(job),
            (DType::Q8_0, true) => sum::<L, Bytes, 1>(job),
            (DType::Q8_0, false) => sum::<L, Bytes, ROWS>(job),
            (_, true) => sum::<L, Nibbles, 1>(job),
            (_, false) => sum::<L, Nibbles, ROWS>(job),
        }
    }
}

/// Fours of outputs at a time. A sum waits for its last addition, so that there must be several; with several rows there are.
const fn fours(is_one_row: bool) -> usize {
    if is_one_row { 4 } else { 2 }
}

/// Steps of two fours before the next two have theirs: a line of the cache, where a step is a quarter of one. Each output is a
/// stream of its own, and where rows lie a power of two apart, a first-level cache of eight ways holds eight lines of them: a
/// turn uses up eight. The processor begins the next turn's sums while this one's wait. Rows of blocks have odd lengths.
const TURN: usize = 4;

/// Sums of `M` rows.
///
/// # Safety
/// As for `run`.
#[inline(always)]
unsafe fn sum<L: Four, C: Coding, const M: usize>(job: &mut Job) {
    let constants = C::CONSTANTS.map(|word| L::constant(word));
    let (stride, four) = (job.stride, 4 * job.stride);
    let mut x: [*const f32; M] = std::array::from_fn(|row| job.x[row]);
    // By name, because an array that is indexed in a loop is kept in memory.
    let (mut first, mut second, mut third, mut fourth) =
        ([L::zero(); M], [L::zero(); M], [L::zero(); M], [L::zero(); M]);
    let mut weights = job.weights;
    let mut steps = job.steps;
    // SAFETY of all: a step of each output is readable, and as many inputs of each row: the caller's.
    if fours(M == 1) == 4 && !C::IS_BLOCK {
        for _ in 0..steps / TURN {
            unsafe {
                let at = [weights, weights.add(four)];
                [first, second] = turn::<L, C, M>(at, stride, x, [first, second], &constants);
                let at = [weights.add(2 * four), weights.add(3 * four)];
                [third, fourth] = turn::<L, C, M>(at, stride, x, [third, fourth], &constants);
                weights = weights.add(TURN * C::BYTES);
                x = x.map(|x| x.add(TURN * C::INPUTS));
            }
        }
        steps %= TURN;
    }
    for _ in 0..steps {
        unsafe {
            if fours(M == 1) == 4 {
                let at = [weights, weights.add(four), weights.add(2 * four), weights.add(3 * four)];
                [first, second, third, fourth] = C::step(at, stride, &x, [first, second, third, fourth], &constants);
            } else {
                [first, second] = C::step([weights, weights.add(four)], stride, &x, [first, second], &constants);
            }
            weights = weights.add(C::BYTES);
            x = x.map(|x| x.add(C::INPUTS));
        }
    }
    let mut sums = [first, second, third, fourth];
    for (input, columns) in job.rest.iter().take(job.rest_inputs).enumerate() {
        for (four, sums) in sums.iter_mut().enumerate() {
            // SAFETY: four columns; the rest of each row is readable.
            unsafe { *sums = add(L::load(columns.as_ptr().add(4 * four)), input, &x, *sums) };
        }
    }
    for (four, sums) in sums.iter().enumerate() {
        for (sum, to) in sums.iter().zip(&mut job.sums) {
            // SAFETY: four sums.
            unsafe { sum.store(to.as_mut_ptr().add(4 * four)) };
        }
    }
}

/// `TURN` steps of two fours.
///
/// # Safety
/// As for `Coding::step`, for so many steps.
#[inline(always)]
unsafe fn turn<L: Four, C: Coding, const M: usize>(
    mut weights: [*const u8; 2],
    stride: usize,
    mut x: [*const f32; M],
    mut sums: [[L; M]; 2],
    constants: &[L; 4],
) -> [[L; M]; 2] {
    for _ in 0..TURN {
        // SAFETY: the caller's.
        unsafe {
            sums = C::step(weights, stride, &x, sums, constants);
            weights = weights.map(|weights| weights.add(C::BYTES));
            x = x.map(|x| x.add(C::INPUTS));
        }
    }
    sums
}

/// sums[m] + x[m][input] · column
///
/// # Safety
/// That input is readable.
#[inline(always)]
unsafe fn add<L: Four, const M: usize>(column: L, input: usize, x: &[*const f32; M], sums: [L; M]) -> [L; M] {
    // SAFETY: the caller's.
    std::array::from_fn(|row| L::splat(unsafe { *x[row].add(input) }).mul_add(column, sums[row]))
}

/// How weights are stored, and how those of four outputs become columns of four, one for each input.
trait Coding {
    /// Inputs of a step, and bytes of them for one output.
    const INPUTS: usize;
    const BYTES: usize;
    const IS_BLOCK: bool;
    /// Words that `step` is handed in registers.
    const CONSTANTS: [u32; 4];

    /// The sums of `FOURS` fours of outputs with the products of one step, one input after another.
    ///
    /// # Safety
    /// `BYTES` are readable at each pointer and three times `stride` behind it, and `INPUTS` of each row; the processor
    /// knows the instruction set of `L`.
    unsafe fn step<L: Four, const FOURS: usize, const M: usize>(
        weights: [*const u8; FOURS],
        stride: usize,
        x: &[*const f32; M],
        sums: [[L; M]; FOURS],
        constants: &[L; 4],
    ) -> [[L; M]; FOURS];
}

/// Sixteen bytes of each of four outputs, as columns of words.
#[inline(always)]
unsafe fn words<L: Four>(weights: *const u8, stride: usize) -> [L; 4] {
    // SAFETY: the caller's; loads ask for no alignment.
    unsafe {
        let second = weights.add(stride);
        let third = second.add(stride);
        let fourth = third.add(stride);
        L::transpose([L::load(weights.cast()), L::load(second.cast()), L::load(third.cast()), L::load(fourth.cast())])
    }
}

struct Floats;

impl Coding for Floats {
    const INPUTS: usize = 4;
    const BYTES: usize = 16;
    const IS_BLOCK: bool = false;
    const CONSTANTS: [u32; 4] = [0; 4];

    #[inline(always)]
    unsafe fn step<L: Four, const FOURS: usize, const M: usize>(
        weights: [*const u8; FOURS],
        stride: usize,
        x: &[*const f32; M],
        sums: [[L; M]; FOURS],
        _: &[L; 4],
    ) -> [[L; M]; FOURS] {
        let mut four = 0;
        sums.map(|sums| {
            // SAFETY: the caller's.
            unsafe {
                let [a, b, c, d] = words::<L>(weights[four], stride);
                four += 1;
                let sums = add(a, 0, x, sums);
                let sums = add(b, 1, x, sums);
                let sums = add(c, 2, x, sums);
                add(d, 3, x, sums)
            }
        })
    }
}

struct Halves;

impl Coding for Halves {
    const INPUTS: usize = 8;
    const BYTES: usize = 16;
    const IS_BLOCK: bool = false;
    const CONSTANTS: [u32; 4] = [LOWER_HALF, UPPER_HALF, 0, 0];

    #[inline(always)]
    unsafe fn step<L: Four, const FOURS: usize, const M: usize>(
        weights: [*const u8; FOURS],
        stride: usize,
        x: &[*const f32; M],
        sums: [[L; M]; FOURS],
        constants: &[L; 4],
    ) -> [[L; M]; FOURS] {
        let mut four = 0;
        sums.map(|sums| {
            // SAFETY: the caller's.
            unsafe {
                let [a, b, c, d] = words::<L>(weights[four], stride);
                four += 1;
                let sums = add(a.lower_halves(constants[0]), 0, x, sums);
                let sums = add(a.upper_halves(constants[1]), 1, x, sums);
                let sums = add(b.lower_halves(constants[0]), 2, x, sums);
                let sums = add(b.upper_halves(constants[1]), 3, x, sums);
                let sums = add(c.lower_halves(constants[0]), 4, x, sums);
                let sums = add(c.upper_halves(constants[1]), 5, x, sums);
                let sums = add(d.lower_halves(constants[0]), 6, x, sums);
                add(d.upper_halves(constants[1]), 7, x, sums)
            }
        })
    }
}

struct BrainHalves;

impl Coding for BrainHalves {
    const INPUTS: usize = 8;
    const BYTES: usize = 16;
    const IS_BLOCK: bool = false;
    const CONSTANTS: [u32; 4] = [UPPER_BRAIN_HALF, 0, 0, 0];

    #[inline(always)]
    unsafe fn step<L: Four, const FOURS: usize, const M: usize>(
        weights: [*const u8; FOURS],
        stride: usize,
        x: &[*const f32; M],
        sums: [[L; M]; FOURS],
        constants: &[L; 4],
    ) -> [[L; M]; FOURS] {
        let mut four = 0;
        sums.map(|sums| {
            // SAFETY: the caller's.
            unsafe {
                let [a, b, c, d] = words::<L>(weights[four], stride);
                four += 1;
                let sums = add(a.lower_brain_halves(), 0, x, sums);
                let sums = add(a.upper_brain_halves(constants[0]), 1, x, sums);
                let sums = add(b.lower_brain_halves(), 2, x, sums);
                let sums = add(b.upper_brain_halves(constants[0]), 3, x, sums);
                let sums = add(c.lower_brain_halves(), 4, x, sums);
                let sums = add(c.upper_brain_halves(constants[0]), 5, x, sums);
                let sums = add(d.lower_brain_halves(), 6, x, sums);
                add(d.upper_brain_halves(constants[0]), 7, x, sums)
            }
        })
    }
}

/// The scales of four blocks, which begin with them.
#[inline(always)]
unsafe fn scales<L: Four>(weights: *const u8, stride: usize, constants: &[L; 4]) -> L {
    // SAFETY: the caller's: a block begins with a half, at any address.
    let words: [u32; 4] =
        std::array::from_fn(|o| unsafe { u32::from(weights.add(o * stride).cast::<u16>().read_unaligned().to_le()) });
    // SAFETY: four words.
    unsafe { L::load(words.as_ptr().cast()) }.lower_halves(constants[0]).mul(constants[1])
}

/// Four bytes of each of four outputs.
#[inline(always)]
unsafe fn word<L: Four>(weights: *const u8, stride: usize) -> L {
    // SAFETY: the caller's.
    let words: [u32; 4] =
        std::array::from_fn(|o| unsafe { weights.add(o * stride).cast::<u32>().read_unaligned().to_le() });
    // SAFETY: four words.
    unsafe { L::load(words.as_ptr().cast()) }
}

/// Four inputs: signed bytes and their scales.
#[inline(always)]
unsafe fn add_bytes<L: Four, const M: usize>(bytes: L, scales: L, x: &[*const f32; M], sums: [L; M]) -> [L; M] {
    let [a, b, c, d] = bytes.signed_bytes();
    // SAFETY: the caller's.
    unsafe {
        let sums = add(a.mul(scales), 0, x, sums);
        let sums = add(b.mul(scales), 1, x, sums);
        let sums = add(c.mul(scales), 2, x, sums);
        add(d.mul(scales), 3, x, sums)
    }
}

struct Bytes;

impl Coding for Bytes {
    const INPUTS: usize = 32;
    const BYTES: usize = 34;
    const IS_BLOCK: bool = true;
    const CONSTANTS: [u32; 4] = [LOWER_HALF, SCALED_HALF.to_bits(), 0, 0];

    #[inline(always)]
    unsafe fn step<L: Four, const FOURS: usize, const M: usize>(
        weights: [*const u8; FOURS],
        stride: usize,
        x: &[*const f32; M],
        sums: [[L; M]; FOURS],
        constants: &[L; 4],
    ) -> [[L; M]; FOURS] {
        // SAFETY of all: the caller's.
        let scales = weights.map(|weights| unsafe { scales::<L>(weights, stride, constants) });
        let (mut sums, mut x) = (sums, *x);
        for at in (2..34).step_by(4) {
            // Fours take turns, because a sum waits for its last addition.
            sums = std::array::from_fn(|four| unsafe {
                add_bytes(word::<L>(weights[four].add(at), stride), scales[four], &x, sums[four])
            });
            x = x.map(|x| unsafe { x.add(4) });
        }
        sums
    }
}

struct Nibbles;

impl Coding for Nibbles {
    const INPUTS: usize = 32;
    const BYTES: usize = 18;
    const IS_BLOCK: bool = true;
    const CONSTANTS: [u32; 4] = [LOWER_HALF, SCALED_HALF.to_bits(), 0x0f0f_0f0f, 0x0808_0808];

    #[inline(always)]
    unsafe fn step<L: Four, const FOURS: usize, const M: usize>(
        weights: [*const u8; FOURS],
        stride: usize,
        x: &[*const f32; M],
        sums: [[L; M]; FOURS],
        constants: &[L; 4],
    ) -> [[L; M]; FOURS] {
        // SAFETY of all: the caller's.
        let scales = weights.map(|weights| unsafe { scales::<L>(weights, stride, constants) });
        let [_, _, mask, eight] = *constants;
        let (mut sums, mut x) = (sums, *x);
        for upper in [false, true] {
            for at in (2..18).step_by(4) {
                sums = std::array::from_fn(|four| unsafe {
                    let bytes = word::<L>(weights[four].add(at), stride).nibbles_less_8(upper, mask, eight);
                    add_bytes(bytes, scales[four], &x, sums[four])
                });
                x = x.map(|x| unsafe { x.add(4) });
            }
        }
        sums
    }
}
