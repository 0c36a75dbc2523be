//! The concept attention lens: how much of its attention a model gives to words that a person has marked, head by head,
//! and how that differs between models.
//!
//! share[l,h] = Σ_{j∈S∖E} c_j / Σ_{j∉E} c_j, where c_j = Σ_i A[l,h,i,j]
//!
//! A are the softmax weights of one forward pass over the text, query i on key j; S are the concept's tokens and E the
//! excluded ones, which are left out as keys and stay as queries; nothing is normalised again. The sum over all keys is T,
//! so T numbers a head are enough, and no map of T × T is ever kept.
//!
//! Source   Ho 2024, "Effects of continued legal pre-training and instruction fine-tuning on LLMs' attention to legal
//!          concepts", arXiv 2410.12001, with its code at github.com/shaunho7/legal-llm-attention
//! Memory   L·H·T numbers for the sums, 2·T·H while a layer is measured

pub mod comparison;
mod csv;
mod example;
mod marks;
pub mod npy;
pub mod request;
pub mod result;
pub mod share;
pub mod statistics;
pub mod tokens;

pub use comparison::compare;
pub use csv::{read_csv, write_csv};
pub use example::example;
pub use marks::parse_marks;

use crate::engine::attention::Progress;
use crate::error::Result;
use crate::progress::{Event, Monitor, pause};
use crate::session::Session;
use crate::tokenizer::{Tokenizer, TokenizerError};
use request::AttentionRequest;
use result::{AttentionResult, TextTokens};

/// What a share is, for whoever reads a saved result.
const DEFINITION: &str = "share of a head = attention received by the concept's tokens that are not excluded, divided by the \
     attention received by all tokens that are not excluded; sums over all queries of softmax weights; excluded tokens are \
     left out as keys and stay as queries; nothing is normalised again (Ho 2024, arXiv 2410.12001)";

/// What can be wrong with a request, or with a file of shares.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AttentionError {
    #[error("no text was given")]
    NoTexts,
    #[error("the text {text:?} is empty")]
    EmptyText { text: String },
    #[error("no concept is marked in the text {text:?}")]
    NoConcepts { text: String },
    #[error("the text {text:?}, byte {at}: {what}")]
    Marks { text: String, at: usize, what: String },
    #[error(
        "the concept {concept:?} is said to go from bytes {start} to {end}, which is no stretch of a text of {bytes} bytes"
    )]
    Span { concept: String, start: u32, end: u32, bytes: usize },
    #[error("the text {text:?} has {tokens} tokens; there is no position {position}")]
    Position { text: String, position: u32, tokens: usize },
    #[error("the concept {concept:?} has no token in the text {text:?}: no letter of it is marked")]
    EmptyConcept { concept: String, text: String },
    #[error("{got} models were given; one to {most} can be compared")]
    Models { got: usize, most: usize },
    #[error("{first} and {other} were not asked about the same texts and concepts: {what}")]
    OtherRequest { first: String, other: String, what: String },
    #[error("{setting} is {got}, expected {expected}")]
    Setting { setting: &'static str, got: String, expected: String },
    #[error("the models are not compared head by head, so there is no table of heads: {why}")]
    NotByHead { why: String },
    #[error("{file}: {what}")]
    File { file: String, what: String },
}

impl AttentionError {
    /// What the person who meets this error can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            AttentionError::NoConcepts { .. } | AttentionError::EmptyConcept { .. } => {
                "Mark words: select them in the page, or write [[words]] or [[name|words]].".into()
            }
            AttentionError::Marks { .. } => "Write [[words]] or [[name|words]], without marks inside marks.".into(),
            AttentionError::Position { .. } => {
                "Positions belong to one tokenizer: choose the tokens again for this model.".into()
            }
            AttentionError::OtherRequest { .. } => "Ask all models with one request.".into(),
            AttentionError::NotByHead { .. } => {
                "Save the JSON instead, or compare models with the same layers, heads and tokens.".into()
            }
            AttentionError::File { .. } => {
                "The file must be a table as this lab saves it: experiment_id, layer_depth, head_idx, a column of shares for \
                 each model, then second minus first, third minus first, third minus second."
                    .into()
            }
            _ => return None,
        })
    }
}

