//! The families, as data: how each spells its hyperparameters and its weights.
//!
//! Source   Hugging Face transformers' `configuration_*.py` and checkpoints; defaults are those files' defaults

use super::EngineError;
use super::architecture::{Architecture, Mlp, Norm, Positions};
use crate::checkpoint::Config;
use crate::compute::ops::gelu::Approximation;
use crate::compute::ops::matmul::WeightLayout;
use crate::compute::ops::rope::Pairing;
use crate::error::Result;

/// One family of decoders.
pub struct Family {
    /// `model_type` in config.json.
    pub model_type: &'static str,
    pub architecture: fn(&Config) -> Result<Architecture>,
    pub names: WeightNames,
}

/// What the checkpoint calls each weight; `{}` is the layer. Without `.weight` and `.bias`, which are added.
pub struct WeightNames {
    /// Spellings of the part before every name, tried in order: exports differ.
    pub prefixes: &'static [&'static str],
    pub token_embedding: &'static str,
    pub position_embedding: Option<&'static str>,
    pub attention_norm: &'static str,
    /// One fused projection, or q, k and v, which are written side by side.
    pub qkv: &'static [&'static str],
    pub attention_out: &'static str,
    pub mlp_norm: &'static str,
    /// One projection, or gate and up.
    pub mlp_in: &'static [&'static str],
    pub mlp_out: &'static str,
    pub final_norm: &'static str,
    /// Without prefix. Ignored when the embeddings are tied.
    pub head: &'static str,
    /// Ends of names that carry no weights: masks and tables that some exports keep.
    pub ignored: &'static [&'static str],
}

pub const FAMILIES: &[Family] = &[
    Family {
        model_type: "gpt2",
        architecture: gpt2,
        names: WeightNames {
            prefixes: &["transformer.", ""],
            token_embedding: "wte",
            position_embedding: Some("wpe"),
            attention_norm: "h.{}.ln_1",
            qkv: &["h.{}.attn.c_attn"],
            attention_out: "h.{}.attn.c_proj",
            mlp_norm: "h.{}.ln_2",
            mlp_in: &["h.{}.mlp.c_fc"],
            mlp_out: "h.{}.mlp.c_proj",
            final_norm: "ln_f",
            head: "lm_head",
            ignored: &[".attn.bias", ".attn.masked_bias"],
        },
    },
    Family {
        model_type: "llama",
        architecture: llama,
        names: WeightNames {
            prefixes: &["model.", ""],
            token_embedding: "embed_tokens",
            position_embedding: None,
            attention_norm: "layers.{}.input_layernorm",
            qkv: &["layers.{}.self_attn.q_proj", "layers.{}.self_attn.k_proj", "layers.{}.self_attn.v_proj"],
            attention_out: "layers.{}.self_attn.o_proj",
            mlp_norm: "layers.{}.post_attention_layernorm",
            mlp_in: &["layers.{}.mlp.gate_proj", "layers.{}.mlp.up_proj"],
            mlp_out: "layers.{}.mlp.down_proj",
            final_norm: "norm",
            head: "lm_head",
            ignored: &["rotary_emb.inv_freq"],
        },
    },
];

/// The family a configuration names.
pub fn family(config: &Config) -> Result<&'static Family> {
    let model_type = config.model_type()?;
    FAMILIES.iter().find(|family| family.model_type == model_type).ok_or_else(|| {
        let known = FAMILIES.iter().map(|family| family.model_type).collect::<Vec<_>>().join(", ");
        EngineError::UnknownFamily { got: model_type.to_owned(), known }.into()
    })
}

/// Radford et al. 2019.
fn gpt2(config: &Config) -> Result<Architecture> {
    const FAMILY: &str = "gpt2";
    let n_channels = config.usize_or("n_embd", 768)?;
    let n_heads = config.usize_or("n_head", 12)?;
    only(FAMILY, config, "scale_attn_weights", true)?;
    only(FAMILY, config, "scale_attn_by_inverse_layer_idx", false)?;
    only(FAMILY, config, "add_cross_attention", false)?;
    let approximation = match config.str_or("activation_function", "gelu_new")? {
        "gelu_new" | "gelu_pytorch_tanh" => Approximation::Tanh,
        "gelu" => Approximation::Exact,
        other => return Err(unsupported(FAMILY, "activation_function", other, "gelu_new, gelu_pytorch_tanh or gelu")),
    };
    checked(Architecture {
        family: FAMILY,
        n_layers: config.usize_or("n_layer", 12)?,
        n_heads,
        n_kv_heads: n_heads,
        head_size: divide("n_embd", n_channels, "n_head", n_heads)?,
        n_channels,
        n_inner: config.opt_usize("n_inner")?.unwrap_or(4 * n_channels),
        n_vocabulary: config.usize_or("vocab_size", 50257)?,
        context: config.usize_or("n_positions", 1024)?,
        norm: Norm::Layer { eps: config.f64_or("layer_norm_epsilon", 1e-5)? as f32 },
        positions: Positions::Learned,
        mlp: Mlp::Gelu(approximation),
        layout: WeightLayout::InOut,
        tied: config.bool_or("tie_word_embeddings", true)?,
    })
}

