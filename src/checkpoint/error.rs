//! What can be wrong with a model's files. Every message names the file and the numbers.

use super::mistaken_download;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    #[error("{file} is missing from {place}")]
    MissingFile { file: String, place: String },
    #[error("{place} holds no weights in safetensors, but GGUF files: {listed}")]
    SeveralModels {
        place: String,
        /// Names and sizes.
        listed: String,
        example: String,
    },
    #[error("{place} holds {found} but no weights in safetensors")]
    OtherFormat { found: String, place: String },
    #[error("{file} cannot be read from {place}: {reason}")]
    Unreadable { file: String, place: String, reason: String },
    #[error("{file}: {expected_bytes} bytes were asked for at offset {offset}, {got_bytes} came")]
    ShortRead { file: String, offset: u64, expected_bytes: u64, got_bytes: u64 },
    #[error("{file} has {bytes} bytes, more than the {limit_bytes} this program reads of such a file")]
    FileTooLarge { file: String, bytes: u64, limit_bytes: u64 },
    #[error("{file}: {reason}")]
    Json { file: String, reason: String },
    #[error("{file}: {key} is {found}, expected {expected}")]
    Key { file: String, key: String, found: String, expected: String },
    #[error("{file} is not a safetensors file: {found}")]
    NotSafetensors { file: String, found: String },
    #[error("{file}: the header claims {header_bytes} bytes; the file has {file_bytes}, the limit is {limit_bytes}")]
    HeaderLength { file: String, header_bytes: u64, file_bytes: u64, limit_bytes: u64 },
    #[error("{file}: tensor {tensor} is stored as {dtype}, which is no type of the safetensors format")]
    UnknownType { file: String, tensor: String, dtype: String },
    #[error(
        "{file}: tensor {tensor} is stored as {dtype}; this program reads F32, F16, BF16, F8_E4M3, F8_E5M2, and of \
         GGUF also Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K"
    )]
    UnsupportedType { file: String, tensor: String, dtype: String },
    #[error("{file}: tensor {tensor} {needs}, its offsets span {got_bytes} bytes")]
    ByteRange {
        file: String,
        tensor: String,
        /// Shape, type and what they come to: `of shape [2, 3] in F32 takes 24 bytes`.
        needs: String,
        got_bytes: u64,
    },
    #[error("{file}: tensor {tensor} has offsets {start}..{end}, which run backwards")]
    OffsetOrder { file: String, tensor: String, start: u64, end: u64 },
    #[error("{file}: tensor {tensor} starts at {start}, but {previous} ends at {previous_end}: they overlap")]
    Overlap { file: String, tensor: String, start: u64, previous: String, previous_end: u64 },
    #[error("{file}: tensor {tensor} starts at {start}, but what precedes it ends at {previous_end}: a gap")]
    Gap { file: String, tensor: String, start: u64, previous_end: u64 },
    #[error("{file} is truncated: tensor {tensor} ends at byte {needed_bytes}, the file has {file_bytes}")]
    Truncated { file: String, tensor: String, needed_bytes: u64, file_bytes: u64 },
    #[error("{file} has {file_bytes} bytes, but its tensors end at {used_bytes}")]
    TrailingBytes { file: String, file_bytes: u64, used_bytes: u64 },
    #[error("tensor {tensor} occurs twice: in {first} and in {second}")]
    DuplicateTensor { tensor: String, first: String, second: String },
    #[error("{file} names the shard {shard:?}, which is no plain file name")]
    ShardName { file: String, shard: String },
    #[error("{file} names more than {limit} shards")]
    TooManyShards { file: String, limit: usize },
    #[error("{file} says that tensor {tensor} is in {shard}, but {found}")]
    ShardIndex { file: String, tensor: String, shard: String, found: String },
    #[error("{file} is not a GGUF file that can be read: {found}")]
    NotGguf { file: String, found: String },
    #[error("{file}: {reason}")]
    Gguf { file: String, reason: String },
    #[error("{file}: general.architecture is {got}, which is not one of {known}")]
    UnknownArchitecture { file: String, got: String, known: String },
    #[error("{file}: {count} of the {elements} weights of tensor {tensor} are NaN or infinite")]
    NonFinite { file: String, tensor: String, count: u64, elements: u64 },
    #[error("{file}: {count} of the {elements} weights of tensor {tensor} are too large to be rounded to {to}")]
    TooLarge { file: String, tensor: String, count: u64, elements: u64, to: &'static str },
    #[error("tensor {tensor} is missing; {place} has {tensors} tensors, for example {example}")]
    MissingTensor { tensor: String, place: String, tensors: usize, example: String },
}

