//! Forms in which older versions stored what a report holds.

use serde::{Deserialize, Deserializer};

use super::{OracleInfo, PromptInfo};

impl<'de> Deserialize<'de> for OracleInfo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        StoredOracleInfo::deserialize(deserializer).map(OracleInfo::from)
    }
}

/// Version 2, or version 1 with its one question, whose token had one place.
#[derive(Deserialize)]
struct StoredOracleInfo {
    id: String,
    title: String,
    #[serde(default)]
    prompts: Vec<PromptInfo>,
    rules: Vec<String>,
    #[serde(default)]
    value: String,
    source: String,
    #[serde(default)]
    text_before: Option<String>,
    #[serde(default)]
    text_after: Option<String>,
    #[serde(default)]
    ids_before: Vec<u32>,
    #[serde(default)]
    ids_after: Vec<u32>,
    #[serde(default)]
    placeholder: String,
    #[serde(default)]
    max_new_tokens: u32,
    #[serde(default)]
    decoding: String,
}

impl From<StoredOracleInfo> for OracleInfo {
    fn from(stored: StoredOracleInfo) -> Self {
        let mut prompts = stored.prompts;
        if let (Some(before), Some(after)) = (stored.text_before, stored.text_after) {
            prompts.push(PromptInfo {
                name: stored.id.clone(),
                form: "plain".into(),
                text: vec![before, after],
                ids: vec![stored.ids_before, stored.ids_after],
                placeholder: stored.placeholder,
                max_new_tokens: stored.max_new_tokens,
                decoding: stored.decoding,
            });
        }
        let StoredOracleInfo { id, title, rules, value, source, .. } = stored;
        OracleInfo { id, title, prompts, rules, value, source }
    }
}
