//! The workload of `make bench`: a model's repetition probes without a tokenizer around them, a prefill and the lens's pass over
//! the same tokens, the stages of a map, and glitch tokens counted in texts.

pub mod counting;
pub mod graph;
mod lens;

pub use lens::LensPasses;

use std::rc::Rc;

use crate::checkpoint::Checkpoint;
use crate::checkpoint::source::Source;
use crate::compute::{Device, DevicePreference};
use crate::engine::model::NextToken;
use crate::engine::{FanOut, Model};
use crate::error::Result;
use crate::progress::Silent;
use crate::rng::Rng;

/// Tokens before the probed one, the same for all probes.
pub const PREFIX_TOKENS: usize = 9;
/// The probed token and what follows it.
pub const ROW_TOKENS: usize = 19;
/// Longest answer.
pub const NEW_TOKENS: usize = 10;
/// One row in this many needs its whole answer; the others are decided by their first two tokens, as the tokens of real
/// models are: most are repeated at once. Random weights repeat nothing, so the share is set here instead of measured.
pub const UNDECIDED: usize = 10;

/// Probes of a loaded model.
pub struct Probes {
    model: Model,
    fan_out: FanOut,
    suffix: Vec<u32>,
    rng: Rng,
    vocabulary: u32,
    /// What the rows of the batch say next.
    next: Vec<NextToken>,
    /// Probes so far.
    asked: usize,
}

impl Probes {
    /// `batch` probes at a time, 0 for as many as suit the device.
    pub async fn open(source: Rc<dyn Source>, preference: DevicePreference, batch: usize) -> Result<Probes> {
        let device = Device::request(preference).await?;
        let checkpoint = Checkpoint::open(source).await?;
        let mut model = Model::load(&checkpoint, device, &mut Silent).await?;
        let vocabulary = model.architecture.n_vocabulary as u32;
        let mut rng = Rng::new(1);
        let mut ids = |count: usize| -> Vec<u32> { (0..count).map(|_| rng.below(vocabulary)).collect() };
        let (prefix, suffix) = (ids(PREFIX_TOKENS), ids(ROW_TOKENS - 1));
        let fan_out = FanOut::new(&mut model, &prefix, ROW_TOKENS, NEW_TOKENS, batch).await?;
        Ok(Probes { model, fan_out, suffix, rng, vocabulary, next: Vec::new(), asked: 0 })
    }

    pub fn batch(&self) -> usize {
        self.fan_out.batch()
    }

    pub fn device(&self) -> String {
        self.model.device.info().name
    }

    /// First tokens of one batch of new probes. Gives the sum of the logarithms of their probabilities, so that nothing
    /// is left out.
    pub async fn first(&mut self) -> Result<f32> {
        let targets: Vec<u32> = (0..self.batch()).map(|_| self.rng.below(self.vocabulary)).collect();
        let mut rows = Vec::with_capacity(targets.len() * ROW_TOKENS);
        for target in &targets {
            rows.push(*target);
            rows.extend(&self.suffix);
        }
        self.next = self.fan_out.first(&mut self.model, &rows, &targets, &mut Silent).await?;
        Ok(self.next.iter().map(|next| next.log_p_target).sum())
    }

    /// Continues the answers that [`Probes::first`] began until each row is decided.
    pub async fn rest(&mut self) -> Result<()> {
        let mut open: Vec<u32> = (0..self.next.len() as u32).collect();
        for step in 0..NEW_TOKENS - 1 {
            let mut tokens: Vec<u32> = self.next.iter().map(|next| next.argmax).collect();
            if step == 1 {
                let undecided = |row: &u32| (self.asked + *row as usize).is_multiple_of(UNDECIDED);
                tokens = open.iter().zip(&tokens).filter(|(row, _)| undecided(row)).map(|(_, token)| *token).collect();
                open.retain(undecided);
            }
            if open.is_empty() {
                break;
            }
            self.next = self.fan_out.next(&mut self.model, &open, &tokens, step).await?;
        }
        self.asked += self.batch();
        Ok(())
    }
}
