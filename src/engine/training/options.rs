//! What a training is told, as plain data: the flags of the command line, the object of the page.

use serde::{Deserialize, Serialize};

use super::optimiser::{AdamWSettings, Group};
use super::schedule::{Schedule, Shape};
use super::trainer::TrainingSettings;

/// How the learning rate goes on behind its warm-up; see `schedule`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ScheduleName {
    Constant,
    Linear,
    #[default]
    Cosine,
    /// Constant, then a straight line over the last `decay_share` of the steps.
    Plateau,
}

/// A training's settings. What is left out has the default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default, deny_unknown_fields)]
pub struct TrainingOptions {
    /// Steps in all, by which the schedule goes.
    pub steps: u32,
    /// The largest learning rate.
    pub learning_rate: f64,
    pub schedule: ScheduleName,
    /// Steps until the largest learning rate is reached.
    pub warmup: u32,
    /// What the schedule leaves of the learning rate, as a share of it.
    pub end: f64,
    /// Share of the steps in which a plateau decays.
    pub decay_share: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
    /// Settings of parameters by name; the first that matches counts.
    pub groups: Vec<Group>,
    /// Gradients are scaled down to this global norm.
    pub clip: Option<f64>,
    /// Rows of a batch, where the trainer deals them.
    pub batch: u32,
    /// Dealt batches whose gradients are added up for one step.
    pub accumulate: u32,
    /// Shuffles dealt rows anew for every pass through them; without, they come in their order.
    pub seed: Option<u32>,
}

impl Default for TrainingOptions {
    fn default() -> Self {
        let AdamWSettings { beta1, beta2, eps, weight_decay } = AdamWSettings::default();
        TrainingOptions {
            steps: 100,
            learning_rate: 1e-3,
            schedule: ScheduleName::default(),
            warmup: 0,
            end: 0.0,
            decay_share: 0.35,
            beta1,
            beta2,
            eps,
            weight_decay,
            groups: Vec::new(),
            clip: None,
            batch: 16,
            accumulate: 1,
            seed: None,
        }
    }
}

impl TrainingOptions {
    pub fn settings(&self) -> TrainingSettings {
        let shape = match self.schedule {
            ScheduleName::Constant => Shape::Constant,
            ScheduleName::Linear => Shape::Linear,
            ScheduleName::Cosine => Shape::Cosine,
            ScheduleName::Plateau => Shape::Plateau { decay_share: self.decay_share },
        };
        TrainingSettings {
            schedule: Schedule {
                peak: self.learning_rate,
                warmup: self.warmup.into(),
                steps: self.steps.into(),
                shape,
                end: self.end,
            },
            adamw: AdamWSettings {
                beta1: self.beta1,
                beta2: self.beta2,
                eps: self.eps,
                weight_decay: self.weight_decay,
            },
            groups: self.groups.clone(),
            clip: self.clip,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand. A part of the options is enough, and a misspelt one is an error instead of a default.
    #[test]
    fn options_are_plain_data() {
        let json =
            r#"{"steps": 7, "schedule": "plateau", "groups": [{"pattern": "*norm*", "frozen": true}], "clip": 1}"#;
        let options: TrainingOptions = serde_json::from_str(json).unwrap();
        let settings = options.settings();
        assert_eq!(settings.schedule.shape, Shape::Plateau { decay_share: 0.35 });
        assert_eq!((settings.schedule.steps, settings.schedule.peak, settings.clip), (7, 1e-3, Some(1.0)));
        assert_eq!(settings.groups, [Group::frozen("*norm*")]);
        assert_eq!(settings.adamw, AdamWSettings::default());
        for wrong in [r#"{"step": 7}"#, r#"{"groups": [{"patern": "*"}]}"#, r#"{"schedule": "stairs"}"#] {
            assert!(serde_json::from_str::<TrainingOptions>(wrong).is_err(), "{wrong}");
        }
    }
}
