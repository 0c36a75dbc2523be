//! What differs between models: a pure function of their results.

use serde::{Deserialize, Serialize};

use super::AttentionError;
use super::result::{AttentionResult, TextResult};
use super::statistics::{Statistics, StatisticsOptions, curves};

/// One to three models side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AttentionComparison {
    /// Always [`AttentionComparison::SCHEMA`].
    pub schema: String,
    pub version: String,
    pub options: StatisticsOptions,
    pub models: Vec<ComparedModel>,
    pub level: ComparisonLevel,
    /// Why it is not `heads`, and whatever else the reader should know.
    pub notes: Vec<String>,
    /// All concepts of all texts.
    pub concepts: Vec<ComparedConcept>,
    /// New minus old: second − first, third − first, third − second.
    pub pairs: Vec<ModelPair>,
    /// The texts in pieces that both end and begin with a token in every model.
    pub texts: Vec<AlignedText>,
}

impl AttentionComparison {
    pub const SCHEMA: &'static str = "glitchscope.attention-comparison";
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ComparedModel {
    pub name: String,
    /// Heads of each layer.
    pub heads: Vec<u32>,
}

/// How far models can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ComparisonLevel {
    /// The same layers, heads and tokens: head by head.
    Heads,
    /// The same tokens, other layers or heads: totals, and curves over relative depth.
    Curves,
    /// Other tokens: totals of the marked bytes.
    Spans,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ComparedConcept {
    /// The concept's name; behind the text's where several texts have it.
    pub name: String,
    /// Of each model, of each head.
    pub shares: Vec<Vec<Option<f64>>>,
    pub statistics: Vec<Option<Statistics>>,
    /// Of each model, of each layer.
    pub layer_means: Vec<Vec<Option<f64>>>,
    pub layer_medians: Vec<Vec<Option<f64>>>,
}

/// What the second model of a pair has more than the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ModelPair {
    /// Index of the model that is subtracted.
    pub old: u32,
    pub new: u32,
    /// In the order of the comparison's concepts.
    pub concepts: Vec<ConceptDifference>,
    /// Heads by the mean size of their difference, largest first; empty unless heads are compared.
    pub recurrent: Vec<RecurrentHead>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConceptDifference {
    /// Difference of the mean shares.
    pub mean: Option<f64>,
    /// Of each head; empty unless heads are compared.
    pub differences: Vec<Option<f64>>,
    pub statistics: Option<Statistics>,
    pub layer_means: Vec<Option<f64>>,
    pub layer_medians: Vec<Option<f64>>,
}

/// A head that differs in concept after concept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RecurrentHead {
    pub layer: u32,
    pub head: u32,
    /// Mean over the concepts of the absolute difference.
    pub mean_size: f64,
    pub mean: f64,
    /// Concepts in which the difference has the sign that most have, of `concepts`.
    pub agreeing: u32,
    pub concepts: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AlignedText {
    pub name: String,
    pub pieces: Vec<AlignedPiece>,
}

/// The shortest stretch of a text that is made of whole tokens in every model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AlignedPiece {
    /// Bytes of the text.
    pub start: u32,
    pub end: u32,
    /// Of each model, the attention that the piece receives as a part of all, in the mean over heads.
    pub received: Vec<f64>,
}

/// Models side by side at most.
pub const MODELS_MAX: usize = 3;

