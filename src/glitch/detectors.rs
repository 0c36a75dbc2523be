//! Detectors: ways of finding glitch tokens without asking about every token. All answer to the same truth, an
//! exhaustive scan, and their questions are answered from it.
//!
//! A detector either declares tokens (random, k-means) or ranks and verifies them with the oracle, which makes its
//! precision 1. Either way it leaves an order in which tokens would be asked about, from which recall against questions
//! is drawn.

pub mod activations;
pub mod entropy_gradient;
mod glitchhunter;
mod glitchminer;
mod glitchprober;
mod kmeans;
mod magikarp;
mod random;

use super::indicators::Indicator;
use super::reference_ids::reference_ids;
use super::scope::Scope;
use super::token_graph::Neighbourhood;
use super::{Embedding, ScanError};
use crate::compute::Device;
use crate::engine::Model;
use crate::error::Result;
use crate::progress::{LocalBoxFuture, Monitor};
use crate::report::{DetectorInfo, KeepRule, References, Report, ScanOptions, TokenTable};
use crate::tokenizer::Tokenizer;

/// A way of finding glitch tokens.
pub trait Detector {
    fn info(&self) -> DetectorInfo;

    /// Why this model cannot be searched this way; `None` when it can.
    fn unmet(&self, field: &Field<'_>) -> Option<String> {
        let _ = field;
        None
    }

    /// Whether a search runs the model itself, besides its questions, which are answered from the truth.
    fn runs_model(&self) -> bool {
        false
    }

    /// Searches once. What is asked goes through `ledger`, which counts.
    fn detect<'a>(
        &'a mut self,
        field: &'a mut Field<'_>,
        ledger: &'a mut Ledger,
        seed: u32,
        monitor: &'a mut dyn Monitor,
    ) -> LocalBoxFuture<'a, Result<Found>>;
}

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Tokens called glitch tokens.
    pub named: Vec<u32>,
    /// Tokens in the order in which they would be asked about; for a detector that verifies, the order in which it did.
    pub order: Vec<u32>,
    /// Tokens the model processed besides the questions: gradients, activations.
    pub model_tokens: u64,
}

/// What detectors may look at.
pub struct Field<'a> {
    pub machine: Machine<'a>,
    /// The input embedding.
    pub embedding: &'a Embedding,
    /// The head's rows; the input embedding where the two are tied.
    pub output: &'a Embedding,
    pub head_bias: &'a [f32],
    pub tokens: &'a TokenTable,
    pub truth: &'a Report,
    pub options: &'a ScanOptions,
    /// Questions that a search without an end of its own may ask.
    pub budget: usize,
    pub references: Option<References>,
    pub scope: Scope,
    /// The first round's graph, which is the same for every seed.
    neighbourhood: Option<Neighbourhood>,
}

/// What computes.
pub enum Machine<'a> {
    /// Without a model: only embeddings can be searched.
    Device(&'a mut Device),
    Model {
        model: &'a mut Model,
        tokenizer: &'a Tokenizer,
        stop: &'a [u32],
    },
}

impl Machine<'_> {
    pub fn device(&mut self) -> &mut Device {
        match self {
            Machine::Device(device) => device,
            Machine::Model { model, .. } => &mut model.device,
        }
    }
}

impl<'a> Field<'a> {
    /// Errors   an embedding and a table that do not belong together
    pub fn new(
        machine: Machine<'a>,
        embedding: &'a Embedding,
        output: &'a Embedding,
        head_bias: &'a [f32],
        tokens: &'a TokenTable,
        truth: &'a Report,
        options: &'a ScanOptions,
        budget: usize,
    ) -> Result<Field<'a>> {
        let scope = Scope::new(embedding, tokens)?;
        let references = reference_ids(tokens, output);
        Ok(Field {
            machine,
            embedding,
            output,
            head_bias,
            tokens,
            truth,
            options,
            budget,
            references,
            scope,
            neighbourhood: None,
        })
    }
}

/// The stored answers, and what has been asked so far.
pub struct Ledger {
    /// Whether a token fails; `None` where the truth was not asked.
    fails: Vec<Option<bool>>,
    known: Vec<bool>,
    /// In the order of asking, each once.
    pub asked: Vec<u32>,
}

impl Ledger {
    pub fn new(truth: &Report) -> Ledger {
        let mut fails = vec![None; truth.tokens.text.len()];
        for probe in &truth.probes {
            fails[probe.id as usize] = Some(!probe.passed);
        }
        Ledger { known: vec![false; fails.len()], fails, asked: Vec::new() }
    }

    /// Whether the token fails the oracle. A token that was asked about before costs nothing.
    pub fn ask(&mut self, id: u32) -> Result<bool, ScanError> {
        let fails = self.fails[id as usize].ok_or(ScanError::NotStored { id })?;
        if !std::mem::replace(&mut self.known[id as usize], true) {
            self.asked.push(id);
        }
        Ok(fails)
    }

    pub fn is_known(&self, id: u32) -> bool {
        self.known[id as usize]
    }

    /// Asks about `ids` in their order; those that fail.
    pub fn failing(&mut self, ids: &[u32]) -> Result<Vec<u32>, ScanError> {
        let mut failing = Vec::new();
        for &id in ids {
            if self.ask(id)? {
                failing.push(id);
            }
        }
        Ok(failing)
    }
}

/// Every detector, in the order in which a table lists them.
pub fn detectors() -> Vec<Box<dyn Detector>> {
    let mut all: Vec<Box<dyn Detector>> = vec![
        Box::new(random::Random { rule_based: false }),
        Box::new(random::Random { rule_based: true }),
        Box::new(kmeans::KMeansCentre),
        Box::new(glitchhunter::GlitchHunter { rule: KeepRule::Ratio }),
        Box::new(glitchhunter::GlitchHunter { rule: KeepRule::Hypergeometric }),
    ];
    for which in Indicator::ALL {
        all.push(Box::new(magikarp::Magikarp { which }));
    }
    all.push(Box::new(glitchminer::GlitchMiner));
    all.push(Box::new(glitchprober::GlitchProber::default()));
    all
}
