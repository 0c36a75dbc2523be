//! Half of the vocabulary at random, and the same without common English words: GlitchHunter's baselines.
//!
//! Source   Li et al. 2024 (arXiv 2404.09894), section on baselines: tokens are declared, not verified
//! Choice   the paper says that common words are removed with NLTK, not which list: here SCOWL levels 10 and 20

use super::{Detector, Field, Found, Ledger};
use crate::error::Result;
use crate::glitch::words::is_word;
use crate::progress::{LocalBoxFuture, Monitor};
use crate::report::DetectorInfo;
use crate::rng::Rng;

const STREAM: u64 = 0x7261_6e64_6f6d_0001;

pub struct Random {
    pub rule_based: bool,
}

impl Detector for Random {
    fn info(&self) -> DetectorInfo {
        let (name, what) = match self.rule_based {
            false => ("random", "half of the tokens, drawn evenly"),
            true => ("random-rule-based", "half of the tokens, drawn evenly, without common English words"),
        };
        DetectorInfo {
            name: name.into(),
            what: what.into(),
            needs: "nothing".into(),
            source: "baseline of GlitchHunter, arXiv 2404.09894".into(),
            is_seeded: true,
            is_verified: false,
        }
    }

    fn detect<'a>(
        &'a mut self,
        field: &'a mut Field<'_>,
        _ledger: &'a mut Ledger,
        seed: u32,
        _monitor: &'a mut dyn Monitor,
    ) -> LocalBoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let askable = field.scope.askable();
            let mut named = Rng::with_stream(u64::from(seed), STREAM).sample(&askable, askable.len().div_ceil(2));
            if self.rule_based {
                named.retain(|&id| !is_word(field.tokens.text[id as usize].trim()));
            }
            Ok(Found { order: named.clone(), named, model_tokens: 0 })
        })
    }
}
