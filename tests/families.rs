//! Oracle: transformers' own configuration classes (tests/golden/configs.json, written by tools/reference/configs.py), and
//! the rule that a field which may change the result is understood or refused.

use std::path::Path;

use crate::common::read_json;
use glitchscope::checkpoint::Config;
use glitchscope::engine::EngineError;
use glitchscope::engine::architecture::{Architecture, Residual};
use glitchscope::engine::families::{FAMILIES, Family, family};
use glitchscope::error::{Error, Result};
use serde_json::{Map, Value, json};

type Fields = Map<String, Value>;

fn architecture(fields: &Fields) -> Result<Architecture> {
    let config = Config::from_bytes("config.json", &serde_json::to_vec(fields).unwrap())?;
    family(&config)?.architecture(&config)
}

/// What transformers writes for each family, and OpenELM's published fields.
fn configurations() -> Vec<(&'static Family, Fields)> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let written: Value = read_json(&golden.join("configs.json"));
    let openelm: Fields = read_json(&golden.join("models/openelm/config.json"));
    let fields = |family: &Family| match family.model_type {
        "openelm" => openelm.clone(),
        name => written["configs"][name].as_object().unwrap_or_else(|| panic!("no configuration of {name}")).clone(),
    };
    FAMILIES.iter().map(|family| (family, fields(family))).collect()
}

