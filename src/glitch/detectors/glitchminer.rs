//! GlitchMiner: climbs towards tokens after which the model is least certain of what comes next.
//!
//! loop   H and its gradient at the pivot's embedding · the K nearest tokens that are left · the B of them with the
//!        largest H + gradient·(e − e_pivot) are asked about · the one with the largest true H is the next pivot
//!
//! Source   GlitchMiner (arXiv 2410.15052), K = 32, B = 8, start at the smallest input row; neighbours by cosine
//! Differs  gradient and neighbours both use input rows (the published code takes neighbours from the head, which is
//!          another matrix in untied models); the tokens of a step are asked about in one batch; tokens that text cannot
//!          produce are no candidates. As published, the first pivot itself is never asked about
//! Cost     a step's gradient counts its prompt twice, forward and backward

use super::entropy_gradient::EntropyGradient;
use super::{Detector, Field, Found, Ledger, Machine};
use crate::engine::Model;
use crate::error::Result;
use crate::glitch::Embedding;
use crate::glitch::oracle::asker::Asker;
use crate::glitch::oracle::catalogue::{Shots, oracle};
use crate::glitch::oracle::question::is_chat;
use crate::progress::{Event, LocalBoxFuture, Monitor, pause};
use crate::report::DetectorInfo;
use crate::tokenizer::Tokenizer;

const NEIGHBOURS: usize = 32;
const TESTED: usize = 8;

pub struct GlitchMiner;

impl Detector for GlitchMiner {
    fn info(&self) -> DetectorInfo {
        DetectorInfo {
            name: "glitchminer".into(),
            what: "local search along the gradient of the next token's entropy, verified".into(),
            needs: "the model and its gradient".into(),
            source: "GlitchMiner, arXiv 2410.15052 (re-implementation)".into(),
            is_seeded: false,
            is_verified: true,
        }
    }

    fn unmet(&self, field: &Field<'_>) -> Option<String> {
        match &field.machine {
            Machine::Device(_) => Some("there is no model".into()),
            Machine::Model { .. } => None,
        }
    }

    fn runs_model(&self) -> bool {
        true
    }

    fn detect<'a>(
        &'a mut self,
        field: &'a mut Field<'_>,
        ledger: &'a mut Ledger,
        _seed: u32,
        monitor: &'a mut dyn Monitor,
    ) -> LocalBoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let Machine::Model { model, tokenizer, stop } = &mut field.machine else {
                return Ok(Found::default());
            };
            let is_chat = is_chat(tokenizer, field.options.form);
            let mut spec = oracle("glitchminer-argmax", field.options, Shots::PUBLISHED, is_chat)?;
            let question = spec.questions.swap_remove(0);
            let prompt = question.prepare(tokenizer, is_chat)?;
            let gradient = EntropyGradient::new(model, &prompt)?;
            let asker = Asker::new(question, prompt, stop.to_vec(), 0);
            let pool = field.scope.askable();
            let mut parts = Parts { model, tokenizer, asker, gradient };
            let outcome = climb(&mut parts, field.embedding, pool, field.budget, ledger, monitor).await;
            let Parts { model, mut asker, gradient, .. } = parts;
            let own = asker.model_tokens() + gradient.model_tokens();
            asker.free(model);
            gradient.free(model);
            let named = outcome?;
            Ok(Found { named, order: ledger.asked.clone(), model_tokens: own })
        })
    }
}

/// What a step computes with.
struct Parts<'a> {
    model: &'a mut Model,
    tokenizer: &'a Tokenizer,
    asker: Asker,
    gradient: EntropyGradient,
}

/// The failing tokens among those asked about. `pool` are the candidates; at most `budget` are asked about.
async fn climb(
    parts: &mut Parts<'_>,
    embedding: &Embedding,
    mut pool: Vec<u32>,
    budget: usize,
    ledger: &mut Ledger,
    monitor: &mut dyn Monitor,
) -> Result<Vec<u32>> {
    let norms: Vec<f64> = (0..embedding.rows as u32).map(|id| norm(embedding.row(id))).collect();
    let smallest = |a: &u32, b: &u32| norms[*a as usize].total_cmp(&norms[*b as usize]).then(a.cmp(b));
    let Some(mut pivot) = pool.iter().copied().min_by(smallest) else { return Ok(Vec::new()) };
    let mut named = Vec::new();
    while ledger.asked.len() < budget && !pool.is_empty() {
        pause(monitor).await?;
        let (entropy, gradient) = parts.gradient.run(parts.model, pivot).await?;
        let promising = promising(embedding, &norms, pivot, entropy, &gradient, &pool);
        let promising = &promising[..promising.len().min(budget - ledger.asked.len())];
        if promising.is_empty() {
            break;
        }
        let answers = parts.asker.ask(parts.model, parts.tokenizer, promising, monitor).await?;
        named.extend(ledger.failing(promising)?);
        pool.retain(|id| !promising.contains(id));
        let best = answers.iter().max_by(|a, b| a.first.entropy.total_cmp(&b.first.entropy).then(b.id.cmp(&a.id)));
        pivot = best.map_or(pivot, |answer| answer.id);
        monitor.event(Event::Advance { done: ledger.asked.len() as u64, total: budget as u64, unit: "questions" });
    }
    Ok(named)
}

/// The tokens to ask about: of the nearest to the pivot those with the largest estimate, the largest first.
fn promising(
    embedding: &Embedding,
    norms: &[f64],
    pivot: u32,
    entropy: f64,
    gradient: &[f64],
    pool: &[u32],
) -> Vec<u32> {
    let here = embedding.row(pivot);
    let similarity = |id: u32| {
        let product: f64 = here.iter().zip(embedding.row(id)).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        product / (norms[id as usize] * norms[pivot as usize]).max(f64::MIN_POSITIVE)
    };
    let mut near: Vec<(f64, u32)> = pool.iter().filter(|id| **id != pivot).map(|&id| (similarity(id), id)).collect();
    near.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    near.truncate(NEIGHBOURS);
    let estimate = |id: u32| {
        let step = here.iter().zip(embedding.row(id)).map(|(&from, &to)| f64::from(to) - f64::from(from));
        entropy + step.zip(gradient).map(|(step, gradient)| step * gradient).sum::<f64>()
    };
    let mut estimated: Vec<(f64, u32)> = near.into_iter().map(|(_, id)| (estimate(id), id)).collect();
    estimated.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    estimated.into_iter().take(TESTED).map(|(_, id)| id).collect()
}

fn norm(row: &[f32]) -> f64 {
    row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}
