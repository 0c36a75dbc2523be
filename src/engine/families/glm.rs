//! GLM-4: half of each head is turned pairwise; gate and up are one tensor.
//!
//! Source   GLM Team 2024, "ChatGLM"

use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::{Defaults, Shape, gated_mlp, rms};
use super::{Family, LLAMA_NAMES, WeightNames};
use crate::checkpoint::Config;
use crate::compute::ops::rope::Pairing;
use crate::engine::architecture::{Architecture, Biases, Positions};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "glm",
    fields: &[
        "attention_bias",
        "head_dim",
        "hidden_act",
        "hidden_size",
        "intermediate_size",
        "max_position_embeddings",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "partial_rotary_factor",
        "rms_norm_eps",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "tie_word_embeddings",
        "vocab_size",
    ],
    names: WeightNames { mlp_in: &["layers.{}.mlp.gate_up_proj"], ..LLAMA_NAMES },
    architecture,
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    let shape = Shape::read(config, &Defaults { n_kv_heads: Some(2), head_size: Some(128), context: 131_072 })?;
    let rotary = RotaryKeys::usual(NAME, config, shape.head_size, shape.context)
        .read(&RotaryDefaults { theta: 10_000.0, share: 0.5 })?;
    Ok(Architecture {
        positions: Positions::Rotary { pairing: Pairing::Interleaved },
        biases: Biases { qkv: config.bool_or("attention_bias", true)?, ..Biases::default() },
        tied: config.bool_or("tie_word_embeddings", false)?,
        ..shape.decoder(NAME, rms(config, 1.5625e-7)?, gated_mlp(NAME, config, "hidden_act", "silu")?, rotary)?
    })
}
