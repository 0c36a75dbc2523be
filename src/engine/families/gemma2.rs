//! Gemma 2: norms around attention and MLP, soft caps, windows in every other layer, scaled embeddings.
//!
//! Source   Gemma Team 2024

use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::unsupported;
use super::settings::{Defaults, Shape, f32_or_default, gated_mlp, only, or_default, set_windows, sliding_layers};
use super::{Family, LLAMA_NAMES, WeightNames};
use crate::checkpoint::Config;
use crate::engine::EngineError;
use crate::engine::architecture::{Architecture, Biases, Mlp, Norm, NormPlace, Rotary};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "gemma2",
    fields: &[
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
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "sliding_window",
        "sliding_window_size",
        "tie_word_embeddings",
        "use_bidirectional_attention",
        "vocab_size",
    ],
    names: GEMMA_NAMES,
    architecture,
};

pub(super) const GEMMA_NAMES: WeightNames = WeightNames {
    attention_post_norm: Some("layers.{}.post_attention_layernorm"),
    mlp_norm: Some("layers.{}.pre_feedforward_layernorm"),
    mlp_post_norm: Some("layers.{}.post_feedforward_layernorm"),
    ..LLAMA_NAMES
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    let shape = Shape::read(config, &Defaults { n_kv_heads: Some(4), head_size: Some(256), context: 8192 })?;
    let rotary = RotaryKeys::usual(NAME, config, shape.head_size, shape.context)
        .read(&RotaryDefaults { theta: 10_000.0, share: 1.0 })?;
    let window = or_default(config, "sliding_window", Some(4096))?;
    // Some exports say it twice.
    if let Some(size) = config.opt_usize("sliding_window_size")?.filter(|size| Some(*size) != window) {
        let what = format!("sliding_window_size = {size} contradicts sliding_window = {window:?}");
        return Err(EngineError::Inconsistent { what }.into());
    }
    let sliding = sliding_layers(NAME, config, shape.n_layers, |layer| layer % 2 == 0)?;
    let mut architecture = Architecture {
        attention_softcap: f32_or_default(config, "attn_logit_softcapping", Some(50.0))?,
        logit_softcap: f32_or_default(config, "final_logit_softcapping", Some(30.0))?,
        ..gemma(NAME, config, &shape, rotary)?
    };
    set_windows(&mut architecture, &sliding, window)?;
    Ok(architecture)
}

/// What Gemma 2 and 3 have in common.
pub(super) fn gemma(family: &'static str, config: &Config, shape: &Shape, rotary: Rotary) -> Result<Architecture> {
    only(family, config, "use_bidirectional_attention", false)?;
    let biased = config.bool_or("attention_bias", false)?;
    let mut architecture = Architecture {
        embedding_scale: (shape.n_channels as f32).sqrt(),
        norm_place: NormPlace::Around,
        biases: Biases { qkv: biased, attention_out: biased, ..Biases::default() },
        tied: config.bool_or("tie_word_embeddings", true)?,
        ..shape.decoder(family, gemma_norm(config)?, activation(family, config)?, rotary)?
    };
    let scalar = config.f64_or("query_pre_attn_scalar", 256.0)?;
    for layer in &mut architecture.layers {
        layer.attention_scale = scalar.powf(-0.5) as f32;
    }
    Ok(architecture)
}

/// The weight is stored as its difference from 1.
pub(super) fn gemma_norm(config: &Config) -> Result<Norm> {
    Ok(Norm::Rms { eps: config.f64_or("rms_norm_eps", 1e-6)? as f32, weight_offset: 1.0 })
}

/// `hidden_activation`; exports carry `hidden_act` beside it, which must not say anything else.
fn activation(family: &'static str, config: &Config) -> Result<Mlp> {
    const DEFAULT: &str = "gelu_pytorch_tanh";
    let mlp = gated_mlp(family, config, "hidden_activation", DEFAULT)?;
    let other = gated_mlp(family, config, "hidden_act", config.str_or("hidden_activation", DEFAULT)?)?;
    if mlp != other {
        let got = config.str_or("hidden_act", DEFAULT)?;
        return Err(unsupported(family, "hidden_act", got, "the same as hidden_activation"));
    }
    Ok(mlp)
}