/// The results of one to three models that were asked with one request.
///
/// Errors   `Models`, `OtherRequest`, `Setting`
pub fn compare(
    results: &[AttentionResult],
    options: &StatisticsOptions,
) -> Result<AttentionComparison, AttentionError> {
    let Some(first) = results.first().filter(|_| results.len() <= MODELS_MAX) else {
        return Err(AttentionError::Models { got: results.len(), most: MODELS_MAX });
    };
    for other in &results[1..] {
        same_request(first, other)?;
    }
    let (mut level, mut notes) = (ComparisonLevel::Heads, Vec::new());
    for other in &results[1..] {
        let names = format!("{} and {}", first.model.name, other.model.name);
        if !first.texts.iter().zip(&other.texts).all(|(a, b)| same_tokens(a, b)) {
            level = ComparisonLevel::Spans;
            notes.push(format!(
                "{names} cut the text into other tokens: only what the marked letters receive in all is compared"
            ));
        } else if first.heads != other.heads {
            if level == ComparisonLevel::Heads {
                level = ComparisonLevel::Curves;
            }
            notes.push(format!(
                "{names} have other layers or heads: their shares are not subtracted head by head, only in the mean"
            ));
        }
        if !first.texts.iter().zip(&other.texts).all(|(a, b)| same_sets(a, b)) && level != ComparisonLevel::Spans {
            notes.push(format!("{names} were asked with other tokens in a concept, or without other tokens"));
        }
        if first.device != other.device {
            notes.push(format!(
                "{} was measured on {}, {} on {}: last digits differ for that alone",
                first.model.name, first.device.name, other.model.name, other.device.name
            ));
        }
    }
    let models = results
        .iter()
        .map(|result| ComparedModel { name: result.model.name.clone(), heads: result.heads.clone() })
        .collect();
    let mut concepts = Vec::new();
    for (t, text) in first.texts.iter().enumerate() {
        for (c, concept) in text.concepts.iter().enumerate() {
            let name = match &text.tokens.name {
                name if name.is_empty() || *name == concept.name => concept.name.clone(),
                name => format!("{name}: {}", concept.name),
            };
            concepts.push((name, results.iter().map(|result| result.texts[t].concepts[c].shares.clone()).collect()));
        }
    }
    let mut comparison = of_shares(models, concepts, level, options)?;
    comparison.notes = notes;
    comparison.texts = (0..first.texts.len())
        .map(|t| {
            let texts: Vec<&TextResult> = results.iter().map(|result| &result.texts[t]).collect();
            let text = first.request.texts.get(t).map_or("", |text| text.text.as_str());
            AlignedText { name: texts[0].tokens.name.clone(), pieces: aligned(text, &texts) }
        })
        .collect();
    Ok(comparison)
}

/// The same of shares alone, from wherever they come: of each concept its name, and of each model a share for each head.
pub fn of_shares(
    models: Vec<ComparedModel>,
    concepts: Vec<(String, Vec<Vec<Option<f64>>>)>,
    level: ComparisonLevel,
    options: &StatisticsOptions,
) -> Result<AttentionComparison, AttentionError> {
    options.check()?;
    if models.is_empty() || models.len() > MODELS_MAX {
        return Err(AttentionError::Models { got: models.len(), most: MODELS_MAX });
    }
    let mut compared = Vec::new();
    for (name, shares) in concepts {
        let statistics =
            shares.iter().zip(&models).map(|(shares, model)| Statistics::of(shares, &model.heads, options)).collect();
        let (layer_means, layer_medians) =
            shares.iter().zip(&models).map(|(shares, model)| curves(shares, &model.heads)).unzip();
        compared.push(ComparedConcept { name, shares, statistics, layer_means, layer_medians });
    }
    let pairs = (0..models.len())
        .flat_map(|new| (0..new).map(move |old| (old, new)))
        .map(|(old, new)| pair(&models, &compared, old, new, level, options))
        .collect();
    Ok(AttentionComparison {
        schema: AttentionComparison::SCHEMA.into(),
        version: crate::VERSION.into(),
        options: options.clone(),
        models,
        level,
        notes: Vec::new(),
        concepts: compared,
        pairs,
        texts: Vec::new(),
    })
}

fn pair(
    models: &[ComparedModel],
    concepts: &[ComparedConcept],
    old: usize,
    new: usize,
    level: ComparisonLevel,
    options: &StatisticsOptions,
) -> ModelPair {
    let heads = &models[old].heads;
    let mean = |concept: &ComparedConcept, model: usize| concept.statistics[model].as_ref().map(|found| found.mean);
    let concepts: Vec<ConceptDifference> = concepts
        .iter()
        .map(|concept| {
            let mean = mean(concept, new).zip(mean(concept, old)).map(|(new, old)| new - old);
            if level != ComparisonLevel::Heads {
                let none = Vec::new;
                return ConceptDifference {
                    mean,
                    differences: none(),
                    statistics: None,
                    layer_means: none(),
                    layer_medians: none(),
                };
            }
            let both = concept.shares[new].iter().zip(&concept.shares[old]);
            let differences: Vec<Option<f64>> = both.map(|(new, old)| Some(new.as_ref()? - old.as_ref()?)).collect();
            let (layer_means, layer_medians) = curves(&differences, heads);
            let statistics = Statistics::of(&differences, heads, options);
            ConceptDifference { mean, differences, statistics, layer_means, layer_medians }
        })
        .collect();
    let recurrent = if level == ComparisonLevel::Heads { recurrent(&concepts, heads) } else { Vec::new() };
    ModelPair { old: old as u32, new: new as u32, concepts, recurrent }
}