/// One model's attention to the concepts of a request.
///
/// Errors   what `AttentionError` and the engine say; `Cancelled`
pub async fn measure(
    session: &mut Session,
    request: &AttentionRequest,
    monitor: &mut dyn Monitor,
) -> Result<AttentionResult> {
    let texts = tokens_of(session, request)?;
    let architecture = &session.model.architecture;
    let heads = architecture.layers.iter().map(|layer| layer.n_heads as u32).collect();
    let windows: Vec<Option<u32>> =
        architecture.layers.iter().map(|layer| layer.window.map(|window| window as u32)).collect();
    let n_layers = architecture.n_layers() as u64;
    let (mut results, mut notes) = (Vec::new(), Vec::new());
    for (i, text) in (0..).zip(&texts) {
        let ids: Vec<u32> = text.tokens.iter().map(|token| token.id).collect();
        monitor.event(Event::Stage { stage: "attending", detail: format!("{}, {} tokens", text.name, ids.len()) });
        pause(monitor).await?;
        let progress = Progress { before: i * n_layers, total: texts.len() as u64 * n_layers };
        let layers = loop {
            match session.model.attention_sums(&ids, progress, monitor).await {
                Ok(layers) => break layers,
                Err(error) => match session.model.recover(&error, monitor).await? {
                    Some(incident) => notes.push(incident),
                    None => return Err(error),
                },
            }
        };
        results.push(share::text_result(text.clone(), &layers, &windows));
    }
    Ok(AttentionResult {
        schema: AttentionResult::SCHEMA.into(),
        version: crate::VERSION.into(),
        definition: DEFINITION.into(),
        model: session.info.model.clone(),
        device: session.model.device.info(),
        request: request.clone(),
        heads,
        windows,
        texts: results,
        notes,
    })
}

/// The texts of a request as the model's tokenizer cuts them: concepts, exclusions, warnings; no forward pass.
pub fn tokens_of(session: &Session, request: &AttentionRequest) -> Result<Vec<TextTokens>> {
    let tokenizer: &Tokenizer = session.tokenizer.as_ref().ok_or(TokenizerError::Absent)?;
    tokens::text_tokens(tokenizer, request)
}

/// The attention map of one head for one text of the request: (T,T), row t is what token t attends to. Excluded tokens have
/// their columns.
pub async fn map(
    session: &mut Session,
    request: &AttentionRequest,
    text: usize,
    layer: usize,
    head: usize,
    monitor: &mut dyn Monitor,
) -> Result<Vec<f32>> {
    let texts = tokens_of(session, request)?;
    let Some(text) = texts.get(text) else {
        let expected = format!("less than {}", texts.len());
        return Err(AttentionError::Setting { setting: "text", got: text.to_string(), expected }.into());
    };
    let ids: Vec<u32> = text.tokens.iter().map(|token| token.id).collect();
    session.model.attention_map(&ids, layer, head, monitor).await
}

/// What the page needs to know, as TypeScript.
#[cfg(test)]
pub(super) fn typescript() -> String {
    use crate::report::typescript::declare;
    let mut out = String::from("\nimport type { DeviceInfo, ModelInfo } from \"../../report/types\";\n");
    declare::<request::AttentionRequest>(&mut out);
    declare::<request::MarkedText>(&mut out);
    declare::<request::Concept>(&mut out);
    declare::<request::ByteSpan>(&mut out);
    declare::<request::Exclusion>(&mut out);
    declare::<request::Preset>(&mut out);
    declare::<result::AttentionResult>(&mut out);
    declare::<result::TextResult>(&mut out);
    declare::<result::TextTokens>(&mut out);
    declare::<result::TextToken>(&mut out);
    declare::<result::ConceptTokens>(&mut out);
    declare::<result::ConceptResult>(&mut out);
    declare::<result::AttentionWarning>(&mut out);
    declare::<statistics::Statistics>(&mut out);
    declare::<statistics::Histogram>(&mut out);
    declare::<statistics::ClusterInterval>(&mut out);
    declare::<statistics::StatisticsOptions>(&mut out);
    declare::<comparison::AttentionComparison>(&mut out);
    declare::<comparison::ComparedModel>(&mut out);
    declare::<comparison::ComparisonLevel>(&mut out);
    declare::<comparison::ComparedConcept>(&mut out);
    declare::<comparison::ModelPair>(&mut out);
    declare::<comparison::ConceptDifference>(&mut out);
    declare::<comparison::RecurrentHead>(&mut out);
    declare::<comparison::AlignedText>(&mut out);
    declare::<comparison::AlignedPiece>(&mut out);
    out
}
