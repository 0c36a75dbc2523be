//! Asks one question of many tokens.
//!
//! The prompt's text is encoded once, with an ordinary word in the token's place; the token is then spliced in as an id,
//! so that re-tokenisation can never hide it. What stands before the first hole is run once for all tokens.

use super::graders::Grade;
use super::nucleus;
use super::question::{Decoding, Question, lengths};
use crate::engine::model::NextToken;
use crate::engine::{FanOut, Model};
use crate::error::Result;
use crate::progress::{Monitor, pause};
use crate::report::PromptInfo;
use crate::rng::Rng;
use crate::tokenizer::Tokenizer;

/// One question, ready for one model.
pub struct Asker {
    pub question: Question,
    pub prompt: PromptInfo,
    /// Ids that end an answer.
    stop: Vec<u32>,
    /// Rows of a batch; 0 lets the device decide.
    batch: usize,
    /// Made at the first question and kept, so that the prefix is run once.
    fan_out: Option<FanOut>,
    /// Tokens that fan-outs before this one have processed.
    model_tokens_before: u64,
    /// Tokens that an earlier run processed for answers that were kept.
    model_tokens_kept: u64,
}

/// What a token's answer, or its answers, came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub id: u32,
    /// Of the first token of the answer.
    pub first: NextToken,
    /// Largest probability of the token itself at any step of the answer.
    pub p_max: f32,
    /// The question's own rules; both false without rules.
    pub passed: bool,
    pub passed_strict: bool,
    /// Attempts, and those that failed the question's rule; 1 attempt when the answer is greedy.
    pub attempts: u32,
    pub failures: u32,
    /// Tokens the model processed for it, without what stands before the first hole.
    pub model_tokens: u64,
    /// The answer; of several attempts the first that failed, else the first.
    pub ids: Vec<u32>,
    pub text: String,
}

/// An answer in the making.
struct Row {
    id: u32,
    target: String,
    first: NextToken,
    log_p_max: f32,
    /// The stream that draws it, when it is drawn.
    rng: Option<Rng>,
    answer: Vec<u32>,
    text: String,
    verdict: Grade,
    strict: Grade,
    is_finished: bool,
}

impl Asker {
    pub fn new(question: Question, prompt: PromptInfo, stop: Vec<u32>, batch: usize) -> Asker {
        Asker { question, prompt, stop, batch, fan_out: None, model_tokens_before: 0, model_tokens_kept: 0 }
    }

    /// Tokens that fit a batch.
    pub async fn tokens_of_batch(&mut self, model: &mut Model) -> Result<usize> {
        Ok((self.fan_out(model).await?.batch() / self.question.decoding.attempts() as usize).max(1))
    }

    async fn fan_out(&mut self, model: &mut Model) -> Result<&mut FanOut> {
        if self.fan_out.is_none() {
            let (_, row_tokens) = lengths(&self.prompt);
            let max_new = self.question.max_new_tokens;
            self.fan_out = Some(FanOut::new(model, &self.prompt.ids[0], row_tokens, max_new, self.batch).await?);
        }
        Ok(self.fan_out.as_mut().expect("OK because it was just made"))
    }

    /// The answers of `ids`, in their order. Pauses between batches.
    pub async fn ask(
        &mut self,
        model: &mut Model,
        tokenizer: &Tokenizer,
        ids: &[u32],
        monitor: &mut dyn Monitor,
    ) -> Result<Vec<Answer>> {
        let attempts = self.question.decoding.attempts();
        let is_drawn = self.question.decoding != Decoding::Greedy;
        let rows: Vec<(u32, u32)> =
            ids.iter().flat_map(|&id| (0..attempts).map(move |attempt| (id, attempt))).collect();
        let mut answered = Vec::with_capacity(rows.len());
        while answered.len() < rows.len() {
            pause(monitor).await?;
            let fan_out = self.fan_out(model).await?;
            // What is drawn needs the logits of every row, and only one pass leaves them.
            let width = if is_drawn { fan_out.pass_rows().min(fan_out.batch()) } else { fan_out.batch() };
            let mut fan_out = self.fan_out.take().expect("OK because it was made above");
            let next = &rows[answered.len()..];
            let batch = self.batch_of(model, tokenizer, &mut fan_out, &next[..width.min(next.len())], monitor).await;
            self.fan_out = Some(fan_out);
            answered.extend(batch?);
        }
        let (_, row_tokens) = lengths(&self.prompt);
        Ok(answered.chunks(attempts.max(1) as usize).map(|rows| joined(rows, row_tokens)).collect())
    }

