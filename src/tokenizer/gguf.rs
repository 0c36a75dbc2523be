//! A tokenizer from the metadata of a GGUF file, `tokenizer.ggml.*`.
//!
//! Source   llama.cpp, llama-vocab.cpp: which expression splits a text, by `tokenizer.ggml.pre`
//! Differs  where the original tokenizer composes characters (NFC), so does this one; llama.cpp leaves that out

use serde_json::{Value, json};
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper};

use super::added::{AddedTokens, Declared, Flags};
use super::bpe::{Bpe, BpeOptions};
use super::byte_level::ByteLevel;
use super::chat_template::{ChatTemplates, DEFAULT, WrittenTemplate};
use super::file::merge_ids;
use super::merges::Merges;
use super::model::Model;
use super::parts::{self, Step};
use super::pipeline::Pipeline;
use super::spelling::Spelling;
use super::splitter::{GPT2, LLAMA3, QWEN2};
use super::spm::Spm;
use super::vocabulary::{MAX_VOCABULARY, Twice, Vocabulary, shortened};
use super::{Tokenizer, TokenizerError};

/// What a GGUF file says about its tokenizer; lists are empty where it says nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GgufTokenizer {
    /// `tokenizer.ggml.model`: `gpt2` for byte-level BPE, `llama` for SentencePiece's BPE.
    pub model: String,
    /// `tokenizer.ggml.pre`: which expression splits a text before BPE.
    pub pre: Option<String>,
    pub tokens: Vec<String>,
    pub scores: Vec<f32>,
    /// 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    pub token_types: Vec<i32>,
    /// `left right`
    pub merges: Vec<String>,
    pub bos: Option<u32>,
    pub eos: Option<u32>,
    pub unknown: Option<u32>,
    pub add_bos: Option<bool>,
    pub add_space_prefix: Option<bool>,
    /// `tokenizer.chat_template`
    pub chat_template: Option<String>,
    /// `tokenizer.chat_template.<name>`: name and template.
    pub named_chat_templates: Vec<(String, String)>,
}

/// How a text is split before byte-level BPE.
struct Split {
    /// Values of `tokenizer.ggml.pre`.
    names: &'static [&'static str],
    /// Each splits what the ones before it have left whole.
    expressions: &'static [&'static str],
    /// Canonical composition first.
    nfc: bool,
    /// A piece that is an entry is that token, and a beginning of text is usual.
    ignore_merges: bool,
}

