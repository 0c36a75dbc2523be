//! Backward of [`embedding`](super::embedding): every row of the table gets the gradients of the rows it was read for.
//!
//! dtable[v,c] += scale · Σ_{n: ids[n] = first_row + v} dout[n,c]
//!
//! Shapes   ids: (N) U32 · dout: (N,C) F32 · dtable: (V,C) F32, changed in place
//! Order    n ascending, on both devices: no atomic additions, so results repeat
//! Limits   ids outside the table are left out, as in the forward
//! Kernel   shaders/embedding_backward.wgsl
//! Agrees   twins: tolerance::REDUCTION

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingBackward {
    pub scale: f32,
    /// The id of the table's first row, as in the forward.
    pub first_row: u32,
}

impl EmbeddingBackward {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "embedding_backward";
        check::count(OP, inputs, &[2])?;
        check::count(OP, outputs, &[1])?;
        let (ids, dout, dtable) = (inputs[0], inputs[1], outputs[0]);
        check::u32s(OP, ids)?;
        check::f32s(OP, dout)?;
        check::f32s(OP, dtable)?;
        check::rank(OP, dtable, 2)?;
        check::shape(OP, dout, &[ids.elements(), dtable.columns()])
    }
}

pub fn backward<R: Real>(op: &EmbeddingBackward, ids: &[u32], dout: &[R], columns: usize, dtable: &mut [R]) {
    let scale = R::from_f32(op.scale);
    let vocabulary = dtable.len() / columns;
    for (&id, dout) in ids.iter().zip(dout.chunks_exact(columns)) {
        let index = id.checked_sub(op.first_row).map_or(usize::MAX, |index| index as usize);
        if index < vocabulary {
            let row = &mut dtable[index * columns..][..columns];
            for (row, &dout) in row.iter_mut().zip(dout) {
                *row += scale * dout;
            }
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, v, c, scale, first_row) in
        [(1, 3, 1, 1.0, 0), (5, 17, 6, 1.0, 0), (70, 33, 65, 8.0623, 0), (130, 4, 7, 1.0, 0), (40, 6, 9, 0.5, 3)]
    {
        let values: Vec<u32> = (0..n).map(|_| rng.below(first_row + v as u32 + 1)).collect();
        let ids = check::indices("ids", &values);
        let dout = check::random("dout", &[n, c], DType::F32, rng);
        let dtable = check::random("dtable", &[v, c], DType::F32, rng);
        examples.push(Example {
            op: Op::EmbeddingBackward(EmbeddingBackward { scale, first_row }),
            inputs: vec![ids.0.clone(), dout.0.clone()],
            outputs: vec![dtable.0.clone()],
            contents: vec![ids, dout, dtable],
            tolerance: tolerance::REDUCTION,
        });
    }
    examples
}
