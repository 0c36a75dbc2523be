//! The families, as data: what GGUF calls their hyperparameters and weights, and what Hugging Face calls them.
//!
//! llama.cpp's converter also changes some weights. What is undone here, while they are streamed:
//!
//! | family | stored | here |
//! | --- | --- | --- |
//! | llama, smollm3 | rows of q and k ordered for rotating neighbours | halves of a head, as in the checkpoint |
//! | gptneox | q, k and v of all heads one after another | q, k and v of a head side by side |
//! | gemma2, gemma3 | norm weights with 1 added | without it |
//! | stablelm | norms of the heads' queries in one tensor | one tensor a head |
//! | gpt2 | dense weights turned to (outputs, inputs) | left so; `Checkpoint::is_out_in` says it |
//!
//! Source   llama.cpp's convert_hf_to_gguf.py, src/llama-arch.cpp, src/llama-model.cpp; gguf-py's tensor_mapping.py
//! Not done openelm, whose converter splits the first half of the MLP; mixtures of experts

use serde_json::{Map, Value as Json, json};

use super::header::{Description, Header, Value};
use super::reader::Reader;
use crate::checkpoint::safetensors::{TensorEntry, shown};
use crate::checkpoint::source::Source;
use crate::checkpoint::{Change, CheckpointError, Config, MAX_CONFIG_NUMBER, RowOrder};
use crate::compute::DType;

/// One `general.architecture`.
pub struct GgufFamily {
    pub architecture: &'static str,
    /// `model_type` of config.json.
    model_type: &'static str,
    /// Number of layers under its name in config.json, and so on.
    keys: Keys,
    /// GGUF's names and the checkpoint's, without `.weight` and `.bias`; `{}` is the layer.
    tensors: &'static [&'static [(&'static str, &'static str)]],
    /// What the converter did to the rows of q and k, or of the fused projection.
    rows: Rows,
    /// The converter added 1 to the weights of norms.
    adds_one_to_norms: bool,
    /// What config.json says and GGUF does not.
    more: More,
}

type More = fn(&Header, &Sizes, &mut Map<String, Json>) -> Result<(), CheckpointError>;