const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The first is for files that name none.
const SPLITS: &[Split] = &[
    Split {
        names: &["default"],
        expressions: &[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"],
        nfc: false,
        ignore_merges: false,
    },
    Split {
        names: &["gpt-2", "phi-2", "mpt", "jais", "gigachat", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de"],
        expressions: &[GPT2],
        nfc: false,
        ignore_merges: false,
    },
    Split { names: &["olmo", "gpt-neox"], expressions: &[GPT2], nfc: true, ignore_merges: false },
    Split {
        names: &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"],
        expressions: &[r"\p{N}", GPT2],
        nfc: false,
        ignore_merges: false,
    },
    Split {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"],
        expressions: &[LLAMA3],
        nfc: false,
        ignore_merges: true,
    },
    Split {
        names: &["dbrx", "smaug-bpe", "chatglm-bpe", "glm4"],
        expressions: &[LLAMA3],
        nfc: false,
        ignore_merges: false,
    },
    Split { names: &["qwen2", "deepseek-r1-qwen"], expressions: &[QWEN2], nfc: true, ignore_merges: false },
    Split { names: &["stablelm2"], expressions: &[QWEN2], nfc: false, ignore_merges: false },
    Split { names: &["tekken"], expressions: &[TEKKEN], nfc: false, ignore_merges: true },
    Split { names: &["gpt-4o", "llama4"], expressions: &[GPT4O], nfc: false, ignore_merges: false },
];

/// `tokenizer.ggml.token_type`.
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;

impl Tokenizer {
    /// From the metadata of a GGUF file.
    ///
    /// Errors: `Unsupported` for another model than `gpt2` and `llama` and for a split that is not in the table,
    /// `Malformed` for lists that do not fit each other.
    pub fn from_gguf(gguf: &GgufTokenizer) -> Result<Tokenizer, TokenizerError> {
        let mut notes = Vec::new();
        let vocabulary = vocabulary(gguf)?;
        for (name, list) in [("scores", gguf.scores.len()), ("token_type", gguf.token_types.len())] {
            if list != 0 && list != vocabulary.len() {
                return Err(malformed(format!("{name} has {list} numbers, tokens has {} entries", vocabulary.len())));
            }
        }
        let (model, normalizer, pre_tokenizer, decoder, adds_bos) = match gguf.model.as_str() {
            "gpt2" => {
                let split = split(gguf.pre.as_deref(), &mut notes)?;
                let normalizer = split.nfc.then(|| json!({"type": "NFC"}));
                let mut steps: Vec<Value> = split.expressions.iter().map(|regex| isolated(regex)).collect();
                steps.push(byte_level());
                let model = bpe(gguf, vocabulary, split.ignore_merges)?;
                let pre_tokenizer = json!({"type": "Sequence", "pretokenizers": steps});
                (model, normalizer, Some(pre_tokenizer), byte_level(), split.ignore_merges)
            }
            "llama" => {
                let prefixed = gguf.add_space_prefix.unwrap_or(true);
                (spm(gguf, vocabulary)?, Some(spaces(prefixed)), None, sentencepiece_decoder(prefixed), true)
            }
            other => {
                return Err(TokenizerError::Unsupported {
                    component: format!("the GGUF model {:?}", shortened(other)),
                    reason: "it is neither gpt2 nor llama".into(),
                });
            }
        };
        let spelling = Spelling::from_decoder(Some(&decoder));
        let byte_level = ByteLevel::new(normalizer.as_ref(), pre_tokenizer.as_ref(), &model);
        let (normalizer, growth) = parts::build::<NormalizerWrapper>(Step::Normalizer, normalizer, MAX_VOCABULARY)?;
        let (pre_tokenizer, _) =
            parts::build::<PreTokenizerWrapper>(Step::PreTokenizer, pre_tokenizer, MAX_VOCABULARY)?;
        let (decoder, _) = parts::build(Step::Decoder, Some(decoder), MAX_VOCABULARY)?;
        let declared = declared(gguf)?;
        let added = AddedTokens::new(declared, model.vocabulary(), normalizer.as_ref(), growth, &mut notes)?;
        let pipeline = Pipeline { model, added, normalizer, pre_tokenizer, post_processor: None, decoder, byte_level };
        let token = |id: Option<u32>| id.and_then(|id| gguf.tokens.get(id as usize)).map(String::as_str);
        let post_processor = match (gguf.add_bos.unwrap_or(adds_bos), gguf.bos, token(gguf.bos)) {
            (true, Some(id), Some(bos)) => Some(template(bos, id)),
            (true, Some(id), None) => {
                return Err(malformed(format!("bos_token_id is {id}, there are {} tokens", gguf.tokens.len())));
            }
            _ => None,
        };
        let unknown = token(gguf.unknown).map(String::from);
        let mut tokenizer = Tokenizer::new(pipeline, post_processor, spelling, unknown, notes)?;
        let within = |id: &u32| (*id as usize) < gguf.tokens.len();
        tokenizer.bos = gguf.bos.filter(within);
        tokenizer.eos = gguf.eos.filter(within);
        tokenizer.written_bos = tokenizer.bos.and_then(|id| tokenizer.token(id));
        tokenizer.written_eos = tokenizer.eos.and_then(|id| tokenizer.token(id));
        let default =
            gguf.chat_template.iter().map(|text| WrittenTemplate::new(DEFAULT, text, "tokenizer.chat_template"));
        let named = gguf
            .named_chat_templates
            .iter()
            .map(|(name, text)| WrittenTemplate::new(name, text, "tokenizer.chat_template"));
        tokenizer.chat_templates = ChatTemplates::new(default.chain(named).collect(), &mut tokenizer.notes);
        tokenizer.prefixes = tokenizer.find_prefixes();
        Ok(tokenizer)
    }
}

fn malformed(reason: String) -> TokenizerError {
    TokenizerError::Malformed { file: "tokenizer.ggml".into(), reason }
}

fn vocabulary(gguf: &GgufTokenizer) -> Result<Vocabulary, TokenizerError> {
    if gguf.tokens.len() > MAX_VOCABULARY {
        return Err(TokenizerError::TooLarge { what: "tokens", found: gguf.tokens.len(), limit: MAX_VOCABULARY });
    }
    if gguf.tokens.is_empty() {
        return Err(malformed("there are no tokens".into()));
    }
    let bytes = gguf.tokens.iter().map(String::len).sum();
    let mut vocabulary = Vocabulary::with_capacity(gguf.tokens.len(), bytes);
    for (id, token) in gguf.tokens.iter().enumerate() {
        // Of a token that comes twice the last id counts, as in llama.cpp. OK to cast: at most `MAX_VOCABULARY`.
        vocabulary.push(token, id as u32, Twice::LastCounts).map_err(malformed)?;
    }
    vocabulary.finish().map_err(malformed)
}

fn split(pre: Option<&str>, notes: &mut Vec<String>) -> Result<&'static Split, TokenizerError> {
    let Some(name) = pre else {
        notes.push(
            "the GGUF file does not say how a text is split before BPE (tokenizer.ggml.pre); llama.cpp's default is \
             taken, which other models than its first may not have been trained with."
                .into(),
        );
        return Ok(&SPLITS[0]);
    };
    SPLITS.iter().find(|split| split.names.contains(&name)).ok_or_else(|| TokenizerError::Unsupported {
        component: format!("the split {:?} (tokenizer.ggml.pre)", shortened(name)),
        reason: format!(
            "known are {}",
            SPLITS.iter().flat_map(|split| split.names).copied().collect::<Vec<_>>().join(", ")
        ),
    })
}

fn bpe(gguf: &GgufTokenizer, vocabulary: Vocabulary, ignore_merges: bool) -> Result<Model, TokenizerError> {
    let mut merges = Merges::with_capacity(gguf.merges.len());
    let mut spelled = String::new();
    for (rank, line) in gguf.merges.iter().enumerate() {
        let fault = |reason: String| malformed(format!("merge {rank}, {:?}, {reason}", shortened(line)));
        let (left, right) = line.split_once(' ').ok_or_else(|| fault("is no pair of tokens".into()))?;
        let (left, right, whole) = merge_ids(left, right, "", &vocabulary, &mut spelled).map_err(fault)?;
        merges.push(left, right, whole).map_err(fault)?;
    }
    let options = BpeOptions { ignore_merges, ..BpeOptions::default() };
    Ok(Model::Bpe(Box::new(Bpe::new(vocabulary, merges, options))))
}

fn spm(gguf: &GgufTokenizer, vocabulary: Vocabulary) -> Result<Model, TokenizerError> {
    if gguf.scores.is_empty() {
        return Err(malformed("there are no scores, by which tokens are joined".into()));
    }
    if let Some(id) = gguf.scores.iter().position(|score| !score.is_finite()) {
        return Err(malformed(format!("the score of token {id} is {}", gguf.scores[id])));
    }
    let unknown = gguf.unknown.filter(|id| vocabulary.text(*id).is_some());
    Ok(Model::Spm(Box::new(Spm::new(vocabulary, gguf.scores.clone(), unknown))))
}

/// Control and user-defined tokens, and the unknown one, are found in a text as they stand there.
fn declared(gguf: &GgufTokenizer) -> Result<Declared, TokenizerError> {
    let added = || {
        let types = gguf.tokens.iter().zip(&gguf.token_types).enumerate();
        types.filter(|(_, (token, kind))| [UNKNOWN, CONTROL, USER_DEFINED].contains(kind) && !token.is_empty())
    };
    let bytes = added().map(|(_, (token, _))| token.len()).sum();
    let mut declared = Declared::with_capacity(added().count(), bytes);
    for (id, (token, &kind)) in added() {
        let flags = Flags { special: kind != USER_DEFINED, ..Flags::default() };
        declared.push(token, id as u64, flags).map_err(malformed)?;
    }
    Ok(declared)
}

fn isolated(regex: &str) -> Value {
    json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false})
}

