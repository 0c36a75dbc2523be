//! What a causal decoder is made of, as data. A new family is a new value of this type, not a new forward function.

use crate::compute::ops::gelu::Approximation;
use crate::compute::ops::matmul::WeightLayout;
use crate::compute::ops::rope::Pairing;

/// A decoder: embedding, layers of attention and MLP that add to a residual stream, norm, head.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// `model_type` of the configuration.
    pub family: &'static str,
    /// Width of the residual stream.
    pub n_channels: usize,
    /// Width of the token embedding and of the head, E; with learned projections where it is not `n_channels`.
    pub n_embedding: usize,
    pub head_size: usize,
    /// One entry a layer.
    pub layers: Vec<LayerForm>,
    /// Rows of the token embedding, V. The tokenizer may have fewer entries.
    pub n_vocabulary: usize,
    /// Positions the model was made for.
    pub context: usize,
    /// On the token embedding.
    pub embedding_scale: f32,
    pub norm: Norm,
    pub norm_place: NormPlace,
    pub residual: Residual,
    /// Queries and keys are normalised before they are turned.
    pub query_key_norm: Option<QueryKeyNorm>,
    /// A norm before the head.
    pub final_norm: bool,
    pub positions: Positions,
    /// What `LayerForm::rotary` points into.
    pub rotary: Vec<Rotary>,
    pub mlp: Mlp,
    pub biases: Biases,
    /// On attention scores.
    pub attention_softcap: Option<f32>,
    /// On logits.
    pub logit_softcap: Option<f32>,
    /// How dense weights are stored.
    pub layout: WeightLayout,
    /// The head is the token embedding.
    pub tied: bool,
}

/// What may differ from layer to layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerForm {
    pub n_heads: usize,
    pub n_kv_heads: usize,
    /// Width of the MLP.
    pub n_inner: usize,
    /// Keys a query looks back at most, itself counted.
    pub window: Option<usize>,
    /// Index into `Architecture::rotary`; none for layers without positions of their own.
    pub rotary: Option<usize>,
    /// On the product of query and key, 1/√head_size as a rule.
    pub attention_scale: f32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    Layer {
        eps: f32,
        bias: bool,
    },
    Rms {
        eps: f32,
        /// Added to the stored weight.
        weight_offset: f32,
    },
}

/// Where the norms of a layer stand, f being attention or MLP and N a norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormPlace {
    /// x + f(N(x)): GPT-2, Llama and most others.
    Before,
    /// N(x + f(x)): the original transformer.
    AfterSum,
    /// x + N(f(x)): OLMo 2.
    AfterBranch,
    /// x + N(f(N(x))): Gemma 2's sandwich.
    Around,
}

/// How attention and MLP follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// The MLP reads what attention has added.
    Sequential,
    /// Both read the same residual stream, each through its own norm.
    Parallel,
    /// Both read it through one norm.
    ParallelSharedNorm,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueryKeyNorm {
    pub norm: Norm,
    pub extent: QueryKeyExtent,
}

/// What is normalised by itself, and with which weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryKeyExtent {
    /// Each head, all with the same weights: (HS).
    Head,
    /// Each head with its own weights: (heads,HS).
    HeadOwnWeights,
    /// All heads of a token together: (heads·HS).
    Row,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// A learned embedding, added to the token's; its first `offset` rows are never used.
    Learned { offset: usize },
    /// Queries and keys are turned.
    Rotary { pairing: Pairing },
}

/// The frequencies queries and keys are turned with.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// (R/2), R channels of a head being turned.
    pub inv_freq: Vec<f32>,
    /// Other frequencies for sequences of more tokens than given here (LongRoPE).
    pub long: Option<(usize, Vec<f32>)>,
    /// On the channels that are turned.
    pub magnitude: f32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mlp {
    Gelu(Approximation),
    Relu,
    SwiGlu,
    GeGlu(Approximation),
}

impl Mlp {
    /// Gate and up stand side by side.
    pub fn is_gated(self) -> bool {
        matches!(self, Mlp::SwiGlu | Mlp::GeGlu(_))
    }
}

/// Which projections add a bias. One that should be there and is not is an error; one too many is not used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Biases {
    pub qkv: bool,
    pub attention_out: bool,
    pub mlp: bool,
    pub head: bool,
}

impl LayerForm {
    /// Width of what the first half of the MLP writes.
    pub fn mlp_in_channels(&self, mlp: Mlp) -> usize {
        if mlp.is_gated() { 2 * self.n_inner } else { self.n_inner }
    }
}

impl Architecture {
    pub fn n_layers(&self) -> usize {
        self.layers.len()
    }

    /// Of the layer with the most.
    pub fn n_heads(&self) -> usize {
        self.layers.iter().map(|layer| layer.n_heads).max().unwrap_or(0)
    }

    /// Of the layer with the most.
    pub fn n_kv_heads(&self) -> usize {
        self.layers.iter().map(|layer| layer.n_kv_heads).max().unwrap_or(0)
    }

    /// Channels of all keys of a token, KV.
    pub fn kv_channels(&self, layer: &LayerForm) -> usize {
        layer.n_kv_heads * self.head_size
    }

    /// Channels of all queries of a token; differs from `n_channels` where a family sets its own head size.
    pub fn query_channels(&self, layer: &LayerForm) -> usize {
        layer.n_heads * self.head_size
    }

    /// Width of a row of queries, keys and values.
    pub fn qkv_channels(&self, layer: &LayerForm) -> usize {
        self.query_channels(layer) + 2 * self.kv_channels(layer)
    }

    /// Width of the widest row a layer makes.
    pub fn widest_row(&self) -> usize {
        let rows = self.layers.iter().map(|layer| self.qkv_channels(layer).max(layer.mlp_in_channels(self.mlp)));
        rows.max().unwrap_or(0).max(self.n_channels)
    }

    /// Floating-point operations of one token through the layers, the head left out: 2 per weight.
    pub fn flops_per_token(&self) -> u64 {
        let layer = |layer: &LayerForm| {
            let attention = self.qkv_channels(layer) + self.query_channels(layer);
            let mlp = layer.mlp_in_channels(self.mlp) + layer.n_inner;
            2 * (self.n_channels * (attention + mlp)) as u64
        };
        self.layers.iter().map(layer).sum()
    }

    /// Floating-point operations of the head for one row.
    pub fn flops_per_head(&self) -> u64 {
        2 * (self.n_embedding * self.n_vocabulary) as u64
    }

    /// What is added to a token's place to look its learned position up.
    pub fn position_offset(&self) -> usize {
        match self.positions {
            Positions::Learned { offset } => offset,
            Positions::Rotary { .. } => 0,
        }
    }
}
