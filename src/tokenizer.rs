//! Text ↔ token ids, with byte offsets; classes of tokens; prompts with a token spliced in as an id.
//!
//! The file format is read here and the models are dense tables of their own; the steps around the model are those of
//! the `tokenizers` crate, which trusts its input: what could make it panic or grow without bound is refused first, by
//! name.
//!
//! Not done  truncation and padding (both ignored if the file asks for them), BPE dropout

mod added;
mod bpe;
mod byte_level;
mod characters;
mod chat_template;
mod class;
mod error;
mod file;
mod gguf;
mod merges;
mod model;
mod parts;
mod pipeline;
mod prompt;
mod pruned;
mod sorted;
mod spelling;
mod splice;
mod splitter;
mod spm;
mod unigram;
mod vocabulary;
mod wordpiece;

pub use chat_template::{
    ChatDate, ChatMessage, ChatOptions, ChatTemplate, ChatTemplates, MAX_CONVERSATION_BYTES, MAX_TEMPLATE_BYTES,
    NamedTemplate,
};
pub use class::TokenClass;
pub use error::TokenizerError;
pub use file::{MAX_TOKENIZER_BYTES, MAX_TOKENIZER_CONFIG_BYTES};
pub use gguf::GgufTokenizer;
pub use prompt::{PromptForm, Question};
pub use pruned::{Pruned, prune};
pub use splice::{MAX_PLACEHOLDERS, Pieces, Splice};
pub use vocabulary::MAX_VOCABULARY;

use serde_json::Value;

use crate::checkpoint::source::read_small;
use crate::checkpoint::{CheckpointError, Source, file_info};
use crate::report::FileInfo;
use added::AddedTokens;
use byte_level::ByteLevel;
use chat_template::{JINJA_FILE, JSON_FILE, MAX_TEMPLATE_FILE_BYTES};
use file::{ConfigFile, File, NamedToken};
use model::{Built, Model};
use parts::Step;
use pipeline::Pipeline;
use spelling::Spelling;

const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// Longest text that is encoded. The crate keeps about a hundred bytes for each byte of a text while it works.
pub const MAX_TEXT_BYTES: usize = 4 << 20;

/// Names under which a beginning of text is declared when `tokenizer_config.json` does not say.
const BOS_NAMES: &[&str] = &["<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>", "[BOS]"];

/// Likewise for the end of text.
const EOS_NAMES: &[&str] = &["</s>", "<eos>", "<|end_of_text|>", "<|endoftext|>", "[EOS]"];

/// Texts behind which a token is decoded and encoded where the beginning of a text is special: Magikarp's two first,
/// then single characters whose joining with the token is less likely than not.
const PREFIXES: &[&str] = &["«", "»", "~", "|", "#", "0", "x", "a"];

/// Text ↔ ids for one model.
pub struct Tokenizer {
    pipeline: Pipeline,
    spelling: Spelling,
    vocab_size: usize,
    unknown: Option<u32>,
    bos: Option<u32>,
    eos: Option<u32>,
    /// As the files write them, for chat templates; a file that names none has none, whatever `bos` is.
    written_bos: Option<String>,
    written_eos: Option<String>,
    chat_templates: ChatTemplates,
    /// Empty where a text's beginning is like its middle.
    prefixes: Vec<Prefix>,
    notes: Vec<String>,
    files: Vec<FileInfo>,
}

/// A text that comes back from decoding, with its ids.
struct Prefix {
    text: &'static str,
    /// What its ids decode to: itself, or with a leading blank that the decoder leaves.
    decoded: String,
    ids: Vec<u32>,
}

/// A text as ids. The three lists have one length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    pub ids: Vec<u32>,
    /// Vocabulary entries as they are written there, for example `Ġworld` or `▁world`.
    pub tokens: Vec<String>,
    /// Bytes of the text, start and end; (0, 0) for tokens that are not in the text.
    pub offsets: Vec<(usize, usize)>,
}

