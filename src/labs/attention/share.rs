//! From the sums of columns to shares: the definition, once.

use super::result::{AttentionWarning, ConceptResult, ConceptTokens, TextResult, TextTokens};
use super::statistics::{Statistics, StatisticsOptions, by_layer, curves};
use crate::engine::attention::AttentionSums;

/// Kept attention below which a head's share is said to stand on little.
const KEPT_LITTLE: f64 = 0.05;
const KEPT_NEXT_TO_NOTHING: f64 = 0.01;

/// Σ_{j∈S∖E} c_j / Σ_{j∉E} c_j of one head; `None` where the denominator is 0. The columns that are kept are added up
/// themselves: T less the excluded ones would lose the digits of a head that rests on the beginning of text.
pub fn share(sums: &[f32], concept: &[u32], excluded: &[bool]) -> Option<f64> {
    let kept = kept(sums, excluded);
    let own: f64 = concept.iter().filter(|&&j| !excluded[j as usize]).map(|&j| f64::from(sums[j as usize])).sum();
    (kept > 0.0).then(|| own / kept)
}

/// Σ_{j∉E} c_j of one head.
fn kept(sums: &[f32], excluded: &[bool]) -> f64 {
    sums.iter().zip(excluded).filter(|(_, excluded)| !**excluded).map(|(&sum, _)| f64::from(sum)).sum()
}

/// The sums of columns when every query attends alike to the keys it sees: c_j = Σ_i 1 / min(i + 1, window).
pub fn uniform_sums(tokens: usize, window: Option<usize>) -> Vec<f32> {
    let window = window.unwrap_or(usize::MAX);
    // Of the queries before: what each gives to one key, added up.
    let mut before = vec![0.0f64];
    for i in 0..tokens {
        before.push(before[i] + 1.0 / (i + 1).min(window) as f64);
    }
    (0..tokens).map(|j| (before[j.saturating_add(window).min(tokens)] - before[j]) as f32).collect()
}

/// One text's result from its sums, layer by layer.
pub fn text_result(tokens: TextTokens, layers: &[AttentionSums], windows: &[Option<u32>]) -> TextResult {
    let n = tokens.tokens.len();
    let excluded: Vec<bool> = tokens.tokens.iter().map(|token| token.excluded).collect();
    let heads: Vec<u32> = layers.iter().map(|layer| layer.n_heads as u32).collect();
    let n_heads: u32 = heads.iter().sum();
    let columns: Vec<&[f32]> = layers.iter().flat_map(|layer| layer.sums.chunks_exact(n)).collect();
    let kept: Vec<f64> = columns.iter().map(|sums| kept(sums, &excluded) / n as f64).collect();
    let received_by_layer: Vec<Vec<f32>> = by_layer(&columns, &heads).map(|heads| received(heads, n)).collect();
    let shortened: Vec<u32> = (0..)
        .zip(windows)
        .filter(|(_, window)| window.is_some_and(|window| (window as usize) < n))
        .map(|(l, _)| l)
        .collect();
    let uniform: Vec<Vec<f32>> =
        windows.iter().map(|window| uniform_sums(n, window.map(|window| window as usize))).collect();
    let causal = uniform_sums(n, None);
    let concepts = tokens
        .concepts
        .iter()
        .map(|concept| {
            let shares = columns.iter().map(|sums| share(sums, &concept.tokens, &excluded)).collect();
            let uniform_by_layer = uniform.iter().map(|sums| share(sums, &concept.tokens, &excluded)).collect();
            let uniform = share(&causal, &concept.tokens, &excluded);
            concept_result(concept, shares, &heads, uniform, uniform_by_layer, &excluded)
        })
        .collect();

    let mut warnings = tokens.warnings.clone();
    let below = |limit: f64| kept.iter().filter(|kept| **kept < limit).count() as u32;
    let undefined = kept.iter().filter(|kept| **kept <= 0.0).count() as u32;
    if below(KEPT_LITTLE) > 0 {
        warnings.push(AttentionWarning::LittleKept {
            heads: n_heads,
            below_1_percent: below(KEPT_NEXT_TO_NOTHING),
            below_5_percent: below(KEPT_LITTLE),
        });
    }
    if undefined > 0 {
        warnings.push(AttentionWarning::Undefined { heads: n_heads, undefined });
    }
    if !shortened.is_empty() {
        warnings.push(AttentionWarning::Windowed { layers: shortened });
    }
    TextResult {
        received: received(&columns, n),
        received_by_layer,
        kept: kept.iter().map(|&kept| kept as f32).collect(),
        concepts,
        warnings,
        tokens,
    }
}

