//! Dense projection.
//!
//! out[m, column_offset + n] (+)= Σ_k x[m,k] · w[n,k] + bias[n]
//!
//! Shapes   x: (M,K) F32 · weight: (N,K) for `OutIn` (PyTorch's Linear) or (K,N) for `InOut` (GPT-2's Conv1D), in any
//!          type weights are stored in · bias: (N), not in blocks, may be left out · out: (M,S) F32 with column_offset + N ≤ S
//! Dtype    weights are widened inside the multiply; sums in f32
//! Why      `column_offset` lets q, k and v (gate and up) be written side by side by separate projections;
//!          `accumulate` adds the residual in the same pass
//! Kernel   shaders/matmul.wgsl
//! Agrees   twins: tolerance::REDUCTION scaled by sqrt(K); with operands in f16 (`DevicePreference::GpuF16`), which are each
//!          2⁻¹¹ off, 1.5e-3 · sqrt(K) for operands of size one

use super::{Example, Op, check};
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

/// Which axis of the stored weight comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightLayout {
    /// (N,K): one output's weights are contiguous.
    OutIn,
    /// (K,N): one input's weights are contiguous.
    InOut,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MatMul {
    pub layout: WeightLayout,
    /// First column of `out` that is written; the others stay as they are.
    pub column_offset: usize,
    /// Add to what `out` holds.
    pub accumulate: bool,
}

impl MatMul {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "matmul";
        check::count(OP, inputs, &[2, 3])?;
        check::count(OP, outputs, &[1])?;
        let (x, weight, out) = (inputs[0], inputs[1], outputs[0]);
        for tensor in [x, weight, out] {
            check::rank(OP, tensor, 2)?;
        }
        check::f32s(OP, x)?;
        check::f32s(OP, out)?;
        check::weights(OP, weight)?;
        let (n, k) = self.n_k(weight);
        check::that(
            OP,
            weight,
            k == x.columns(),
            &format!("{} input channels in layout {:?}", x.columns(), self.layout),
        )?;
        check::that(OP, out, out.rows() == x.rows(), &format!("{} rows", x.rows()))?;
        check::that(
            OP,
            out,
            self.column_offset + n <= out.columns(),
            &format!("at least {} columns", self.column_offset + n),
        )?;
        if let Some(bias) = inputs.get(2) {
            check::floats(OP, bias)?;
            check::shape(OP, bias, &[n])?;
        }
        Ok(())
    }

    /// Outputs and inputs of the stored weight.
    pub fn n_k(&self, weight: &Tensor) -> (usize, usize) {
        match self.layout {
            WeightLayout::OutIn => (weight.shape()[0], weight.shape()[1]),
            WeightLayout::InOut => (weight.shape()[1], weight.shape()[0]),
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    use WeightLayout::{InOut, OutIn};
    let mut examples = Vec::new();
    for (m, n, k, layout, dtype, biased, accumulate, offset, extra) in [
        (1, 1, 1, OutIn, DType::F32, false, false, 0, 0),
        (1, 70, 33, OutIn, DType::F16, true, false, 0, 0),
        (5, 64, 64, InOut, DType::F32, true, false, 0, 0),
        (67, 48, 65, OutIn, DType::BF16, false, true, 0, 0),
        (33, 17, 129, InOut, DType::F16, true, true, 3, 5),
        (130, 131, 16, OutIn, DType::F16, false, false, 7, 0),
        (64, 128, 96, InOut, DType::BF16, false, false, 0, 0),
        (129, 67, 43, OutIn, DType::F32, true, true, 1, 1),
        (3, 45, 131, InOut, DType::F16, false, true, 2, 1),
        (8, 67, 300, InOut, DType::BF16, true, false, 0, 0),
        (9, 33, 7, OutIn, DType::F8E4M3, true, false, 0, 0),
        (2, 33, 65, InOut, DType::F8E5M2, false, true, 0, 2),
        // Blocks, by tiles and by few rows, along either axis; the last tile is never full.
        (70, 66, 32, OutIn, DType::Q4_0, true, false, 0, 0),
        (4, 64, 40, InOut, DType::Q4_0, false, false, 0, 0),
        (9, 5, 96, OutIn, DType::Q4_1, false, true, 1, 1),
        (1, 70, 64, OutIn, DType::Q5_0, false, false, 0, 0),
        (65, 96, 17, InOut, DType::Q5_0, true, false, 0, 0),
        (5, 9, 160, OutIn, DType::Q5_1, true, false, 0, 0),
        (66, 131, 96, OutIn, DType::Q8_0, false, false, 0, 0),
        (1, 9, 288, OutIn, DType::Q8_0, true, true, 2, 0),
        (10, 32, 70, InOut, DType::Q8_0, false, false, 0, 0),
        (8, 70, 256, OutIn, DType::Q4K, false, false, 0, 0),
        (9, 256, 5, InOut, DType::Q4K, true, false, 0, 0),
        (11, 6, 512, OutIn, DType::Q5K, false, false, 0, 0),
        (3, 7, 256, OutIn, DType::Q6K, true, false, 0, 0),
        (12, 65, 256, OutIn, DType::Q6K, false, true, 0, 0),
    ] {
        let x = check::random("x", &[m, k], DType::F32, rng);
        let shape = if layout == OutIn { [n, k] } else { [k, n] };
        let weight = check::random("weight", &shape, dtype, rng);
        let bias_type = if dtype.is_block() { DType::F32 } else { dtype };
        let bias = check::random("bias", &[n], bias_type, rng);
        let out = check::random("out", &[m, offset + n + extra], DType::F32, rng);
        let mut inputs = vec![x.0.clone(), weight.0.clone()];
        if biased {
            inputs.push(bias.0.clone());
        }
        // Each of the K products is of size one, so the sum is of size sqrt(K) and its rounding error too.
        let scale = (k as f32).sqrt();
        examples.push(Example {
            op: Op::MatMul(MatMul { layout, column_offset: offset, accumulate }),
            inputs,
            outputs: vec![out.0.clone()],
            contents: vec![x, weight, bias, out],
            tolerance: Tolerance::new(2e-6 * scale, 1e-5),
        });
    }
    examples
}
