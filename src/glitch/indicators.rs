//! Magikarp's indicators: what an embedding alone says about which tokens were hardly trained. Low is suspicious.
//!
//! Source   Land & Bartolo 2024 (arXiv 2405.05417), section 3.2, and cohere-ai/magikarp: cosine distance of output rows to
//!          the mean row of known unused ids, denominators clipped at 1e-6; the same after subtracting the mean of all
//!          rows; the same after removing the first principal component; Euclidean distance; norm of the input row; bias
//!          of the head where it has a norm above 1e-3
//! Differs  the first component is removed as E − (E·c)·cᵀ, c being fitted on centred rows; the bias is its own indicator
//! Agrees   tools/reference/detectors.py (NumPy, scikit-learn) to 1e-5

use super::Embedding;
use super::reference_ids::reference_ids;
use crate::error::Result;
use crate::graph::{finite_rows, pca};
use crate::progress::{Monitor, pause};
use crate::report::{IndicatorColumn, IndicatorTable, TokenTable};

/// Which indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indicator {
    InputNorm,
    Cosine,
    CentredCosine,
    CosineWithoutFirstComponent,
    Distance,
    HeadBias,
}

impl Indicator {
    pub const ALL: [Indicator; 6] = [
        Indicator::InputNorm,
        Indicator::Cosine,
        Indicator::CentredCosine,
        Indicator::CosineWithoutFirstComponent,
        Indicator::Distance,
        Indicator::HeadBias,
    ];

    /// Whether it compares with reference ids.
    pub fn needs_references(self) -> bool {
        !matches!(self, Indicator::InputNorm | Indicator::HeadBias)
    }

    /// Name of the detector that ranks by it, and what it is.
    pub fn described(self) -> (&'static str, &'static str) {
        match self {
            Indicator::InputNorm => ("magikarp-input-norm", "norm of the input row"),
            Indicator::Cosine => ("magikarp-cosine", "cosine distance of the output row to the reference row"),
            Indicator::CentredCosine => {
                ("magikarp-cosine-centred", "that cosine distance after subtracting the mean row")
            }
            Indicator::CosineWithoutFirstComponent => {
                ("magikarp-cosine-no-pc1", "that cosine distance after removing the first principal component")
            }
            Indicator::Distance => ("magikarp-distance", "Euclidean distance of the output row to the reference row"),
            Indicator::HeadBias => ("magikarp-head-bias", "bias of the head"),
        }
    }

    /// Why a model has none; `None` when it has.
    pub fn unmet(self, has_references: bool, head_bias: &[f32]) -> Option<String> {
        if self.needs_references() && !has_references {
            return Some("no group of untrained rows was found to compare with".into());
        }
        let norm = head_bias.iter().map(|&bias| f64::from(bias).powi(2)).sum::<f64>().sqrt();
        (self == Indicator::HeadBias && norm.partial_cmp(&BIAS_NORM_MIN) != Some(std::cmp::Ordering::Greater))
            .then(|| "the head has no bias".into())
    }
}

/// Share of ordinary tokens, lowest indicator first, that Magikarp verifies.
pub const CANDIDATE_SHARE: f64 = 0.02;
const DENOMINATOR_MIN: f64 = 1e-6;
/// A bias of a smaller norm is taken for none.
const BIAS_NORM_MIN: f64 = 1e-3;

/// Every indicator that a model has, of every row, with the rows they are compared with.
///
/// Errors   those of the principal components; `Cancelled`
pub async fn indicators(
    tokens: &TokenTable,
    input: &Embedding,
    output: &Embedding,
    head_bias: &[f32],
    monitor: &mut dyn Monitor,
) -> Result<IndicatorTable> {
    let references = reference_ids(tokens, output);
    let ids = references.as_ref().map_or(&[][..], |references| &references.ids);
    let mut columns = Vec::with_capacity(Indicator::ALL.len());
    for which in Indicator::ALL {
        if which.unmet(references.is_some(), head_bias).is_some() {
            continue;
        }
        pause(monitor).await?;
        let values = indicator(which, input, output, head_bias, ids)?;
        let (name, what) = which.described();
        columns.push(IndicatorColumn {
            name: name.into(),
            what: what.into(),
            values: values.into_iter().map(|value| value as f32).collect(),
        });
    }
    Ok(IndicatorTable { references, columns })
}

