//! Which fields of a configuration play no part in the result, and what becomes of all others.

use serde_json::Value;

use super::Family;
use crate::checkpoint::Config;
use crate::engine::EngineError;
use crate::error::Result;

/// Fields that change nothing about the logits of a forward pass, in any family.
pub const HARMLESS: &[&str] = &[
    // What wrote the file, and how it is to be loaded.
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_attn_implementation_internal",
    "_name_or_path",
    "architectures",
    "attn_implementation",
    "auto_map",
    "custom_pipelines",
    "dtype",
    "finetuning_task",
    "language",
    "model_type",
    "task_specific_params",
    "tokenizer_class",
    "torch_dtype",
    "transformers.js_config",
    "transformers_version",
    "unsloth_fixed",
    "unsloth_version",
    // Special tokens: read elsewhere or by nobody.
    "bos_token_id",
    "cls_token_id",
    "decoder_start_token_id",
    "eos_token_id",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "mask_token_id",
    "pad_token_id",
    "prefix",
    "sep_token_id",
    "suppress_tokens",
    "unk_token_id",
    // Training: nothing is dropped or initialised here.
    "activation_dropout",
    "attention_dropout",
    "attention_probs_dropout_prob",
    "attn_pdrop",
    "classifier_dropout",
    "dropout",
    "embd_pdrop",
    "embed_dropout",
    "embedding_dropout",
    "gradient_checkpointing",
    "hidden_dropout",
    "hidden_dropout_prob",
    "init_std",
    "initializer_range",
    "layerdrop",
    "pretraining_tp",
    "resid_dropout",
    "resid_pdrop",
    // Other heads than the language model's.
    "id2label",
    "label2id",
    "num_labels",
    "problem_type",
    "summary_activation",
    "summary_first_dropout",
    "summary_proj_to_labels",
    "summary_type",
    "summary_use_proj",
    // What is computed along the way, kept or cut in pieces.
    "cache_implementation",
    "chunk_size_feed_forward",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
    "return_dict_in_generate",
    "torchscript",
    "use_cache",
    // How text is generated, which generation_config.json says today.
    "bad_words_ids",
    "begin_suppress_tokens",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "length_penalty",
    "max_length",
    "max_new_tokens",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_scores",
    "remove_invalid_values",
    "repetition_penalty",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
];

/// Every field is the family's, harmless, or null or false.
pub fn check(family: &Family, config: &Config) -> Result<()> {
    for field in config.keys() {
        let is_known = family.fields.contains(&field) || HARMLESS.contains(&field);
        match config.value(field) {
            Some(value) if !is_known && !asks_for_nothing(value) => {
                return Err(unknown(family.model_type, field, value));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Null and false are how exports write down that they do without something.
pub(super) fn asks_for_nothing(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false))
}

pub(super) fn unknown(family: &'static str, field: &str, value: &Value) -> crate::Error {
    let mut shown = value.to_string();
    if shown.chars().count() > 60 {
        shown = shown.chars().take(57).chain("...".chars()).collect();
    }
    EngineError::UnknownField { family, field: field.into(), value: shown }.into()
}
