//! A classifier on hidden activations, in the manner of GlitchProber.
//!
//! a tenth of the tokens is asked about · the residual stream at the last position of the repetition prompt, reduced to
//! 75 components · a support vector machine (cubic kernel, classes weighed equally) · what it calls a glitch is asked about
//!
//! Source   GlitchProber (arXiv 2408.04905): sample rate 0.1, 75 components, degree 3, C = 1, positives tested again
//! Differs  the published features are attention patterns and MLP activations of key layers, in a layout that was never
//!          published. Here they are the residual stream behind up to three layers of the second half, which is this
//!          project's own choice: numbers of the two are not to be compared

use super::activations::last_hidden_states;
use super::{Detector, Field, Found, Ledger, Machine};
use crate::error::Result;
use crate::glitch::oracle::question::is_chat;
use crate::glitch::oracle::task::Task;
use crate::graph::pca;
use crate::progress::{LocalBoxFuture, Monitor, pause};
use crate::report::{DetectorInfo, TaskName};
use crate::rng::Rng;
use crate::stats::{Svm, SvmOptions};

const SAMPLE_RATE: f64 = 0.1;
const COMPONENTS: usize = 75;
const LAYERS_MAX: usize = 3;
/// Numbers that all tokens' features may take: 1 GiB.
const FEATURES_MAX: usize = 1 << 28;
/// Rows that are trained on at most: the kernel takes memory in the square of them, 200 MB here.
const TRAINED_MAX: usize = 5_000;
const STREAM: u64 = 0x7072_6f62_6572_0001;

/// Activations are the same for every seed, so they are kept.
#[derive(Default)]
pub struct GlitchProber {
    features: Option<Vec<f32>>,
    model_tokens: u64,
}

/// Up to three layers, evenly over the second half, the last one left out where there are others.
fn key_layers(n_layers: usize) -> Vec<usize> {
    let (first, last) = (n_layers / 2, n_layers.saturating_sub(2).max(n_layers / 2));
    let count = LAYERS_MAX.min(last - first + 1);
    (0..count).map(|i| if count == 1 { first } else { first + i * (last - first) / (count - 1) }).collect()
}

impl Detector for GlitchProber {
    fn info(&self) -> DetectorInfo {
        DetectorInfo {
            name: "glitchprober".into(),
            what: "classifier on the residual stream, trained on a tenth of the tokens, verified".into(),
            needs: "the model and its activations".into(),
            source: "after GlitchProber, arXiv 2408.04905; the features are this project's own".into(),
            is_seeded: true,
            is_verified: true,
        }
    }

    fn unmet(&self, field: &Field<'_>) -> Option<String> {
        let Machine::Model { model, .. } = &field.machine else { return Some("there is no model".into()) };
        let architecture = &model.architecture;
        let numbers = field.scope.n_askable() * key_layers(architecture.n_layers()).len() * architecture.n_channels;
        (numbers > FEATURES_MAX)
            .then(|| format!("the activations of all tokens are {numbers} numbers, the limit is {FEATURES_MAX}"))
    }

    fn runs_model(&self) -> bool {
        true
    }

    fn detect<'a>(
        &'a mut self,
        field: &'a mut Field<'_>,
        ledger: &'a mut Ledger,
        seed: u32,
        monitor: &'a mut dyn Monitor,
    ) -> LocalBoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let askable = field.scope.askable();
            let Machine::Model { model, tokenizer, .. } = &mut field.machine else {
                return Ok(Found::default());
            };
            let layers = key_layers(model.architecture.n_layers());
            let columns = layers.len() * model.architecture.n_channels;
            if self.features.is_none() {
                let is_chat = is_chat(tokenizer, field.options.form);
                let prompt = Task::named(TaskName::Repetition).zero_shot().prepare(tokenizer, is_chat)?;
                let read = last_hidden_states(model, &prompt, &layers, &askable, monitor).await?;
                self.model_tokens = read.model_tokens;
                self.features = Some(read.values);
            }
            let features = self.features.as_deref().unwrap_or_default();
            pause(monitor).await?;
            let places: Vec<u32> = (0..askable.len() as u32).collect();
            let count = ((SAMPLE_RATE * askable.len() as f64) as usize).clamp(1, TRAINED_MAX);
            let sample = Rng::with_stream(u64::from(seed), STREAM).sample(&places, count);
            let mut failing = Vec::with_capacity(count);
            let mut named = Vec::new();
            for &place in &sample {
                let id = askable[place as usize];
                failing.push(ledger.ask(id)?);
                if failing.last() == Some(&true) {
                    named.push(id);
                }
            }
            let row = |place: u32| &features[place as usize * columns..][..columns];
            let trained: Vec<f32> = sample.iter().flat_map(|&place| row(place)).copied().collect();
            let done = |named: Vec<u32>, ledger: &Ledger| {
                Ok(Found { named, order: ledger.asked.clone(), model_tokens: self.model_tokens })
            };
            if sample.len() < 3 {
                return done(named, ledger);
            }
            let pca = pca(&trained, columns, COMPONENTS, u64::from(seed))?;
            let n = pca.n_components;
            let Some(svm) = Svm::train(&pca.scores, n, &failing, SvmOptions::default()) else {
                // One class only: nothing can be learnt, and nothing more is found.
                return done(named, ledger);
            };
            let mut suspects: Vec<(f64, u32)> = Vec::new();
            for &place in &places {
                let id = askable[place as usize];
                if ledger.is_known(id) {
                    continue;
                }
                let centred: Vec<f32> = row(place).iter().zip(&pca.mean).map(|(value, mean)| value - mean).collect();
                let scores: Vec<f32> = pca
                    .components
                    .chunks_exact(columns)
                    .map(|component| component.iter().zip(&centred).map(|(a, b)| a * b).sum())
                    .collect();
                let decision = svm.decision(&scores);
                if decision > 0.0 {
                    suspects.push((decision, id));
                }
            }
            // The most suspicious first.
            suspects.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let ids: Vec<u32> = suspects.into_iter().map(|(_, id)| id).collect();
            named.extend(ledger.failing(&ids)?);
            done(named, ledger)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand.
    #[test]
    fn key_layers_lie_in_the_second_half() {
        assert_eq!(key_layers(32), [16, 23, 30]);
        assert_eq!(key_layers(4), [2]);
        assert_eq!(key_layers(5), [2, 3]);
        assert_eq!(key_layers(1), [0]);
    }
}