/// Touvron et al. 2023; grouped-query attention as in Llama 2 and 3.
fn llama(config: &Config) -> Result<Architecture> {
    const FAMILY: &str = "llama";
    let n_channels = config.usize("hidden_size")?;
    let n_heads = config.usize("num_attention_heads")?;
    let head_size = match config.opt_usize("head_dim")? {
        Some(head_size) => head_size,
        None => divide("hidden_size", n_channels, "num_attention_heads", n_heads)?,
    };
    let activation = config.str_or("hidden_act", "silu")?;
    if activation != "silu" {
        return Err(unsupported(FAMILY, "hidden_act", activation, "silu"));
    }
    checked(Architecture {
        family: FAMILY,
        n_layers: config.usize("num_hidden_layers")?,
        n_heads,
        n_kv_heads: config.opt_usize("num_key_value_heads")?.unwrap_or(n_heads),
        head_size,
        n_channels,
        n_inner: config.usize("intermediate_size")?,
        n_vocabulary: config.usize("vocab_size")?,
        context: config.usize_or("max_position_embeddings", 2048)?,
        norm: Norm::Rms { eps: config.f64_or("rms_norm_eps", 1e-6)? as f32 },
        positions: Positions::Rope {
            theta: rope_theta(FAMILY, config)?,
            rotary_size: head_size,
            pairing: Pairing::Half,
        },
        mlp: Mlp::SwiGlu,
        layout: WeightLayout::OutIn,
        tied: config.bool_or("tie_word_embeddings", false)?,
    })
}

/// `rope_theta`, or transformers 5's `rope_parameters`; any scaling of positions is refused by name.
fn rope_theta(family: &'static str, config: &Config) -> Result<f64> {
    const DEFAULT: f64 = 10_000.0;
    for key in ["rope_scaling", "rope_parameters"] {
        let (kind, older) = (format!("{key}.rope_type"), format!("{key}.type"));
        let name = if config.has(&kind) { kind } else { older };
        let kind = config.str_or(&name, "default")?;
        if kind != "default" {
            return Err(unsupported(family, &name, kind, "default"));
        }
        if let Some(theta) = config.opt_f64(&format!("{key}.rope_theta"))? {
            return Ok(theta);
        }
    }
    Ok(config.f64_or("rope_theta", DEFAULT)?)
}

fn only(family: &'static str, config: &Config, setting: &str, supported: bool) -> Result<()> {
    let got = config.bool_or(setting, supported)?;
    if got == supported { Ok(()) } else { Err(unsupported(family, setting, &got.to_string(), &supported.to_string())) }
}

fn unsupported(family: &'static str, setting: &str, got: &str, supported: &str) -> crate::Error {
    EngineError::UnsupportedSetting { family, setting: setting.into(), got: got.into(), supported: supported.into() }
        .into()
}

fn divide(what: &str, dividend: usize, by: &str, divisor: usize) -> Result<usize> {
    if divisor == 0 || !dividend.is_multiple_of(divisor) {
        return Err(EngineError::Inconsistent {
            what: format!("{what} = {dividend} is not a multiple of {by} = {divisor}"),
        }
        .into());
    }
    Ok(dividend / divisor)
}

/// Numbers that later code divides by or allocates from.
fn checked(architecture: Architecture) -> Result<Architecture> {
    let a = &architecture;
    for (what, value, max) in [
        ("number of layers", a.n_layers, 1 << 10),
        ("number of heads", a.n_heads, 1 << 12),
        ("number of key/value heads", a.n_kv_heads, 1 << 12),
        ("head size", a.head_size, 1 << 10),
        ("hidden size", a.n_channels, 1 << 17),
        ("inner size", a.n_inner, 1 << 20),
        ("vocabulary", a.n_vocabulary, 1 << 22),
        ("context", a.context, 1 << 26),
    ] {
        if value == 0 || value > max {
            let what = format!("{what} is {value}, expected 1 to {max}");
            return Err(EngineError::Inconsistent { what }.into());
        }
    }
    divide("number of heads", a.n_heads, "number of key/value heads", a.n_kv_heads)?;
    if matches!(a.positions, Positions::Rope { rotary_size, .. } if rotary_size % 2 == 1) {
        let what = format!("head size {} is odd, which rotary positions cannot pair", a.head_size);
        return Err(EngineError::Inconsistent { what }.into());
    }
    Ok(architecture)
}
