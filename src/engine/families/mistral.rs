//! Mistral 7B and its successors: Llama with a sliding window in every layer.
//!
//! Source   Jiang et al. 2023

use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::{Defaults, Shape, gated_mlp, or_default, rms};
use super::{Family, LLAMA_NAMES};
use crate::checkpoint::Config;
use crate::engine::architecture::Architecture;
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "mistral",
    fields: &[
        "head_dim",
        "hidden_act",
        "hidden_size",
        "intermediate_size",
        "max_position_embeddings",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "rms_norm_eps",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "sliding_window",
        "tie_word_embeddings",
        "vocab_size",
    ],
    names: LLAMA_NAMES,
    architecture,
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    let shape = Shape::read(config, &Defaults { n_kv_heads: Some(8), head_size: None, context: 131_072 })?;
    let rotary = RotaryKeys::usual(NAME, config, shape.head_size, shape.context)
        .read(&RotaryDefaults { theta: 10_000.0, share: 1.0 })?;
    let mlp = gated_mlp(NAME, config, "hidden_act", "silu")?;
    let mut architecture = Architecture {
        tied: config.bool_or("tie_word_embeddings", false)?,
        ..shape.decoder(NAME, rms(config, 1e-6)?, mlp, rotary)?
    };
    let window = or_default(config, "sliding_window", Some(4096))?;
    for layer in &mut architecture.layers {
        layer.window = window;
    }
    Ok(architecture)
}
