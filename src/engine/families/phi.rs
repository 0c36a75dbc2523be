//! Phi 1, 1.5 and 2: part of each head is turned, attention and MLP read the same norm, biases everywhere.
//!
//! Source   Li et al. 2023, "Textbooks Are All You Need II"

use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::{Defaults, Shape, plain_mlp};
use super::{Family, LLAMA_NAMES, WeightNames};
use crate::checkpoint::Config;
use crate::engine::architecture::{Architecture, Biases, Norm, QueryKeyExtent, QueryKeyNorm, Residual};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "phi",
    fields: &[
        "head_dim",
        "hidden_act",
        "hidden_size",
        "intermediate_size",
        "layer_norm_eps",
        "max_position_embeddings",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "partial_rotary_factor",
        "qk_layernorm",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "tie_word_embeddings",
        "vocab_size",
    ],
    names: WeightNames {
        query_key_norms: Some(["layers.{}.self_attn.q_layernorm", "layers.{}.self_attn.k_layernorm"]),
        attention_out: "layers.{}.self_attn.dense",
        mlp_norm: None,
        mlp_in: &["layers.{}.mlp.fc1"],
        mlp_out: "layers.{}.mlp.fc2",
        final_norm: Some("final_layernorm"),
        ..LLAMA_NAMES
    },
    architecture,
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    let shape = Shape::read(config, &Defaults { n_kv_heads: None, head_size: None, context: 2048 })?;
    let rotary = RotaryKeys::usual(NAME, config, shape.head_size, shape.context)
        .read(&RotaryDefaults { theta: 10_000.0, share: 0.5 })?;
    let norm = Norm::Layer { eps: config.f64_or("layer_norm_eps", 1e-5)? as f32, bias: true };
    let query_key_norm = QueryKeyNorm { norm, extent: QueryKeyExtent::Head };
    Ok(Architecture {
        residual: Residual::ParallelSharedNorm,
        query_key_norm: config.bool_or("qk_layernorm", false)?.then_some(query_key_norm),
        biases: Biases { qkv: true, attention_out: true, mlp: true, head: true },
        tied: config.bool_or("tie_word_embeddings", false)?,
        ..shape.decoder(NAME, norm, plain_mlp(NAME, config, "hidden_act", "gelu_new")?, rotary)?
    })
}
