//! Gemma 3, its text model: Gemma 2 with normalised queries and keys instead of caps, and two bases of positions.
//!
//! Source   Gemma Team 2025

use super::gemma2::{GEMMA_NAMES, gemma, gemma_norm};
use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::{Defaults, Shape, f32_or_default, limit, or_default, set_windows, sliding_layers, unsupported};
use super::{Family, WeightNames};
use crate::checkpoint::Config;
use crate::engine::architecture::{Architecture, QueryKeyExtent, QueryKeyNorm};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "gemma3_text",
    fields: &[
        "_sliding_window_pattern",
        "attention_bias",
        "attn_logit_softcapping",
        "final_logit_softcapping",
        "head_dim",
        "hidden_act",
        "hidden_activation",
        "hidden_size",
        "intermediate_size",
        "layer_types",
        "max_position_embeddings",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "query_pre_attn_scalar",
        "rms_norm_eps",
        "rope_local_base_freq",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "sliding_window",
        "sliding_window_pattern",
        "tie_word_embeddings",
        "use_bidirectional_attention",
        "vocab_size",
    ],
    names: WeightNames {
        prefixes: &["model.", "model.language_model.", "language_model.model.", ""],
        query_key_norms: Some(["layers.{}.self_attn.q_norm", "layers.{}.self_attn.k_norm"]),
        ..GEMMA_NAMES
    },
    architecture,
};

/// Which of `Architecture::rotary`.
const FULL: usize = 0;
const SLIDING: usize = 1;

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    let shape = Shape::read(config, &Defaults { n_kv_heads: Some(4), head_size: Some(256), context: 131_072 })?;
    let usual = || RotaryKeys::usual(NAME, config, shape.head_size, shape.context);
    // Keys beside the two objects would apply to both in nobody's code.
    for key in config.keys_of("rope_parameters") {
        if key != "full_attention" && key != "sliding_attention" {
            return Err(unsupported(NAME, "rope_parameters", key, "full_attention and sliding_attention in it"));
        }
    }
    let full = RotaryKeys { objects: &["rope_scaling", "rope_parameters.full_attention"], ..usual() }
        .read(&RotaryDefaults { theta: 1_000_000.0, share: 1.0 })?;
    let sliding =
        RotaryKeys { objects: &["rope_parameters.sliding_attention"], theta: "rope_local_base_freq", ..usual() }
            .read(&RotaryDefaults { theta: 10_000.0, share: 1.0 })?;

    let pattern = match config.opt_usize("sliding_window_pattern")? {
        Some(pattern) => pattern,
        None => config.usize_or("_sliding_window_pattern", 6)?,
    };
    limit("sliding_window_pattern", pattern, usize::MAX)?;
    let is_sliding = sliding_layers(NAME, config, shape.n_layers, |layer| (layer + 1) % pattern != 0)?;
    let mut architecture = Architecture {
        query_key_norm: Some(QueryKeyNorm { norm: gemma_norm(config)?, extent: QueryKeyExtent::Head }),
        attention_softcap: attention_softcap(NAME, config)?,
        logit_softcap: f32_or_default(config, "final_logit_softcapping", None)?,
        ..gemma(NAME, config, &shape, full)?
    };
    architecture.rotary.push(sliding);
    for (layer, is_sliding) in architecture.layers.iter_mut().zip(&is_sliding) {
        layer.rotary = Some(if *is_sliding { SLIDING } else { FULL });
    }
    set_windows(&mut architecture, &is_sliding, or_default(config, "sliding_window", Some(4096))?)?;
    Ok(architecture)
}

/// In the file of every Gemma 3 and null; the reference code reads it and does not apply it.
fn attention_softcap(family: &'static str, config: &Config) -> Result<Option<f32>> {
    match config.opt_f64("attn_logit_softcapping")? {
        None => Ok(None),
        Some(cap) => Err(unsupported(family, "attn_logit_softcapping", &cap.to_string(), "null")),
    }
}
