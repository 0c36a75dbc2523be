//! An oracle that reads its answers from a stored exhaustive report, so that searches can be repeated without a model.

use super::comparison::not_a_truth;
use super::{Oracle, ScanError};
use crate::error::Result;
use crate::progress::{LocalBoxFuture, Monitor};
use crate::report::{OracleInfo, Probe, Report};

/// Answers as the stored scan's oracle did. Reports no verdicts of its own: nothing new is learned.
pub struct StoredOracle<'a> {
    info: &'a OracleInfo,
    /// Ascending by id.
    probes: Vec<&'a Probe>,
}

impl<'a> StoredOracle<'a> {
    /// Fails unless `truth` is a complete exhaustive scan.
    pub fn new(truth: &'a Report) -> Result<Self, ScanError> {
        if let Some(reason) = not_a_truth(truth) {
            return Err(ScanError::NotATruth { reason });
        }
        let mut probes: Vec<&Probe> = truth.probes.iter().collect();
        probes.sort_by_key(|probe| probe.id);
        Ok(StoredOracle { info: &truth.provenance.oracle, probes })
    }
}

impl Oracle for StoredOracle<'_> {
    fn info(&self) -> OracleInfo {
        self.info.clone()
    }

    fn probe<'a>(
        &'a mut self,
        ids: &'a [u32],
        probes: &'a mut Vec<Probe>,
        _monitor: &'a mut dyn Monitor,
    ) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for &id in ids {
                let at =
                    self.probes.binary_search_by_key(&id, |probe| probe.id).map_err(|_| ScanError::NotStored { id })?;
                probes.push(self.probes[at].clone());
            }
            Ok(())
        })
    }

    fn model_tokens(&self) -> u64 {
        0
    }
}
