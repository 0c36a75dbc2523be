//! How a gradient moves a parameter: AdamW's numbers, and which parameters have their own.

use serde::{Deserialize, Serialize};

use crate::engine::EngineError;
use crate::error::Result;

/// AdamW as [`adamw`](crate::compute::ops::adamw) computes it; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamWSettings {
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    /// Decoupled: the parameter shrinks by learning rate · weight decay, whatever its gradient.
    pub weight_decay: f64,
}

impl Default for AdamWSettings {
    fn default() -> Self {
        AdamWSettings { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 }
    }
}

impl AdamWSettings {
    pub(super) fn check(&self) -> Result<()> {
        let is_share = |value: f64| (0.0..1.0).contains(&value);
        for (setting, got, holds, expected) in [
            ("beta1", self.beta1, is_share(self.beta1), "0 to below 1"),
            ("beta2", self.beta2, is_share(self.beta2), "0 to below 1"),
            ("eps", self.eps, self.eps >= 0.0 && self.eps.is_finite(), "a number not below 0"),
            (
                "weight decay",
                self.weight_decay,
                self.weight_decay >= 0.0 && self.weight_decay.is_finite(),
                "a number not below 0",
            ),
        ] {
            if !holds {
                return Err(EngineError::TrainingSetting { setting, got: got.to_string(), expected }.into());
            }
        }
        Ok(())
    }
}

/// Settings of the parameters whose names match. The first group that matches counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(rename = "ParameterGroup", optional_fields))]
#[serde(default, deny_unknown_fields)]
pub struct Group {
    /// The checkpoint's name, with `*` for any stretch of it: `*norm*`, `model.layers.3.*`.
    pub pattern: String,
    /// Not trained, and no gradient is computed.
    #[cfg_attr(test, ts(as = "Option<bool>", optional))]
    pub frozen: bool,
    /// Times the schedule's learning rate.
    #[cfg_attr(test, ts(as = "Option<f64>", optional))]
    pub learning_rate_factor: f64,
    /// Instead of AdamW's.
    pub weight_decay: Option<f64>,
}

impl Default for Group {
    fn default() -> Self {
        Group { pattern: String::new(), frozen: false, learning_rate_factor: 1.0, weight_decay: None }
    }
}

impl Group {
    pub fn frozen(pattern: impl Into<String>) -> Self {
        Group { pattern: pattern.into(), frozen: true, learning_rate_factor: 1.0, weight_decay: None }
    }

    pub fn with_weight_decay(pattern: impl Into<String>, weight_decay: f64) -> Self {
        Group { pattern: pattern.into(), frozen: false, learning_rate_factor: 1.0, weight_decay: Some(weight_decay) }
    }

    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.pattern.split('*');
        let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
        let parts: Vec<&str> = parts.collect();
        let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
        for part in middle {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand.
    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
            ("*", "", true),
            ("*norm*", "layers.3.input_layernorm.weight", true),
            ("*norm", "layers.3.norm.weight", false),
            ("layers.*.q.*", "layers.12.q.bias", true),
            ("layers.*.q.*", "layers.12.k.bias", false),
            ("a*a", "a", false),
            ("", "a", false),
        ] {
            assert_eq!(Group::frozen(pattern).matches(name), expected, "{pattern} and {name}");
        }
    }
}
