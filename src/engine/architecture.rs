//! What a causal decoder is made of, as data. A new family is a new value of this type, not a new forward function.

use crate::compute::ops::gelu::Approximation;
use crate::compute::ops::matmul::WeightLayout;
use crate::compute::ops::rope::Pairing;

/// A decoder: embedding, `n_layers` × (norm, attention, norm, MLP, each with a residual), norm, head.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// `model_type` of the configuration.
    pub family: &'static str,
    pub n_layers: usize,
    pub n_heads: usize,
    pub n_kv_heads: usize,
    pub head_size: usize,
    pub n_channels: usize,
    /// Width of the MLP.
    pub n_inner: usize,
    /// Rows of the token embedding, V. The tokenizer may have fewer entries.
    pub n_vocabulary: usize,
    /// Positions the model was made for.
    pub context: usize,
    pub norm: Norm,
    pub positions: Positions,
    pub mlp: Mlp,
    /// How dense weights are stored.
    pub layout: WeightLayout,
    /// The head is the token embedding.
    pub tied: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    Layer { eps: f32 },
    Rms { eps: f32 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Positions {
    /// A learned embedding, added to the token's.
    Learned,
    Rope {
        theta: f64,
        rotary_size: usize,
        pairing: Pairing,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mlp {
    Gelu(Approximation),
    SwiGlu,
}

impl Architecture {
    /// Channels of all keys of a token, KV.
    pub fn kv_channels(&self) -> usize {
        self.n_kv_heads * self.head_size
    }

    /// Channels of all queries of a token; differs from `n_channels` where a family sets its own head size.
    pub fn query_channels(&self) -> usize {
        self.n_heads * self.head_size
    }

    /// Width of a row of queries, keys and values.
    pub fn qkv_channels(&self) -> usize {
        self.query_channels() + 2 * self.kv_channels()
    }

    /// Width of what the first half of the MLP writes: SwiGLU's gate and up stand side by side.
    pub fn mlp_in_channels(&self) -> usize {
        match self.mlp {
            Mlp::Gelu(_) => self.n_inner,
            Mlp::SwiGlu => 2 * self.n_inner,
        }
    }

    /// Floating-point operations of one token through the layers, the head left out: 2 per weight.
    pub fn flops_per_token(&self) -> u64 {
        let attention = self.n_channels * (self.qkv_channels() + self.query_channels());
        let mlp = self.n_channels * (self.mlp_in_channels() + self.n_inner);
        2 * (self.n_layers * (attention + mlp)) as u64
    }

    /// Floating-point operations of the head for one row.
    pub fn flops_per_head(&self) -> u64 {
        2 * (self.n_channels * self.n_vocabulary) as u64
    }
}