/// Names in config.json.
struct Keys {
    layers: &'static str,
    channels: &'static str,
    heads: &'static str,
    kv_heads: Option<&'static str>,
    inner: &'static str,
    context: &'static str,
    norm_epsilon: &'static str,
    head_size: Option<&'static str>,
    rope_theta: Option<&'static str>,
    /// Share of a head's channels that is turned.
    rotary_share: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Rows {
    AsInCheckpoint,
    QueriesAndKeysPermuted,
    FusedByKind,
}

/// What several settings are derived from.
pub struct Sizes {
    layers: u64,
    channels: u64,
    heads: u64,
    kv_heads: u64,
    head_size: u64,
}

const LLAMA_KEYS: Keys = Keys {
    layers: "num_hidden_layers",
    channels: "hidden_size",
    heads: "num_attention_heads",
    kv_heads: Some("num_key_value_heads"),
    inner: "intermediate_size",
    context: "max_position_embeddings",
    norm_epsilon: "rms_norm_eps",
    head_size: Some("head_dim"),
    rope_theta: Some("rope_theta"),
    rotary_share: None,
};

/// The names Llama's checkpoint gave to half of all families.
const LLAMA_TENSORS: &[(&str, &str)] = &[
    ("token_embd", "model.embed_tokens"),
    ("output_norm", "model.norm"),
    ("output", "lm_head"),
    ("blk.{}.attn_norm", "model.layers.{}.input_layernorm"),
    ("blk.{}.attn_q", "model.layers.{}.self_attn.q_proj"),
    ("blk.{}.attn_k", "model.layers.{}.self_attn.k_proj"),
    ("blk.{}.attn_v", "model.layers.{}.self_attn.v_proj"),
    ("blk.{}.attn_output", "model.layers.{}.self_attn.o_proj"),
    ("blk.{}.ffn_norm", "model.layers.{}.post_attention_layernorm"),
    ("blk.{}.ffn_gate", "model.layers.{}.mlp.gate_proj"),
    ("blk.{}.ffn_up", "model.layers.{}.mlp.up_proj"),
    ("blk.{}.ffn_down", "model.layers.{}.mlp.down_proj"),
];

/// Norms of queries and keys.
const QK_NORMS: &[(&str, &str)] = &[
    ("blk.{}.attn_q_norm", "model.layers.{}.self_attn.q_norm"),
    ("blk.{}.attn_k_norm", "model.layers.{}.self_attn.k_norm"),
];

/// Norms behind attention and MLP. Before `LLAMA_TENSORS`, because the first of a name counts.
const GEMMA_NORMS: &[(&str, &str)] = &[
    ("blk.{}.post_attention_norm", "model.layers.{}.post_attention_layernorm"),
    ("blk.{}.ffn_norm", "model.layers.{}.pre_feedforward_layernorm"),
    ("blk.{}.post_ffw_norm", "model.layers.{}.post_feedforward_layernorm"),
];

const PHI2_TENSORS: &[(&str, &str)] = &[
    ("output_norm", "model.final_layernorm"),
    ("blk.{}.attn_output", "model.layers.{}.self_attn.dense"),
    ("blk.{}.ffn_up", "model.layers.{}.mlp.fc1"),
    ("blk.{}.ffn_down", "model.layers.{}.mlp.fc2"),
];

const PHI3_TENSORS: &[(&str, &str)] =
    &[("blk.{}.attn_qkv", "model.layers.{}.self_attn.qkv_proj"), ("blk.{}.ffn_up", "model.layers.{}.mlp.gate_up_proj")];

const GPT2_TENSORS: &[(&str, &str)] = &[
    ("token_embd", "transformer.wte"),
    ("position_embd", "transformer.wpe"),
    ("output_norm", "transformer.ln_f"),
    ("output", "lm_head"),
    ("blk.{}.attn_norm", "transformer.h.{}.ln_1"),
    ("blk.{}.attn_qkv", "transformer.h.{}.attn.c_attn"),
    ("blk.{}.attn_output", "transformer.h.{}.attn.c_proj"),
    ("blk.{}.ffn_norm", "transformer.h.{}.ln_2"),
    ("blk.{}.ffn_up", "transformer.h.{}.mlp.c_fc"),
    ("blk.{}.ffn_down", "transformer.h.{}.mlp.c_proj"),
];

const GPT_NEOX_TENSORS: &[(&str, &str)] = &[
    ("token_embd", "gpt_neox.embed_in"),
    ("output_norm", "gpt_neox.final_layer_norm"),
    ("output", "embed_out"),
    ("blk.{}.attn_norm", "gpt_neox.layers.{}.input_layernorm"),
    ("blk.{}.attn_qkv", "gpt_neox.layers.{}.attention.query_key_value"),
    ("blk.{}.attn_output", "gpt_neox.layers.{}.attention.dense"),
    ("blk.{}.ffn_norm", "gpt_neox.layers.{}.post_attention_layernorm"),
    ("blk.{}.ffn_up", "gpt_neox.layers.{}.mlp.dense_h_to_4h"),
    ("blk.{}.ffn_down", "gpt_neox.layers.{}.mlp.dense_4h_to_h"),
];

/// Split into one tensor a head while the file is opened; the second `{}` is the head.
const STABLELM_NORMS: &[(&str, &str)] = &[
    ("blk.{}.attn_q_norm", "model.layers.{}.self_attn.q_layernorm.norms.{}"),
    ("blk.{}.attn_k_norm", "model.layers.{}.self_attn.k_layernorm.norms.{}"),
];

/// Most tensors that one is split into.
const MAX_HEADS: usize = 256;

/// Tables that are read while the file is opened, and are no weights.
const ROPE_TABLES: [&str; 3] = ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"];

const LLAMA: GgufFamily = GgufFamily {
    architecture: "llama",
    model_type: "llama",
    keys: LLAMA_KEYS,
    tensors: &[LLAMA_TENSORS],
    rows: Rows::QueriesAndKeysPermuted,
    adds_one_to_norms: false,
    more: |header, _, config| {
        config.insert("attention_bias".into(), has(header, "blk.0.attn_q.bias").into());
        config.insert("mlp_bias".into(), has(header, "blk.0.ffn_up.bias").into());
        Ok(())
    },
};

pub const FAMILIES: &[GgufFamily] = &[
    LLAMA,
    GgufFamily {
        architecture: "smollm3",
        model_type: "smollm3",
        more: |header, sizes, config| {
            // llama.cpp has the interval in its code.
            config.insert("no_rope_layer_interval".into(), 4.into());
            (LLAMA.more)(header, sizes, config)
        },
        ..LLAMA
    },
    GgufFamily {
        architecture: "qwen2",
        model_type: "qwen2",
        keys: Keys { head_size: None, ..LLAMA_KEYS },
        rows: Rows::AsInCheckpoint,
        more: nothing_more,
        ..LLAMA
    },
    GgufFamily {
        architecture: "qwen3",
        model_type: "qwen3",
        tensors: &[LLAMA_TENSORS, QK_NORMS],
        rows: Rows::AsInCheckpoint,
        more: attention_bias,
        ..LLAMA
    },
    GgufFamily {
        architecture: "olmo2",
        model_type: "olmo2",
        tensors: &[
            &[
                ("blk.{}.post_attention_norm", "model.layers.{}.post_attention_layernorm"),
                ("blk.{}.post_ffw_norm", "model.layers.{}.post_feedforward_layernorm"),
            ],
            LLAMA_TENSORS,
            QK_NORMS,
        ],
        rows: Rows::AsInCheckpoint,
        more: attention_bias,
        ..LLAMA
    },
    GgufFamily {
        architecture: "gemma2",
        model_type: "gemma2",
        tensors: &[GEMMA_NORMS, LLAMA_TENSORS],
        rows: Rows::AsInCheckpoint,
        adds_one_to_norms: true,
        more: |header, sizes, config| {
            for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
                let cap = header.float(&format!("gemma2.{key}"))?;
                config.insert(key.into(), json!(cap));
            }
            gemma(header, "gemma2", sizes, 46, config)
        },
        ..LLAMA
    },
    GgufFamily {
        architecture: "gemma3",
        model_type: "gemma3_text",
        tensors: &[GEMMA_NORMS, LLAMA_TENSORS, QK_NORMS],
        rows: Rows::AsInCheckpoint,
        adds_one_to_norms: true,
        more: |header, sizes, config| {
            config.insert("rope_local_base_freq".into(), 10_000.0.into());
            // llama.cpp has 6 in its code; the key is for models that differ.
            let pattern = header.unsigned("gemma3.attention.sliding_window_pattern")?.unwrap_or(6);
            config.insert("sliding_window_pattern".into(), pattern.into());
            gemma(header, "gemma3", sizes, 62, config)
        },
        ..LLAMA
    },
    GgufFamily {
        architecture: "phi2",
        model_type: "phi",
        keys: Keys {
            norm_epsilon: "layer_norm_eps",
            head_size: None,
            rotary_share: Some("partial_rotary_factor"),
            ..LLAMA_KEYS
        },
        tensors: &[PHI2_TENSORS, LLAMA_TENSORS],
        rows: Rows::AsInCheckpoint,
        more: nothing_more,
        ..LLAMA
    },
    GgufFamily {
        architecture: "phi3",
        model_type: "phi3",
        keys: Keys { head_size: None, rotary_share: Some("partial_rotary_factor"), ..LLAMA_KEYS },
        tensors: &[PHI3_TENSORS, LLAMA_TENSORS],
        rows: Rows::AsInCheckpoint,
        more: |header, _, config| {
            let window = header.unsigned("phi3.attention.sliding_window")?.filter(|window| *window > 0);
            config.insert("sliding_window".into(), json!(window));
            Ok(())
        },
        ..LLAMA
    },
    GgufFamily {
        architecture: "chatglm",
        model_type: "glm",
        keys: Keys { rotary_share: Some("partial_rotary_factor"), ..LLAMA_KEYS },
        tensors: &[&[("blk.{}.ffn_up", "model.layers.{}.mlp.gate_up_proj")], LLAMA_TENSORS],
        rows: Rows::AsInCheckpoint,
        more: attention_bias,
        ..LLAMA
    },
    GgufFamily {
        architecture: "stablelm",
        model_type: "stablelm",
        keys: Keys {
            norm_epsilon: "layer_norm_eps",
            head_size: None,
            rotary_share: Some("partial_rotary_factor"),
            ..LLAMA_KEYS
        },
        tensors: &[LLAMA_TENSORS, STABLELM_NORMS],
        rows: Rows::AsInCheckpoint,
        more: |header, _, config| {
            let parallel = header.bool("stablelm.use_parallel_residual")?.unwrap_or(false);
            config.insert("use_parallel_residual".into(), parallel.into());
            config.insert("use_qkv_bias".into(), has(header, "blk.0.attn_q.bias").into());
            config.insert("qk_layernorm".into(), has(header, "blk.0.attn_q_norm.weight").into());
            Ok(())
        },
        ..LLAMA
    },
    GgufFamily {
        architecture: "gptneox",
        model_type: "gpt_neox",
        keys: Keys {
            kv_heads: None,
            norm_epsilon: "layer_norm_eps",
            head_size: None,
            rope_theta: Some("rotary_emb_base"),
            rotary_share: Some("rotary_pct"),
            ..LLAMA_KEYS
        },
        tensors: &[GPT_NEOX_TENSORS],
        rows: Rows::FusedByKind,
        more: |header, _, config| {
            let parallel = header.bool("gptneox.use_parallel_residual")?.unwrap_or(true);
            config.insert("use_parallel_residual".into(), parallel.into());
            config.insert("attention_bias".into(), has(header, "blk.0.attn_qkv.bias").into());
            Ok(())
        },
        ..LLAMA
    },
    GgufFamily {
        architecture: "gpt2",
        model_type: "gpt2",
        keys: Keys {
            layers: "n_layer",
            channels: "n_embd",
            heads: "n_head",
            kv_heads: None,
            inner: "n_inner",
            context: "n_positions",
            norm_epsilon: "layer_norm_epsilon",
            head_size: None,
            rope_theta: None,
            rotary_share: None,
        },
        tensors: &[GPT2_TENSORS],
        rows: Rows::AsInCheckpoint,
        more: nothing_more,
        ..LLAMA
    },
];

