//! GlitchHunter as a detector, by the paper's rule and by the statistical variant.

use super::{Detector, Field, Found, Ledger};
use crate::compute::Device;
use crate::error::Result;
use crate::glitch::rows::Rows;
use crate::glitch::verdicts::Verdicts;
use crate::glitch::{Oracle, ScanError, Subject, hunter, token_graph};
use crate::progress::{LocalBoxFuture, Monitor};
use crate::report::{DetectorInfo, Hunt, KeepRule, OracleInfo, Probe, Report, ScanOptions};

pub struct GlitchHunter {
    pub rule: KeepRule,
}

impl Detector for GlitchHunter {
    fn info(&self) -> DetectorInfo {
        let (name, what) = match self.rule {
            KeepRule::Ratio => ("glitchhunter", "clusters of the embedding with a failure in their sample, verified"),
            KeepRule::Hypergeometric => (
                "glitchhunter-statistical",
                "clusters of the embedding whose samples fail more than chance (hypergeometric tail, Benjamini-Hochberg), \
                 verified",
            ),
        };
        DetectorInfo {
            name: name.into(),
            what: what.into(),
            needs: "the input embedding".into(),
            source: match self.rule {
                KeepRule::Ratio => "GlitchHunter, arXiv 2404.09894 (re-implementation)".into(),
                KeepRule::Hypergeometric => "a variant of this project".into(),
            },
            is_seeded: true,
            is_verified: true,
        }
    }

    fn detect<'a>(
        &'a mut self,
        field: &'a mut Field<'_>,
        ledger: &'a mut Ledger,
        seed: u32,
        monitor: &'a mut dyn Monitor,
    ) -> LocalBoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let options = ScanOptions { seed, keep_rule: self.rule, ..field.options.clone() };
            let ids = field.scope.vertices();
            if field.neighbourhood.is_none() && ids.len() >= token_graph::VERTICES_MIN {
                let device = field.machine.device();
                let rows = Rows::Numbers(field.embedding);
                let made = token_graph::neighbourhood(device, &rows, ids, field.options, monitor).await?;
                field.neighbourhood = Some(made);
            }
            let first = match &field.neighbourhood {
                Some(first) => Some(token_graph::communities(&first.graph, &options, monitor).await?),
                None => None,
            };
            let mut verdicts = Verdicts::new(field.scope.len());
            let mut subject = LedgerSubject { ledger, truth: field.truth, device: field.machine.device() };
            let (embedding, scope) = (field.embedding, &field.scope);
            let mut hunt = Hunt::default();
            hunter::hunt(&mut subject, embedding, scope, &options, first, &mut verdicts, &mut hunt, monitor).await?;
            Ok(Found { named: verdicts.bad(), order: subject.ledger.asked.clone(), model_tokens: 0 })
        })
    }
}

/// A subject whose answers are the truth's and whose questions are counted.
struct LedgerSubject<'a> {
    ledger: &'a mut Ledger,
    truth: &'a Report,
    device: &'a mut Device,
}

impl Oracle for LedgerSubject<'_> {
    fn info(&self) -> OracleInfo {
        self.truth.provenance.oracle.clone()
    }

    fn probe<'a>(
        &'a mut self,
        ids: &'a [u32],
        probes: &'a mut Vec<Probe>,
        _monitor: &'a mut dyn Monitor,
    ) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for &id in ids {
                self.ledger.ask(id)?;
                let stored = &self.truth.probes;
                let at = stored.binary_search_by_key(&id, |probe| probe.id).map_err(|_| ScanError::NotStored { id })?;
                probes.push(stored[at].clone());
            }
            Ok(())
        })
    }

    fn model_tokens(&self) -> u64 {
        0
    }
}

impl Subject for LedgerSubject<'_> {
    fn device(&mut self) -> &mut Device {
        self.device
    }
}
