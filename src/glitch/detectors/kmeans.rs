//! K-means with K = 50: the cluster nearest to the centre of the embedding is declared.
//!
//! Source   Li et al. 2024 (arXiv 2404.09894), section on baselines

use super::{Detector, Field, Found, Ledger};
use crate::error::Result;
use crate::graph;
use crate::progress::{LocalBoxFuture, Monitor, pause};
use crate::report::DetectorInfo;

const CLUSTERS: usize = 50;

pub struct KMeansCentre;

impl Detector for KMeansCentre {
    fn info(&self) -> DetectorInfo {
        DetectorInfo {
            name: "k-means".into(),
            what: format!("the cluster of {CLUSTERS} that is nearest to the centre of the embedding"),
            needs: "the input embedding".into(),
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
        monitor: &'a mut dyn Monitor,
    ) -> LocalBoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            pause(monitor).await?;
            let (ids, columns) = (field.scope.vertices(), field.embedding.columns);
            let x: Vec<f32> = ids.iter().flat_map(|&id| field.embedding.row(id)).copied().collect();
            let made = graph::kmeans(&x, columns, CLUSTERS.min(ids.len()), u64::from(seed))?;
            let mut sums = vec![0.0f64; columns];
            for row in x.chunks_exact(columns) {
                sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
            }
            let centre: Vec<f32> = sums.iter().map(|sum| (sum / ids.len() as f64) as f32).collect();
            let nearest = graph::kmeans::nearest(&centre, &made.centres, columns);
            let named: Vec<u32> = ids
                .iter()
                .zip(&made.labels)
                .filter(|&(&id, &label)| label == nearest && field.scope.is_askable(id))
                .map(|(&id, _)| id)
                .collect();
            Ok(Found { order: named.clone(), named, model_tokens: 0 })
        })
    }
}
