//! Qwen 2 and 2.5: Llama with biases on queries, keys and values, and windows in the upper layers on request.
//!
//! Source   Yang et al. 2024, "Qwen2 Technical Report"

use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::{Defaults, Shape, gated_mlp, or_default, rms, set_windows, sliding_layers};
use super::{Family, LLAMA_NAMES};
use crate::checkpoint::Config;
use crate::engine::architecture::{Architecture, Biases};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "qwen2",
    fields: &[
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
    names: LLAMA_NAMES,
    architecture,
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    let shape = Shape::read(config, &Defaults { n_kv_heads: Some(32), head_size: None, context: 32_768 })?;
    let rotary = RotaryKeys::usual(NAME, config, shape.head_size, shape.context)
        .read(&RotaryDefaults { theta: 10_000.0, share: 1.0 })?;
    let mlp = gated_mlp(NAME, config, "hidden_act", "silu")?;
    let mut architecture = Architecture {
        biases: Biases { qkv: true, ..Biases::default() },
        tied: config.bool_or("tie_word_embeddings", false)?,
        ..shape.decoder(NAME, rms(config, 1e-6)?, mlp, rotary)?
    };
    upper_windows(NAME, config, &mut architecture)?;
    Ok(architecture)
}

/// From layer `max_window_layers` on, when windows are asked for at all.
pub(super) fn upper_windows(family: &'static str, config: &Config, architecture: &mut Architecture) -> Result<()> {
    let window = match config.bool_or("use_sliding_window", false)? {
        true => or_default(config, "sliding_window", Some(4096))?,
        false => None,
    };
    let first = config.usize_or("max_window_layers", 28)?;
    let sliding = sliding_layers(family, config, architecture.n_layers(), |layer| window.is_some() && layer >= first)?;
    set_windows(architecture, &sliding, window)
}
