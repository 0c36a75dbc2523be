//! OLMo 2: norms behind attention and MLP, and on all queries and all keys of a token together.
//!
//! Source   OLMo Team 2024, "2 OLMo 2 Furious"

use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::{Defaults, Shape, gated_mlp, rms};
use super::{Family, LLAMA_NAMES, WeightNames};
use crate::checkpoint::Config;
use crate::engine::architecture::{Architecture, Biases, NormPlace, QueryKeyExtent, QueryKeyNorm};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "olmo2",
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
        "rms_norm_eps",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "tie_word_embeddings",
        "vocab_size",
    ],
    names: WeightNames {
        attention_norm: None,
        attention_post_norm: Some("layers.{}.post_attention_layernorm"),
        query_key_norms: Some(["layers.{}.self_attn.q_norm", "layers.{}.self_attn.k_norm"]),
        mlp_norm: None,
        mlp_post_norm: Some("layers.{}.post_feedforward_layernorm"),
        ..LLAMA_NAMES
    },
    architecture,
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    let shape = Shape::read(config, &Defaults { n_kv_heads: None, head_size: None, context: 2048 })?;
    let rotary = RotaryKeys::usual(NAME, config, shape.head_size, shape.context)
        .read(&RotaryDefaults { theta: 10_000.0, share: 1.0 })?;
    let norm = rms(config, 1e-5)?;
    let biased = config.bool_or("attention_bias", false)?;
    Ok(Architecture {
        norm_place: NormPlace::AfterBranch,
        query_key_norm: Some(QueryKeyNorm { norm, extent: QueryKeyExtent::Row }),
        biases: Biases { qkv: biased, attention_out: biased, ..Biases::default() },
        tied: config.bool_or("tie_word_embeddings", false)?,
        ..shape.decoder(NAME, norm, gated_mlp(NAME, config, "hidden_act", "silu")?, rotary)?
    })
}