    async fn batch_of(
        &self,
        model: &mut Model,
        tokenizer: &Tokenizer,
        fan_out: &mut FanOut,
        wanted: &[(u32, u32)],
        monitor: &mut dyn Monitor,
    ) -> Result<Vec<Row>> {
        let targets: Vec<u32> = wanted.iter().map(|(id, _)| *id).collect();
        let mut ids = Vec::new();
        for id in &targets {
            for piece in &self.prompt.ids[1..] {
                ids.push(*id);
                ids.extend(piece);
            }
        }
        let first = fan_out.first(model, &ids, &targets, monitor).await?;
        let mut rows: Vec<Row> = first
            .iter()
            .zip(wanted)
            .map(|(first, &(id, attempt))| Row {
                id,
                target: tokenizer.decode(&[id], false),
                first: *first,
                log_p_max: first.log_p_target,
                rng: match self.question.decoding {
                    Decoding::Greedy => None,
                    Decoding::Sampled { seed, .. } => Some(Rng::with_stream(u64::from(seed), stream(id, attempt))),
                },
                answer: Vec::new(),
                text: String::new(),
                verdict: Grade::Open,
                strict: Grade::Open,
                is_finished: false,
            })
            .collect();
        let all: Vec<usize> = (0..rows.len()).collect();
        let next = self.choose(model, fan_out, &mut rows, &all, &first, true).await?;
        for (row, next) in rows.iter_mut().zip(next) {
            self.grow(tokenizer, row, next);
        }
        for step in 0..self.question.max_new_tokens.saturating_sub(1) {
            // Decided rows leave the batch.
            let open: Vec<usize> = (0..rows.len()).filter(|&slot| !rows[slot].is_decided()).collect();
            if open.is_empty() {
                break;
            }
            let slots: Vec<u32> = open.iter().map(|&slot| slot as u32).collect();
            let last: Vec<u32> = open
                .iter()
                .map(|&slot| *rows[slot].answer.last().expect("OK because every row has its first token"))
                .collect();
            let targets: Vec<u32> = open.iter().map(|&slot| rows[slot].id).collect();
            let said = fan_out.next_of(model, &slots, &last, &targets, step).await?;
            for (&slot, said) in open.iter().zip(&said) {
                rows[slot].log_p_max = rows[slot].log_p_max.max(said.log_p_target);
            }
            let next = self.choose(model, fan_out, &mut rows, &open, &said, false).await?;
            for (&slot, next) in open.iter().zip(next) {
                self.grow(tokenizer, &mut rows[slot], next);
            }
        }
        Ok(rows)
    }

    /// The next token of each of the rows in `open`, which the model has just spoken about.
    async fn choose(
        &self,
        model: &mut Model,
        fan_out: &FanOut,
        rows: &mut [Row],
        open: &[usize],
        said: &[NextToken],
        is_first: bool,
    ) -> Result<Vec<u32>> {
        let Decoding::Sampled { temperature, top_p, .. } = self.question.decoding else {
            return Ok(said.iter().map(|said| said.argmax).collect());
        };
        let vocabulary = model.architecture.n_vocabulary;
        let logits = fan_out.logits(model, open.len(), is_first).await?;
        let drawn = open.iter().zip(logits.chunks_exact(vocabulary)).map(|(&slot, logits)| {
            let rng = rows[slot].rng.as_mut().expect("OK because the answer is drawn");
            nucleus::draw(logits, temperature, top_p, f64::from(rng.uniform()))
        });
        Ok(drawn.collect())
    }

    /// Appends a token to an answer and grades what there is.
    fn grow(&self, tokenizer: &Tokenizer, row: &mut Row, next: u32) {
        row.answer.push(next);
        row.is_finished = self.stop.contains(&next) || row.answer.len() >= self.question.max_new_tokens;
        row.text = tokenizer.decode(&row.answer, true);
        if let Some(grading) = &self.question.grading {
            row.verdict = (grading.verdict)(&row.target, &row.text, row.is_finished);
            row.strict = (grading.strict)(&row.target, &row.text, row.is_finished);
        }
    }

    /// Tokens the model has processed, those of kept answers included.
    pub fn model_tokens(&self) -> u64 {
        let processed = self.processed();
        // The run that gave the kept answers ran what stands before the hole; once is enough.
        let prefix = if processed == 0 && self.model_tokens_kept > 0 { lengths(&self.prompt).0 as u64 } else { 0 };
        processed + self.model_tokens_kept + prefix
    }

    fn processed(&self) -> u64 {
        self.model_tokens_before + self.fan_out.as_ref().map_or(0, |fan_out| fan_out.model_tokens)
    }

    /// Counts an answer of an earlier run as if it had been asked for now.
    pub fn count_kept(&mut self, answer: &Answer) {
        self.model_tokens_kept += answer.model_tokens;
    }

    /// The device is gone, and the prefix and its keys with it.
    pub fn forget(&mut self) {
        self.model_tokens_before = self.processed();
        self.fan_out = None;
    }

    /// Gives the device its memory back.
    pub fn free(&mut self, model: &mut Model) {
        if let Some(fan_out) = self.fan_out.take() {
            self.model_tokens_before += fan_out.model_tokens;
            fan_out.free(model);
        }
    }
}

/// A stream of random numbers for each token and attempt, so that neither order nor batch matters.
fn stream(id: u32, attempt: u32) -> u64 {
    u64::from(id) << 24 | u64::from(attempt)
}

impl Row {
    fn is_decided(&self) -> bool {
        self.is_finished || (self.verdict != Grade::Open && self.strict != Grade::Open)
    }
}

/// The attempts of one token, at least one, each of `row_tokens` tokens before its answer.
fn joined(rows: &[Row], row_tokens: usize) -> Answer {
    let failures = rows.iter().filter(|row| row.verdict != Grade::Pass).count() as u32;
    let shown = rows.iter().find(|row| row.verdict != Grade::Pass).unwrap_or(&rows[0]);
    Answer {
        id: rows[0].id,
        first: rows[0].first,
        p_max: rows.iter().map(|row| row.log_p_max).fold(f32::NEG_INFINITY, f32::max).exp(),
        passed: failures == 0,
        passed_strict: rows.iter().all(|row| row.strict == Grade::Pass),
        attempts: rows.len() as u32,
        failures,
        // The first token of an answer comes with the row, each other one with a token more.
        model_tokens: rows.iter().map(|row| (row_tokens + row.answer.len() - 1) as u64).sum(),
        ids: shown.answer.clone(),
        text: shown.text.clone(),
    }
}
