//! Soft cap of logits, in place: x → cap · tanh(x / cap).
//!
//! Shapes   x: any, F32, in place
//! Why      in place because logits are the largest tensor of a pass, and the result y alone gives the derivative,
//!          1 − (y / cap)²
//! Source   Bello et al. 2017; Gemma Team 2024 (Gemma 2)
//! Kernel   shaders/softcap.wgsl
//! Agrees   twins: tolerance::ELEMENTWISE, the absolute part times cap

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct Softcap {
    pub cap: f32,
}

impl Softcap {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "softcap";
        check::count(OP, inputs, &[0])?;
        check::count(OP, outputs, &[1])?;
        check::f32s(OP, outputs[0])
    }
}

pub fn forward<R: Real>(op: &Softcap, x: &mut [R]) {
    let cap = R::from_f32(op.cap);
    for x in x {
        *x = cap * (*x / cap).tanh();
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, c, cap) in [(1, 1, 1.0), (3, 67, 0.5), (130, 33, 30.0)] {
        let (x, mut bytes) = check::random("x", &[n, c], DType::F32, rng);
        // Far beyond the cap, where a careless tanh overflows.
        bytes[..4].copy_from_slice(&(-1e5f32).to_le_bytes());
        examples.push(Example {
            op: Op::Softcap(Softcap { cap }),
            inputs: Vec::new(),
            outputs: vec![x.clone()],
            contents: vec![(x, bytes)],
            tolerance: Tolerance::new(1e-6 * f32::max(cap, 1.0), 1e-5),
        });
    }
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form. Small numbers stay, large ones end at the cap, 30 becomes 30 · tanh 1.
    #[test]
    fn capped_by_hand() {
        let mut x = [0.003f32, 1e9, -1e9, 30.0];
        forward(&Softcap { cap: 30.0 }, &mut x);
        for (got, expected) in x.iter().zip([0.003, 30.0, -30.0, 22.847_825]) {
            assert!((got - expected).abs() <= 1e-5, "{got} is not {expected}");
        }
    }
}