fn concept_result(
    concept: &ConceptTokens,
    shares: Vec<Option<f64>>,
    heads: &[u32],
    uniform: Option<f64>,
    uniform_by_layer: Vec<Option<f64>>,
    excluded: &[bool],
) -> ConceptResult {
    let (layer_means, layer_medians) = curves(&shares, heads);
    let lifts: Vec<f64> = by_layer(&shares, heads)
        .zip(&uniform_by_layer)
        .filter_map(|(shares, uniform)| uniform.filter(|uniform| *uniform > 0.0).map(|uniform| (shares, uniform)))
        .flat_map(|(shares, uniform)| shares.iter().flatten().map(move |share| share / uniform))
        .collect();
    let n_kept = excluded.iter().filter(|excluded| !**excluded).count();
    let own = concept.tokens.len() - concept.excluded.len();
    ConceptResult {
        name: concept.name.clone(),
        statistics: Statistics::of(&shares, heads, &StatisticsOptions::default()),
        shares,
        layer_means,
        layer_medians,
        uniform,
        uniform_by_layer,
        length: (n_kept > 0).then(|| own as f64 / n_kept as f64),
        lift: (!lifts.is_empty()).then(|| lifts.iter().sum::<f64>() / lifts.len() as f64),
    }
}

/// Mean over heads of c_j / T.
fn received(columns: &[&[f32]], n: usize) -> Vec<f32> {
    let mut means = vec![0.0f64; n];
    for sums in columns {
        for (mean, &sum) in means.iter_mut().zip(*sums) {
            *mean += f64::from(sum);
        }
    }
    means.iter().map(|mean| (mean / (n * columns.len().max(1)) as f64) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: a 4 × 4 map by hand. Excluding a key blanks its column, keeps its row, normalises nothing again; row 0, which
    /// attends to itself alone, is then all zero.
    #[test]
    fn excluded_tokens_are_left_out_as_keys_and_stay_as_queries() {
        let map = [[1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.25, 0.5, 0.25, 0.0], [0.25, 0.25, 0.25, 0.25]];
        let sums: Vec<f32> = (0..4).map(|j| map.iter().map(|row| row[j]).sum()).collect();
        assert_eq!(sums, [2.0, 1.25, 0.5, 0.25]);
        // BOS excluded: the rows' remaining masses are 0, 0.5, 0.75 and 0.75.
        assert_eq!(share(&sums, &[2], &[true, false, false, false]), Some(0.5 / 2.0));
        // Query 2 is excluded as a key and still gives 0.5 to key 1.
        assert_eq!(share(&sums, &[1], &[true, false, true, false]), Some(1.25 / 1.5));
        // An excluded token of the concept counts as 0.
        assert_eq!(share(&sums, &[1, 2], &[true, false, true, false]), Some(1.25 / 1.5));
        assert_eq!(share(&sums, &[2], &[true, false, true, false]), Some(0.0));
        assert_eq!(share(&sums, &[0], &[false; 4]), Some(0.5));
        assert_eq!(share(&sums, &[1], &[true; 4]), None);
    }

    /// Oracle: the definition, query by query.
    #[test]
    fn uniform_attention() {
        for window in [None, Some(1), Some(3), Some(100)] {
            let mut expected = [0.0f64; 7];
            for i in 0..7usize {
                let first = (i + 1).saturating_sub(window.unwrap_or(usize::MAX));
                for sum in &mut expected[first..=i] {
                    *sum += 1.0 / (i + 1 - first) as f64;
                }
            }
            for (got, expected) in uniform_sums(7, window).iter().zip(expected) {
                assert!((f64::from(*got) - expected).abs() < 1e-6, "{window:?}");
            }
        }
    }
}
