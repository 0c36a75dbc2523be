//! Token ids → logits: decoder families as data, KV caches, prompt fan-out.

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    #[error("the model has no forward pass yet")]
    Missing,
}

impl EngineError {
    pub fn hint(&self) -> Option<String> {
        None
    }
}
