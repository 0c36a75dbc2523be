//! Qwen 3: Qwen 2 without the biases, with normalised queries and keys.
//!
//! Source   Yang et al. 2025, "Qwen3 Technical Report"

use super::qwen2::upper_windows;
use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::{Defaults, Shape, gated_mlp, rms};
use super::{Family, LLAMA_NAMES, WeightNames};
use crate::checkpoint::Config;
use crate::engine::architecture::{Architecture, Biases, QueryKeyExtent, QueryKeyNorm};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "qwen3",
    fields: &[
        "attention_bias",
        "head_dim",
        "hidden_act",
        "hidden_size",
        "intermediate_size",
        "layer_types",
        "max_position_embeddings",
        "max_window_layers",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "rms_norm_eps",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "sliding_window",
        "tie_word_embeddings",
        "use_sliding_window",
        "vocab_size",
    ],
    names: WeightNames {
        query_key_norms: Some(["layers.{}.self_attn.q_norm", "layers.{}.self_attn.k_norm"]),
        ..LLAMA_NAMES
    },
    architecture,
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    let shape = Shape::read(config, &Defaults { n_kv_heads: Some(32), head_size: Some(128), context: 32_768 })?;
    let rotary = RotaryKeys::usual(NAME, config, shape.head_size, shape.context)
        .read(&RotaryDefaults { theta: 10_000.0, share: 1.0 })?;
    let norm = rms(config, 1e-6)?;
    let biased = config.bool_or("attention_bias", false)?;
    let mut architecture = Architecture {
        query_key_norm: Some(QueryKeyNorm { norm, extent: QueryKeyExtent::Head }),
        biases: Biases { qkv: biased, attention_out: biased, ..Biases::default() },
        tied: config.bool_or("tie_word_embeddings", false)?,
        ..shape.decoder(NAME, norm, gated_mlp(NAME, config, "hidden_act", "silu")?, rotary)?
    };
    upper_windows(NAME, config, &mut architecture)?;
    Ok(architecture)
}
