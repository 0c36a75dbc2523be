//! Magikarp: the two per cent of tokens with the lowest indicator, verified by the oracle.
//!
//! Source   Land & Bartolo 2024 (arXiv 2405.05417). Its own verification is the oracle magikarp-max-prob

use super::{Detector, Field, Found, Ledger};
use crate::error::Result;
use crate::glitch::indicators::{CANDIDATE_SHARE, Indicator, candidates, indicator};
use crate::progress::{LocalBoxFuture, Monitor, pause};
use crate::report::DetectorInfo;

pub struct Magikarp {
    pub which: Indicator,
}

impl Detector for Magikarp {
    fn info(&self) -> DetectorInfo {
        let (name, what) = self.which.described();
        DetectorInfo {
            name: name.into(),
            what: format!("lowest {:.0} % by {what}, verified", 100.0 * CANDIDATE_SHARE),
            needs: match self.which {
                Indicator::InputNorm => "the input embedding".into(),
                Indicator::HeadBias => "a head with a bias".into(),
                _ => "the output embedding and rows known to be untrained".into(),
            },
            source: "Magikarp, arXiv 2405.05417 (re-implementation)".into(),
            is_seeded: false,
            is_verified: true,
        }
    }

    fn unmet(&self, field: &Field<'_>) -> Option<String> {
        self.which.unmet(field.references.is_some(), field.head_bias)
    }

    fn detect<'a>(
        &'a mut self,
        field: &'a mut Field<'_>,
        ledger: &'a mut Ledger,
        _seed: u32,
        monitor: &'a mut dyn Monitor,
    ) -> LocalBoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            pause(monitor).await?;
            let references = field.references.as_ref().map_or(&[][..], |references| &references.ids);
            let values = indicator(self.which, field.embedding, field.output, field.head_bias, references)?;
            let named = ledger.failing(&candidates(&values, &field.scope.askable()))?;
            Ok(Found { named, order: ledger.asked.clone(), model_tokens: 0 })
        })
    }
}
