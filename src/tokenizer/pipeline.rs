//! The steps from a text to ids and back: added tokens, normalizer, pre-tokenizer, model, post-processor; decoder.
//!
//! The steps around the model are those of the `tokenizers` crate; the order is that of its `TokenizerImpl`.

use tokenizers::{
    Decoder as _, DecoderWrapper, Encoding, Normalizer as _, NormalizerWrapper, OffsetReferential, OffsetType,
    PostProcessor as _, PostProcessorWrapper, PreTokenizedString, PreTokenizer as _, PreTokenizerWrapper,
};

use super::added::{AddedTokens, Form};
use super::byte_level::ByteLevel;
use super::model::Model;

pub(super) struct Pipeline {
    pub model: Model,
    pub added: AddedTokens,
    pub normalizer: Option<NormalizerWrapper>,
    pub pre_tokenizer: Option<PreTokenizerWrapper>,
    pub post_processor: Option<PostProcessorWrapper>,
    pub decoder: Option<DecoderWrapper>,
    /// There where the text can go a shorter way to its ids.
    pub byte_level: Option<ByteLevel>,
}

impl Pipeline {
    /// Text → ids, entries and byte offsets; `special` adds what the post-processor adds.
    pub fn encode(&self, text: &str, special: bool) -> tokenizers::Result<Encoding> {
        let mut pieces = self.pieces(text)?;
        pieces.tokenize(|piece| Ok(self.model.tokenize(piece.get())?))?;
        let encoding = pieces.into_encoding(None, 0, OffsetType::Byte)?;
        match &self.post_processor {
            Some(post_processor) => post_processor.process(encoding, None, special),
            None => Ok(encoding),
        }
    }

    /// Appends the ids of a text, without what the post-processor adds.
    pub fn encode_ids(&self, text: &str, ids: &mut Vec<u32>) -> tokenizers::Result<()> {
        let before = ids.len();
        if let (Some(byte_level), Model::Bpe(bpe)) = (&self.byte_level, &self.model) {
            match byte_level.encode(text, &self.added, bpe, ids) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(reason) => {
                    ids.truncate(before);
                    return Err(reason.into());
                }
            }
        }
        ids.extend_from_slice(self.encode(text, false)?.get_ids());
        Ok(())
    }

    /// The pieces that the model is given; added tokens are tokens already.
    fn pieces(&self, text: &str) -> tokenizers::Result<PreTokenizedString> {
        let mut pieces = PreTokenizedString::from(text);
        if self.added.looks_at(Form::Raw) {
            pieces.split(|_, piece| Ok(self.added.split(&piece, Form::Raw)))?;
        }
        pieces.split(|_, mut piece| {
            if let Some(normalizer) = &self.normalizer {
                // The reference goes on with what a failing normalizer has left.
                let _ = normalizer.normalize(&mut piece);
            } else if !self.added.looks_at(Form::Normalized) {
                return Ok(vec![(piece, None)]);
            }
            Ok(self.added.split(&piece, Form::Normalized))
        })?;
        if let Some(pre_tokenizer) = &self.pre_tokenizer {
            pre_tokenizer.pre_tokenize(&mut pieces)?;
        }
        Ok(pieces)
    }

    /// Pieces of the text that the model refuses, and all pieces.
    pub fn count_unknown_pieces(&self, text: &str) -> (usize, usize) {
        let Ok(pieces) = self.pieces(text) else {
            return (0, 0);
        };
        let pieces = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
        let lacking =
            pieces.iter().filter(|(piece, _, tokens)| tokens.is_none() && self.model.tokenize(piece).is_err());
        (lacking.count(), pieces.len())
    }

    /// Ids → text; ids without an entry are left out.
    pub fn decode(&self, ids: &[u32]) -> tokenizers::Result<String> {
        let entries: Vec<String> = ids.iter().filter_map(|&id| self.entry(id)).map(String::from).collect();
        match &self.decoder {
            Some(decoder) => decoder.decode(entries),
            None => Ok(entries.join(" ")),
        }
    }

    /// The entry of an id.
    pub fn entry(&self, id: u32) -> Option<&str> {
        self.added.text(id).or_else(|| self.model.vocabulary().text(id))
    }

    /// The id of an entry.
    pub fn id(&self, entry: &str) -> Option<u32> {
        self.added.id(entry).or_else(|| self.model.vocabulary().id(entry))
    }

    /// Highest id + 1.
    pub fn vocab_size(&self) -> usize {
        let added = self.added.highest_id().map(|id| id as usize);
        added.max(self.model.vocabulary().highest_id()).map_or(0, |highest| highest + 1)
    }
}
