//! GPT-J: part of each head is turned pairwise, attention and MLP read the same norm.
//!
//! Source   Wang & Komatsuzaki 2021

use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::{Shape, divide, only, plain_mlp};
use super::{Family, LLAMA_NAMES, WeightNames};
use crate::checkpoint::Config;
use crate::compute::ops::rope::Pairing;
use crate::engine::EngineError;
use crate::engine::architecture::{Architecture, Biases, Norm, Positions, Residual};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "gptj",
    fields: &[
        "activation_function",
        "layer_norm_epsilon",
        "n_embd",
        "n_head",
        "n_inner",
        "n_layer",
        "n_positions",
        "rotary",
        "rotary_dim",
        "scale_attn_weights",
        "tie_word_embeddings",
        "vocab_size",
    ],
    names: WeightNames {
        prefixes: &["transformer.", ""],
        token_embedding: "wte",
        attention_norm: Some("h.{}.ln_1"),
        qkv: &["h.{}.attn.q_proj", "h.{}.attn.k_proj", "h.{}.attn.v_proj"],
        attention_out: "h.{}.attn.out_proj",
        mlp_norm: None,
        mlp_in: &["h.{}.mlp.fc_in"],
        mlp_out: "h.{}.mlp.fc_out",
        final_norm: Some("ln_f"),
        ignored: &[".attn.bias", ".attn.masked_bias", ".attn.embed_positions"],
        ..LLAMA_NAMES
    },
    architecture,
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    only(NAME, config, "rotary", true)?;
    only(NAME, config, "scale_attn_weights", true)?;
    let n_channels = config.usize_or("n_embd", 4096)?;
    let n_heads = config.usize_or("n_head", 16)?;
    let shape = Shape {
        n_channels,
        n_layers: config.usize_or("n_layer", 28)?,
        n_heads,
        n_kv_heads: n_heads,
        head_size: divide("n_embd", n_channels, "n_head", n_heads)?,
        n_inner: config.opt_usize("n_inner")?.unwrap_or(n_channels.saturating_mul(4)),
        n_vocabulary: config.usize_or("vocab_size", 50_400)?,
        context: config.usize_or("n_positions", 2048)?,
    };
    // Without the number the reference code makes frequencies for a whole row of heads, which fit no head.
    if config.is_null("rotary_dim") {
        return Err(config.refuse("rotary_dim", "an even number up to the head size").into());
    }
    let rotary_dim = config.usize_or("rotary_dim", 64)?;
    if rotary_dim > shape.head_size {
        let what = format!("rotary_dim = {rotary_dim} is more than the head size, {}", shape.head_size);
        return Err(EngineError::Inconsistent { what }.into());
    }
    let share = rotary_dim as f64 / shape.head_size as f64;
    let rotary = RotaryKeys { objects: &[], ..RotaryKeys::usual(NAME, config, shape.head_size, shape.context) }
        .read(&RotaryDefaults { theta: 10_000.0, share })?;
    let norm = Norm::Layer { eps: config.f64_or("layer_norm_epsilon", 1e-5)? as f32, bias: true };
    Ok(Architecture {
        residual: Residual::ParallelSharedNorm,
        positions: Positions::Rotary { pairing: Pairing::Interleaved },
        biases: Biases { mlp: true, head: true, ..Biases::default() },
        tied: config.bool_or("tie_word_embeddings", false)?,
        ..shape.decoder(NAME, norm, plain_mlp(NAME, config, "activation_function", "gelu_new")?, rotary)?
    })
}
