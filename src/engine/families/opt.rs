//! OPT: GPT-2 with ReLU and positions from 2 on; one size has its norms behind the sums and a narrow embedding.
//!
//! Source   Zhang et al. 2022

use super::settings::{Defaults, Shape, only, plain_mlp};
use super::{Family, LLAMA_NAMES, WeightNames};
use crate::checkpoint::Config;
use crate::engine::architecture::{Architecture, Biases, Norm, NormPlace};
use crate::error::Result;

pub const FAMILY: Family = Family {
    model_type: "opt",
    fields: &[
        "_remove_final_layer_norm",
        "activation_function",
        "do_layer_norm_before",
        "enable_bias",
        "ffn_dim",
        "hidden_size",
        "layer_norm_elementwise_affine",
        "max_position_embeddings",
        "num_attention_heads",
        "num_hidden_layers",
        "tie_word_embeddings",
        "vocab_size",
        "word_embed_proj_dim",
    ],
    names: WeightNames {
        prefixes: &["model.decoder.", "decoder.", ""],
        position_embedding: Some("embed_positions"),
        embedding_projections: Some(("project_in", "project_out")),
        attention_norm: Some("layers.{}.self_attn_layer_norm"),
        attention_post_norm: Some("layers.{}.self_attn_layer_norm"),
        attention_out: "layers.{}.self_attn.out_proj",
        mlp_norm: Some("layers.{}.final_layer_norm"),
        mlp_post_norm: Some("layers.{}.final_layer_norm"),
        mlp_in: &["layers.{}.fc1"],
        mlp_out: "layers.{}.fc2",
        final_norm: Some("final_layer_norm"),
        ..LLAMA_NAMES
    },
    architecture,
};

/// Rows of the position embedding that stand before the first position.
const POSITION_OFFSET: usize = 2;

fn architecture(config: &Config) -> Result<Architecture> {
    const NAME: &str = FAMILY.model_type;
    only(NAME, config, "layer_norm_elementwise_affine", true)?;
    let defaults = Defaults { n_kv_heads: None, head_size: None, context: 2048 };
    let shape = Shape::with_inner(config, &defaults, config.usize("ffn_dim")?)?;
    let is_before = config.bool_or("do_layer_norm_before", true)?;
    let biased = config.bool_or("enable_bias", true)?;
    let norm = Norm::Layer { eps: 1e-5, bias: true };
    let mlp = plain_mlp(NAME, config, "activation_function", "relu")?;
    Ok(Architecture {
        n_embedding: config.opt_usize("word_embed_proj_dim")?.unwrap_or(shape.n_channels),
        norm_place: if is_before { NormPlace::Before } else { NormPlace::AfterSum },
        final_norm: is_before && !config.bool_or("_remove_final_layer_norm", false)?,
        biases: Biases { qkv: biased, attention_out: biased, mlp: biased, head: false },
        tied: config.bool_or("tie_word_embeddings", true)?,
        ..shape.learned(NAME, norm, mlp, POSITION_OFFSET)?
    })
}