fn nothing_more(_: &Header, _: &Sizes, _: &mut Map<String, Json>) -> Result<(), CheckpointError> {
    Ok(())
}

fn attention_bias(header: &Header, _: &Sizes, config: &mut Map<String, Json>) -> Result<(), CheckpointError> {
    config.insert("attention_bias".into(), has(header, "blk.0.attn_q.bias").into());
    Ok(())
}

/// `of_27b` is the number of layers of the largest of its generation, which alone scales its scores by the channels of a
/// head in the residual stream; the file does not say it, and llama.cpp tells it by the layers too.
fn gemma(
    header: &Header,
    architecture: &str,
    sizes: &Sizes,
    of_27b: u64,
    config: &mut Map<String, Json>,
) -> Result<(), CheckpointError> {
    let scalar = if sizes.layers == of_27b { sizes.channels / sizes.heads } else { sizes.head_size };
    config.insert("query_pre_attn_scalar".into(), scalar.into());
    let window = header.unsigned(&format!("{architecture}.attention.sliding_window"))?;
    config.insert("sliding_window".into(), json!(window.unwrap_or(4096)));
    Ok(())
}

fn has(header: &Header, name: &str) -> bool {
    header.tensors.iter().any(|tensor| tensor.name == name)
}

/// Keys below the architecture's name that are read here or change nothing.
const UNDERSTOOD: &[&str] = &[
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "attention.value_length",
    "attn_logit_softcapping",
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "final_logit_softcapping",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scaling.attn_factor",
    "rope.scaling.factor",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "rope.scale_linear",
    "tensor_data_layout",
    "use_parallel_residual",
    "vocab_size",
];

