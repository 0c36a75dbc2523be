//! The vocabulary in the metadata, `tokenizer.ggml.*`, read when somebody asks for it.

use super::header::{Array, Header, Kind};
use super::reader::Reader;
use crate::checkpoint::CheckpointError;
use crate::checkpoint::source::Source;
use crate::tokenizer::GgufTokenizer;

/// Most entries of a vocabulary. The largest published ones have 262,144.
pub const MAX_GGUF_TOKENS: u64 = 1 << 22;

/// Places in the file, from which the lists are read later.
pub(in crate::checkpoint) struct StoredTokenizer {
    file: String,
    file_bytes: u64,
    rest: GgufTokenizer,
    tokens: Option<Array>,
    scores: Option<Array>,
    token_types: Option<Array>,
    merges: Option<Array>,
}

/// `tokenizer.chat_template.<name>`, by name.
fn named_chat_templates(header: &Header) -> Result<Vec<(String, String)>, CheckpointError> {
    let mut named = Vec::new();
    for key in header.keys() {
        if let Some(name) = key.strip_prefix("tokenizer.chat_template.")
            && let Some(text) = header.text(key)?
        {
            named.push((name.into(), text.into()));
        }
    }
    named.sort();
    Ok(named)
}

impl StoredTokenizer {
    /// `None` when the file says nothing about a tokenizer.
    pub fn find(header: &Header, file_bytes: u64) -> Result<Option<Self>, CheckpointError> {
        let key = |name: &str| format!("tokenizer.ggml.{name}");
        let Some(model) = header.text(&key("model"))? else { return Ok(None) };
        let id = |name: &str| -> Result<Option<u32>, CheckpointError> {
            let id = header.unsigned(&key(name))?;
            // Some converters write −1 as a u32 for "none"; no vocabulary is that large.
            Ok(id.and_then(|id| u32::try_from(id).ok()).filter(|id| u64::from(*id) < MAX_GGUF_TOKENS))
        };
        let rest = GgufTokenizer {
            model: model.into(),
            pre: header.text(&key("pre"))?.map(Into::into),
            bos: id("bos_token_id")?,
            eos: id("eos_token_id")?,
            unknown: id("unknown_token_id")?,
            add_bos: header.bool(&key("add_bos_token"))?,
            add_space_prefix: header.bool(&key("add_space_prefix"))?,
            chat_template: header.text("tokenizer.chat_template")?.map(Into::into),
            named_chat_templates: named_chat_templates(header)?,
            ..GgufTokenizer::default()
        };
        let array = |name: &str, kinds: &[Kind]| -> Result<Option<Array>, CheckpointError> {
            let array = header.array(&key(name), kinds)?;
            match array {
                // Merges are somewhat more than tokens.
                Some(array) if array.count > 2 * MAX_GGUF_TOKENS => Err(CheckpointError::Gguf {
                    file: header.file.clone(),
                    reason: format!("{} has {} entries, more than a vocabulary can have", key(name), array.count),
                }),
                array => Ok(array),
            }
        };
        Ok(Some(StoredTokenizer {
            file: header.file.clone(),
            file_bytes,
            rest,
            tokens: array("tokens", &[Kind::String])?,
            scores: array("scores", &[Kind::F32])?,
            token_types: array("token_type", &[Kind::I32, Kind::U32])?,
            merges: array("merges", &[Kind::String])?,
        }))
    }

    pub async fn read(&self, source: &dyn Source) -> Result<GgufTokenizer, CheckpointError> {
        Ok(GgufTokenizer {
            tokens: self.strings(source, self.tokens).await?,
            scores: self.numbers(source, self.scores, f32::from_le_bytes).await?,
            token_types: self.numbers(source, self.token_types, i32::from_le_bytes).await?,
            merges: self.strings(source, self.merges).await?,
            ..self.rest.clone()
        })
    }

    /// Strings that are no UTF-8 get replacement characters: they are entries nobody can spell, not a broken file.
    async fn strings(&self, source: &dyn Source, array: Option<Array>) -> Result<Vec<String>, CheckpointError> {
        let Some(array) = array else { return Ok(Vec::new()) };
        let reader = &mut Reader::at(source, &self.file, self.file_bytes, array.start);
        // OK to cast: the list was walked through once, so it is in the file.
        let mut strings = Vec::with_capacity(array.count as usize);
        for _ in 0..array.count {
            let bytes = reader.string_bytes("a string of the tokenizer").await?;
            strings.push(String::from_utf8_lossy(bytes).into_owned());
        }
        Ok(strings)
    }

    async fn numbers<T>(
        &self,
        source: &dyn Source,
        array: Option<Array>,
        number: impl Fn([u8; 4]) -> T,
    ) -> Result<Vec<T>, CheckpointError> {
        let Some(array) = array else { return Ok(Vec::new()) };
        let reader = &mut Reader::at(source, &self.file, self.file_bytes, array.start);
        let mut numbers = Vec::with_capacity(array.count as usize); // OK to cast: as above.
        for _ in 0..array.count {
            numbers.push(number(reader.array("a number of the tokenizer").await?));
        }
        Ok(numbers)
    }
}