/// The message of an error, which must be one about the configuration.
fn refusal(name: &str, fields: &Fields) -> String {
    match architecture(fields) {
        Ok(architecture) => panic!("{name} was accepted: {architecture:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_transformers_writes_is_understood() {
    for (family, fields) in configurations() {
        let name = family.model_type;
        let got = architecture(&fields).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(got.family, name);
        let number = |keys: &[&str]| {
            let key = keys.iter().find(|key| fields.contains_key(**key)).unwrap_or_else(|| panic!("{name}: {keys:?}"));
            fields[*key].as_u64().unwrap_or_else(|| panic!("{name}: {key}")) as usize
        };
        let layers = ["num_hidden_layers", "n_layer", "num_layers", "num_transformer_layers"];
        assert_eq!(got.n_layers(), number(&layers), "{name}");
        assert_eq!(got.n_channels, number(&["hidden_size", "n_embd", "model_dim"]), "{name}");
        assert_eq!(got.n_vocabulary, number(&["vocab_size"]), "{name}");
        assert_eq!(got.context, number(&["max_position_embeddings", "n_positions", "max_context_length"]), "{name}");
    }
}

/// Published files are older than `rope_parameters`: their settings stand on the top level. Oracle: the newer spelling.
#[test]
fn older_spellings_of_positions_say_the_same() {
    let mut compared = 0;
    for (family, newer) in configurations() {
        let name = family.model_type;
        let mut older = newer.clone();
        let Some(Value::Object(mut rope)) = older.remove("rope_parameters") else { continue };
        if name == "gemma3_text" {
            older.insert("rope_theta".into(), rope["full_attention"]["rope_theta"].clone());
            older.insert("rope_local_base_freq".into(), rope["sliding_attention"]["rope_theta"].clone());
        } else {
            let (theta, share) = match name {
                "gpt_neox" => ("rotary_emb_base", "rotary_pct"),
                _ => ("rope_theta", "partial_rotary_factor"),
            };
            older.insert(theta.into(), rope.remove("rope_theta").unwrap());
            // Phi-3's newer spelling writes a share of 1, which the older leaves out.
            if let Some(value) = rope.remove("partial_rotary_factor").filter(|value| *value != json!(1.0)) {
                older.insert(share.into(), value);
            }
            assert_eq!(rope, json!({ "rope_type": "default" }).as_object().unwrap().clone(), "{name}");
        }
        older.insert("rope_scaling".into(), Value::Null);
        older.insert("torch_dtype".into(), json!("bfloat16"));
        let got = architecture(&older).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(got, architecture(&newer).unwrap(), "{name}");
        compared += 1;
    }
    assert!(compared >= 12, "only {compared} families have rotary settings");
}

/// Fields of published files, as transformers 4 and the models' makers wrote them.
#[test]
fn published_configurations_are_understood() {
    let longrope = json!({ "type": "longrope", "short_factor": vec![1.0; 48], "long_factor": vec![2.0; 48] });
    let layers = |n: usize| vec!["full_attention"; n];
    for (name, fields) in [
        (
            "gpt2",
            json!({ "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1,
                "bos_token_id": 50256, "embd_pdrop": 0.1, "eos_token_id": 50256, "initializer_range": 0.02,
                "layer_norm_epsilon": 1e-5, "model_type": "gpt2", "n_ctx": 1024, "n_embd": 768, "n_head": 12,
                "n_layer": 12, "n_positions": 1024, "resid_pdrop": 0.1, "summary_activation": null,
                "summary_first_dropout": 0.1, "summary_proj_to_labels": true, "summary_type": "cls_index",
                "summary_use_proj": true, "task_specific_params": { "text-generation": { "do_sample": true } },
                "vocab_size": 50257 }),
        ),
        (
            "GPT-J 6B",
            json!({ "activation_function": "gelu_new", "architectures": ["GPTJForCausalLM"], "attn_pdrop": 0.0,
                "bos_token_id": 50256, "embd_pdrop": 0.0, "eos_token_id": 50256, "gradient_checkpointing": false,
                "initializer_range": 0.02, "layer_norm_epsilon": 1e-5, "model_type": "gptj", "n_embd": 4096,
                "n_head": 16, "n_inner": null, "n_layer": 28, "n_positions": 2048, "resid_pdrop": 0.0, "rotary": true,
                "rotary_dim": 64, "scale_attn_weights": true, "summary_activation": null,
                "summary_first_dropout": 0.1, "summary_proj_to_labels": true, "summary_type": "cls_index",
                "summary_use_proj": true, "tie_word_embeddings": false, "tokenizer_class": "GPT2Tokenizer",
                "transformers_version": "4.18.0.dev0", "use_cache": true, "vocab_size": 50400 }),
        ),
        (
            "GPT-Neo 125M",
            json!({ "activation_function": "gelu_new", "architectures": ["GPTNeoForCausalLM"],
                "attention_dropout": 0, "attention_layers": ["global", "local", "global", "local", "global", "local",
                "global", "local", "global", "local", "global", "local"],
                "attention_types": [[["global", "local"], 6]], "bos_token_id": 50256, "embed_dropout": 0,
                "eos_token_id": 50256, "gradient_checkpointing": false, "hidden_size": 768,
                "initializer_range": 0.02, "intermediate_size": null, "layer_norm_epsilon": 1e-5,
                "max_position_embeddings": 2048, "model_type": "gpt_neo", "num_heads": 12, "num_layers": 12,
                "resid_dropout": 0, "summary_activation": null, "summary_first_dropout": 0.1,
                "summary_proj_to_labels": true, "summary_type": "cls_index", "summary_use_proj": true,
                "use_cache": true, "vocab_size": 50257, "window_size": 256 }),
        ),
        (
            "Pythia 1B",
            json!({ "architectures": ["GPTNeoXForCausalLM"], "bos_token_id": 0, "eos_token_id": 0,
                "hidden_act": "gelu", "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 8192,
                "layer_norm_eps": 1e-5, "max_position_embeddings": 2048, "model_type": "gpt_neox",
                "num_attention_heads": 8, "num_hidden_layers": 16, "rotary_emb_base": 10000, "rotary_pct": 0.25,
                "tie_word_embeddings": false, "torch_dtype": "float16", "transformers_version": "4.24.0",
                "use_cache": true, "use_parallel_residual": true, "vocab_size": 50304 }),
        ),
        (
            "OPT 1.3B",
            json!({ "_remove_final_layer_norm": false, "activation_dropout": 0.0, "activation_function": "relu",
                "architectures": ["OPTForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 2,
                "do_layer_norm_before": true, "dropout": 0.1, "eos_token_id": 2, "ffn_dim": 8192,
                "hidden_size": 2048, "init_std": 0.02, "layerdrop": 0.0, "max_position_embeddings": 2048,
                "model_type": "opt", "num_attention_heads": 32, "num_hidden_layers": 24, "pad_token_id": 1,
                "prefix": "</s>", "torch_dtype": "float16", "use_cache": true, "vocab_size": 50272,
                "word_embed_proj_dim": 2048 }),
        ),
        (
            "Llama 3.2 1B",
            json!({ "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
                "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009], "head_dim": 64,
                "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 8192,
                "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "llama",
                "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8, "pretraining_tp": 1,
                "rms_norm_eps": 1e-5, "rope_scaling": { "factor": 32.0, "high_freq_factor": 4.0,
                "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3" },
                "rope_theta": 500000.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
                "transformers_version": "4.45.0.dev0", "use_cache": true, "vocab_size": 128256 }),
        ),
        (
            "Qwen2.5 0.5B",
            json!({ "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643,
                "eos_token_id": 151643, "hidden_act": "silu", "hidden_size": 896, "initializer_range": 0.02,
                "intermediate_size": 4864, "max_position_embeddings": 32768, "max_window_layers": 24,
                "model_type": "qwen2", "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2,
                "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": true,
                "torch_dtype": "bfloat16", "use_cache": true, "use_mrope": false, "use_sliding_window": false,
                "vocab_size": 151936 }),
        ),
        (
            "Gemma 2 2B",
            json!({ "architectures": ["Gemma2ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
                "attn_logit_softcapping": 50.0, "bos_token_id": 2, "cache_implementation": "hybrid",
                "eos_token_id": [1, 107], "final_logit_softcapping": 30.0, "head_dim": 256,
                "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 2304,
                "initializer_range": 0.02, "intermediate_size": 9216, "max_position_embeddings": 8192,
                "model_type": "gemma2", "num_attention_heads": 8, "num_hidden_layers": 26, "num_key_value_heads": 4,
                "pad_token_id": 0, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
                "sliding_window": 4096, "sliding_window_size": 4096, "torch_dtype": "bfloat16", "use_cache": true,
                "vocab_size": 256000 }),
        ),
        (
            "Gemma 3 1B",
            json!({ "architectures": ["Gemma3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
                "attn_logit_softcapping": null, "bos_token_id": 2, "cache_implementation": "hybrid",
                "eos_token_id": [1, 106], "final_logit_softcapping": null, "head_dim": 256,
                "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 1152, "initializer_range": 0.02,
                "intermediate_size": 6912, "max_position_embeddings": 32768, "model_type": "gemma3_text",
                "num_attention_heads": 4, "num_hidden_layers": 26, "num_key_value_heads": 1, "pad_token_id": 0,
                "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-6, "rope_local_base_freq": 10000,
                "rope_scaling": null, "rope_theta": 1000000, "sliding_window": 512, "sliding_window_pattern": 6,
                "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 262144 }),
        ),
        (
            "Phi-4 mini",
            json!({ "_name_or_path": "Phi-4-mini-instruct", "architectures": ["Phi3ForCausalLM"],
                "attention_bias": false, "attention_dropout": 0.0, "auto_map": { "AutoConfig": "c.Phi3Config" },
                "bos_token_id": 199999, "embd_pdrop": 0.0, "eos_token_id": 199999, "full_attn_mod": 1,
                "hidden_act": "silu", "hidden_size": 3072, "initializer_range": 0.02, "intermediate_size": 8192,
                "interpolate_factor": 1, "lm_head_bias": false, "max_position_embeddings": 131072, "mlp_bias": false,
                "model_type": "phi3", "num_attention_heads": 24, "num_hidden_layers": 32, "num_key_value_heads": 8,
                "original_max_position_embeddings": 4096, "pad_token_id": 199999, "partial_rotary_factor": 0.75,
                "resid_pdrop": 0.0, "rms_norm_eps": 1e-5, "rope_scaling": longrope, "rope_theta": 10000.0,
                "sliding_window": 262144, "tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_cache": true,
                "vocab_size": 200064 }),
        ),
        (
            "SmolLM3 3B",
            json!({ "architectures": ["SmolLM3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
                "bos_token_id": null, "eos_token_id": 128001, "hidden_act": "silu", "hidden_size": 2048,
                "initializer_range": 0.02, "intermediate_size": 11008, "layer_types": layers(36),
                "max_position_embeddings": 65536, "max_window_layers": 28, "mlp_bias": false,
                "model_type": "smollm3", "no_rope_layer_interval": 4, "num_attention_heads": 16,
                "num_hidden_layers": 36, "num_key_value_heads": 4, "pad_token_id": 128004, "pretraining_tp": 2,
                "rms_norm_eps": 1e-6, "rope_scaling": null, "rope_theta": 5000000.0, "sliding_window": null,
                "torch_dtype": "bfloat16", "use_cache": true, "use_sliding_window": false, "vocab_size": 128256 }),
        ),
        (
            "OpenELM 270M, two layers of it",
            json!({ "activation_fn_name": "swish", "architectures": ["OpenELMForCausalLM"],
                "auto_map": { "AutoConfig": "configuration_openelm.OpenELMConfig" }, "bos_token_id": 1,
                "eos_token_id": 2, "ffn_dim_divisor": 256, "ffn_multipliers": [0.5, 0.73], "ffn_with_glu": true,
                "head_dim": 64, "initializer_range": 0.02, "max_context_length": 2048, "model_dim": 1280,
                "model_type": "openelm", "normalization_layer_name": "rms_norm", "normalize_qk_projections": true,
                "num_gqa_groups": 4, "num_kv_heads": [3, 3], "num_query_heads": [12, 12],
                "num_transformer_layers": 2, "qkv_multipliers": [0.5, 1.0], "rope_freq_constant": 10000,
                "rope_max_length": 4096, "share_input_output_layers": true, "torch_dtype": "float32",
                "use_cache": true, "vocab_size": 32000 }),
        ),
    ] {
        architecture(fields.as_object().unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// A stretched context, spelled as in published files of each kind, against the newer spelling.
#[test]
fn older_spellings_of_stretched_positions_say_the_same() {
    let original = "original_max_position_embeddings";
    for (name, kind, settings) in [
        ("llama", "linear", json!({ "factor": 2.0 })),
        ("llama", "dynamic", json!({ "factor": 2.0 })),
        ("llama", "llama3", json!({ "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, original: 8192 })),
        ("qwen2", "yarn", json!({ "factor": 4.0, original: 32768 })),
    ] {
        let (_, fields) = configurations().into_iter().find(|(family, _)| family.model_type == name).unwrap();
        let plain = architecture(&fields).unwrap();
        let mut settings = settings.as_object().unwrap().clone();
        settings.insert("rope_theta".into(), json!(500_000.0));
        let mut newer = fields.clone();
        settings.insert("rope_type".into(), json!(kind));
        newer.insert("rope_parameters".into(), Value::Object(settings.clone()));
        let mut older = fields;
        older.remove("rope_parameters");
        older.insert("rope_theta".into(), settings.remove("rope_theta").unwrap());
        let kind = settings.remove("rope_type").unwrap();
        settings.insert("type".into(), kind.clone());
        older.insert("rope_scaling".into(), Value::Object(settings));
        let got = architecture(&older).unwrap_or_else(|error| panic!("{name} {kind}: {error}"));
        assert_eq!(got, architecture(&newer).unwrap(), "{name} {kind}");
        assert_ne!(got.rotary, plain.rotary, "{name} {kind} changes nothing");
    }
}

/// The rule: a field is the family's, harmless, null or false, or an error that names it with its value.
#[test]
fn a_field_that_is_not_understood_is_refused() {
    for (family, fields) in configurations() {
        let name = family.model_type;
        let with = |value: Value| {
            let mut fields = fields.clone();
            fields.insert("surprise".into(), value);
            fields
        };
        for value in [json!(3), json!(0), json!(true), json!(""), json!("silu"), json!([]), json!({ "a": 1 })] {
            let message = refusal(name, &with(value.clone()));
            assert!(message.contains("surprise") && message.contains(&value.to_string()), "{name}: {message}");
            assert!(message.contains(name), "{name}: {message}");
        }
        // Negative control: what asks for nothing, and what is harmless, is let through.
        for value in [Value::Null, json!(false)] {
            architecture(&with(value)).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let mut harmless = fields.clone();
        harmless.insert("attention_dropout".into(), json!(0.5));
        harmless.insert("torch_dtype".into(), json!("float16"));
        assert_eq!(architecture(&harmless).unwrap(), architecture(&fields).unwrap(), "{name}");

        if let Some(Value::Object(mut rope)) = fields.get("rope_parameters").cloned() {
            match rope.get_mut("full_attention").and_then(Value::as_object_mut) {
                Some(nested) => nested.insert("surprise".into(), json!(3)),
                None => rope.insert("surprise".into(), json!(3)),
            };
            let mut fields = fields.clone();
            fields.insert("rope_parameters".into(), Value::Object(rope));
            assert!(refusal(name, &fields).contains("surprise"), "{name}");
        }
    }
    let long = json!({ "model_type": "llama", "surprise": "x".repeat(5000) });
    assert!(refusal("llama", long.as_object().unwrap()).len() < 300, "a hostile value fills the screen");
}

/// Fields that are listed because they describe how others came about.
const NOT_READ: &[(&str, &str)] = &[
    ("gpt2", "reorder_and_upcast_attn"),
    ("smollm3", "max_window_layers"),
    ("openelm", "num_gqa_groups"),
    ("openelm", "qkv_multipliers"),
    ("openelm", "rope_max_length"),
];

/// A field that is called understood is read: nonsense in it does not go unnoticed.
#[test]
fn every_understood_field_is_read() {
    let mut checked = 0;
    for (family, mut fields) in configurations() {
        let name = family.model_type;
        // Settings that are read only when others ask for them.
        match name {
            "qwen2" | "qwen3" => {
                fields.insert("use_sliding_window".into(), json!(true));
                fields.insert("sliding_window".into(), json!(4096));
            }
            "smollm3" => {
                fields.insert("use_sliding_window".into(), json!(true));
            }
            _ => {}
        }
        for field in family.fields {
            let mut changed = fields.clone();
            // What another spelling would overrule.
            for overruling in ["rope_parameters", "rope_scaling", "no_rope_layers", "sliding_window_pattern"] {
                if overruling != *field {
                    changed.remove(overruling);
                }
            }
            // Phi-3 reads this where the context is stretched.
            if *field == "original_max_position_embeddings" {
                let factors = vec![1.0; 48];
                let longrope = json!({ "type": "longrope", "short_factor": factors, "long_factor": factors });
                changed.insert("rope_scaling".into(), longrope);
            }
            architecture(&changed).unwrap_or_else(|error| panic!("{name}, before {field}: {error}"));
            changed.insert((*field).into(), json!("nonsense"));
            let is_read = architecture(&changed).is_err();
            assert_eq!(is_read, !NOT_READ.contains(&(name, *field)), "{name}: {field}");
            checked += 1;
        }
    }
    assert!(checked > 200, "only {checked} fields");
}

/// No oracle but the clock and the memory: a configuration is data from strangers, and nothing in it may panic, hang or
/// ask for gigabytes. What it describes is then either refused or within the limits.
#[test]
fn no_value_of_a_field_does_harm() {
    let mut described = 0;
    let values = [
        json!(-1),
        json!(0),
        json!(1),
        json!(3),
        json!(1 << 31),
        json!(u64::MAX),
        json!(0.5),
        json!(-0.5),
        json!(1e308),
        json!(1e-308),
        json!(""),
        json!("gelu"),
        json!(true),
        Value::Null,
        json!([]),
        json!([0]),
        json!([[[], 1 << 31]]),
        json!([[["local"], 1 << 31]]),
        json!(vec![1 << 31; 12]),
        json!({}),
        json!({ "rope_type": "yarn", "factor": 0 }),
        json!({ "rope_type": "llama3", "factor": 1, "low_freq_factor": 0, "high_freq_factor": 0 }),
        json!({ "rope_type": "longrope", "short_factor": [0.0], "long_factor": [0.0] }),
        json!({ "rope_type": "linear", "factor": 1e-308, "rope_theta": 1e308, "partial_rotary_factor": 1e-9 }),
    ];
    for (family, fields) in configurations() {
        for field in family.fields {
            for value in &values {
                let mut changed = fields.clone();
                changed.insert((*field).into(), value.clone());
                if let Ok(architecture) = architecture(&changed) {
                    assert!(architecture.n_layers() <= 1024 && architecture.head_size <= 1024, "{}", family.model_type);
                    assert!(architecture.flops_per_token() > 0 && architecture.widest_row() > 0);
                    described += 1;
                }
            }
        }
    }
    assert!(described > 100, "nearly everything is refused: {described}");
}

#[test]
fn an_unknown_family_is_refused_with_the_known_ones() {
    let fields = json!({ "model_type": "mamba" });
    let error = architecture(fields.as_object().unwrap()).unwrap_err();
    assert!(matches!(&error, Error::Engine(EngineError::UnknownFamily { .. })));
    let message = error.to_string();
    assert_eq!(FAMILIES.len(), 18);
    for family in FAMILIES {
        assert!(message.contains(family.model_type), "{message} lacks {}", family.model_type);
    }
}

#[test]
fn an_unsupported_setting_is_named() {
    for (name, field, value, expected) in [
        ("gpt2", "activation_function", json!("tanh"), "activation_function"),
        ("gpt2", "add_cross_attention", json!(true), "add_cross_attention"),
        ("gpt2", "n_ctx", json!(77), "n_ctx"),
        ("gpt2", "n_embd", json!(770), "n_head"),
        ("gptj", "rotary_dim", Value::Null, "rotary_dim"),
        ("gptj", "rotary_dim", json!(63), "63"),
        ("gptj", "rotary_dim", json!(4096), "rotary_dim"),
        ("gpt_neo", "attention_types", json!([[["global", "strided"], 12]]), "strided"),
        ("gpt_neo", "attention_types", json!([[["global"], 4_000_000_000_u64]]), "num_layers"),
        ("gpt_neo", "attention_types", json!([[[], 4_000_000_000_u64]]), "num_layers"),
        ("gpt_neo", "attention_types", json!([7]), "attention_types"),
        ("gpt_neo", "window_size", json!(0), "window"),
        ("opt", "layer_norm_elementwise_affine", json!(false), "layer_norm_elementwise_affine"),
        ("llama", "hidden_act", json!("relu"), "hidden_act"),
        ("llama", "num_key_value_heads", json!(5), "key/value heads"),
        ("llama", "num_hidden_layers", json!(2_000_000), "layers"),
        ("llama", "head_dim", json!(127), "pairs"),
        ("llama", "rope_scaling", json!({ "rope_type": "proportional", "factor": 2.0 }), "proportional"),
        ("llama", "rope_scaling", json!({ "rope_type": "linear" }), "factor"),
        ("llama", "rope_scaling", json!({ "rope_type": "linear", "factor": 0.0 }), "finite"),
        ("llama", "rope_scaling", json!(7), "rope_scaling"),
        ("llama", "quantization_config", json!({ "bits": 4 }), "quantization_config"),
        ("mistral", "sliding_window", json!(0), "window"),
        ("qwen2", "layer_types", json!(["full_attention"]), "layer_types"),
        ("qwen3", "layer_types", json!(vec!["chunked_attention"; 32]), "chunked_attention"),
        ("qwen3", "layer_types", json!(vec!["sliding_attention"; 32]), "sliding_window"),
        ("gemma2", "attn_logit_softcapping", json!(-1.0), "soft cap"),
        ("gemma2", "hidden_act", json!("silu"), "hidden_act"),
        ("gemma2", "sliding_window_size", json!(7), "sliding_window_size"),
        ("gemma2", "query_pre_attn_scalar", json!(0), "scaled"),
        ("gemma2", "use_bidirectional_attention", json!(true), "use_bidirectional_attention"),
        ("gemma3_text", "attn_logit_softcapping", json!(50.0), "attn_logit_softcapping"),
        ("gemma3_text", "sliding_window_pattern", json!(0), "sliding_window_pattern"),
        ("gemma3_text", "rope_parameters", json!({ "rope_theta": 1e6 }), "rope_parameters"),
        ("phi3", "full_attn_mod", json!(2), "full_attn_mod"),
        ("phi3", "rope_scaling", json!({ "type": "longrope", "short_factor": [1.0], "long_factor": [1.0] }), "factor"),
        ("smollm3", "no_rope_layers", json!([1, 0]), "no_rope_layers"),
        ("openelm", "num_query_heads", json!([2]), "num_query_heads"),
        ("openelm", "ffn_with_glu", json!(false), "ffn_with_glu"),
        ("openelm", "ffn_multipliers", json!([0.5, 1e300]), "inner size"),
        ("openelm", "normalization_layer_name", json!("layer_norm"), "normalization_layer_name"),
    ] {
        let (_, mut fields) = configurations().into_iter().find(|(family, _)| family.model_type == name).unwrap();
        fields.insert(field.into(), value.clone());
        let message = refusal(&format!("{name} with {field} = {value}"), &fields);
        assert!(message.contains(expected), "{name}, {field} = {value}: {message}");
    }
}

/// Oracle: the reference code's rules, by hand. Null and absence differ where the code has a default.
#[test]
fn null_is_not_absence() {
    let of = |name: &str| configurations().into_iter().find(|(family, _)| family.model_type == name).unwrap().1;
    let windows =
        |fields: &Fields| architecture(fields).unwrap().layers.iter().map(|layer| layer.window).collect::<Vec<_>>();
    let mut mistral = of("mistral");
    mistral.remove("sliding_window");
    assert!(windows(&mistral).iter().all(|window| *window == Some(4096)));
    mistral.insert("sliding_window".into(), Value::Null);
    assert!(windows(&mistral).iter().all(Option::is_none));

    let mut gemma2 = of("gemma2");
    gemma2.remove("final_logit_softcapping");
    assert_eq!(architecture(&gemma2).unwrap().logit_softcap, Some(30.0));
    gemma2.insert("final_logit_softcapping".into(), Value::Null);
    assert_eq!(architecture(&gemma2).unwrap().logit_softcap, None);
    // Every other layer, beginning with the first.
    assert_eq!(windows(&gemma2)[..3], [Some(4096), None, Some(4096)]);

    let mut gemma3 = of("gemma3_text");
    gemma3.remove("layer_types");
    assert_eq!(windows(&gemma3)[..7].iter().filter(|window| window.is_none()).count(), 1);
    assert!(windows(&gemma3)[5].is_none());
    let gemma3 = architecture(&gemma3).unwrap();
    assert_ne!(gemma3.layers[0].rotary, gemma3.layers[5].rotary);

    let mut neox = of("gpt_neox");
    assert_eq!(architecture(&neox).unwrap().residual, Residual::Parallel);
    neox.insert("use_parallel_residual".into(), json!(false));
    assert_eq!(architecture(&neox).unwrap().residual, Residual::Sequential);

    let mut smollm3 = of("smollm3");
    smollm3.remove("no_rope_layers");
    let turned: Vec<bool> = architecture(&smollm3).unwrap().layers.iter().map(|layer| layer.rotary.is_some()).collect();
    assert_eq!(turned[..5], [true, true, true, false, true]);
}