/// The family a file names.
pub fn family(header: &Header) -> Result<&'static GgufFamily, CheckpointError> {
    let name = header.text("general.architecture")?.unwrap_or("absent");
    FAMILIES.iter().find(|family| family.architecture == name).ok_or_else(|| CheckpointError::UnknownArchitecture {
        file: header.file.clone(),
        got: shown(name),
        known: FAMILIES.iter().map(|family| family.architecture).collect::<Vec<_>>().join(", "),
    })
}

impl GgufFamily {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    fn required(&self, header: &Header, name: &str) -> Result<u64, CheckpointError> {
        let key = self.key(name);
        header.unsigned(&key)?.ok_or_else(|| CheckpointError::Key {
            file: header.file.clone(),
            key,
            found: "absent".into(),
            expected: "a whole number".into(),
        })
    }

    pub fn sizes(&self, header: &Header) -> Result<Sizes, CheckpointError> {
        let (channels, heads) =
            (self.required(header, "embedding_length")?, self.required(header, "attention.head_count")?);
        if heads == 0 {
            return Err(header.unexpected(&self.key("attention.head_count"), &Value::Unsigned(0), "at least 1"));
        }
        let head_size = header.unsigned(&self.key("attention.key_length"))?.unwrap_or(channels / heads);
        let value_size = header.unsigned(&self.key("attention.value_length"))?.unwrap_or(head_size);
        if value_size != head_size {
            let key = self.key("attention.value_length");
            return Err(header.unexpected(&key, &Value::Unsigned(value_size), &format!("the keys' {head_size}")));
        }
        Ok(Sizes {
            layers: self.required(header, "block_count")?,
            channels,
            heads,
            kv_heads: header.unsigned(&self.key("attention.head_count_kv"))?.unwrap_or(heads),
            head_size,
        })
    }

