//! The table of operations. One file per op holds its shapes, its CPU twin and its documentation; the kernel is
//! `shaders/<name>.wgsl`. Tests walk [`OPS`]: twin against twin, shader list against this list.
//!
//! Letters: `B` rows of a batch, `T` tokens of a row, `N = B·T`, `C` channels, `V` vocabulary, `NH` heads,
//! `NKV` key/value heads, `HS` head size, `K` neighbours.

pub mod attention;
pub mod attention_weights;
pub mod check;
pub mod embedding;
pub mod geglu;
pub mod gelu;
pub mod knn;
pub mod kv_write;
pub mod layernorm;
pub mod matmul;
pub mod next_token;
pub mod relu;
pub mod rmsnorm;
pub mod rope;
pub mod softcap;
pub mod swiglu;

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
    Relu(relu::Relu),
    Gelu(gelu::Gelu),
    GeGlu(geglu::GeGlu),
    SwiGlu(swiglu::SwiGlu),
    Softcap(softcap::Softcap),
    NextToken(next_token::NextToken),
    Knn(knn::Knn),
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
            Op::Relu(_) => "relu",
            Op::Gelu(_) => "gelu",
            Op::GeGlu(_) => "geglu",
            Op::SwiGlu(_) => "swiglu",
            Op::Softcap(_) => "softcap",
            Op::NextToken(_) => "next_token",
            Op::Knn(_) => "knn",
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
            Op::Relu(op) => op.check(inputs, outputs),
            Op::Gelu(op) => op.check(inputs, outputs),
            Op::GeGlu(op) => op.check(inputs, outputs),
            Op::SwiGlu(op) => op.check(inputs, outputs),
            Op::Softcap(op) => op.check(inputs, outputs),
            Op::NextToken(op) => op.check(inputs, outputs),
            Op::Knn(op) => op.check(inputs, outputs),
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
    OpEntry { name: "relu", examples: relu::examples },
    OpEntry { name: "gelu", examples: gelu::examples },
    OpEntry { name: "geglu", examples: geglu::examples },
    OpEntry { name: "swiglu", examples: swiglu::examples },
    OpEntry { name: "softcap", examples: softcap::examples },
    OpEntry { name: "next_token", examples: next_token::examples },
    OpEntry { name: "knn", examples: knn::examples },
];
