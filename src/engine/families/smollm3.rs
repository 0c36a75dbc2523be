//! SmolLM 3: Llama in which every fourth layer has no positions.
//!
//! Source   Bakouch et al. 2025; layers without positions: Yang et al. 2025, "Rope to Nope and Back Again"

use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::{Defaults, Shape, gated_mlp, limit, or_default, rms, set_windows, sliding_layers};
use super::{Family, LLAMA_NAMES};
use crate::checkpoint::Config;
use crate::engine::EngineError;
use crate::engine::architecture::{Architecture, Biases};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "smollm3",
    fields: &[
        "attention_bias",
        "head_dim",
        "hidden_act",
        "hidden_size",
        "intermediate_size",
        "layer_types",
        "max_position_embeddings",
        // Read by nobody: the list of layers decides.
        "max_window_layers",
        "mlp_bias",
        "no_rope_layer_interval",
        "no_rope_layers",
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
    let shape = Shape::read(config, &Defaults { n_kv_heads: Some(4), head_size: None, context: 32_768 })?;
    let rotary = RotaryKeys::usual(NAME, config, shape.head_size, shape.context)
        .read(&RotaryDefaults { theta: 2_000_000.0, share: 1.0 })?;
    let attention = config.bool_or("attention_bias", false)?;
    let mlp = gated_mlp(NAME, config, "hidden_act", "silu")?;
    let mut architecture = Architecture {
        biases: Biases {
            qkv: attention,
            attention_out: attention,
            mlp: config.bool_or("mlp_bias", false)?,
            head: false,
        },
        tied: config.bool_or("tie_word_embeddings", true)?,
        ..shape.decoder(NAME, rms(config, 1e-6)?, mlp, rotary)?
    };
    let turned = turned_layers(config, shape.n_layers)?;
    for (layer, is_turned) in architecture.layers.iter_mut().zip(&turned) {
        layer.rotary = is_turned.then_some(0);
    }
    let window = match config.bool_or("use_sliding_window", false)? {
        true => or_default(config, "sliding_window", None)?,
        false => None,
    };
    let sliding = sliding_layers(NAME, config, shape.n_layers, |layer| window.is_some() && !turned[layer])?;
    set_windows(&mut architecture, &sliding, window)?;
    Ok(architecture)
}

/// `no_rope_layers` has 1 for a layer with positions and 0 for one without.
fn turned_layers(config: &Config, n_layers: usize) -> Result<Vec<bool>> {
    const KEY: &str = "no_rope_layers";
    if let Some(list) = config.opt_usizes(KEY)? {
        if list.len() < n_layers {
            let what = format!("{KEY} has {} entries for {n_layers} layers", list.len());
            return Err(EngineError::Inconsistent { what }.into());
        }
        return Ok(list[..n_layers].iter().map(|entry| *entry != 0).collect());
    }
    let interval = config.usize_or("no_rope_layer_interval", 4)?;
    limit("no_rope_layer_interval", interval, usize::MAX)?;
    Ok((0..n_layers).map(|layer| (layer + 1) % interval != 0).collect())
}
