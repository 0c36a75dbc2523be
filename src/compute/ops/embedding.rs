//! Row lookup: token embeddings, learned positions, and picking the rows whose logits are wanted.
//!
//! out[n,c] = scale · table[ids[n] − first_row, c], or out[n,c] += scale · table[ids[n] − first_row, c] when `accumulate`
//!
//! Shapes   ids: (N) U32 · table: (V,C) in any type weights are stored in · out: (N,C) F32
//! Limits   an id outside the table gives a row of zeros; callers check ids before they record
//! Kernel   shaders/embedding.wgsl
//! Agrees   twins: exact, since one product rounds the same everywhere; with `accumulate`, for a scale of 1

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// On every element; 1 but for families that scale their embeddings.
    pub scale: f32,
    /// Add to what `out` holds, as learned positions are added to token embeddings.
    pub accumulate: bool,
    /// The id of the table's first row: tables too large for one buffer are looked up piece by piece.
    pub first_row: u32,
}

impl Embedding {
    /// The rows as they are.
    pub const ROWS: Embedding = Embedding { scale: 1.0, accumulate: false, first_row: 0 };

    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "embedding";
        check::count(OP, inputs, &[2])?;
        check::count(OP, outputs, &[1])?;
        let (ids, table, out) = (inputs[0], inputs[1], outputs[0]);
        check::u32s(OP, ids)?;
        check::rank(OP, table, 2)?;
        check::weights(OP, table)?;
        check::f32s(OP, out)?;
        check::shape(OP, out, &[ids.elements(), table.columns()])
    }
}

/// `row(id, out)` reads a row of the table, so that the others need not be widened.
pub fn forward<R: Real>(
    op: &Embedding,
    ids: &[u32],
    vocabulary: usize,
    row: impl Fn(usize, &mut [R]),
    columns: usize,
    out: &mut [R],
) {
    let scale = R::from_f32(op.scale);
    let mut values = vec![R::ZERO; columns];
    for (&id, out) in ids.iter().zip(out.chunks_exact_mut(columns)) {
        let index = id.checked_sub(op.first_row).map_or(usize::MAX, |index| index as usize);
        if index < vocabulary {
            row(index, &mut values);
        } else {
            values.fill(R::ZERO);
        }
        for (out, &value) in out.iter_mut().zip(&values) {
            *out = if op.accumulate { *out + scale * value } else { scale * value };
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, v, c, dtype, scale, accumulate, first_row) in [
        (1, 3, 1, DType::F32, 1.0, false, 0),
        (5, 17, 6, DType::F16, 1.0, true, 0),
        (70, 33, 65, DType::BF16, 8.0623, false, 0),
        (9, 5, 7, DType::F16, 1.0, false, 0),
        (40, 9, 8, DType::F16, 1.0, true, 5),
        (7, 9, 5, DType::F8E4M3, 1.0, false, 0),
        (7, 9, 6, DType::F8E5M2, 1.0, true, 0),
        (8, 5, 32, DType::Q4_0, 1.0, false, 0),
        (8, 5, 96, DType::Q4_1, 1.0, true, 0),
        (20, 5, 64, DType::Q5_0, 8.0, false, 3),
        (8, 5, 32, DType::Q5_1, 1.0, false, 0),
        (8, 5, 96, DType::Q8_0, 1.0, false, 0),
        (6, 3, 256, DType::Q4K, 1.0, false, 0),
        (6, 3, 512, DType::Q5K, 1.0, false, 0),
        (6, 4, 256, DType::Q6K, 1.0, false, 0),
    ] {
        // One id past the end of the table, to hold both twins to the same zeros.
        let values: Vec<u32> = (0..n).map(|_| rng.below(first_row + v as u32 + 1)).collect();
        let ids = check::indices("ids", &values);
        let table = check::random("table", &[v, c], dtype, rng);
        let out = check::random("out", &[n, c], DType::F32, rng);
        examples.push(Example {
            op: Op::Embedding(Embedding { scale, accumulate, first_row }),
            inputs: vec![ids.0.clone(), table.0.clone()],
            outputs: vec![out.0.clone()],
            contents: vec![ids, table, out],
            tolerance: tolerance::EXACT,
        });
    }
    examples
}
