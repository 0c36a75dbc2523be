//! GPT-NeoX and Pythia: part of each head is turned, attention and MLP side by side.
//!
//! Source   Black et al. 2022; Biderman et al. 2023 (Pythia)

use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::{Defaults, Shape, plain_mlp};
use super::{Family, Fused, LLAMA_NAMES, WeightNames};
use crate::checkpoint::Config;
use crate::engine::architecture::{Architecture, Biases, Norm, Residual};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "gpt_neox",
    fields: &[
        "attention_bias",
        "hidden_act",
        "hidden_size",
        "intermediate_size",
        "layer_norm_eps",
        "max_position_embeddings",
        "num_attention_heads",
        "num_hidden_layers",
        "rope_parameters",
        "rope_scaling",
        "rotary_emb_base",
        "rotary_pct",
        "tie_word_embeddings",
        "use_parallel_residual",
        "vocab_size",
    ],
    names: WeightNames {
        prefixes: &["gpt_neox.", ""],
        token_embedding: "embed_in",
        qkv: &["layers.{}.attention.query_key_value"],
        fused: Fused::PerHead,
        attention_out: "layers.{}.attention.dense",
        mlp_in: &["layers.{}.mlp.dense_h_to_4h"],
        mlp_out: "layers.{}.mlp.dense_4h_to_h",
        final_norm: Some("final_layer_norm"),
        head: &["embed_out", "lm_head"],
        ignored: &[".attention.bias", ".attention.masked_bias", "rotary_emb.inv_freq"],
        ..LLAMA_NAMES
    },
    architecture,
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    let shape = Shape::read(config, &Defaults { n_kv_heads: None, head_size: None, context: 2048 })?;
    let keys = RotaryKeys {
        theta: "rotary_emb_base",
        share: "rotary_pct",
        ..RotaryKeys::usual(NAME, config, shape.head_size, shape.context)
    };
    let rotary = keys.read(&RotaryDefaults { theta: 10_000.0, share: 0.25 })?;
    let norm = Norm::Layer { eps: config.f64_or("layer_norm_eps", 1e-5)? as f32, bias: true };
    let attention = config.bool_or("attention_bias", true)?;
    let is_parallel = config.bool_or("use_parallel_residual", true)?;
    Ok(Architecture {
        residual: if is_parallel { Residual::Parallel } else { Residual::Sequential },
        biases: Biases { qkv: attention, attention_out: attention, mlp: true, head: false },
        tied: config.bool_or("tie_word_embeddings", false)?,
        ..shape.decoder(NAME, norm, plain_mlp(NAME, config, "hidden_act", "gelu")?, rotary)?
    })
}
