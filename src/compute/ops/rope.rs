//! Rotary positions, in place on the query and key heads of a row.
//!
//! (a, b) → m · (a·cos θ − b·sin θ, a·sin θ + b·cos θ) with θ = positions[n] · inv_freq[i], for pair i of every head
//!
//! Shapes   positions: (N) U32 · inv_freq: (R/2) F32 · qkv: (N,S) F32, in place; heads 0..n_heads of `head_size`
//!          channels each, from column 0; the first R channels of a head are turned
//! Pairs    `Half`: channel i with i + R/2 (Llama, NeoX) · `Interleaved`: channel 2i with 2i + 1 (GPT-J)
//! Magnitude m is 1 but for scaled positions: Peng et al. 2023 (YaRN), Ding et al. 2024 (LongRoPE)
//! Source   Su et al. 2021, "RoFormer"; the inverse, for gradients, is the turn by −θ and again · m
//! Kernel   shaders/rope.wgsl
//! Agrees   twins: tolerance::REDUCTION, since GPU sin and cos are less exact than the CPU's

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    Half,
    Interleaved,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// Query heads and key heads together; they stand side by side at the start of a row.
    pub n_heads: usize,
    pub head_size: usize,
    pub pairing: Pairing,
    /// Turn the other way: the transpose of the turn, and so its backward.
    pub transposed: bool,
    /// On the channels that are turned.
    pub magnitude: f32,
}

impl Rope {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "rope";
        check::count(OP, inputs, &[2])?;
        check::count(OP, outputs, &[1])?;
        let (positions, inv_freq, qkv) = (inputs[0], inputs[1], outputs[0]);
        check::u32s(OP, positions)?;
        check::f32s(OP, inv_freq)?;
        check::f32s(OP, qkv)?;
        check::rank(OP, qkv, 2)?;
        check::that(OP, qkv, qkv.rows() == positions.elements(), &format!("{} rows", positions.elements()))?;
        check::that(
            OP,
            inv_freq,
            2 * inv_freq.elements() <= self.head_size,
            &format!("at most {} pairs", self.head_size / 2),
        )?;
        check::that(
            OP,
            qkv,
            self.n_heads * self.head_size <= qkv.columns(),
            &format!("at least {} columns", self.n_heads * self.head_size),
        )
    }
}

pub fn forward<R: Real>(op: &Rope, positions: &[u32], inv_freq: &[R], columns: usize, qkv: &mut [R]) {
    let magnitude = R::from_f32(op.magnitude);
    let n_pairs = inv_freq.len();
    for (n, &position) in positions.iter().enumerate() {
        for (i, &frequency) in inv_freq.iter().enumerate() {
            let (sin, cos) = (R::from_f64(f64::from(position)) * frequency).sin_cos();
            let sin = if op.transposed { -sin } else { sin };
            let (sin, cos) = (magnitude * sin, magnitude * cos);
            for head in 0..op.n_heads {
                let start = n * columns + head * op.head_size;
                let (first, second) = match op.pairing {
                    Pairing::Half => (start + i, start + i + n_pairs),
                    Pairing::Interleaved => (start + 2 * i, start + 2 * i + 1),
                };
                let (a, b) = (qkv[first], qkv[second]);
                qkv[first] = a * cos - b * sin;
                qkv[second] = a * sin + b * cos;
            }
        }
    }
}

/// The frequencies of the original paper: theta^(−2i/R).
pub fn inverse_frequencies(theta: f64, rotary_size: usize) -> Vec<f32> {
    (0..rotary_size / 2).map(|i| (1.0 / theta.powf(2.0 * i as f64 / rotary_size as f64)) as f32).collect()
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, n_heads, head_size, rotary, extra, pairing, transposed, magnitude) in [
        (1, 1, 2, 2, 0, Pairing::Half, false, 1.0),
        (9, 6, 16, 16, 32, Pairing::Half, false, 1.0),
        (65, 3, 24, 8, 5, Pairing::Interleaved, true, 1.0),
        (17, 2, 10, 6, 0, Pairing::Half, false, 1.19),
        (5, 3, 12, 8, 1, Pairing::Half, true, 0.7),
    ] {
        let positions: Vec<u32> = (0..n).map(|_| rng.below(300)).collect();
        let positions = check::indices("positions", &positions);
        let frequencies = inverse_frequencies(10_000.0, rotary);
        let inv_freq =
            (Tensor::new("inv_freq", &[frequencies.len()], DType::F32), bytemuck::cast_slice(&frequencies).to_vec());
        let qkv = check::random("qkv", &[n, n_heads * head_size + extra], DType::F32, rng);
        examples.push(Example {
            op: Op::Rope(Rope { n_heads, head_size, pairing, transposed, magnitude }),
            inputs: vec![positions.0.clone(), inv_freq.0.clone()],
            outputs: vec![qkv.0.clone()],
            contents: vec![positions, inv_freq, qkv],
            // WGSL allows sin and cos an absolute error of 2^-11 outside [-π, π]; adapters do far better, and angles
            // here reach 300 rad, where f32 itself resolves 3e-5.
            tolerance: Tolerance::new(2e-4, 1e-4),
        });
    }
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form. A turn by π/2 takes (1, 0) to (0, 1), twice as long; channels past R stay.
    #[test]
    fn a_quarter_turn() {
        let op = Rope { n_heads: 1, head_size: 4, pairing: Pairing::Half, transposed: false, magnitude: 2.0 };
        let mut qkv = [1.0f32, 0.0, 7.0, 8.0];
        forward(&op, &[1], &[std::f32::consts::FRAC_PI_2], 4, &mut qkv);
        assert!(qkv[0].abs() <= 1e-6 && (qkv[1] - 2.0).abs() <= 1e-6);
        assert_eq!(&qkv[2..], [7.0, 8.0]);
    }
}
