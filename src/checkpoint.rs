//! Bytes → named tensors and hyperparameters.
//!
//! A checkpoint is a folder as Hugging Face writes it: `config.json`, weights in safetensors (one file, or shards with
//! an index), optionally `generation_config.json`; or a GGUF file as llama.cpp writes it, whose keys and tensors are
//! given the names and the order they have in such a folder. Opening reads the configuration and the headers; tensors are then
//! streamed in chunks to wherever they live, and the weights are never whole in memory. Everything in the files is
//! hostile: sizes and offsets are checked before use, and every limit has a name and a reason.
//!
//! Not done  PyTorch pickles, quantised safetensors (bitsandbytes, GPTQ)

mod config;
mod delivery;
mod error;
pub mod gguf;
pub(crate) mod json;
mod load;
mod mistaken_download;
mod safetensors;
mod shards;
pub mod source;
pub mod tensor_file;

pub use config::{Config, MAX_CONFIG_BYTES, MAX_CONFIG_NUMBER, MAX_CONFIG_VALUES};
pub use delivery::{Change, RowOrder};
pub use error::CheckpointError;
pub use load::{CHUNK_BYTES, MAX_UNWANTED_SHARE, WriteChunk};
pub use safetensors::{MAX_HEADER_BYTES, MAX_RANK, TensorEntry};
pub use shards::{MAX_INDEX_BYTES, MAX_SHARDS};
pub use source::Source;
pub use tensor_file::TensorFile;

use std::rc::Rc;

use sha2::{Digest, Sha256};

use crate::compute::quant::Quantised;
use crate::report::FileInfo;
use crate::tokenizer::GgufTokenizer;
use gguf::families::{GgufFamily, Sizes};
use gguf::header::Header;
use gguf::tokenizer::StoredTokenizer;
use safetensors::{LENGTH_BYTES, UnreadableTensor, shown};
use source::{read_exactly, read_small};

const CONFIG: &str = "config.json";
const GENERATION_CONFIG: &str = "generation_config.json";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// What a folder without config.json may hold instead.
const GGUF: &str = "model.gguf";
/// GGUF files that an error names.
const GGUF_NAMED: usize = 40;
/// Learned positions stay as they are when weights are rounded: there are few, and every token adds one.
const NEVER_ROUNDED: &[&str] = &["wpe.weight", "embed_positions.weight"];
/// Weights in formats that are not read, by the names under which they are published.
const OTHER_FORMATS: &[&str] = &[
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "consolidated.safetensors",
    "tf_model.h5",
    "flax_model.msgpack",
    "model.onnx",
];

/// An opened model: what its files say, checked, and no weights yet.
pub struct Checkpoint {
    source: Rc<dyn Source>,
    config: Config,
    generation_config: Option<Config>,
    /// By file, then by offset.
    tensors: Vec<TensorEntry>,
    /// Indices into `tensors`, by name.
    by_name: Vec<u32>,
    unreadable: Vec<UnreadableTensor>,
    weights: Vec<WeightsFile>,
    /// Files that were read whole while opening.
    small_files: Vec<FileInfo>,
    notes: Vec<String>,
    gguf_tokenizer: Option<StoredTokenizer>,
    is_gguf: bool,
}

/// One file of weights.
struct WeightsFile {
    name: String,
    bytes: u64,
    /// Where its tensors begin.
    data_start: u64,
}

impl Checkpoint {
    /// Reads `config.json`, `generation_config.json` and the header of every weights file, and checks them against each
    /// other. Reads no tensor data.
    ///
    /// Of a GGUF file it reads the header, and of one in several parts the headers of all.
    pub async fn open(source: Rc<dyn Source>) -> Result<Checkpoint, CheckpointError> {
        if let Some(file) = source.model_file() {
            return Self::open_gguf(source, file).await;
        }
        if source.len(CONFIG).await?.is_none() && source.len(GGUF).await?.is_some() {
            return Self::open_gguf(source, GGUF.into()).await;
        }
        Self::refuse_gguf_only(&*source).await?;
        let mut checkpoint = Self::open_config(source).await?;
        let (files, index) = weights_files(&*checkpoint.source, &mut checkpoint.notes).await?;
        if let Some(index) = &index {
            checkpoint.small_files.push(file_info(INDEX, index));
        }
        for file in files {
            checkpoint.read_header(file, index.is_some()).await?;
        }
        checkpoint.index_names()?;
        if let Some(index) = index {
            checkpoint.check_index(&index)?;
        }
        checkpoint.note_unreadable();
        checkpoint.note_special_ids();
        Ok(checkpoint)
    }

