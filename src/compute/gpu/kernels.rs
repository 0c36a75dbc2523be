//! How each op becomes a launch of its kernel: parameters, override constants, bindings, number of workgroups.
//!
//! One file per op, named like the op and its shader. `tests/shape_shaders.rs` reads the parsed shaders and compares
//! bindings, parameters and overrides with what stands here.

mod adamw;
mod attention;
mod attention_backward_key;
mod attention_backward_query;
mod attention_backward_value;
mod attention_stats;
mod attention_sums;
mod attention_weights;
mod axpy;
mod column_sum;
mod cross_entropy;
mod cross_entropy_backward;
mod embedding;
mod embedding_backward;
mod fill;
mod geglu;
mod geglu_backward;
mod gelu;
mod gelu_backward;
mod knn;
mod kv_write;
mod kv_write_backward;
mod layernorm;
mod matmul;
mod matmul_weight_backward;
mod next_token;
mod norm_backward;
mod norm_weight_backward;
mod params;
mod relu;
mod relu_backward;
mod rmsnorm;
mod rope;
mod softcap;
mod softcap_backward;
mod sum_squares;
mod swiglu;
mod swiglu_backward;

use super::tuning::Tuning;
use crate::compute::{ComputeError, DType, Dispatch, Op, Tensor};
pub use params::Field;

/// One file of `shaders/`.
pub struct Kernel {
    /// The stem of the file, and the op's name.
    pub name: &'static str,
    pub source: &'static str,
    /// The members of the uniform at binding 0.
    pub params: &'static [Field],
    pub params_bytes: usize,
    /// Bindings 1..=n_inputs are only read.
    pub n_inputs: usize,
    /// The bindings after them are written.
    pub n_outputs: usize,
}

/// In the order of `compute::ops::OPS`.
pub const KERNELS: &[&Kernel] = &[
    &embedding::KERNEL,
    &layernorm::KERNEL,
    &rmsnorm::KERNEL,
    &matmul::KERNEL,
    &rope::KERNEL,
    &kv_write::KERNEL,
    &attention::KERNEL,
    &attention_weights::KERNEL,
    &attention_stats::KERNEL,
    &attention_sums::KERNEL,
    &relu::KERNEL,
    &gelu::KERNEL,
    &geglu::KERNEL,
    &swiglu::KERNEL,
    &softcap::KERNEL,
    &next_token::KERNEL,
    &knn::KERNEL,
    &fill::KERNEL,
    &axpy::KERNEL,
    &cross_entropy::KERNEL,
    &cross_entropy_backward::KERNEL,
    &embedding_backward::KERNEL,
    &norm_backward::KERNEL,
    &norm_weight_backward::KERNEL,
    &matmul_weight_backward::KERNEL,
    &column_sum::KERNEL,
    &kv_write_backward::KERNEL,
    &attention_backward_query::KERNEL,
    &attention_backward_key::KERNEL,
    &attention_backward_value::KERNEL,
    &gelu_backward::KERNEL,
    &swiglu_backward::KERNEL,
    &relu_backward::KERNEL,
    &geglu_backward::KERNEL,
    &softcap_backward::KERNEL,
    &sum_squares::KERNEL,
    &adamw::KERNEL,
];

/// One dispatch in the GPU's terms.
pub struct Launch<'a> {
    pub kernel: &'static Kernel,
    pub entry_point: &'static str,
    /// Conditions of the kernel's text that hold, see `shaders.rs`; always in the same order.
    pub conditions: Vec<&'static str>,
    /// Override constants, always in the same order for one entry point.
    pub constants: Vec<(&'static str, u32)>,
    pub params: Vec<u8>,
    /// What is bound at 1, 2, and so on.
    pub tensors: Vec<&'a Tensor>,
    pub workgroups: u64,
}

impl Launch<'_> {
    /// The workgroups as a grid of at most `side_max` to a side. The last row may overhang.
    pub fn grid(&self, side_max: u32) -> Result<[u32; 2], ComputeError> {
        let side_max = u64::from(side_max);
        let rows = self.workgroups.div_ceil(side_max).max(1);
        if rows > side_max {
            return Err(ComputeError::Gpu {
                reason: format!(
                    "{} needs {} workgroups, the device allows {side_max} by {side_max}",
                    self.kernel.name, self.workgroups
                ),
            });
        }
        // OK because both are at most side_max, a u32.
        Ok([self.workgroups.div_ceil(rows) as u32, rows as u32])
    }
}

/// Lanes of a workgroup where one lane makes one element.
const ELEMENTWISE_LANES: u32 = 256;

