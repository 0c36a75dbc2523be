//! The frequencies of rotary positions, as configurations describe them: plain, or scaled to longer contexts.
//!
//! Written as `rope_parameters` (transformers 5), or as `rope_scaling` beside `rope_theta`; either may nest one object a
//! kind of layer.
//!
//! Source   Su et al. 2021 (RoFormer); Chen et al. 2023 (linear); Peng et al. 2023 (YaRN); Ding et al. 2024 (LongRoPE); Llama
//!          Team 2024 (llama3); formulas as in transformers' `modeling_rope_utils.py`

use super::fields::{asks_for_nothing, unknown};
use super::settings::{HEAD_SIZE_MAX, limit, unsupported};
use crate::checkpoint::Config;
use crate::compute::ops::rope::inverse_frequencies;
use crate::engine::EngineError;
use crate::engine::architecture::Rotary;
use crate::error::Result;

/// What a family has in its code instead of in the file.
pub struct RotaryDefaults {
    pub theta: f64,
    /// Share of a head's channels that is turned.
    pub share: f64,
}

/// Where one kind of layer finds its rotary settings.
pub struct RotaryKeys<'a> {
    pub family: &'static str,
    pub config: &'a Config,
    /// Paths of the objects, the first that has a key counting.
    pub objects: &'a [&'a str],
    /// Names of the base and of the share on the top level.
    pub theta: &'a str,
    pub share: &'a str,
    pub head_size: usize,
    pub context: usize,
}

impl<'a> RotaryKeys<'a> {
    /// Under the names most families use.
    pub fn usual(family: &'static str, config: &'a Config, head_size: usize, context: usize) -> Self {
        RotaryKeys {
            family,
            config,
            objects: &["rope_scaling", "rope_parameters"],
            theta: "rope_theta",
            share: "partial_rotary_factor",
            head_size,
            context,
        }
    }

    fn path(&self, key: &str) -> Option<String> {
        self.objects.iter().map(|object| format!("{object}.{key}")).find(|path| self.config.has(path))
    }

    fn opt_f64(&self, key: &str) -> Result<Option<f64>> {
        Ok(match self.path(key) {
            Some(path) => self.config.opt_f64(&path)?,
            None => None,
        })
    }

    fn f64(&self, key: &str) -> Result<f64> {
        match self.path(key) {
            Some(path) => Ok(self.config.f64(&path)?),
            None => Ok(self.config.f64(&format!("{}.{key}", self.objects[0]))?),
        }
    }

    fn f64s(&self, key: &str, expected: usize) -> Result<Vec<f64>> {
        let path = self.path(key).unwrap_or_else(|| format!("{}.{key}", self.objects[0]));
        match self.config.opt_f64s(&path)? {
            Some(numbers) if numbers.len() == expected => Ok(numbers),
            _ => Err(self.config.refuse(&path, format!("a list of {expected} numbers")).into()),
        }
    }

    /// Tokens the model was trained on before its context was stretched.
    fn original_context(&self) -> Result<f64> {
        const KEY: &str = "original_max_position_embeddings";
        let top_level = self.config.opt_f64(KEY)?;
        let number = match top_level {
            Some(number) => number,
            None => self.opt_f64(KEY)?.unwrap_or(self.context as f64),
        };
        if number >= 1.0 {
            return Ok(number);
        }
        Err(EngineError::Inconsistent { what: format!("{KEY} is {number}, expected at least 1") }.into())
    }