impl Encoding {
    /// The offsets in characters, as the reference library reports them in Python.
    pub fn char_offsets(&self, text: &str) -> Vec<(usize, usize)> {
        // Number of characters that start before each byte.
        let mut chars_before = Vec::with_capacity(text.len() + 1);
        let mut count = 0;
        for byte in 0..=text.len() {
            chars_before.push(count);
            if text.is_char_boundary(byte) {
                count += 1;
            }
        }
        let char_of = |byte: usize| chars_before.get(byte).copied().unwrap_or(count);
        self.offsets.iter().map(|&(start, end)| (char_of(start), char_of(end))).collect()
    }
}

impl Tokenizer {
    /// From the bytes of `tokenizer.json` and, where there is one, of `tokenizer_config.json`, whose faults cost a note
    /// and not the tokenizer.
    pub fn from_bytes(tokenizer_json: &[u8], tokenizer_config: Option<&[u8]>) -> Result<Self, TokenizerError> {
        Self::from_files(tokenizer_json, tokenizer_config, None, None)
    }

    /// The same with `chat_template.jinja` and `chat_template.json`, where they are.
    pub fn from_files(
        tokenizer_json: &[u8],
        tokenizer_config: Option<&[u8]>,
        template_jinja: Option<&[u8]>,
        template_json: Option<&[u8]>,
    ) -> Result<Self, TokenizerError> {
        if tokenizer_json.len() as u64 > MAX_TOKENIZER_BYTES {
            return Err(TokenizerError::TooLarge {
                what: "bytes",
                found: tokenizer_json.len(),
                limit: MAX_TOKENIZER_BYTES as usize, // OK because it is 2^26.
            });
        }
        let file = File::parse(tokenizer_json)?;
        let Built { model, unknown, mut notes } = Model::build(file.model)?;
        let (normalizer, pre_tokenizer) = (file::part(file.normalizer)?, file::part(file.pre_tokenizer)?);
        let byte_level = ByteLevel::new(normalizer.as_ref(), pre_tokenizer.as_ref(), &model);
        let (normalizer, growth) = parts::build(Step::Normalizer, normalizer, MAX_VOCABULARY)?;
        let (pre_tokenizer, _) = parts::build(Step::PreTokenizer, pre_tokenizer, MAX_VOCABULARY)?;
        let decoder = file::part(file.decoder)?;
        let spelling = Spelling::from_decoder(decoder.as_ref());
        let (decoder, _) = parts::build(Step::Decoder, decoder, MAX_VOCABULARY)?;
        let declared = file::added_tokens(file.added_tokens)?;
        let added = AddedTokens::new(declared, model.vocabulary(), normalizer.as_ref(), growth, &mut notes)?;
        let pipeline = Pipeline { model, added, normalizer, pre_tokenizer, post_processor: None, decoder, byte_level };
        let mut tokenizer = Tokenizer::new(pipeline, file::part(file.post_processor)?, spelling, unknown, notes)?;
        let config = tokenizer.read_config(tokenizer_config);
        let written = |token: &Option<NamedToken>| token.as_ref().map(|token| token.0.clone());
        (tokenizer.written_bos, tokenizer.written_eos) = (written(&config.bos_token), written(&config.eos_token));
        tokenizer.bos = tokenizer.named_special(config.bos_token, BOS_NAMES);
        tokenizer.eos = tokenizer.named_special(config.eos_token, EOS_NAMES);
        if tokenizer_config.is_none() {
            tokenizer.written_bos = tokenizer.bos.and_then(|id| tokenizer.token(id));
            tokenizer.written_eos = tokenizer.eos.and_then(|id| tokenizer.token(id));
        }
        tokenizer.note_bos(config.add_bos_token);
        let field = config.chat_template;
        let templates = field.map_or(Vec::new(), |field| field.written(TOKENIZER_CONFIG, &mut tokenizer.notes));
        tokenizer.chat_templates =
            ChatTemplates::of_files(template_jinja, templates, template_json, &mut tokenizer.notes);
        tokenizer.prefixes = tokenizer.find_prefixes();
        Ok(tokenizer)
    }