/// The launch of a dispatch on a device with that tuning.
pub fn launch<'a>(dispatch: &'a Dispatch, tuning: &Tuning) -> Result<Launch<'a>, ComputeError> {
    Ok(match &dispatch.op {
        Op::Embedding(op) => embedding::launch(op, dispatch),
        Op::LayerNorm(op) => layernorm::launch(op, dispatch, tuning),
        Op::RmsNorm(op) => rmsnorm::launch(op, dispatch, tuning),
        Op::MatMul(op) => matmul::launch(op, dispatch, tuning),
        Op::Rope(op) => rope::launch(op, dispatch),
        Op::KvWrite(op) => kv_write::launch(op, dispatch),
        Op::Attention(op) => attention::launch(op, dispatch, tuning)?,
        Op::AttentionWeights(op) => attention_weights::launch(op, dispatch, tuning),
        Op::AttentionStats(op) => attention_stats::launch(op, dispatch)?,
        Op::AttentionSums(op) => attention_sums::launch(op, dispatch)?,
        Op::Relu(_) => relu::launch(dispatch),
        Op::Gelu(op) => gelu::launch(op, dispatch),
        Op::GeGlu(op) => geglu::launch(op, dispatch),
        Op::SwiGlu(_) => swiglu::launch(dispatch),
        Op::Softcap(op) => softcap::launch(op, dispatch),
        Op::NextToken(_) => next_token::launch(dispatch),
        Op::Knn(op) => knn::launch(op, dispatch),
        Op::Fill(op) => fill::launch(op, dispatch),
        Op::Axpy(op) => axpy::launch(op, dispatch),
        Op::CrossEntropy(_) => cross_entropy::launch(dispatch),
        Op::CrossEntropyBackward(op) => cross_entropy_backward::launch(op, dispatch),
        Op::EmbeddingBackward(op) => embedding_backward::launch(op, dispatch),
        Op::NormBackward(op) => norm_backward::launch(op, dispatch, tuning),
        Op::NormWeightBackward(op) => norm_weight_backward::launch(op, dispatch),
        Op::MatMulWeightBackward(op) => matmul_weight_backward::launch(op, dispatch, tuning),
        Op::ColumnSum(op) => column_sum::launch(op, dispatch),
        Op::KvWriteBackward(op) => kv_write_backward::launch(op, dispatch),
        Op::AttentionBackwardQuery(op) => attention_backward_query::launch(op, dispatch)?,
        Op::AttentionBackwardKey(op) => attention_backward_key::launch(op, dispatch)?,
        Op::AttentionBackwardValue(op) => attention_backward_value::launch(op, dispatch)?,
        Op::GeluBackward(op) => gelu_backward::launch(op, dispatch),
        Op::SwiGluBackward(op) => swiglu_backward::launch(op, dispatch),
        Op::ReluBackward(op) => relu_backward::launch(op, dispatch),
        Op::GeGluBackward(op) => geglu_backward::launch(op, dispatch),
        Op::SoftcapBackward(op) => softcap_backward::launch(op, dispatch),
        Op::SumSquares(op) => sum_squares::launch(op, dispatch),
        Op::AdamW(op) => adamw::launch(op, dispatch),
    })
}

/// A size as kernels count it.
fn number(value: usize) -> u32 {
    // OK because every size is bounded by a tensor, and no buffer holds more than u32::MAX bytes.
    value as u32
}

/// All tensors of the dispatch, inputs first.
fn tensors(dispatch: &Dispatch) -> Vec<&Tensor> {
    dispatch.inputs.iter().chain(&dispatch.outputs).collect()
}

/// The number that `shaders/lib/stored.wgsl` gives the stored type; `None` for a tensor that is left out.
fn stored(tensor: Option<&Tensor>) -> u32 {
    match tensor.map(Tensor::dtype) {
        Some(DType::F32 | DType::U32) => 0,
        Some(DType::F16) => 1,
        Some(DType::BF16) => 2,
        None => 3,
        Some(DType::F8E4M3) => 4,
        Some(DType::F8E5M2) => 5,
        Some(DType::Q4_0) => 6,
        Some(DType::Q4_1) => 7,
        Some(DType::Q5_0) => 8,
        Some(DType::Q5_1) => 9,
        Some(DType::Q8_0) => 10,
        Some(DType::Q4K) => 11,
        Some(DType::Q5K) => 12,
        Some(DType::Q6K) => 13,
    }
}

/// Workgroups that cover `elements` with one lane each.
fn elementwise(elements: usize) -> u64 {
    (elements as u64).div_ceil(u64::from(ELEMENTWISE_LANES))
}