    /// Every key inside the objects is understood.
    fn check_keys(&self, kind: &str, own: &[&str]) -> Result<()> {
        for object in self.objects {
            for key in self.config.keys_of(object) {
                let path = format!("{object}.{key}");
                let known =
                    ["rope_type", "type", "rope_theta", "partial_rotary_factor"].contains(&key) || own.contains(&key);
                match self.config.value(&path) {
                    Some(value) if !known && !asks_for_nothing(value) => {
                        return Err(unknown(self.family, &format!("{path} (with {kind})"), value));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    pub fn read(&self, defaults: &RotaryDefaults) -> Result<Rotary> {
        for path in self.objects {
            // `rope_parameters.full_attention` is nothing when `rope_parameters` is a word.
            let outer = path.split('.').next().unwrap_or(path);
            for object in [outer, path] {
                if self.config.value(object).is_some_and(|value| !value.is_object() && !value.is_null()) {
                    return Err(self.config.refuse(object, "an object or null").into());
                }
            }
        }
        // Before there is a list as long.
        limit("head size", self.head_size, HEAD_SIZE_MAX)?;
        let theta = match self.opt_f64("rope_theta")? {
            Some(theta) => theta,
            None => self.config.f64_or(self.theta, defaults.theta)?,
        };
        let share = match self.opt_f64("partial_rotary_factor")? {
            Some(share) => share,
            None => self.config.f64_or(self.share, defaults.share)?,
        };
        if !(theta > 0.0 && share > 0.0 && share <= 1.0) {
            let what = format!("rotary base {theta} and share {share}, expected above 0, and above 0 up to 1");
            return Err(EngineError::Inconsistent { what }.into());
        }
        // OK to cast: at most the head size.
        let rotary_size = (self.head_size as f64 * share) as usize;
        if rotary_size == 0 || rotary_size % 2 == 1 {
            let what = format!(
                "{rotary_size} channels of heads of {} are to be turned, and rotary positions take pairs",
                self.head_size
            );
            return Err(EngineError::Inconsistent { what }.into());
        }
        let (kind_path, kind) = match self.path("rope_type").or_else(|| self.path("type")) {
            Some(path) => {
                let kind = self.config.str(&path)?.to_owned();
                (path, kind)
            }
            None => (String::new(), "default".to_owned()),
        };
        let plain = inverse_frequencies(theta, rotary_size);
        let rotary = |inv_freq: Vec<f32>| Rotary { inv_freq, long: None, magnitude: 1.0 };
        match (kind.as_str(), self.family) {
            ("default", _) => {
                self.check_keys("default", &[])?;
                Ok(rotary(plain))
            }
            ("linear", _) => {
                self.check_keys("linear", &["factor"])?;
                let factor = self.f64("factor")?;
                Ok(rotary(plain.iter().map(|frequency| (f64::from(*frequency) / factor) as f32).collect()))
            }
            // Within the context it was made for, which is as far as this program goes, nothing is stretched.
            ("dynamic", _) => {
                self.check_keys("dynamic", &["factor", "original_max_position_embeddings"])?;
                Ok(rotary(plain))
            }
            ("llama3", _) => self.llama3(&plain).map(rotary),
            // Phi-3's first name for it.
            ("longrope", _) | ("su" | "yarn", "phi3") => self.longrope(theta, rotary_size),
            ("yarn", _) => self.yarn(theta, rotary_size),
            (other, _) => {
                Err(unsupported(self.family, &kind_path, other, "default, linear, dynamic, llama3, yarn and longrope"))
            }
        }
    }

    /// Long wavelengths are stretched, short ones left, those between interpolated.
    fn llama3(&self, plain: &[f32]) -> Result<Vec<f32>> {
        self.check_keys(
            "llama3",
            &["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"],
        )?;
        let (factor, low, high) = (self.f64("factor")?, self.f64("low_freq_factor")?, self.f64("high_freq_factor")?);
        let original = self.original_context()?;
        let stretch = |frequency: f64| {
            let wavelength = std::f64::consts::TAU / frequency;
            if wavelength < original / high {
                frequency
            } else if wavelength > original / low {
                frequency / factor
            } else {
                let smooth = (original / wavelength - low) / (high - low);
                (1.0 - smooth) * frequency / factor + smooth * frequency
            }
        };
        Ok(plain.iter().map(|frequency| stretch(f64::from(*frequency)) as f32).collect())
    }

    /// Channels that turn often within the original context keep their frequency, those that turn seldom are stretched.
    fn yarn(&self, theta: f64, rotary_size: usize) -> Result<Rotary> {
        self.check_keys(
            "yarn",
            &[
                "factor",
                "attention_factor",
                "beta_fast",
                "beta_slow",
                "mscale",
                "mscale_all_dim",
                "original_max_position_embeddings",
                "truncate",
            ],
        )?;
        let original = self.original_context()?;
        let factor = match self.opt_f64("factor")? {
            Some(factor) => factor,
            None => self.context as f64 / original,
        };
        let magnitude_of = |weight: f64| if factor <= 1.0 { 1.0 } else { 0.1 * weight * factor.ln() + 1.0 };
        let magnitude =
            match (self.opt_f64("attention_factor")?, self.opt_f64("mscale")?, self.opt_f64("mscale_all_dim")?) {
                (Some(magnitude), _, _) => magnitude,
                (None, Some(part), Some(all)) if part != 0.0 && all != 0.0 => magnitude_of(part) / magnitude_of(all),
                _ => magnitude_of(1.0),
            };
        let or = |value: Option<f64>, default: f64| value.filter(|value| *value != 0.0).unwrap_or(default);
        let (fast, slow) = (or(self.opt_f64("beta_fast")?, 32.0), or(self.opt_f64("beta_slow")?, 1.0));
        let truncate = match self.path("truncate") {
            Some(path) => self.config.bool_or(&path, true)?,
            None => true,
        };
        // The channel that turns so many times within the original context.
        let size = rotary_size as f64;
        let channel = |turns: f64| size * (original / (turns * std::f64::consts::TAU)).ln() / (2.0 * theta.ln());
        let (mut low, mut high) = (channel(fast), channel(slow));
        if truncate {
            (low, high) = (low.floor(), high.ceil());
        }
        let (low, high) = (low.max(0.0), high.min(size - 1.0));
        let high = if low == high { high + 0.001 } else { high };
        let inv_freq = (0..rotary_size / 2).map(|i| {
            let frequency = theta.powf(-2.0 * i as f64 / size);
            let stretched = ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
            (frequency / factor * stretched + frequency * (1.0 - stretched)) as f32
        });
        Ok(Rotary { inv_freq: inv_freq.collect(), long: None, magnitude: magnitude as f32 })
    }

    /// A factor of its own for every pair, one list for sequences within the original context and one beyond.
    fn longrope(&self, theta: f64, rotary_size: usize) -> Result<Rotary> {
        self.check_keys(
            "longrope",
            &["short_factor", "long_factor", "factor", "attention_factor", "original_max_position_embeddings"],
        )?;
        let original = self.original_context()?;
        let factor = match self.opt_f64("factor")? {
            Some(factor) => factor,
            None => self.context as f64 / original,
        };
        let magnitude = match self.opt_f64("attention_factor")? {
            Some(magnitude) => magnitude,
            None if factor <= 1.0 => 1.0,
            None => (1.0 + factor.ln() / original.ln()).sqrt(),
        };
        let frequencies = |key: &str| -> Result<Vec<f32>> {
            let factors = self.f64s(key, rotary_size / 2)?;
            let frequency =
                |(i, factor): (usize, &f64)| (1.0 / (factor * theta.powf(2.0 * i as f64 / rotary_size as f64))) as f32;
            Ok(factors.iter().enumerate().map(frequency).collect())
        };
        let long = frequencies("long_factor")?;
        // OK to cast: a number of tokens, at least 1 and read from a file that limits numbers.
        Ok(Rotary {
            inv_freq: frequencies("short_factor")?,
            long: Some((original as usize, long)),
            magnitude: magnitude as f32,
        })
    }
}