/// All heads, those that differ most over the concepts first.
fn recurrent(concepts: &[ConceptDifference], heads: &[u32]) -> Vec<RecurrentHead> {
    let places = (0..).zip(heads).flat_map(|(layer, &n)| (0..n).map(move |head| (layer, head)));
    let mut found: Vec<RecurrentHead> = places
        .enumerate()
        .filter_map(|(i, (layer, head))| {
            let differences: Vec<f64> = concepts.iter().filter_map(|concept| concept.differences[i]).collect();
            let n = differences.len();
            let count = |is: fn(&f64) -> bool| differences.iter().filter(|value| is(value)).count();
            (n > 0).then(|| RecurrentHead {
                layer,
                head,
                mean_size: differences.iter().map(|value| value.abs()).sum::<f64>() / n as f64,
                mean: differences.iter().sum::<f64>() / n as f64,
                agreeing: count(|value| *value > 0.0).max(count(|value| *value < 0.0)) as u32,
                concepts: n as u32,
            })
        })
        .collect();
    // Stable, so that equal heads stay in their order.
    found.sort_by(|a, b| b.mean_size.total_cmp(&a.mean_size));
    found
}

fn same_request(a: &AttentionResult, b: &AttentionResult) -> Result<(), AttentionError> {
    let other = |what: String| {
        let (first, other) = (a.model.name.clone(), b.model.name.clone());
        Err(AttentionError::OtherRequest { first, other, what })
    };
    if a.texts.len() != b.texts.len() {
        return other(format!("{} texts and {}", a.texts.len(), b.texts.len()));
    }
    for (x, y) in a.texts.iter().zip(&b.texts) {
        if x.tokens.sha256 != y.tokens.sha256 {
            return other(format!("the texts {:?} and {:?} differ", x.tokens.name, y.tokens.name));
        }
        let names = |text: &TextResult| -> Vec<String> { text.concepts.iter().map(|c| c.name.clone()).collect() };
        if names(x) != names(y) {
            return other(format!("{:?} has the concepts {:?} and {:?}", x.tokens.name, names(x), names(y)));
        }
    }
    Ok(())
}

fn same_tokens(a: &TextResult, b: &TextResult) -> bool {
    let (a, b) = (&a.tokens.tokens, &b.tokens.tokens);
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.piece == b.piece && (a.start, a.end) == (b.start, b.end))
}

fn same_sets(a: &TextResult, b: &TextResult) -> bool {
    let (a, b) = (&a.tokens, &b.tokens);
    a.tokens.iter().map(|token| token.excluded).eq(b.tokens.iter().map(|token| token.excluded))
        && a.concepts.iter().map(|concept| &concept.tokens).eq(b.concepts.iter().map(|concept| &concept.tokens))
}

/// The text in pieces that no model's token crosses, with what each receives. Blanks beside a word belong to it; tokens
/// that are not in the text belong to no piece.
fn aligned(text: &str, models: &[&TextResult]) -> Vec<AlignedPiece> {
    // Places strictly inside a token of some model.
    let mut inside = vec![false; text.len() + 1];
    for token in models.iter().flat_map(|model| &model.tokens.tokens) {
        let (start, end) = trimmed(text, token.start as usize, token.end as usize);
        inside[(start + 1).min(end)..end].fill(true);
    }
    let starts: Vec<usize> =
        text.char_indices().filter(|&(at, letter)| !letter.is_whitespace() && !inside[at]).map(|(at, _)| at).collect();
    let mut pieces: Vec<AlignedPiece> = starts
        .iter()
        .enumerate()
        .map(|(i, &start)| {
            let (_, end) = trimmed(text, start, starts.get(i + 1).copied().unwrap_or(text.len()));
            AlignedPiece { start: start as u32, end: end as u32, received: vec![0.0; models.len()] }
        })
        .collect();
    for (m, model) in models.iter().enumerate() {
        for (token, &received) in model.tokens.tokens.iter().zip(&model.received) {
            if token.start == token.end {
                continue;
            }
            let (start, _) = trimmed(text, token.start as usize, token.end as usize);
            let piece = starts.partition_point(|&first| first <= start).saturating_sub(1);
            if let Some(piece) = pieces.get_mut(piece) {
                piece.received[m] += f64::from(received);
            }
        }
    }
    pieces
}

/// A stretch without the blanks at its ends; empty where it is nothing but blanks.
fn trimmed(text: &str, start: usize, end: usize) -> (usize, usize) {
    let words = text.get(start..end).unwrap_or("");
    let start = start + words.len() - words.trim_start().len();
    (start, start + words.trim().len())
}
