//! Token ids → logits. Decoder families are data; a forward pass is a recording.
//!
//! Reading order: [`architecture`] says what a decoder is made of, [`families`] says it for each family, [`weights`]
//! brings the tensors to the device, [`forward`] writes a pass down, [`fan_out`] runs many rows behind one prefix,
//! [`training`] turns a pass around.

pub mod architecture;
pub mod attention;
pub mod families;
pub mod fan_out;
pub mod finiteness;
pub mod forward;
pub mod generate;
pub mod hooks;
pub mod kv_cache;
pub mod model;
pub mod recovery;
pub mod training;
pub mod weights;

pub use architecture::Architecture;
pub use fan_out::FanOut;
pub use model::Model;

/// What a model and a request can get wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    #[error("config.json: model_type is {got:?}, which is not one of {known}")]
    UnknownFamily { got: String, known: String },
    #[error("config.json: {family} with {setting} = {got} is not supported, only {supported}")]
    UnsupportedSetting { family: &'static str, setting: String, got: String, supported: String },
    #[error("config.json: {field} is {value}, which is not understood for {family} and may change the result")]
    UnknownField { family: &'static str, field: String, value: String },
    #[error("config.json: {what}")]
    Inconsistent { what: String },
    #[error("tensor {name} has shape {got:?}, expected {expected:?} from config.json")]
    TensorShape { name: String, got: Vec<usize>, expected: Vec<usize> },
    #[error("token id {id} is outside the embedding, which has {rows} rows")]
    TokenOutOfRange { id: u32, rows: usize },
    #[error("{tokens} tokens do not fit the model's context of {context}")]
    ContextTooShort { tokens: usize, context: usize },
    #[error("there is no head {head} in layer {layer}: the model has {layers} layers, and that one {heads} heads")]
    NoSuchHead { layer: usize, head: usize, layers: usize, heads: usize },
    #[error("no token ids were given")]
    Empty,
    #[error("{n_not_finite} of {n_values} activations are NaN or infinite: {op}, {place}")]
    ActivationsNotFinite { op: &'static str, place: String, n_not_finite: usize, n_values: usize },
    #[error("a batch of training rows is malformed: {what}")]
    BatchMalformed { what: String },
    #[error("{pattern:?} matches none of the model's {parameters} parameters, for example {example}")]
    NoSuchParameter { pattern: String, parameters: usize, example: String },
    #[error("{setting} is {got}, expected {expected}")]
    TrainingSetting { setting: &'static str, got: String, expected: &'static str },
    #[error("there is no place {site:?} in this model's pass; there are {known}")]
    NoSuchSite { site: String, known: String },
    #[error("a hook on {site} has {what}")]
    HookMalformed { site: String, what: String },
    #[error("the loss is {loss}, not a number to descend on")]
    LossNotFinite { loss: f64 },
    #[error("the training checkpoint does not fit: {what}")]
    TrainingCheckpoint { what: String },
}

impl EngineError {
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            EngineError::UnknownFamily { .. } | EngineError::UnsupportedSetting { .. } => {
                "Take a model of a supported family; the list is in the README.".into()
            }
            EngineError::UnknownField { field, .. } => format!(
                "If {field} plays no part in the computation, take it out of config.json; otherwise this model is a \
                 variant that is not supported."
            ),
            EngineError::TensorShape { .. } => {
                "The weights do not belong to this config.json, or are of another family: take both files from the same folder.".into()
            }
            EngineError::ContextTooShort { .. } => "Shorten the prompt or ask for fewer new tokens.".into(),
            EngineError::ActivationsNotFinite { .. } => {
                "The weights there are too large for f32 arithmetic, or damaged: take the checkpoint from its source again."
                    .into()
            }
            EngineError::LossNotFinite { .. } => {
                "The weights or activations hold NaN or infinity: check the checkpoint, or lower the learning rate.".into()
            }
            _ => return None,
        })
    }
}
