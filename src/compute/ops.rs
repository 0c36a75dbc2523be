//! The table of operations. One file per op holds its shapes, its CPU twin and its documentation; the kernel is
//! `shaders/<name>.wgsl`. Tests walk [`OPS`]: twin against twin, shader list against this list.
//!
//! Letters: `B` rows of a batch, `T` tokens of a row, `N = B·T`, `C` channels, `V` vocabulary, `NH` heads,
//! `NKV` key/value heads, `HS` head size, `K` neighbours.

pub mod adamw;
pub mod attention;
pub mod attention_backward_key;
pub mod attention_backward_query;
pub mod attention_backward_value;
pub mod attention_stats;
pub mod attention_sums;
pub mod attention_weights;
pub mod axpy;
pub mod check;
pub mod column_sum;
pub mod cross_entropy;
pub mod cross_entropy_backward;
pub mod embedding;
pub mod embedding_backward;
pub mod fill;
pub mod geglu;
pub mod geglu_backward;
pub mod gelu;
pub mod gelu_backward;
pub mod knn;
pub mod kv_write;
pub mod kv_write_backward;
pub mod layernorm;
pub mod matmul;
pub mod matmul_weight_backward;
pub mod next_token;
pub mod norm_backward;
pub mod norm_weight_backward;
pub mod relu;
pub mod relu_backward;
pub mod rmsnorm;
pub mod rope;
pub mod softcap;
pub mod softcap_backward;
pub mod sum_squares;
pub mod swiglu;
pub mod swiglu_backward;

use super::{ComputeError, Tensor};
use crate::rng::Rng;

/// An operation with its parameters. The tensors it works on are named by the dispatch.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    Embedding(embedding::Embedding),
    LayerNorm(layernorm::LayerNorm),
    RmsNorm(rmsnorm::RmsNorm),
    MatMul(matmul::MatMul),
    Rope(rope::Rope),
    KvWrite(kv_write::KvWrite),
    Attention(attention::Attention),
    AttentionWeights(attention_weights::AttentionWeights),
    AttentionStats(attention_stats::AttentionStats),
    AttentionSums(attention_sums::AttentionSums),
    Relu(relu::Relu),
    Gelu(gelu::Gelu),
    GeGlu(geglu::GeGlu),
    SwiGlu(swiglu::SwiGlu),
    Softcap(softcap::Softcap),
    NextToken(next_token::NextToken),
    Knn(knn::Knn),
    Fill(fill::Fill),
    Axpy(axpy::Axpy),
    CrossEntropy(cross_entropy::CrossEntropy),
    CrossEntropyBackward(cross_entropy_backward::CrossEntropyBackward),
    EmbeddingBackward(embedding_backward::EmbeddingBackward),
    NormBackward(norm_backward::NormBackward),
    NormWeightBackward(norm_weight_backward::NormWeightBackward),
    MatMulWeightBackward(matmul_weight_backward::MatMulWeightBackward),
    ColumnSum(column_sum::ColumnSum),
    KvWriteBackward(kv_write_backward::KvWriteBackward),
    AttentionBackwardQuery(attention_backward_query::AttentionBackwardQuery),
    AttentionBackwardKey(attention_backward_key::AttentionBackwardKey),
    AttentionBackwardValue(attention_backward_value::AttentionBackwardValue),
    GeluBackward(gelu_backward::GeluBackward),
    SwiGluBackward(swiglu_backward::SwiGluBackward),
    ReluBackward(relu_backward::ReluBackward),
    GeGluBackward(geglu_backward::GeGluBackward),
    SoftcapBackward(softcap_backward::SoftcapBackward),
    SumSquares(sum_squares::SumSquares),
    AdamW(adamw::AdamW),
}