/// The indicator of every row. `output` are the head's rows, which are the embedding's where the two are tied;
/// `references` are ids of rows that were never trained, and are needed where `needs_references` says so.
///
/// Errors   those of the principal components
pub fn indicator(
    which: Indicator,
    input: &Embedding,
    output: &Embedding,
    head_bias: &[f32],
    references: &[u32],
) -> Result<Vec<f64>> {
    let columns = output.columns;
    Ok(match which {
        Indicator::InputNorm => (0..input.rows).map(|id| norm(&wide(input.row(id as u32)))).collect(),
        Indicator::HeadBias => head_bias.iter().map(|&bias| f64::from(bias)).collect(),
        Indicator::Cosine => cosines(output, references, |row| row),
        Indicator::CentredCosine => {
            let mean = mean(output, &(0..output.rows as u32).collect::<Vec<_>>());
            cosines(output, references, |row| difference(&row, &mean))
        }
        Indicator::CosineWithoutFirstComponent => {
            finite_rows("the output embedding", &output.values, columns)?;
            let first = wide(&pca(&output.values, columns, 1, 0)?.components);
            cosines(output, references, |row| {
                let along = dot(&row, &first);
                row.iter().zip(&first).map(|(value, direction)| value - along * direction).collect()
            })
        }
        Indicator::Distance => {
            let reference = mean(output, references);
            (0..output.rows).map(|id| norm(&difference(&wide(output.row(id as u32)), &reference))).collect()
        }
    })
}

/// Cosine distances to the mean reference row, all rows changed by `change` first.
fn cosines(output: &Embedding, references: &[u32], change: impl Fn(Vec<f64>) -> Vec<f64>) -> Vec<f64> {
    let changed = |id: u32| change(wide(output.row(id)));
    let mut reference = vec![0.0; output.columns];
    for &id in references {
        reference.iter_mut().zip(changed(id)).for_each(|(sum, value)| *sum += value / references.len() as f64);
    }
    (0..output.rows as u32).map(|id| 1.0 - cosine(&changed(id), &reference)).collect()
}

/// The ids among `askable` whose indicator is at most the candidate share's percentile, lowest first.
pub fn candidates(indicator: &[f64], askable: &[u32]) -> Vec<u32> {
    let known: Vec<u32> = askable
        .iter()
        .copied()
        .filter(|&id| indicator.get(id as usize).is_some_and(|value| value.is_finite()))
        .collect();
    let mut values: Vec<f64> = known.iter().map(|&id| indicator[id as usize]).collect();
    values.sort_unstable_by(f64::total_cmp);
    let Some(limit) = percentile(&values, CANDIDATE_SHARE) else { return Vec::new() };
    let mut candidates: Vec<u32> = known.into_iter().filter(|&id| indicator[id as usize] <= limit).collect();
    candidates.sort_by(|&a, &b| indicator[a as usize].total_cmp(&indicator[b as usize]).then(a.cmp(&b)));
    candidates
}

/// NumPy's percentile of sorted values, linear between two; `None` without values.
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * (sorted.len().checked_sub(1)?) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}

fn wide(row: &[f32]) -> Vec<f64> {
    row.iter().map(|&value| f64::from(value)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    dot(a, b) / (norm(a) * norm(b)).max(DENOMINATOR_MIN)
}

fn mean(rows: &Embedding, ids: &[u32]) -> Vec<f64> {
    let mut mean = vec![0.0; rows.columns];
    for &id in ids {
        mean.iter_mut().zip(rows.row(id)).for_each(|(sum, &value)| *sum += f64::from(value) / ids.len() as f64);
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand, in the plane.
    #[test]
    fn distances_to_the_reference_row() {
        let rows = Embedding { rows: 4, columns: 2, values: vec![2.0, 0.0, 0.0, 3.0, -1.0, 0.0, 4.0, 0.0] };
        let of = |which| indicator(which, &rows, &rows, &[0.5, -0.5, 0.0, 1.0], &[0]).unwrap();
        assert_eq!(of(Indicator::Cosine), [0.0, 1.0, 2.0, 0.0]);
        assert_eq!(of(Indicator::InputNorm), [2.0, 3.0, 1.0, 4.0]);
        assert_eq!(of(Indicator::Distance), [0.0, 13f64.sqrt(), 3.0, 2.0]);
        assert_eq!(of(Indicator::HeadBias), [0.5, -0.5, 0.0, 1.0]);
        assert_eq!(candidates(&[3.0, 1.0, 2.0, f64::NAN], &[0, 1, 2, 3]), [1]);
        assert_eq!(candidates(&[3.0, 1.0], &[]), Vec::<u32>::new());
        assert_eq!(percentile(&[1.0, 2.0, 3.0], 0.25), Some(1.5));
    }
}
