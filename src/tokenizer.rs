//! Text ↔ token ids, with byte offsets; classes of tokens; prompts with a token spliced in as an id.
//!
//! The algorithms are those of the `tokenizers` crate, behind one type. Its file format is read here, because the crate
//! trusts its input: what could make it panic or grow without bound is refused first, by name.
//!
//! Not done  chat templates, truncation and padding (both ignored if the file asks for them), BPE dropout

mod class;
mod error;
mod file;
mod model;
mod parts;
mod spelling;
mod splice;

pub use class::TokenClass;
pub use error::TokenizerError;
pub use file::{MAX_TOKENIZER_BYTES, MAX_TOKENIZER_CONFIG_BYTES, MAX_VOCABULARY};
pub use splice::{MAX_PLACEHOLDERS, Splice};

use std::collections::BTreeSet;

use tokenizers::{
    AddedToken, DecoderWrapper, NormalizedString, Normalizer as _, NormalizerWrapper, PostProcessorWrapper,
    PreTokenizerWrapper,
};

use crate::checkpoint::source::read_small;
use crate::checkpoint::{CheckpointError, Source, file_info};
use crate::report::FileInfo;
use file::{ConfigFile, File, NamedToken};
use model::Model;
use parts::Step;
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
    inner: tokenizers::Tokenizer,
    spelling: Spelling,
    vocab_size: usize,
    special: BTreeSet<u32>,
    added: BTreeSet<u32>,
    unknown: Option<u32>,
    bos: Option<u32>,
    eos: Option<u32>,
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
        if tokenizer_json.len() as u64 > MAX_TOKENIZER_BYTES {
            return Err(TokenizerError::TooLarge {
                what: "bytes",
                found: tokenizer_json.len(),
                limit: MAX_TOKENIZER_BYTES as usize, // OK because it is 2^26.
            });
        }
        let File { model, added_tokens, normalizer, pre_tokenizer, post_processor, decoder } =
            File::parse(tokenizer_json)?;
        let Model { model, highest_id, unknown, mut notes } = Model::build(model)?;
        let spelling = Spelling::from_decoder(decoder.0.as_ref());

        let mut inner = tokenizers::Tokenizer::new(model);
        inner
            .with_normalizer(parts::build::<NormalizerWrapper>(
                Step::Normalizer,
                normalizer.0.as_ref(),
                MAX_VOCABULARY,
            )?)
            .map_err(|error| malformed(&format!("its normalizer cannot be used ({error})")))?;
        inner.with_pre_tokenizer(parts::build::<PreTokenizerWrapper>(
            Step::PreTokenizer,
            pre_tokenizer.0.as_ref(),
            MAX_VOCABULARY,
        )?);
        inner.with_decoder(parts::build::<DecoderWrapper>(Step::Decoder, decoder.0.as_ref(), MAX_VOCABULARY)?);

        let declared: Vec<(u64, String)> = added_tokens.iter().map(|token| (token.id, token.content.clone())).collect();
        let mut special_names = Vec::new();
        let added_tokens: Vec<AddedToken> = added_tokens
            .into_iter()
            .map(|token| {
                if token.special {
                    special_names.push(token.content.clone());
                }
                AddedToken::from(token.content, token.special)
                    .single_word(token.single_word)
                    .lstrip(token.lstrip)
                    .rstrip(token.rstrip)
                    .normalized(token.normalized)
            })
            .collect();
        check_added_tokens(&inner, &added_tokens)?;
        inner
            .add_tokens(added_tokens)
            .map_err(|error| malformed(&format!("its added tokens cannot be used ({error})")))?;
        for (id, content) in declared {
            if !content.is_empty() && inner.token_to_id(&content).map(u64::from) != Some(id) {
                notes.push(format!(
                    "tokenizer.json gives the added token {:?} the id {id}, the tokenizers library gives it {:?}; the \
                     library is followed.",
                    content.chars().take(60).collect::<String>(),
                    inner.token_to_id(&content)
                ));
            }
        }

        let added: BTreeSet<u32> = inner.get_added_vocabulary().get_vocab().values().copied().collect();
        let vocab_size = added.last().map(|&id| id as usize).max(highest_id).map_or(0, |highest| highest + 1);
        if vocab_size > MAX_VOCABULARY {
            return Err(TokenizerError::TooLarge { what: "ids", found: vocab_size, limit: MAX_VOCABULARY });
        }
        // Last, because it names ids, and these are known only now.
        let post_processor = parts::build::<PostProcessorWrapper>(
            Step::PostProcessor,
            post_processor.0.as_ref(),
            vocab_size.saturating_sub(1),
        )?;
        inner.with_post_processor(post_processor);

        let mut tokenizer = Tokenizer {
            spelling,
            vocab_size,
            special: special_names.iter().filter_map(|name| inner.token_to_id(name)).collect(),
            added,
            unknown: unknown.and_then(|name| inner.token_to_id(&name)),
            bos: None,
            eos: None,
            prefixes: Vec::new(),
            notes,
            files: Vec::new(),
            inner,
        };
        let config = tokenizer.read_config(tokenizer_config);
        tokenizer.bos = tokenizer.named_special(config.bos_token, BOS_NAMES);
        tokenizer.eos = tokenizer.named_special(config.eos_token, EOS_NAMES);
        tokenizer.note_bos(config.add_bos_token);
        tokenizer.prefixes = tokenizer.find_prefixes();
        Ok(tokenizer)
    }

    /// Reads `tokenizer.json`, and `tokenizer_config.json` where there is one, of at most `MAX_TOKENIZER_BYTES` and
    /// `MAX_TOKENIZER_CONFIG_BYTES`.
    pub async fn from_source(source: &dyn Source) -> crate::Result<Self> {
        let Some(json) = read_small(source, TOKENIZER, MAX_TOKENIZER_BYTES).await? else {
            return Err(CheckpointError::MissingFile { file: TOKENIZER.into(), place: source.name() }.into());
        };
        let mut files = vec![file_info(TOKENIZER, &json)];
        let (config, note) = match read_small(source, TOKENIZER_CONFIG, MAX_TOKENIZER_CONFIG_BYTES).await {
            Ok(config) => (config, None),
            Err(error @ CheckpointError::FileTooLarge { .. }) => (None, Some(format!("{error}; it is ignored."))),
            Err(error) => return Err(error.into()),
        };
        if let Some(config) = &config {
            files.push(file_info(TOKENIZER_CONFIG, config));
        }
        let mut tokenizer = Self::from_bytes(&json, config.as_deref())?;
        tokenizer.files = files;
        tokenizer.notes.extend(note);
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
            .inner
            .encode(text, special)
            .map_err(|error| TokenizerError::Encode { bytes: text.len(), reason: error.to_string() })?;
        Ok(Encoding {
            ids: encoding.get_ids().to_vec(),
            tokens: encoding.get_tokens().to_vec(),
            offsets: encoding.get_offsets().to_vec(),
        })
    }

    /// Ids → text. Ids without an entry are left out; bytes that are no UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> String {
        let ids: Vec<u32> = ids
            .iter()
            .copied()
            .filter(|&id| self.inner.id_to_token(id).is_some() && !(skip_special && self.is_special(id)))
            .collect();
        // Some decoders do not expect an empty list.
        if ids.is_empty() {
            return String::new();
        }
        self.inner.decode(&ids, false).unwrap_or_else(|_| {
            // A decoder that fails on these entries: the entries themselves are better than nothing.
            ids.iter().filter_map(|&id| self.token(id)).collect()
        })
    }

    /// The vocabulary entry as it is written there.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The id of a vocabulary entry.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Ids that have an entry, in order.
    pub fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        // OK to cast: at most `MAX_VOCABULARY`.
        (0..self.vocab_size as u32).filter(|&id| self.inner.id_to_token(id).is_some())
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
        if self.added.contains(&id) {
            return Some(entry.into_bytes());
        }
        self.spelling.bytes(&entry).or_else(|| Some(entry.into_bytes()))
    }

    /// Declared special in `added_tokens`.
    pub fn is_special(&self, id: u32) -> bool {
        self.special.contains(&id)
    }

    /// Beginning of text, as `tokenizer_config.json` says, or else by its usual names among the special tokens.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// End of text, likewise.
    pub fn eos(&self) -> Option<u32> {
        self.eos
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
        let ordinary = excess.iter().filter(|id| !self.added.contains(id)).count();
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
            self.inner
                .encode(format!("{prefix}{text}"), false)
                .is_ok_and(|encoding| encoding.get_ids().strip_prefix(before) == Some(&[id]))
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

/// Added tokens that make the crate panic: one that the normalizer leaves nothing of matches everywhere, and one that
/// begins with a blank overlaps another that takes the blanks behind it (`rstrip`).
fn check_added_tokens(inner: &tokenizers::Tokenizer, tokens: &[AddedToken]) -> Result<(), TokenizerError> {
    let shown = |token: &AddedToken| token.content.chars().take(60).collect::<String>();
    let takes_blanks = tokens.iter().find(|token| token.rstrip);
    for token in tokens {
        let mut content = NormalizedString::from(token.content.as_str());
        if token.normalized
            && let Some(normalizer) = inner.get_normalizer()
        {
            let normalized = normalizer.normalize(&mut content);
            if normalized.is_err() || content.get().is_empty() {
                return Err(malformed(&format!("its normalizer leaves nothing of the added token {:?}", shown(token))));
            }
        }
        if let Some(other) = takes_blanks
            && content.get().starts_with(char::is_whitespace)
        {
            return Err(TokenizerError::Unsupported {
                component: format!("the added token {:?} beside {:?}", shown(token), shown(other)),
                reason: "one begins with a blank, the other takes blanks with it (rstrip)".into(),
            });
        }
    }
    Ok(())
}

fn malformed(reason: &str) -> TokenizerError {
    TokenizerError::Malformed { file: TOKENIZER.into(), reason: reason.into() }
}
