//! GPT-Neo: layers that look back over everything and over a window take turns; scores are not scaled.
//!
//! Source   Black et al. 2021

use super::settings::{LAYERS_MAX, Shape, divide, limit, plain_mlp, unsupported};
use super::{Family, LLAMA_NAMES, WeightNames};
use crate::checkpoint::Config;
use crate::engine::EngineError;
use crate::engine::architecture::{Architecture, Biases, Norm};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "gpt_neo",
    fields: &[
        "activation_function",
        "attention_layers",
        "attention_types",
        "hidden_size",
        "intermediate_size",
        "layer_norm_epsilon",
        "max_position_embeddings",
        "num_heads",
        "num_layers",
        "tie_word_embeddings",
        "vocab_size",
        "window_size",
    ],
    names: WeightNames {
        prefixes: &["transformer.", ""],
        token_embedding: "wte",
        position_embedding: Some("wpe"),
        attention_norm: Some("h.{}.ln_1"),
        qkv: &["h.{}.attn.attention.q_proj", "h.{}.attn.attention.k_proj", "h.{}.attn.attention.v_proj"],
        attention_out: "h.{}.attn.attention.out_proj",
        mlp_norm: Some("h.{}.ln_2"),
        mlp_in: &["h.{}.mlp.c_fc"],
        mlp_out: "h.{}.mlp.c_proj",
        final_norm: Some("ln_f"),
        ignored: &[".attn.attention.bias", ".attn.attention.masked_bias"],
        ..LLAMA_NAMES
    },
    architecture,
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    let n_channels = config.usize_or("hidden_size", 2048)?;
    let n_heads = config.usize_or("num_heads", 16)?;
    let n_layers = config.usize_or("num_layers", 24)?;
    let shape = Shape {
        n_channels,
        n_layers,
        n_heads,
        n_kv_heads: n_heads,
        head_size: divide("hidden_size", n_channels, "num_heads", n_heads)?,
        n_inner: config.opt_usize("intermediate_size")?.unwrap_or(n_channels.saturating_mul(4)),
        n_vocabulary: config.usize_or("vocab_size", 50_257)?,
        context: config.usize_or("max_position_embeddings", 2048)?,
    };
    let norm = Norm::Layer { eps: config.f64_or("layer_norm_epsilon", 1e-5)? as f32, bias: true };
    let mlp = plain_mlp(NAME, config, "activation_function", "gelu_new")?;
    let mut architecture = Architecture {
        biases: Biases { attention_out: true, mlp: true, ..Biases::default() },
        tied: config.bool_or("tie_word_embeddings", true)?,
        ..shape.learned(NAME, norm, mlp, 0)?
    };
    let window = config.usize_or("window_size", 256)?;
    for (layer, is_local) in architecture.layers.iter_mut().zip(local_layers(NAME, config, n_layers)?) {
        layer.attention_scale = 1.0;
        layer.window = is_local.then_some(window);
    }
    Ok(architecture)
}

/// `attention_types`, for example [[["global", "local"], 12]], written out; `attention_layers` is the same, written out.
fn local_layers(family: &'static str, config: &Config, n_layers: usize) -> Result<Vec<bool>> {
    const KEY: &str = "attention_types";
    let is_local = |kind: &str| match kind {
        "local" => Ok(true),
        "global" => Ok(false),
        other => Err(unsupported(family, KEY, other, "global and local")),
    };
    limit("number of layers", n_layers, LAYERS_MAX)?;
    let written_out = config.strings("attention_layers")?;
    let written_out = written_out.into_iter().map(is_local).collect::<Result<Vec<bool>>>()?;
    let mut layers = Vec::new();
    if config.has(KEY) {
        let refused = || config.refuse(KEY, "a list of pairs: a list of global and local, and how often it comes");
        for entry in config.value(KEY).and_then(|value| value.as_array()).ok_or_else(refused)? {
            let kinds = entry.get(0).and_then(|kinds| kinds.as_array()).ok_or_else(refused)?;
            let times = entry.get(1).and_then(|times| times.as_u64()).ok_or_else(refused)?;
            for _ in 0..times {
                for kind in kinds {
                    layers.push(is_local(kind.as_str().ok_or_else(refused)?)?);
                }
                if kinds.is_empty() || layers.len() > n_layers {
                    break;
                }
            }
        }
    } else if written_out.is_empty() {
        // The published models' order.
        layers = (0..n_layers).map(|layer| layer % 2 == 1).collect();
    } else {
        layers.clone_from(&written_out);
    }
    if layers.len() != n_layers || !(written_out.is_empty() || written_out == layers) {
        let what = format!(
            "{KEY} describes {} layers and attention_layers {}, num_layers is {n_layers}, or they differ",
            layers.len(),
            written_out.len()
        );
        return Err(EngineError::Inconsistent { what }.into());
    }
    Ok(layers)
}
