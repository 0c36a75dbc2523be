//! The learning rate of a step.
//!
//! Warm-up: peak · (step + 1) / warmup, for the first `warmup` steps. Then, with x running from 0 to 1 over what is left:
//! constant: peak · linear: peak · (1 − (1 − end) x) · cosine: peak · (end + (1 − end) (1 + cos πx) / 2)
//! · plateau: peak, and over the last `decay_share` of all steps a straight line towards 0 that stops at end · peak
//!
//! Source   Loshchilov & Hutter 2017 (SGDR) for the cosine; the plateau is tools/specimen/make.py's

use serde::{Deserialize, Serialize};

use crate::engine::EngineError;
use crate::error::Result;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The largest learning rate.
    pub peak: f64,
    /// Steps until it is reached.
    pub warmup: u64,
    /// Steps in all.
    pub steps: u64,
    pub shape: Shape,
    /// What is left of the peak at the end, as a share of it.
    pub end: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    Constant,
    Linear,
    Cosine,
    /// `decay_share` of all steps is the decay.
    Plateau {
        decay_share: f64,
    },
}

impl Schedule {
    pub fn constant(learning_rate: f64) -> Self {
        Schedule { peak: learning_rate, warmup: 0, steps: 0, shape: Shape::Constant, end: 1.0 }
    }

    /// Of the step with this number, counted from 0.
    pub fn at(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        let left = self.steps.saturating_sub(self.warmup).max(1) as f64;
        let x = ((step - self.warmup) as f64 / left).min(1.0);
        self.peak
            * match self.shape {
                Shape::Constant => 1.0,
                Shape::Linear => 1.0 - (1.0 - self.end) * x,
                Shape::Cosine => self.end + (1.0 - self.end) * 0.5 * (1.0 + (std::f64::consts::PI * x).cos()),
                Shape::Plateau { decay_share } => {
                    let start = (self.steps as f64 * (1.0 - decay_share)) as u64;
                    if step < start {
                        1.0
                    } else {
                        let left =
                            self.steps.saturating_sub(step) as f64 / self.steps.saturating_sub(start).max(1) as f64;
                        left.max(self.end)
                    }
                }
            }
    }

    pub(super) fn check(&self) -> Result<()> {
        let wrong = |setting, got: f64, expected| {
            Err(EngineError::TrainingSetting { setting, got: got.to_string(), expected }.into())
        };
        if !(self.peak.is_finite() && self.peak >= 0.0) {
            return wrong("learning rate", self.peak, "a number not below 0");
        }
        if !(0.0..=1.0).contains(&self.end) {
            return wrong("end of the schedule", self.end, "0 to 1");
        }
        match self.shape {
            Shape::Plateau { decay_share } if !(0.0..=1.0).contains(&decay_share) => {
                wrong("decay share", decay_share, "0 to 1")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64) {
        assert!((got - expected).abs() <= 1e-12, "{got} is not {expected}");
    }

    /// Oracle: closed forms at the ends and in the middle.
    #[test]
    fn rates_by_hand() {
        let of = |shape, end| Schedule { peak: 2.0, warmup: 10, steps: 110, shape, end };
        for shape in [Shape::Constant, Shape::Linear, Shape::Cosine] {
            close(of(shape, 0.1).at(0), 0.2);
            close(of(shape, 0.1).at(9), 2.0);
            close(of(shape, 0.1).at(10), 2.0);
        }
        close(of(Shape::Constant, 0.1).at(500), 2.0);
        close(of(Shape::Linear, 0.1).at(60), 1.1);
        close(of(Shape::Linear, 0.1).at(500), 0.2);
        close(of(Shape::Cosine, 0.1).at(60), 1.1);
        close(of(Shape::Cosine, 0.0).at(35), 2.0 * 0.5 * (1.0 + std::f64::consts::FRAC_1_SQRT_2));
        close(of(Shape::Cosine, 0.1).at(110), 0.2);
        // The specimen's: 3e-3 · max(0.01, (steps − step) / (steps − start)) from step 650 of 1000 on.
        let plateau =
            Schedule { peak: 3e-3, warmup: 100, steps: 1000, shape: Shape::Plateau { decay_share: 0.35 }, end: 0.01 };
        close(plateau.at(0), 3e-5);
        close(plateau.at(649), 3e-3);
        close(plateau.at(825), 1.5e-3);
        close(plateau.at(999), 3e-5);
        close(Schedule::constant(0.5).at(7), 0.5);
    }
}