    /// The metadata as the config.json the engine's families read.
    ///
    /// Errors: a key below the architecture's name that is not understood and asks for something.
    pub async fn config(
        &self,
        source: &dyn Source,
        header: &Header,
        file_bytes: u64,
    ) -> Result<Config, CheckpointError> {
        self.check_keys(header)?;
        let (keys, sizes) = (&self.keys, self.sizes(header)?);
        let mut config = Map::new();
        let mut set = |key: &str, value: Json| config.insert(key.into(), value);
        set("model_type", self.model_type.into());
        set(keys.layers, sizes.layers.into());
        set(keys.channels, sizes.channels.into());
        set(keys.heads, sizes.heads.into());
        if let Some(key) = keys.kv_heads {
            set(key, sizes.kv_heads.into());
        }
        if let Some(key) = keys.head_size {
            set(key, sizes.head_size.into());
        }
        set(keys.inner, self.required(header, "feed_forward_length")?.into());
        let context = self.required(header, "context_length")?;
        set(keys.context, context.into());
        for name in ["attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon"] {
            if let Some(epsilon) = header.float(&self.key(name))? {
                // Written as f32: 1e-5 comes back as 9.999999747e-6, which is the same f32 again.
                set(keys.norm_epsilon, epsilon.into());
            }
        }
        if let (Some(key), Some(theta)) = (keys.rope_theta, header.float(&self.key("rope.freq_base"))?) {
            set(key, theta.into());
        }
        if let (Some(key), Some(turned)) = (keys.rotary_share, header.unsigned(&self.key("rope.dimension_count"))?) {
            // A hair more, so that the product with the head size is not rounded down to one less.
            set(key, ((turned as f64 + 1e-6) / sizes.head_size.max(1) as f64).min(1.0).into());
        }
        if keys.rope_theta.is_some() && keys.rotary_share.is_none() {
            let key = self.key("rope.dimension_count");
            if let Some(turned) = header.unsigned(&key)?.filter(|turned| *turned != sizes.head_size) {
                let expected = format!("the head size {}", sizes.head_size);
                return Err(header.unexpected(&key, &Value::Unsigned(turned), &expected));
            }
        }
        let embedding = header.tensors.iter().find(|tensor| tensor.name == "token_embd.weight");
        if let Some(rows) = embedding.and_then(|tensor| tensor.shape().first()) {
            set("vocab_size", (*rows as u64).into());
        }
        set("tie_word_embeddings", (!has(header, "output.weight")).into());
        let mut eos = Vec::new();
        for name in ["eos_token_id", "eot_token_id", "eom_token_id"] {
            eos.extend(header.unsigned(&format!("tokenizer.ggml.{name}"))?.filter(|id| *id < MAX_CONFIG_NUMBER));
        }
        eos.dedup();
        set("eos_token_id", json!(eos));
        if let Some(bos) = header.unsigned("tokenizer.ggml.bos_token_id")?.filter(|id| *id < MAX_CONFIG_NUMBER) {
            set("bos_token_id", bos.into());
        }
        if let Some(scaling) = self.rope_scaling(source, header, file_bytes, context).await? {
            set("rope_scaling", scaling);
        }
        (self.more)(header, &sizes, &mut config)?;
        Ok(Config::from_values(&header.file, config))
    }

