//! Phi 3, 3.5 and 4: Llama with fused projections, a window, and LongRoPE where the context is stretched.
//!
//! Source   Abdin et al. 2024; Ding et al. 2024 (LongRoPE)

use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::{Defaults, Shape, gated_mlp, or_default, rms, unsupported};
use super::{Family, LLAMA_NAMES, WeightNames};
use crate::checkpoint::Config;
use crate::engine::architecture::Architecture;
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "phi3",
    fields: &[
        "full_attn_mod",
        "head_dim",
        "hidden_act",
        "hidden_size",
        "interpolate_factor",
        "intermediate_size",
        "max_position_embeddings",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "original_max_position_embeddings",
        "partial_rotary_factor",
        "rms_norm_eps",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "sliding_window",
        "tie_word_embeddings",
        "vocab_size",
    ],
    names: WeightNames {
        qkv: &["layers.{}.self_attn.qkv_proj"],
        mlp_in: &["layers.{}.mlp.gate_up_proj"],
        ..LLAMA_NAMES
    },
    architecture,
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    // In the files of Phi-4 mini, and 1 there, which is what the reference code does without reading them.
    for setting in ["full_attn_mod", "interpolate_factor"] {
        let got = config.usize_or(setting, 1)?;
        if got != 1 {
            return Err(unsupported(NAME, setting, &got.to_string(), "1"));
        }
    }
    let shape = Shape::read(config, &Defaults { n_kv_heads: None, head_size: None, context: 4096 })?;
    let rotary = RotaryKeys::usual(NAME, config, shape.head_size, shape.context)
        .read(&RotaryDefaults { theta: 10_000.0, share: 1.0 })?;
    let mlp = gated_mlp(NAME, config, "hidden_act", "silu")?;
    let mut architecture = Architecture {
        tied: config.bool_or("tie_word_embeddings", false)?,
        ..shape.decoder(NAME, rms(config, 1e-5)?, mlp, rotary)?
    };
    let window = or_default(config, "sliding_window", None)?;
    for layer in &mut architecture.layers {
        layer.window = window;
    }
    Ok(architecture)
}
