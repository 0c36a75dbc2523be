//! StableLM: Llama with layer normalisation, part of each head turned, and, in one size, attention and MLP side by side.
//!
//! Source   Bellagente et al. 2024, "Stable LM 2 1.6B Technical Report"

use super::rotary::{RotaryDefaults, RotaryKeys};
use super::settings::{Defaults, Shape, gated_mlp};
use super::{Family, LLAMA_NAMES, WeightNames};
use crate::checkpoint::Config;
use crate::engine::architecture::{Architecture, Biases, Norm, QueryKeyExtent, QueryKeyNorm, Residual};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "stablelm",
    fields: &[
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
        "use_parallel_residual",
        "use_qkv_bias",
        "vocab_size",
    ],
    names: WeightNames {
        query_key_norms: Some(["layers.{}.self_attn.q_layernorm.norms.{}", "layers.{}.self_attn.k_layernorm.norms.{}"]),
        ..LLAMA_NAMES
    },
    architecture,
};

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    let shape = Shape::read(config, &Defaults { n_kv_heads: Some(32), head_size: None, context: 4096 })?;
    let rotary = RotaryKeys::usual(NAME, config, shape.head_size, shape.context)
        .read(&RotaryDefaults { theta: 10_000.0, share: 0.25 })?;
    let eps = config.f64_or("layer_norm_eps", 1e-5)? as f32;
    let query_key_norm =
        QueryKeyNorm { norm: Norm::Layer { eps, bias: false }, extent: QueryKeyExtent::HeadOwnWeights };
    let is_parallel = config.bool_or("use_parallel_residual", false)?;
    let mlp = gated_mlp(NAME, config, "hidden_act", "silu")?;
    Ok(Architecture {
        residual: if is_parallel { Residual::ParallelSharedNorm } else { Residual::Sequential },
        query_key_norm: config.bool_or("qk_layernorm", false)?.then_some(query_key_norm),
        biases: Biases { qkv: config.bool_or("use_qkv_bias", false)?, ..Biases::default() },
        tied: config.bool_or("tie_word_embeddings", false)?,
        ..shape.decoder(NAME, Norm::Layer { eps, bias: true }, mlp, rotary)?
    })
}