    /// A setting that changes the result and is not understood is an error, never ignored.
    fn check_keys(&self, header: &Header) -> Result<(), CheckpointError> {
        let prefix = self.key("");
        for (key, value) in &header.values {
            let Some(name) = key.strip_prefix(&prefix) else { continue };
            let asks_for_nothing = matches!(value, Value::Unsigned(0) | Value::Signed(0) | Value::Bool(false))
                || matches!(value, Value::Float(number) if *number == 0.0)
                || (name == "attention.causal" && *value == Value::Bool(true));
            if !UNDERSTOOD.contains(&name) && !asks_for_nothing {
                return Err(header.unexpected(key, value, "no such setting: this program does not understand it"));
            }
        }
        Ok(())
    }

    /// `rope_scaling` of config.json. Factors that a file lists pair by pair (Llama 3's, LongRoPE's) become LongRoPE's.
    async fn rope_scaling(
        &self,
        source: &dyn Source,
        header: &Header,
        file_bytes: u64,
        context: u64,
    ) -> Result<Option<Json>, CheckpointError> {
        let number = |name: &str| header.float(&self.key(&format!("rope.scaling.{name}")));
        let original = header.unsigned(&self.key("rope.scaling.original_context_length"))?;
        let attention = number("attn_factor")?.filter(|factor| *factor != 0.0);
        if let Some(factors) = factors(source, header, file_bytes, ROPE_TABLES[0]).await? {
            return Ok(Some(json!({
                "rope_type": "longrope", "short_factor": factors, "long_factor": factors,
                "attention_factor": attention.unwrap_or(1.0), "original_max_position_embeddings": context,
            })));
        }
        if let Some(long) = factors(source, header, file_bytes, ROPE_TABLES[1]).await? {
            let short = factors(source, header, file_bytes, ROPE_TABLES[2]).await?.unwrap_or_else(|| long.clone());
            return Ok(Some(json!({
                "rope_type": "longrope", "short_factor": short, "long_factor": long,
                "attention_factor": attention.unwrap_or(1.0),
                "original_max_position_embeddings": original.unwrap_or(context),
            })));
        }
        let factor = match number("factor")? {
            Some(factor) => Some(factor),
            None => header.float(&self.key("rope.scale_linear"))?,
        };
        let factor = factor.filter(|factor| *factor != 0.0 && *factor != 1.0);
        let key = self.key("rope.scaling.type");
        let kind = header.text(&key)?.unwrap_or(if factor.is_some() { "linear" } else { "none" });
        Ok(match (kind, factor) {
            ("none", _) | ("linear", None) => None,
            ("linear", Some(factor)) => Some(json!({ "rope_type": "linear", "factor": factor })),
            ("yarn", Some(factor)) => {
                let original = original.unwrap_or(context);
                let mut scaling = json!({
                    "rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original,
                });
                if let Some(attention) = attention {
                    // llama.cpp multiplies this with what the paper's formula gives.
                    scaling["attention_factor"] = json!(attention * (0.1 * factor.ln() + 1.0));
                }
                Some(scaling)
            }
            _ => {
                let found = Value::Text(format!("{kind} with factor {factor:?}"));
                return Err(header.unexpected(&key, &found, "none, linear, yarn, or a table of factors"));
            }
        })
    }

