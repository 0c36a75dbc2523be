//! OpenELM: numbers of heads and widths of the MLP differ from layer to layer.
//!
//! Source   Mehta et al. 2024, "OpenELM", and its reference implementation (apple/corenet)

use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::{LAYERS_MAX, Shape, gated_mlp, limit, unsupported};
use super::{Family, LLAMA_NAMES, WeightNames};
use crate::checkpoint::Config;
use crate::engine::EngineError;
use crate::engine::architecture::{Architecture, Norm, QueryKeyExtent, QueryKeyNorm};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "openelm",
    fields: &[
        "activation_fn_name",
        "ffn_dim_divisor",
        "ffn_multipliers",
        "ffn_with_glu",
        "head_dim",
        "max_context_length",
        "model_dim",
        "normalization_layer_name",
        "normalize_qk_projections",
        // How the lists of heads came about.
        "num_gqa_groups",
        "num_kv_heads",
        "num_query_heads",
        "num_transformer_layers",
        "qkv_multipliers",
        "rope_freq_constant",
        // How far the reference code tabulates angles.
        "rope_max_length",
        "share_input_output_layers",
        "vocab_size",
    ],
    names: WeightNames {
        prefixes: &["transformer.", ""],
        token_embedding: "token_embeddings",
        attention_norm: Some("layers.{}.attn_norm"),
        qkv: &["layers.{}.attn.qkv_proj"],
        query_key_norms: Some(["layers.{}.attn.q_norm", "layers.{}.attn.k_norm"]),
        attention_out: "layers.{}.attn.out_proj",
        mlp_norm: Some("layers.{}.ffn_norm"),
        mlp_in: &["layers.{}.ffn.proj_1"],
        mlp_out: "layers.{}.ffn.proj_2",
        ..LLAMA_NAMES
    },
    architecture,
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    let norm_name = config.str_or("normalization_layer_name", "rms_norm")?;
    if norm_name != "rms_norm" {
        return Err(unsupported(NAME, "normalization_layer_name", norm_name, "rms_norm"));
    }
    let mlp = match config.bool_or("ffn_with_glu", true)? {
        true => gated_mlp(NAME, config, "activation_fn_name", "swish")?,
        false => return Err(unsupported(NAME, "ffn_with_glu", "false", "true")),
    };
    let n_layers = config.usize("num_transformer_layers")?;
    limit("number of layers", n_layers, LAYERS_MAX)?;
    let (n_heads, n_kv_heads) = (heads(config, "num_query_heads", n_layers)?, heads(config, "num_kv_heads", n_layers)?);
    let n_inner = inner_sizes(config, n_layers)?;
    let shape = Shape {
        n_channels: config.usize("model_dim")?,
        n_layers,
        n_heads: n_heads[0],
        n_kv_heads: n_kv_heads[0],
        head_size: config.usize("head_dim")?,
        n_inner: n_inner[0],
        n_vocabulary: config.usize("vocab_size")?,
        context: config.usize_or("max_context_length", 2048)?,
    };
    let keys = RotaryKeys {
        objects: &[],
        theta: "rope_freq_constant",
        ..RotaryKeys::usual(NAME, config, shape.head_size, shape.context)
    };
    let rotary = keys.read(&RotaryDefaults { theta: 10_000.0, share: 1.0 })?;
    let norm = Norm::Rms { eps: 1e-6, weight_offset: 0.0 };
    let query_key_norm = QueryKeyNorm { norm, extent: QueryKeyExtent::Head };
    let mut architecture = Architecture {
        query_key_norm: config.bool_or("normalize_qk_projections", false)?.then_some(query_key_norm),
        tied: config.bool_or("share_input_output_layers", false)?,
        ..shape.decoder(NAME, norm, mlp, rotary)?
    };
    for (i, layer) in architecture.layers.iter_mut().enumerate() {
        layer.n_heads = n_heads[i];
        layer.n_kv_heads = n_kv_heads[i];
        layer.n_inner = n_inner[i];
    }
    Ok(architecture)
}

/// One number a layer, or one for all.
fn heads(config: &Config, key: &str, n_layers: usize) -> Result<Vec<usize>> {
    if config.value(key).is_some_and(|value| value.is_array()) {
        let list = config.opt_usizes(key)?.unwrap_or_default();
        return same_length(key, list, n_layers);
    }
    Ok(vec![config.usize(key)?; n_layers])
}

/// `ffn_multipliers` times the width of the model, rounded to a multiple of `ffn_dim_divisor`, down by a tenth at most.
fn inner_sizes(config: &Config, n_layers: usize) -> Result<Vec<usize>> {
    const KEY: &str = "ffn_multipliers";
    let multipliers = match config.value(KEY).is_some_and(|value| value.is_array()) {
        true => same_length(KEY, config.opt_f64s(KEY)?.unwrap_or_default(), n_layers)?,
        false => vec![config.f64_or(KEY, 4.0)?; n_layers],
    };
    let divisor = config.usize_or("ffn_dim_divisor", 256)?;
    limit("ffn_dim_divisor", divisor, 1 << 20)?;
    let width = config.usize("model_dim")? as f64;
    Ok(multipliers.iter().map(|multiplier| divisible(multiplier * width, divisor)).collect())
}

fn divisible(value: f64, divisor: usize) -> usize {
    let step = divisor as f64;
    let rounded = ((value + step / 2.0) / step).floor() * step;
    let rounded = if rounded < 0.9 * value { rounded + step } else { rounded };
    // OK to cast: floats that are negative or too large become 0 or the largest number, which `check` refuses.
    rounded.max(step) as usize
}

fn same_length<T>(key: &str, list: Vec<T>, n_layers: usize) -> Result<Vec<T>> {
    if list.len() == n_layers {
        return Ok(list);
    }
    let what = format!("{key} has {} entries for {n_layers} layers", list.len());
    Err(EngineError::Inconsistent { what }.into())
}

#[cfg(test)]
mod tests {
    use super::divisible;

    /// Oracle: by hand, as the reference code rounds: to the nearest multiple, up when that loses more than a tenth.
    #[test]
    fn rounding_by_hand() {
        for (value, expected) in
            [(640.0, 768), (1280.0, 1280), (100.0, 256), (5120.0, 5120), (383.0, 512), (380.0, 512)]
        {
            assert_eq!(divisible(value, 256), expected, "{value}");
        }
    }
}
