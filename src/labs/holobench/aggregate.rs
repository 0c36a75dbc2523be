//! Scores of many answers: means over queries, bootstrap intervals, and what of a difference is more than noise.
//!
//! The unit is the query: answers to the same query at several lengths or placements are averaged first, because they fail
//! together. An interval is the middle 95 % of 2,000 means of queries drawn with replacement.
//!
//! Source   Efron 1979, percentile bootstrap

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::context::{Amount, Instance};
use super::questions::Question;
use super::score::AnswerScore;
use super::sql::Flags;
use crate::rng::Rng;

pub const RESAMPLES: u32 = 2_000;
pub const SEED: u32 = 20_241_014;
/// Below six queries even "better every time" happens by chance more often than once in twenty (1/32 with five, both
/// directions 1/16).
const MIN_QUERIES: usize = 6;

/// Names of the two answerers that everybody is compared with.
pub const RANDOM: &str = "random";
pub const EMPTY: &str = "empty";

/// What the answerer that finds nothing says.
pub const EMPTY_ANSWER: &str = "No answer";

/// Scored answers of one answerer, with what they can be grouped by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Answered {
    /// Model, or `random` or `empty` for a baseline.
    pub answerer: String,
    pub instance: Instance,
    pub question: Question,
    pub database: String,
    pub score: AnswerScore,
}

/// How answers are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    All,
    Flag,
    Difficulty,
    Database,
    Length,
    Amount,
    Placement,
    Question,
}

impl GroupBy {
    pub const ALL: [GroupBy; 8] = [
        GroupBy::All,
        GroupBy::Flag,
        GroupBy::Difficulty,
        GroupBy::Database,
        GroupBy::Length,
        GroupBy::Amount,
        GroupBy::Placement,
        GroupBy::Question,
    ];

    /// Groups an answer is in, each with what it is sorted by.
    fn groups(self, answered: &Answered) -> Vec<(u64, String)> {
        let (instance, question) = (&answered.instance, &answered.question);
        match self {
            GroupBy::All => vec![(0, "all".into())],
            GroupBy::Flag => {
                let flags = Flags::NAMES.iter().zip(question.flags.array()).enumerate();
                flags.filter(|(_, (_, set))| *set).map(|(i, (name, _))| (i as u64, (*name).to_owned())).collect()
            }
            GroupBy::Difficulty => vec![(question.difficulty as u64, question.difficulty.name().into())],
            GroupBy::Database => vec![(0, answered.database.clone())],
            GroupBy::Length => vec![(u64::from(instance.length), instance.length.to_string())],
            GroupBy::Amount => match instance.amount {
                Amount::Tokens(tokens) => vec![(u64::from(tokens), tokens.to_string())],
                Amount::Density(density) => vec![((density * 1e6) as u64, format!("{} %", density * 100.0))],
            },
            GroupBy::Placement => vec![(instance.placement as u64, instance.placement.name().into())],
            GroupBy::Question => vec![(0, question.id.clone())],
        }
    }
}

/// A mean over queries, with a bootstrap interval over queries.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Estimate {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

/// A group of answers of one answerer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ScoreRow {
    pub answerer: String,
    pub group: String,
    /// Queries, the unit that means and intervals are taken over.
    pub queries: u32,
    /// Answers, of all queries.
    pub answers: u32,
    pub recall: Estimate,
    pub recall_strict: Estimate,
    pub precision: Option<Estimate>,
    pub f1: Option<Estimate>,
}

/// Whether a difference is more than noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Verdict {
    #[serde(rename = "win")]
    Win,
    #[serde(rename = "loss")]
    Loss,
    #[serde(rename = "within noise")]
    WithinNoise,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Win => "win",
            Verdict::Loss => "loss",
            Verdict::WithinNoise => "within noise",
        }
    }
}

/// Two answerers on the same instances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Difference {
    pub answerer: String,
    pub other: String,
    pub group: String,
    pub queries: u32,
    /// Recall of `answerer` less that of `other`, query by query.
    pub recall: Estimate,
    pub verdict: Verdict,
}

/// Scores by group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ScoreTable {
    pub by: GroupBy,
    /// Of the bootstrap intervals, 95 %.
    pub resamples: u32,
    pub seed: u32,
    pub rows: Vec<ScoreRow>,
    pub differences: Vec<Difference>,
    pub notes: Vec<String>,
}

/// Mean of the values, and the middle 95 % of the means of resamples. `None` without values.
pub fn bootstrap(values: &[f64], resamples: u32, seed: u32) -> Option<Estimate> {
    let n = u32::try_from(values.len()).ok().filter(|n| *n > 0)?;
    let mean = values.iter().sum::<f64>() / f64::from(n);
    let mut rng = Rng::with_stream(u64::from(seed), 0x626f_6f74);
    let mut means: Vec<f64> = (0..resamples.max(1))
        .map(|_| (0..n).map(|_| values[rng.below(n) as usize]).sum::<f64>() / f64::from(n))
        .collect();
    means.sort_by(f64::total_cmp);
    let quantile = |q: f64| {
        let place = q * (means.len() - 1) as f64;
        let (low, high) = (means[place.floor() as usize], means[place.ceil() as usize]);
        low + (high - low) * place.fract()
    };
    Some(Estimate { mean, low: quantile(0.025), high: quantile(0.975) })
}