fn byte_level() -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false})
}

fn spaces(prefixed: bool) -> Value {
    let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    match prefixed {
        true => json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]}),
        false => replace,
    }
}

fn sentencepiece_decoder(prefixed: bool) -> Value {
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefixed {
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    json!({"type": "Sequence", "decoders": decoders})
}

/// A beginning of text in front.
fn template(bos: &str, id: u32) -> Value {
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    let special = json!({"SpecialToken": {"id": bos, "type_id": 0}});
    json!({
        "type": "TemplateProcessing",
        "single": [special, text],
        "pair": [special, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {bos: {"id": bos, "ids": [id], "tokens": [bos]}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the contract. Every split is built, and every name is given once.
    #[test]
    fn the_table_is_sound() {
        let mut names: Vec<&str> = SPLITS.iter().flat_map(|split| split.names).copied().collect();
        for name in &names {
            let gguf = GgufTokenizer {
                model: "gpt2".into(),
                pre: Some(name.to_string()),
                tokens: vec!["a".into(), "b".into(), "ab".into()],
                merges: vec!["a b".into()],
                ..GgufTokenizer::default()
            };
            let tokenizer = Tokenizer::from_gguf(&gguf).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(tokenizer.encode("ab", true).expect("ids").ids, [2], "{name}");
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    /// Oracle: the contract. What does not fit is refused by name.
    #[test]
    fn what_does_not_fit_is_refused() {
        let sound = GgufTokenizer {
            model: "llama".into(),
            tokens: vec!["<unk>".into(), "a".into()],
            scores: vec![0.0, -1.0],
            token_types: vec![2, 1],
            unknown: Some(0),
            ..GgufTokenizer::default()
        };
        Tokenizer::from_gguf(&sound).expect("a sound tokenizer");
        type Fault = fn(&mut GgufTokenizer);
        let faults: [(&str, Fault); 9] = [
            ("neither gpt2 nor llama", |gguf| gguf.model = "bert".into()),
            ("scores has 1 numbers, tokens has 2", |gguf| gguf.scores.truncate(1)),
            ("token_type has 1 numbers", |gguf| gguf.token_types.truncate(1)),
            ("no scores", |gguf| gguf.scores.clear()),
            ("score of token 1 is NaN", |gguf| gguf.scores[1] = f32::NAN),
            ("no tokens", |gguf| gguf.tokens.clear()),
            ("bos_token_id is 9", |gguf| gguf.bos = Some(9)),
            ("\"sideways\"", |gguf| (gguf.model, gguf.pre) = ("gpt2".into(), Some("sideways".into()))),
            ("merge 0, \"a a\", needs \"aa\"", |gguf| {
                (gguf.model, gguf.merges) = ("gpt2".into(), vec!["a a".into()]);
            }),
        ];
        for (part, spoil) in faults {
            let mut gguf = sound.clone();
            spoil(&mut gguf);
            let error = Tokenizer::from_gguf(&gguf).map(|_| ()).expect_err(part);
            assert!(error.to_string().contains(part), "{error} lacks {part}");
            assert!(error.hint().is_some());
        }
    }
}