    /// The post-processor comes last, because it names ids, and these are known only with the pipeline.
    fn new(
        mut pipeline: Pipeline,
        post_processor: Option<Value>,
        spelling: Spelling,
        unknown: Option<String>,
        notes: Vec<String>,
    ) -> Result<Tokenizer, TokenizerError> {
        let vocab_size = pipeline.vocab_size();
        if vocab_size > MAX_VOCABULARY {
            return Err(TokenizerError::TooLarge { what: "ids", found: vocab_size, limit: MAX_VOCABULARY });
        }
        (pipeline.post_processor, _) = parts::build(Step::PostProcessor, post_processor, vocab_size.saturating_sub(1))?;
        Ok(Tokenizer {
            spelling,
            vocab_size,
            unknown: unknown.and_then(|name| pipeline.id(&name)),
            bos: None,
            eos: None,
            written_bos: None,
            written_eos: None,
            chat_templates: ChatTemplates::default(),
            prefixes: Vec::new(),
            notes,
            files: Vec::new(),
            pipeline,
        })
    }

    /// Reads `tokenizer.json`, and `tokenizer_config.json` where there is one, of at most `MAX_TOKENIZER_BYTES` and
    /// `MAX_TOKENIZER_CONFIG_BYTES`.
    pub async fn from_source(source: &dyn Source) -> crate::Result<Self> {
        let Some(json) = read_small(source, TOKENIZER, MAX_TOKENIZER_BYTES).await? else {
            return Err(CheckpointError::MissingFile { file: TOKENIZER.into(), place: source.name() }.into());
        };
        let mut files = vec![file_info(TOKENIZER, &json)];
        let mut notes = Vec::new();
        let mut beside: [Option<Vec<u8>>; 3] = Default::default();
        let wanted = [
            (TOKENIZER_CONFIG, MAX_TOKENIZER_CONFIG_BYTES),
            (JINJA_FILE, MAX_TEMPLATE_FILE_BYTES),
            (JSON_FILE, MAX_TEMPLATE_FILE_BYTES),
        ];
        for (bytes, (file, limit)) in beside.iter_mut().zip(wanted) {
            *bytes = match read_small(source, file, limit).await {
                Ok(bytes) => bytes,
                Err(error @ CheckpointError::FileTooLarge { .. }) => {
                    notes.push(format!("{error}; it is ignored."));
                    None
                }
                Err(error) => return Err(error.into()),
            };
            files.extend(bytes.as_ref().map(|bytes| file_info(file, bytes)));
        }
        let [config, jinja, template_json] = &beside;
        let mut tokenizer = Self::from_files(&json, config.as_deref(), jinja.as_deref(), template_json.as_deref())?;
        tokenizer.files = files;
        tokenizer.notes.extend(notes);
        Ok(tokenizer)
    }

    /// Highest id + 1, added tokens included.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Oddities that were survived, as sentences for the user.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The files it was read from; empty when it came from bytes.
    pub fn files(&self) -> &[FileInfo] {
        &self.files
    }