    /// A tensor of the file as the engine's families know it: name, order of rows, what was added.
    ///
    /// A tensor of an unknown name keeps it; a table of rotary factors is none, as it has been read already.
    ///
    /// Errors: rows that are no whole number of heads.
    pub fn entries(
        &self,
        header: &Header,
        sizes: &Sizes,
        tensor: &Description,
        dtype: DType,
    ) -> Result<Vec<TensorEntry>, CheckpointError> {
        if ROPE_TABLES.contains(&tensor.name.as_str()) {
            return Ok(Vec::new());
        }
        let name = self.translate(&tensor.name);
        let shape = tensor.shape().to_vec();
        let mut change = Change { stored: dtype, rows: RowOrder::AsStored, add: 0.0 };
        let (heads, kv_heads) = (sizes.heads as usize, sizes.kv_heads as usize);
        let stem = tensor.name.rsplit_once('.').map_or("", |(stem, _)| stem);
        let role = stem.rsplit_once('.').map_or(stem, |(_, role)| role);
        change.rows = match (self.rows, role) {
            (Rows::QueriesAndKeysPermuted, "attn_q") => RowOrder::NeighboursToHalves { heads },
            (Rows::QueriesAndKeysPermuted, "attn_k") => RowOrder::NeighboursToHalves { heads: kv_heads },
            (Rows::FusedByKind, "attn_qkv") => RowOrder::KindsToHeads { heads },
            _ => RowOrder::AsStored,
        };
        if !change.rows.fits(shape[0]) {
            let name = shown(&tensor.name);
            let reason = format!("tensor {name} has {} rows, which do not go into {:?}", shape[0], change.rows);
            return Err(CheckpointError::Gguf { file: header.file.clone(), reason });
        }
        if self.adds_one_to_norms && role.ends_with("norm") && tensor.name.ends_with(".weight") {
            change.add = -1.0;
        }
        // Vectors are few and small; keeping them wide spares the kernels of norms and biases the blocks.
        let is_vector = shape.len() == 1;
        let delivered = if is_vector && (dtype.is_block() || change.add != 0.0) { DType::F32 } else { dtype };
        let is_changed = delivered != dtype || change.rows != RowOrder::AsStored || change.add != 0.0;
        let entry = TensorEntry {
            name,
            file: header.file.clone(),
            dtype: delivered,
            shape,
            range: tensor.range.clone(),
            change: is_changed.then(|| Box::new(change)),
        };
        Ok(match entry.shape[..] {
            [rows, columns] if entry.name.contains("{}") && rows <= MAX_HEADS => by_head(&entry, rows, columns),
            _ => vec![entry],
        })
    }

    fn translate(&self, name: &str) -> String {
        let layer = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.')).map(|(layer, _)| layer);
        let layer = layer.filter(|layer| !layer.is_empty() && layer.bytes().all(|byte| byte.is_ascii_digit()));
        let pattern = match layer {
            Some(layer) => format!("blk.{{}}{}", &name["blk.".len() + layer.len()..]),
            None => name.to_owned(),
        };
        for end in [".weight", ".bias"] {
            let Some(stem) = pattern.strip_suffix(end) else { continue };
            if let Some((_, own)) = self.tensors.iter().copied().flatten().find(|(gguf, _)| *gguf == stem) {
                return format!("{}{end}", own.replacen("{}", layer.unwrap_or_default(), 1));
            }
        }
        name.to_owned()
    }
}

/// One tensor a row: `…norms.{}` becomes `…norms.0`, `…norms.1`, and so on.
fn by_head(entry: &TensorEntry, rows: usize, columns: usize) -> Vec<TensorEntry> {
    let bytes = entry.bytes() / (rows as u64).max(1);
    (0..rows)
        .map(|head| TensorEntry {
            name: entry.name.replacen("{}", &head.to_string(), 1),
            shape: vec![columns],
            range: entry.range.start + head as u64 * bytes..entry.range.start + (head as u64 + 1) * bytes,
            ..entry.clone()
        })
        .collect()
}

/// A small table of f32, where the file has it.
async fn factors(
    source: &dyn Source,
    header: &Header,
    file_bytes: u64,
    name: &str,
) -> Result<Option<Vec<f32>>, CheckpointError> {
    /// More channels than any head has.
    const MAX_FACTORS: u64 = 1024;
    let Some(tensor) = header.tensors.iter().find(|tensor| tensor.name == name) else { return Ok(None) };
    let bytes = tensor.range.end - tensor.range.start;
    if tensor.dtype != Some(DType::F32) || bytes > 4 * MAX_FACTORS {
        let reason = format!("{name} has {bytes} bytes of {}, expected up to {MAX_FACTORS} F32", tensor.type_name);
        return Err(CheckpointError::Gguf { file: header.file.clone(), reason });
    }
    let mut reader = Reader::at(source, &header.file, file_bytes, tensor.range.start);
    let factors: Vec<f32> = bytemuck::pod_collect_to_vec(reader.take(bytes, name).await?);
    if factors.iter().all(|factor| factor.is_finite() && *factor > 0.0) {
        return Ok(Some(factors));
    }
    Err(CheckpointError::Gguf {
        file: header.file.clone(),
        reason: format!("{name} holds factors that are not above 0"),
    })
}
