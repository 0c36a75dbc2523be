//! The families, as data: how each spells its hyperparameters and its weights. One file a family.
//!
//! A configuration field decides over the result or it does not. Those that do are named by the family (`fields`, the
//! ones its architecture reads), those that do not are listed in [`fields::HARMLESS`]; any other field is an error that
//! names it, unless its value is null or false, which ask for nothing. Defaults are those of transformers'
//! `configuration_*.py`.
//!
//! Source   Hugging Face transformers 5.23, `configuration_*.py`, `modeling_*.py` and published checkpoints; OpenELM: Mehta et
//!          al. 2024 and its reference implementation

pub mod fields;
mod gemma2;
mod gemma3;
mod glm;
mod gpt2;
mod gpt_neo;
mod gpt_neox;
mod gptj;
mod llama;
mod mistral;
mod olmo2;
mod openelm;
mod opt;
mod phi;
mod phi3;
mod qwen2;
mod qwen3;
mod rotary;
mod settings;
mod smollm3;
mod stablelm;

use super::EngineError;
use super::architecture::Architecture;
use crate::checkpoint::Config;
use crate::error::Result;

/// One family of decoders.
pub struct Family {
    /// `model_type` in config.json.
    pub model_type: &'static str,
    /// Fields of config.json that are understood, besides the harmless ones.
    pub fields: &'static [&'static str],
    pub names: WeightNames,
    architecture: fn(&Config) -> Result<Architecture>,
}

/// What the checkpoint calls each weight; `{}` is the layer. Without `.weight` and `.bias`, which are added.
#[derive(Clone, Copy)]
pub struct WeightNames {
    /// Spellings of the part before every name, tried in order: exports differ.
    pub prefixes: &'static [&'static str],
    pub token_embedding: &'static str,
    pub position_embedding: Option<&'static str>,
    /// From and to the embedding's width, where it differs.
    pub embedding_projections: Option<(&'static str, &'static str)>,
    pub attention_norm: Option<&'static str>,
    pub attention_post_norm: Option<&'static str>,
    /// One fused projection, or q, k and v, which are written side by side.
    pub qkv: &'static [&'static str],
    pub fused: Fused,
    /// A second `{}` is the head, where each has its own.
    pub query_key_norms: Option<[&'static str; 2]>,
    pub attention_out: &'static str,
    pub mlp_norm: Option<&'static str>,
    pub mlp_post_norm: Option<&'static str>,
    /// One projection, which has gate and up one after the other where the MLP is gated, or gate and up.
    pub mlp_in: &'static [&'static str],
    pub mlp_out: &'static str,
    pub final_norm: Option<&'static str>,
    /// Spellings, without prefix. Ignored when the embeddings are tied.
    pub head: &'static [&'static str],
    /// Ends of names that carry no weights: masks and tables that some exports keep.
    pub ignored: &'static [&'static str],
}

/// The order of rows in a fused projection of queries, keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fused {
    /// All queries, all keys, all values.
    SideBySide,
    /// Query, key and value of the first head, then of the second.
    PerHead,
}

/// The spelling most families took over from Llama.
const LLAMA_NAMES: WeightNames = WeightNames {
    prefixes: &["model.", ""],
    token_embedding: "embed_tokens",
    position_embedding: None,
    embedding_projections: None,
    attention_norm: Some("layers.{}.input_layernorm"),
    attention_post_norm: None,
    qkv: &["layers.{}.self_attn.q_proj", "layers.{}.self_attn.k_proj", "layers.{}.self_attn.v_proj"],
    fused: Fused::SideBySide,
    query_key_norms: None,
    attention_out: "layers.{}.self_attn.o_proj",
    mlp_norm: Some("layers.{}.post_attention_layernorm"),
    mlp_post_norm: None,
    mlp_in: &["layers.{}.mlp.gate_proj", "layers.{}.mlp.up_proj"],
    mlp_out: "layers.{}.mlp.down_proj",
    final_norm: Some("norm"),
    head: &["lm_head"],
    ignored: &["rotary_emb.inv_freq"],
};

pub const FAMILIES: &[Family] = &[
    gpt2::FAMILY,
    gptj::FAMILY,
    gpt_neo::FAMILY,
    gpt_neox::FAMILY,
    opt::FAMILY,
    llama::FAMILY,
    mistral::FAMILY,
    qwen2::FAMILY,
    qwen3::FAMILY,
    gemma2::FAMILY,
    gemma3::FAMILY,
    phi::FAMILY,
    phi3::FAMILY,
    olmo2::FAMILY,
    smollm3::FAMILY,
    glm::FAMILY,
    stablelm::FAMILY,
    openelm::FAMILY,
];

/// The family a configuration names.
pub fn family(config: &Config) -> Result<&'static Family> {
    let model_type = config.model_type()?;
    FAMILIES.iter().find(|family| family.model_type == model_type).ok_or_else(|| {
        let known = FAMILIES.iter().map(|family| family.model_type).collect::<Vec<_>>().join(", ");
        EngineError::UnknownFamily { got: model_type.to_owned(), known }.into()
    })
}

impl Family {
    /// What a configuration of this family describes.
    ///
    /// Errors: a field that is not understood, a setting that is not supported, numbers that contradict one another.
    pub fn architecture(&self, config: &Config) -> Result<Architecture> {
        fields::check(self, config)?;
        let architecture = (self.architecture)(config)?;
        settings::check(&architecture)?;
        Ok(architecture)
    }
}
