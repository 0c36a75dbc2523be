//! Bytes → named tensors and hyperparameters.

pub mod source;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    #[error("{file} is missing from {place}")]
    MissingFile { file: String, place: String },
}

impl CheckpointError {
    pub fn hint(&self) -> Option<String> {
        None
    }
}