    /// A folder as it is downloaded from a repository of GGUF files, each of which is a model.
    async fn refuse_gguf_only(source: &dyn Source) -> Result<(), CheckpointError> {
        let files = gguf::models(source.gguf_files());
        let Some((example, _)) = files.first() else { return Ok(()) };
        if source.len(WEIGHTS).await?.is_some() || source.len(INDEX).await?.is_some() {
            return Ok(());
        }
        let named = files.iter().take(GGUF_NAMED).map(|(name, bytes)| format!("{name} ({bytes} bytes)"));
        let mut listed = named.collect::<Vec<_>>().join(", ");
        if files.len() > GGUF_NAMED {
            listed += &format!(" and {} more", files.len() - GGUF_NAMED);
        }
        Err(CheckpointError::SeveralModels { place: source.name(), listed, example: example.clone() })
    }

    /// Reads `config.json` and `generation_config.json` only: what a model that is still to be made begins with.
    pub async fn open_config(source: Rc<dyn Source>) -> Result<Checkpoint, CheckpointError> {
        let mut small_files = Vec::new();
        let mut notes = Vec::new();
        let Some(bytes) = read_small(&*source, CONFIG, MAX_CONFIG_BYTES).await? else {
            return Err(CheckpointError::MissingFile { file: CONFIG.into(), place: source.name() });
        };
        let config = Config::from_bytes(CONFIG, &bytes)?;
        small_files.push(file_info(CONFIG, &bytes));

        // The model runs without it, so a broken one costs a note and not the model.
        let generation_config = match read_small(&*source, GENERATION_CONFIG, MAX_CONFIG_BYTES).await {
            Ok(None) => None,
            Ok(Some(bytes)) => {
                small_files.push(file_info(GENERATION_CONFIG, &bytes));
                match Config::from_bytes(GENERATION_CONFIG, &bytes) {
                    Ok(config) => Some(config),
                    Err(error) => {
                        notes.push(format!("{error}; it is ignored."));
                        None
                    }
                }
            }
            Err(error @ CheckpointError::FileTooLarge { .. }) => {
                notes.push(format!("{error}; it is ignored."));
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Checkpoint {
            source,
            config,
            generation_config,
            tensors: Vec::new(),
            by_name: Vec::new(),
            unreadable: Vec::new(),
            weights: Vec::new(),
            small_files,
            notes,
            gguf_tokenizer: None,
            is_gguf: false,
        })
    }

    async fn open_gguf(source: Rc<dyn Source>, file: String) -> Result<Checkpoint, CheckpointError> {
        let (header, bytes) = gguf_header(&*source, &file).await?;
        let family = gguf::families::family(&header)?;
        let sizes = family.sizes(&header)?;
        let config = family.config(&*source, &header, bytes).await?;
        let gguf_tokenizer = StoredTokenizer::find(&header, bytes)?;
        let parts = gguf::shard_names(&file, &header)?;
        let mut checkpoint = Checkpoint {
            source,
            config,
            generation_config: None,
            tensors: Vec::new(),
            by_name: Vec::new(),
            unreadable: Vec::new(),
            weights: Vec::new(),
            small_files: Vec::new(),
            notes: Vec::new(),
            gguf_tokenizer,
            is_gguf: true,
        };
        checkpoint.take_gguf(family, &sizes, header, bytes)?;
        for part in parts {
            let (header, bytes) = gguf_header(&*checkpoint.source, &part).await?;
            checkpoint.take_gguf(family, &sizes, header, bytes)?;
        }
        checkpoint.index_names()?;
        checkpoint.note_unreadable();
        checkpoint.note_special_ids();
        Ok(checkpoint)
    }

    /// The tensors of one file, under the names the engine asks for.
    fn take_gguf(
        &mut self,
        family: &GgufFamily,
        sizes: &Sizes,
        header: Header,
        bytes: u64,
    ) -> Result<(), CheckpointError> {
        let readable = header.tensors.iter().filter(|tensor| tensor.dtype.is_some()).count();
        self.tensors.reserve_exact(readable);
        self.unreadable.reserve_exact(header.tensors.len() - readable);
        for tensor in &header.tensors {
            match tensor.dtype {
                Some(dtype) => self.tensors.extend(family.entries(&header, sizes, tensor, dtype)?),
                None => self.unreadable.push(UnreadableTensor {
                    name: tensor.name.clone(),
                    file: header.file.clone(),
                    dtype: tensor.type_name,
                    range: tensor.range.clone(),
                }),
            }
        }
        self.weights.push(WeightsFile { name: header.file, bytes, data_start: header.data_start });
        Ok(())
    }

    /// Rounds the matrices to 16, 8 or 4 bits while they are loaded, so that the model takes less memory: those that are
    /// stored in more bits, or in other 16 bits, and whose rows are whole blocks. Norms, biases and learned positions stay.
    pub fn round_to(&mut self, to: Quantised) {
        let mut rounded = 0;
        let block = to.dtype().block_elements();
        for entry in &mut self.tensors {
            let is_matrix = matches!(entry.shape[..], [_, columns] if columns.is_multiple_of(block));
            if is_matrix && to.rounds(entry.stored()) && !NEVER_ROUNDED.iter().any(|end| entry.name.ends_with(end)) {
                let change = entry.change.take().unwrap_or_else(|| Box::new(Change::none(entry.dtype)));
                entry.change = Some(change);
                entry.dtype = to.dtype();
                rounded += 1;
            }
        }
        let kept = match block {
            1 => "norms, biases, learned positions and what takes no more bits",
            _ => "norms, biases and rows that are no multiple of 32",
        };
        self.notes.push(format!(
            "The weights were rounded to {} ({}) while they were loaded: {rounded} of {} tensors; {kept} stay as they are \
             stored.",
            to.name(),
            to.dtype().name(),
            self.tensors.len()
        ));
    }

    /// The vocabulary of a GGUF file, where it has one.
    pub async fn gguf_tokenizer(&self) -> Result<Option<GgufTokenizer>, CheckpointError> {
        match &self.gguf_tokenizer {
            Some(stored) => Ok(Some(stored.read(&*self.source).await?)),
            None => Ok(None),
        }
    }

    /// Dense weights are stored as (outputs, inputs) whatever the family's own checkpoints do: GGUF's order.
    pub fn is_out_in(&self) -> bool {
        self.is_gguf
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// `generation_config.json`, where there is a readable one.
    pub fn generation_config(&self) -> Option<&Config> {
        self.generation_config.as_ref()
    }

    pub fn tensor(&self, name: &str) -> Option<&TensorEntry> {
        let place =
            self.by_name.binary_search_by(|&index| self.tensors[index as usize].name.as_str().cmp(name)).ok()?;
        Some(&self.tensors[self.by_name[place] as usize])
    }

    /// Like `tensor`, with an error that says why a tensor cannot be had.
    pub fn require(&self, name: &str) -> Result<&TensorEntry, CheckpointError> {
        if let Some(entry) = self.tensor(name) {
            return Ok(entry);
        }
        if let Some(entry) = self.unreadable.iter().find(|entry| entry.name == name) {
            return Err(CheckpointError::UnsupportedType {
                file: entry.file.clone(),
                tensor: shown(&entry.name),
                dtype: entry.dtype.into(),
            });
        }
        Err(CheckpointError::MissingTensor {
            tensor: shown(name),
            place: self.source.name(),
            tensors: self.tensors.len(),
            example: match self.tensors.first() {
                Some(entry) => shown(&entry.name),
                None => "none".into(),
            },
        })
    }

    /// By file, then by offset. Tensors of types that are not read are left out.
    pub fn tensors(&self) -> impl Iterator<Item = &TensorEntry> {
        self.tensors.iter()
    }

    pub fn source(&self) -> &Rc<dyn Source> {
        &self.source
    }

    /// Oddities that were survived, as sentences for the user.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    async fn read_header(&mut self, file: String, is_shard: bool) -> Result<(), CheckpointError> {
        let Some(bytes) = self.source.len(&file).await? else {
            return Err(CheckpointError::MissingFile {
                file: if is_shard { format!("{file}, named by {INDEX},") } else { file },
                place: self.source.name(),
            });
        };
        if bytes < LENGTH_BYTES {
            return Err(CheckpointError::NotSafetensors {
                file,
                found: format!("it has {bytes} bytes, and the length of its header alone takes {LENGTH_BYTES}"),
            });
        }
        let first = read_exactly(&*self.source, &file, 0..LENGTH_BYTES).await?;
        // OK because exactly eight bytes were read.
        let first: [u8; 8] = first.try_into().unwrap_or_default();
        let header_bytes = safetensors::header_bytes(&file, first, bytes)?;
        let data_start = LENGTH_BYTES + header_bytes;
        let json = read_exactly(&*self.source, &file, LENGTH_BYTES..data_start).await?;
        let header = safetensors::parse_header(&file, &json, bytes)?;
        // Moved and not copied while there is one file, which is the usual case.
        append(&mut self.tensors, header.tensors);
        append(&mut self.unreadable, header.unreadable);
        self.weights.push(WeightsFile { name: file, bytes, data_start });
        Ok(())
    }

    /// Sorts the names, and finds those that occur twice.
    fn index_names(&mut self) -> Result<(), CheckpointError> {
        // OK to cast: headers of at most 100 MB hold fewer than two million entries, and a thousand shards fit 2^32.
        self.by_name = (0..self.tensors.len() as u32).collect();
        let tensors = &self.tensors;
        self.by_name.sort_unstable_by(|&a, &b| tensors[a as usize].name.cmp(&tensors[b as usize].name));
        let twice = |name: &str, first: &str, second: &str| CheckpointError::DuplicateTensor {
            tensor: shown(name),
            first: first.into(),
            second: second.into(),
        };
        for pair in self.by_name.windows(2) {
            let (a, b) = (&tensors[pair[0] as usize], &tensors[pair[1] as usize]);
            if a.name == b.name {
                return Err(twice(&a.name, &a.file, &b.file));
            }
        }
        let mut unreadable: Vec<&UnreadableTensor> = self.unreadable.iter().collect();
        unreadable.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        for pair in unreadable.windows(2) {
            if pair[0].name == pair[1].name {
                return Err(twice(&pair[0].name, &pair[0].file, &pair[1].file));
            }
        }
        for entry in unreadable {
            if let Some(other) = self.tensor(&entry.name) {
                return Err(twice(&entry.name, &other.file, &entry.file));
            }
        }
        Ok(())
    }

    /// Every line of the index must be true; a tensor that no line names is harmless.
    fn check_index(&mut self, index: &[u8]) -> Result<(), CheckpointError> {
        let mut unreadable: Vec<&UnreadableTensor> = self.unreadable.iter().collect();
        unreadable.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let lines = shards::check_index(INDEX, index, &|name| {
            self.tensor(name).map(|entry| entry.file.as_str()).or_else(|| {
                let place = unreadable.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok()?;
                Some(unreadable[place].file.as_str())
            })
        })?;
        let tensors = self.tensors.len() + self.unreadable.len();
        if lines != tensors {
            self.notes.push(format!(
                "{INDEX} has {lines} lines, the shards have {tensors} tensors; the shards are believed."
            ));
        }
        Ok(())
    }

    fn note_unreadable(&mut self) {
        if let Some(first) = self.unreadable.first() {
            self.notes.push(format!(
                "{} of {} tensors are stored in a type that is not read here (for example {} in {}); they are left out.",
                self.unreadable.len(),
                self.unreadable.len() + self.tensors.len(),
                shown(&first.name),
                first.dtype
            ));
        }
    }

    /// Real models name special tokens outside their vocabulary (capp-gpt: `bos_token_id` 50256 of 53). Nothing here
    /// needs these ids, so they are only pointed out.
    fn note_special_ids(&mut self) {
        let Ok(Some(vocab_size)) = self.config.opt_usize("vocab_size") else {
            // Whoever needs the vocabulary's size asks for it, and gets the error.
            return;
        };
        for config in [Some(&self.config), self.generation_config.as_ref()].into_iter().flatten() {
            for key in ["bos_token_id", "eos_token_id", "pad_token_id"] {
                match config.ids(key) {
                    Ok(ids) => {
                        for id in ids.into_iter().filter(|&id| id >= vocab_size) {
                            self.notes.push(format!(
                                "{}: {key} is {id}, outside the vocabulary of {vocab_size}; it is ignored.",
                                config.file()
                            ));
                        }
                    }
                    // Also -1, which some exporters write for "none".
                    Err(error) => self.notes.push(format!("{error}; it is ignored.")),
                }
            }
        }
    }
}

/// Header and length of a GGUF file.
async fn gguf_header(source: &dyn Source, file: &str) -> Result<(Header, u64), CheckpointError> {
    let Some(bytes) = source.len(file).await? else {
        return Err(CheckpointError::MissingFile { file: file.into(), place: source.name() });
    };
    Ok((Header::read(source, file, bytes).await?, bytes))
}

/// The files that hold the weights, and the index if there are several.
async fn weights_files(
    source: &dyn Source,
    notes: &mut Vec<String>,
) -> Result<(Vec<String>, Option<Vec<u8>>), CheckpointError> {
    let has_index = source.len(INDEX).await?.is_some();
    if source.len(WEIGHTS).await?.is_some() {
        if has_index {
            notes.push(format!("Both {WEIGHTS} and {INDEX} are there; {WEIGHTS} is read."));
        }
        return Ok((vec![WEIGHTS.into()], None));
    }
    if let Some(index) = read_small(source, INDEX, MAX_INDEX_BYTES).await? {
        return Ok((shards::shard_names(INDEX, &index)?, Some(index)));
    }
    for other in OTHER_FORMATS {
        if source.len(other).await?.is_some() {
            return Err(CheckpointError::OtherFormat { found: (*other).into(), place: source.name() });
        }
    }
    Err(CheckpointError::MissingFile { file: WEIGHTS.into(), place: source.name() })
}

fn append<T>(list: &mut Vec<T>, mut more: Vec<T>) {
    if list.is_empty() {
        *list = more;
    } else {
        list.append(&mut more);
    }
}

/// Name, length and SHA-256 of a file that was read whole.
pub(crate) fn file_info(name: &str, bytes: &[u8]) -> FileInfo {
    FileInfo { name: name.into(), bytes: bytes.len() as u64, sha256: Some(hex(&Sha256::digest(bytes))) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