    /// Text → ids; `special` adds what the post-processor adds, for example a beginning of text.
    pub fn encode(&self, text: &str, special: bool) -> Result<Encoding, TokenizerError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(TokenizerError::TextTooLong { bytes: text.len(), limit_bytes: MAX_TEXT_BYTES });
        }
        let encoding = self
            .pipeline
            .encode(text, special)
            .map_err(|error| TokenizerError::Encode { bytes: text.len(), reason: error.to_string() })?;
        Ok(Encoding {
            ids: encoding.get_ids().to_vec(),
            tokens: encoding.get_tokens().to_vec(),
            offsets: encoding.get_offsets().to_vec(),
        })
    }

    /// Appends the ids of a text to a list, without special tokens around it. For texts by the megabyte: tokenizers of the
    /// forms that GPT-2, Llama 3 and Qwen 2 have go a way without offsets and without regular expressions.
    pub fn encode_ids(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), TokenizerError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(TokenizerError::TextTooLong { bytes: text.len(), limit_bytes: MAX_TEXT_BYTES });
        }
        self.pipeline
            .encode_ids(text, ids)
            .map_err(|error| TokenizerError::Encode { bytes: text.len(), reason: error.to_string() })
    }

    /// The first word of a text is encoded with a blank in front that it does not have, as by sentencepiece.
    pub fn adds_blank(&self) -> bool {
        !self.prefixes.is_empty()
    }

    /// Ids → text. Ids without an entry are left out; bytes that are no UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> String {
        let ids: Vec<u32> = ids
            .iter()
            .copied()
            .filter(|&id| self.pipeline.entry(id).is_some() && !(skip_special && self.is_special(id)))
            .collect();
        // Some decoders do not expect an empty list.
        if ids.is_empty() {
            return String::new();
        }
        self.pipeline.decode(&ids).unwrap_or_else(|_| {
            // A decoder that fails on these entries: the entries themselves are better than nothing.
            ids.iter().filter_map(|&id| self.token(id)).collect()
        })
    }

    /// The vocabulary entry as it is written there.
    pub fn token(&self, id: u32) -> Option<String> {
        self.pipeline.entry(id).map(String::from)
    }

    /// The id of a vocabulary entry.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.pipeline.id(token)
    }

    /// Ids that have an entry, in order.
    pub fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        // OK to cast: at most `MAX_VOCABULARY`.
        (0..self.vocab_size as u32).filter(|&id| self.pipeline.entry(id).is_some())
    }

    /// What the token contributes to a text, its leading blank kept; empty for an id without an entry.
    ///
    /// Sentencepiece drops the blank of what it decodes first, so there the token is decoded behind a prefix, which is
    /// then cut off (Land & Bartolo 2024).
    pub fn token_text(&self, id: u32) -> String {
        for prefix in &self.prefixes {
            let mut ids = prefix.ids.clone();
            ids.push(id);
            // A byte may spoil the bytes of the prefix; then another prefix, or none, may do.
            if let Some(text) = self.decode(&ids, false).strip_prefix(&prefix.decoded) {
                return text.into();
            }
        }
        self.decode(&[id], false)
    }

    /// The bytes the token stands for; `None` for an id without an entry. Added tokens stand for their text.
    pub fn token_bytes(&self, id: u32) -> Option<Vec<u8>> {
        let entry = self.token(id)?;
        if self.pipeline.added.contains(id) {
            return Some(entry.into_bytes());
        }
        self.spelling.bytes(&entry).or_else(|| Some(entry.into_bytes()))
    }

    /// Declared special in `added_tokens`.
    pub fn is_special(&self, id: u32) -> bool {
        self.pipeline.added.is_special(id)
    }

    /// Beginning of text, as `tokenizer_config.json` says, or else by its usual names among the special tokens.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// End of text, likewise.
    pub fn eos(&self) -> Option<u32> {
        self.eos
    }

    /// The model's chat templates; none for a base model.
    pub fn chat_templates(&self) -> &ChatTemplates {
        &self.chat_templates
    }

    /// The token for what the vocabulary cannot spell.
    pub fn unknown_id(&self) -> Option<u32> {
        self.unknown
    }

    /// Compares the ids with the embedding's rows. Ordinary tokens without a row mean that the files do not belong
    /// together; added tokens without one are common and harmless as long as nobody uses them, so they give a note.
    pub fn check_embedding(&self, embedding_rows: usize) -> Result<Vec<String>, TokenizerError> {
        let beyond = |id: &u32| *id as usize >= embedding_rows;
        let excess: Vec<u32> = self.ids().filter(beyond).collect();
        let Some(&highest) = excess.last() else {
            return Ok(Vec::new());
        };
        let token: String = self.token(highest).unwrap_or_default().chars().take(60).collect();
        let ordinary = excess.iter().filter(|&&id| !self.pipeline.added.contains(id)).count();
        if ordinary > 0 {
            return Err(TokenizerError::LargerThanEmbedding {
                highest_id: highest as usize,
                token,
                embedding_rows,
                excess: ordinary,
            });
        }
        Ok(vec![format!(
            "{} added tokens, up to {token:?} (id {highest}), have no row in the embedding of {embedding_rows}; they are \
             left out.",
            excess.len()
        )])
    }

    /// The token's text encodes to it alone, in one of the contexts.
    fn round_trips(&self, id: u32, text: &str) -> bool {
        if text.is_empty() {
            return false;
        }
        let comes_back = |prefix: &str, before: &[u32]| {
            let mut ids = Vec::new();
            let encoded = self.pipeline.encode_ids(&format!("{prefix}{text}"), &mut ids);
            encoded.is_ok() && ids.strip_prefix(before) == Some(&[id])
        };
        if self.prefixes.is_empty() {
            comes_back("", &[])
        } else {
            self.prefixes.iter().any(|prefix| comes_back(prefix.text, &prefix.ids))
        }
    }

    /// Prefixes are needed where the first word of a text is encoded with a blank it does not have (Magikarp's test).
    /// One-token prefixes come first; those of several tokens, bytes as a rule, never join with what follows.
    fn find_prefixes(&self) -> Vec<Prefix> {
        let first = self.encode("test", false).ok().and_then(|encoding| encoding.tokens.into_iter().next());
        if !first.is_some_and(|token| token.starts_with(['▁', 'Ġ', ' '])) {
            return Vec::new();
        }
        let mut prefixes: Vec<Prefix> =
            PREFIXES
                .iter()
                .filter_map(|&text| {
                    let ids = self.encode(text, false).ok()?.ids;
                    let decoded = self.decode(&ids, false);
                    (decoded.trim_start() == text && !ids.iter().any(|id| Some(*id) == self.unknown))
                        .then_some(Prefix { text, decoded, ids })
                })
                .collect();
        prefixes.sort_by_key(|prefix| prefix.ids.len());
        prefixes
    }

    fn read_config(&mut self, bytes: Option<&[u8]>) -> ConfigFile {
        let Some(bytes) = bytes else {
            return ConfigFile::default();
        };
        serde_json::from_slice(bytes).unwrap_or_else(|error| {
            self.notes.push(format!("{TOKENIZER_CONFIG} cannot be read ({error}); it is ignored."));
            ConfigFile::default()
        })
    }

    fn named_special(&mut self, named: Option<NamedToken>, usual: &[&str]) -> Option<u32> {
        match named {
            Some(NamedToken(name)) => {
                let id = self.id(&name);
                if id.is_none() {
                    self.notes.push(format!(
                        "{TOKENIZER_CONFIG} names the special token {:?}, which {TOKENIZER} has not; it is ignored.",
                        name.chars().take(60).collect::<String>()
                    ));
                }
                id
            }
            None => usual.iter().filter_map(|name| self.id(name)).find(|id| self.is_special(*id)),
        }
    }

    /// `add_bos_token` is Python's way to change the post-processor; where the two disagree, the user should know.
    fn note_bos(&mut self, add_bos: Option<bool>) {
        let (Some(wanted), Some(bos)) = (add_bos, self.bos) else {
            return;
        };
        let added = self.encode("", true).is_ok_and(|encoding| encoding.ids.first() == Some(&bos));
        if wanted != added {
            let (says, does) = match wanted {
                true => ("asks for", "adds none"),
                false => ("wants no", "adds one"),
            };
            self.notes.push(format!(
                "{TOKENIZER_CONFIG} {says} beginning of text, {TOKENIZER} {does}; {TOKENIZER} is followed."
            ));
        }
    }
}
