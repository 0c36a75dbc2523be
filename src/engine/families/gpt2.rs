//! GPT-2.
//!
//! Source   Radford et al. 2019

use super::settings::{Shape, divide, plain_mlp, unsupported};
use super::{Family, Fused, WeightNames};
use crate::checkpoint::Config;
use crate::compute::ops::matmul::WeightLayout;
use crate::engine::EngineError;
use crate::engine::architecture::{Architecture, Biases, Norm};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "gpt2",
    fields: &[
        "activation_function",
        "add_cross_attention",
        "layer_norm_epsilon",
        "n_ctx",
        "n_embd",
        "n_head",
        "n_inner",
        "n_layer",
        "n_positions",
        // Where half precision could overflow; here scores are f32.
        "reorder_and_upcast_attn",
        "scale_attn_by_inverse_layer_idx",
        "scale_attn_weights",
        "tie_word_embeddings",
        "vocab_size",
    ],
    names: WeightNames {
        prefixes: &["transformer.", ""],
        token_embedding: "wte",
        position_embedding: Some("wpe"),
        embedding_projections: None,
        attention_norm: Some("h.{}.ln_1"),
        attention_post_norm: None,
        qkv: &["h.{}.attn.c_attn"],
        fused: Fused::SideBySide,
        query_key_norms: None,
        attention_out: "h.{}.attn.c_proj",
        mlp_norm: Some("h.{}.ln_2"),
        mlp_post_norm: None,
        mlp_in: &["h.{}.mlp.c_fc"],
        mlp_out: "h.{}.mlp.c_proj",
        final_norm: Some("ln_f"),
        head: &["lm_head"],
        ignored: &[".attn.bias", ".attn.masked_bias"],
    },
    architecture,
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    if config.bool_or("add_cross_attention", false)? {
        return Err(unsupported(NAME, "add_cross_attention", "true", "false"));
    }
    let n_channels = config.usize_or("n_embd", 768)?;
    let n_heads = config.usize_or("n_head", 12)?;
    let context = config.usize_or("n_positions", 1024)?;
    if let Some(n_ctx) = config.opt_usize("n_ctx")?.filter(|n_ctx| *n_ctx != context) {
        let what = format!("n_ctx = {n_ctx} and n_positions = {context} contradict one another");
        return Err(EngineError::Inconsistent { what }.into());
    }
    let shape = Shape {
        n_channels,
        n_layers: config.usize_or("n_layer", 12)?,
        n_heads,
        n_kv_heads: n_heads,
        head_size: divide("n_embd", n_channels, "n_head", n_heads)?,
        n_inner: config.opt_usize("n_inner")?.unwrap_or(n_channels.saturating_mul(4)),
        n_vocabulary: config.usize_or("vocab_size", 50257)?,
        context,
    };
    let norm = Norm::Layer { eps: config.f64_or("layer_norm_epsilon", 1e-5)? as f32, bias: true };
    let mlp = plain_mlp(NAME, config, "activation_function", "gelu_new")?;
    let mut architecture = Architecture {
        biases: Biases { qkv: true, attention_out: true, mlp: true, head: false },
        layout: WeightLayout::InOut,
        tied: config.bool_or("tie_word_embeddings", true)?,
        ..shape.learned(NAME, norm, mlp, 0)?
    };
    let is_scaled = config.bool_or("scale_attn_weights", true)?;
    let by_layer = config.bool_or("scale_attn_by_inverse_layer_idx", false)?;
    for (i, layer) in architecture.layers.iter_mut().enumerate() {
        let scale = if is_scaled { layer.attention_scale } else { 1.0 };
        layer.attention_scale = if by_layer { scale / (i + 1) as f32 } else { scale };
    }
    Ok(architecture)
}
