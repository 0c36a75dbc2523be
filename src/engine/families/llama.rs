//! Llama 1 to 3.
//!
//! Source   Touvron et al. 2023; grouped-query attention as in Llama 2 and 3, stretched positions as in 3.1

use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::{Defaults, Shape, gated_mlp, rms};
use super::{Family, LLAMA_NAMES};
use crate::checkpoint::Config;
use crate::engine::architecture::{Architecture, Biases};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "llama",
    fields: &[
        "attention_bias",
        "head_dim",
        "hidden_act",
        "hidden_size",
        "intermediate_size",
        "max_position_embeddings",
        "mlp_bias",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "rms_norm_eps",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "tie_word_embeddings",
        "vocab_size",
    ],
    names: LLAMA_NAMES,
    architecture,
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    let shape = Shape::read(config, &Defaults { n_kv_heads: None, head_size: None, context: 2048 })?;
    let rotary = RotaryKeys::usual(NAME, config, shape.head_size, shape.context)
        .read(&RotaryDefaults { theta: 10_000.0, share: 1.0 })?;
    let attention = config.bool_or("attention_bias", false)?;
    Ok(Architecture {
        biases: Biases {
            qkv: attention,
            attention_out: attention,
            mlp: config.bool_or("mlp_bias", false)?,
            head: false,
        },
        tied: config.bool_or("tie_word_embeddings", false)?,
        ..shape.decoder(NAME, rms(config, 1e-6)?, gated_mlp(NAME, config, "hidden_act", "silu")?, rotary)?
    })
}