impl Op {
    /// The stem shared by `src/compute/ops/<name>.rs` and `shaders/<name>.wgsl`.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Embedding(_) => "embedding",
            Op::LayerNorm(_) => "layernorm",
            Op::RmsNorm(_) => "rmsnorm",
            Op::MatMul(_) => "matmul",
            Op::Rope(_) => "rope",
            Op::KvWrite(_) => "kv_write",
            Op::Attention(_) => "attention",
            Op::AttentionWeights(_) => "attention_weights",
            Op::AttentionStats(_) => "attention_stats",
            Op::AttentionSums(_) => "attention_sums",
            Op::Relu(_) => "relu",
            Op::Gelu(_) => "gelu",
            Op::GeGlu(_) => "geglu",
            Op::SwiGlu(_) => "swiglu",
            Op::Softcap(_) => "softcap",
            Op::NextToken(_) => "next_token",
            Op::Knn(_) => "knn",
            Op::Fill(_) => "fill",
            Op::Axpy(_) => "axpy",
            Op::CrossEntropy(_) => "cross_entropy",
            Op::CrossEntropyBackward(_) => "cross_entropy_backward",
            Op::EmbeddingBackward(_) => "embedding_backward",
            Op::NormBackward(_) => "norm_backward",
            Op::NormWeightBackward(_) => "norm_weight_backward",
            Op::MatMulWeightBackward(_) => "matmul_weight_backward",
            Op::ColumnSum(_) => "column_sum",
            Op::KvWriteBackward(_) => "kv_write_backward",
            Op::AttentionBackwardQuery(_) => "attention_backward_query",
            Op::AttentionBackwardKey(_) => "attention_backward_key",
            Op::AttentionBackwardValue(_) => "attention_backward_value",
            Op::GeluBackward(_) => "gelu_backward",
            Op::SwiGluBackward(_) => "swiglu_backward",
            Op::ReluBackward(_) => "relu_backward",
            Op::GeGluBackward(_) => "geglu_backward",
            Op::SoftcapBackward(_) => "softcap_backward",
            Op::SumSquares(_) => "sum_squares",
            Op::AdamW(_) => "adamw",
        }
    }

    /// Number, shapes and types of the tensors.
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        match self {
            Op::Embedding(op) => op.check(inputs, outputs),
            Op::LayerNorm(op) => op.check(inputs, outputs),
            Op::RmsNorm(op) => op.check(inputs, outputs),
            Op::MatMul(op) => op.check(inputs, outputs),
            Op::Rope(op) => op.check(inputs, outputs),
            Op::KvWrite(op) => op.check(inputs, outputs),
            Op::Attention(op) => op.check(inputs, outputs),
            Op::AttentionWeights(op) => op.check(inputs, outputs),
            Op::AttentionStats(op) => op.check(inputs, outputs),
            Op::AttentionSums(op) => op.check(inputs, outputs),
            Op::Relu(op) => op.check(inputs, outputs),
            Op::Gelu(op) => op.check(inputs, outputs),
            Op::GeGlu(op) => op.check(inputs, outputs),
            Op::SwiGlu(op) => op.check(inputs, outputs),
            Op::Softcap(op) => op.check(inputs, outputs),
            Op::NextToken(op) => op.check(inputs, outputs),
            Op::Knn(op) => op.check(inputs, outputs),
            Op::Fill(op) => op.check(inputs, outputs),
            Op::Axpy(op) => op.check(inputs, outputs),
            Op::CrossEntropy(op) => op.check(inputs, outputs),
            Op::CrossEntropyBackward(op) => op.check(inputs, outputs),
            Op::EmbeddingBackward(op) => op.check(inputs, outputs),
            Op::NormBackward(op) => op.check(inputs, outputs),
            Op::NormWeightBackward(op) => op.check(inputs, outputs),
            Op::MatMulWeightBackward(op) => op.check(inputs, outputs),
            Op::ColumnSum(op) => op.check(inputs, outputs),
            Op::KvWriteBackward(op) => op.check(inputs, outputs),
            Op::AttentionBackwardQuery(op) => op.check(inputs, outputs),
            Op::AttentionBackwardKey(op) => op.check(inputs, outputs),
            Op::AttentionBackwardValue(op) => op.check(inputs, outputs),
            Op::GeluBackward(op) => op.check(inputs, outputs),
            Op::SwiGluBackward(op) => op.check(inputs, outputs),
            Op::ReluBackward(op) => op.check(inputs, outputs),
            Op::GeGluBackward(op) => op.check(inputs, outputs),
            Op::SoftcapBackward(op) => op.check(inputs, outputs),
            Op::SumSquares(op) => op.check(inputs, outputs),
            Op::AdamW(op) => op.check(inputs, outputs),
        }
    }
}