impl CheckpointError {
    /// What the person who meets this error can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            CheckpointError::MissingFile { file, .. } => match file.as_str() {
                "config.json" => "Open the folder of a Hugging Face model: config.json, model.safetensors and \
                                  tokenizer.json lie side by side in it."
                    .into(),
                "tokenizer.json" => "Save the fast tokenizer beside the model, in Python: \
                                     AutoTokenizer.from_pretrained(name).save_pretrained(folder)."
                    .into(),
                _ => "Pick the missing file too, or download the model's folder again, all of it.".into(),
            },
            CheckpointError::SeveralModels { place, example, .. } => {
                format!("Name the one to open: {}/{example}", place.trim_end_matches('/'))
            }
            CheckpointError::OtherFormat { .. } => "Convert the weights, in Python: \
                AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder, safe_serialization=True)."
                .into(),
            CheckpointError::NotSafetensors { found, .. } | CheckpointError::NotGguf { found, .. }
                if mistaken_download::hint(found).is_some() =>
            {
                mistaken_download::hint(found)?.into()
            }
            CheckpointError::Unreadable { .. } | CheckpointError::ShortRead { .. } => {
                "Check that the file is still there and has not changed, then start again.".into()
            }
            CheckpointError::Truncated { .. }
            | CheckpointError::HeaderLength { .. }
            | CheckpointError::NotSafetensors { .. } => {
                "The download was probably cut short: download the file again and compare its size.".into()
            }
            CheckpointError::NotGguf { .. } | CheckpointError::Gguf { .. } => {
                "Download the file again and compare its size, or make it anew with llama.cpp's convert_hf_to_gguf.py."
                    .into()
            }
            CheckpointError::UnknownArchitecture { .. } => {
                "Take a model of one of these families, or its safetensors folder if its family is listed in the README."
                    .into()
            }
            CheckpointError::TooLarge { .. } => {
                "Load the weights as they are stored, or rounded to another type: f16 ends at 65,504, and the scales of \
                 int8 and int4 are f16."
                    .into()
            }
            CheckpointError::NonFinite { .. } => {
                "Such a model gives NaN for every text: download the file again, or convert it without overflow, for \
                 example to BF16 instead of F16."
                    .into()
            }
            CheckpointError::UnsupportedType { file, .. } if file.ends_with(".gguf") => {
                "Take a file of the same model in Q8_0, Q4_K_M or F16.".into()
            }
            CheckpointError::UnsupportedType { .. } => {
                "Take the F32, F16 or BF16 weights of this model, or convert them, in Python: \
                 model.to(torch.bfloat16).save_pretrained(folder)."
                    .into()
            }
            CheckpointError::UnknownType { .. }
            | CheckpointError::ByteRange { .. }
            | CheckpointError::OffsetOrder { .. }
            | CheckpointError::Overlap { .. }
            | CheckpointError::Gap { .. }
            | CheckpointError::TrailingBytes { .. }
            | CheckpointError::DuplicateTensor { .. } => {
                "The file breaks the safetensors format: download it again, or save it again with the safetensors \
                 library."
                    .into()
            }
            CheckpointError::ShardName { .. }
            | CheckpointError::TooManyShards { .. }
            | CheckpointError::ShardIndex { .. } => {
                "The index and the shards do not belong together: download the model's folder again, all of it.".into()
            }
            CheckpointError::Json { file, .. } | CheckpointError::FileTooLarge { file, .. } => {
                format!("Download {file} again; it should be the file that the model was published with.")
            }
            CheckpointError::Key { file, key, .. } => {
                format!("Compare {key} in {file} with the file that the model was published with.")
            }
            CheckpointError::MissingTensor { .. } => {
                "The weights do not fit config.json: take both from the same model, and a text-generating one.".into()
            }
        })
    }
}