type Key<'a> = (u64, String, &'a str);

/// Scores of every answerer in every group, and how they differ on the instances that both have answered.
pub fn aggregate(answered: &[Answered], by: GroupBy) -> ScoreTable {
    let mut groups: BTreeMap<Key<'_>, Vec<&Answered>> = BTreeMap::new();
    let mut answerers: Vec<&str> = Vec::new();
    for one in answered {
        if !answerers.contains(&one.answerer.as_str()) {
            answerers.push(&one.answerer);
        }
        for (order, group) in by.groups(one) {
            groups.entry((order, group, &one.answerer)).or_default().push(one);
        }
    }
    let mut rows = Vec::new();
    for ((_, group, answerer), answers) in &groups {
        let estimate = |value: &dyn Fn(&AnswerScore) -> Option<f64>| {
            let mut queries: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
            for answer in answers {
                if let Some(value) = value(&answer.score) {
                    queries.entry(&answer.question.sql).or_default().push(value);
                }
            }
            bootstrap(&means(&queries), RESAMPLES, SEED)
        };
        let queries: std::collections::BTreeSet<&str> = answers.iter().map(|a| a.question.sql.as_str()).collect();
        let (Some(recall), Some(recall_strict)) =
            (estimate(&|score| Some(score.recall)), estimate(&|score| Some(score.recall_strict)))
        else {
            continue;
        };
        rows.push(ScoreRow {
            answerer: (*answerer).to_owned(),
            group: group.clone(),
            queries: queries.len() as u32,
            answers: answers.len() as u32,
            recall,
            recall_strict,
            precision: estimate(&|score| score.precision),
            f1: estimate(&|score| score.f1),
        });
    }
    let mut differences = Vec::new();
    let mut too_few = false;
    let mut names: Vec<(u64, String)> = groups.keys().map(|(order, group, _)| (*order, group.clone())).collect();
    names.dedup();
    for (order, group) in names {
        for (i, answerer) in answerers.iter().enumerate().filter(|(_, name)| !is_baseline(name)) {
            for (j, other) in answerers.iter().enumerate().filter(|(j, _)| *j != i) {
                // Of two models, one direction is enough.
                if !is_baseline(other) && j < i {
                    continue;
                }
                let of = |name: &str| groups.iter().find(|(key, _)| key.0 == order && key.1 == group && key.2 == name);
                let (Some((_, a)), Some((_, b))) = (of(answerer), of(other)) else { continue };
                let theirs: BTreeMap<&str, f64> =
                    b.iter().map(|b| (b.instance.instance_id.as_str(), b.score.recall)).collect();
                let mut queries: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
                for one in a {
                    if let Some(recall) = theirs.get(one.instance.instance_id.as_str()) {
                        queries.entry(&one.question.sql).or_default().push(one.score.recall - recall);
                    }
                }
                let values = means(&queries);
                let Some(recall) = bootstrap(&values, RESAMPLES, SEED) else { continue };
                too_few |= values.len() < MIN_QUERIES;
                let verdict = match () {
                    _ if values.len() < MIN_QUERIES => Verdict::WithinNoise,
                    _ if recall.low > 0.0 => Verdict::Win,
                    _ if recall.high < 0.0 => Verdict::Loss,
                    _ => Verdict::WithinNoise,
                };
                differences.push(Difference {
                    answerer: (*answerer).to_owned(),
                    other: (*other).to_owned(),
                    group: group.clone(),
                    queries: values.len() as u32,
                    recall,
                    verdict,
                });
            }
        }
    }
    let mut notes = Vec::new();
    if too_few {
        notes.push(format!("With fewer than {MIN_QUERIES} queries, no difference is called more than noise."));
    }
    let mut sources: Vec<String> =
        answered.iter().map(|one| format!("{:?}", one.score.source).to_lowercase()).collect();
    sources.sort_unstable();
    sources.dedup();
    if sources.len() > 1 {
        notes.push(format!(
            "Labels are of different makers ({}): scores of one are not those of another.",
            sources.join(", ")
        ));
    }
    ScoreTable { by, resamples: RESAMPLES, seed: SEED, rows, differences, notes }
}

fn is_baseline(name: &str) -> bool {
    name == RANDOM || name == EMPTY
}

fn means(queries: &BTreeMap<&str, Vec<f64>>) -> Vec<f64> {
    queries.values().map(|values| values.iter().sum::<f64>() / values.len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the normal approximation, mean ± 1.96 · s/√n.
    #[test]
    fn the_interval_is_about_two_standard_errors() {
        let values: Vec<f64> = (0..90).map(|i| f64::from((i * 37) % 90) / 90.0).collect();
        let estimate = bootstrap(&values, RESAMPLES, SEED).unwrap();
        let mean = values.iter().sum::<f64>() / 90.0;
        let s = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 89.0).sqrt();
        let spread = 1.96 * s / 90f64.sqrt();
        assert!((estimate.mean - mean).abs() < 1e-12);
        assert!((estimate.low - (mean - spread)).abs() < 0.01 && (estimate.high - (mean + spread)).abs() < 0.01);
        assert_eq!(bootstrap(&values, RESAMPLES, SEED), bootstrap(&values, RESAMPLES, SEED));
        assert_eq!(bootstrap(&[], RESAMPLES, SEED), None);
    }
}