/// One case for the twin tests: an op on tensors with numbers.
pub struct Example {
    pub op: Op,
    /// Tensors with their bytes in stored type. Tensors that the op changes in place stand here and in `outputs`.
    pub contents: Vec<(Tensor, Vec<u8>)>,
    pub inputs: Vec<Tensor>,
    pub outputs: Vec<Tensor>,
    pub tolerance: super::tolerance::Tolerance,
}

/// One line per op.
pub struct OpEntry {
    pub name: &'static str,
    /// Random shapes and numbers, among them the awkward ones: one row, one column, sizes that fill no tile.
    pub examples: fn(&mut Rng) -> Vec<Example>,
}

pub const OPS: &[OpEntry] = &[
    OpEntry { name: "embedding", examples: embedding::examples },
    OpEntry { name: "layernorm", examples: layernorm::examples },
    OpEntry { name: "rmsnorm", examples: rmsnorm::examples },
    OpEntry { name: "matmul", examples: matmul::examples },
    OpEntry { name: "rope", examples: rope::examples },
    OpEntry { name: "kv_write", examples: kv_write::examples },
    OpEntry { name: "attention", examples: attention::examples },
    OpEntry { name: "attention_weights", examples: attention_weights::examples },
    OpEntry { name: "attention_stats", examples: attention_stats::examples },
    OpEntry { name: "attention_sums", examples: attention_sums::examples },
    OpEntry { name: "relu", examples: relu::examples },
    OpEntry { name: "gelu", examples: gelu::examples },
    OpEntry { name: "geglu", examples: geglu::examples },
    OpEntry { name: "swiglu", examples: swiglu::examples },
    OpEntry { name: "softcap", examples: softcap::examples },
    OpEntry { name: "next_token", examples: next_token::examples },
    OpEntry { name: "knn", examples: knn::examples },
    OpEntry { name: "fill", examples: fill::examples },
    OpEntry { name: "axpy", examples: axpy::examples },
    OpEntry { name: "cross_entropy", examples: cross_entropy::examples },
    OpEntry { name: "cross_entropy_backward", examples: cross_entropy_backward::examples },
    OpEntry { name: "embedding_backward", examples: embedding_backward::examples },
    OpEntry { name: "norm_backward", examples: norm_backward::examples },
    OpEntry { name: "norm_weight_backward", examples: norm_weight_backward::examples },
    OpEntry { name: "matmul_weight_backward", examples: matmul_weight_backward::examples },
    OpEntry { name: "column_sum", examples: column_sum::examples },
    OpEntry { name: "kv_write_backward", examples: kv_write_backward::examples },
    OpEntry { name: "attention_backward_query", examples: attention_backward_query::examples },
    OpEntry { name: "attention_backward_key", examples: attention_backward_key::examples },
    OpEntry { name: "attention_backward_value", examples: attention_backward_value::examples },
    OpEntry { name: "gelu_backward", examples: gelu_backward::examples },
    OpEntry { name: "swiglu_backward", examples: swiglu_backward::examples },
    OpEntry { name: "relu_backward", examples: relu_backward::examples },
    OpEntry { name: "geglu_backward", examples: geglu_backward::examples },
    OpEntry { name: "softcap_backward", examples: softcap_backward::examples },
    OpEntry { name: "sum_squares", examples: sum_squares::examples },
    OpEntry { name: "adamw", examples: adamw::examples },
];
