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

/// Attempts about a text that are made together.
const ATTEMPTS_AT_ONCE: usize = 16;

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

/// What is asked about: a token by its own id, or its text by the ids that make it where the token cannot be produced.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    id: u32,
    ids: &'a [u32],
    attempt: u32,
}

/// An answer in the making.
struct Row {
    id: u32,
    /// Whose probability is wanted.
    first_id: u32,
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
    pub async fn ask<'a>(
        &mut self,
        model: &mut Model,
        tokenizer: &Tokenizer,
        ids: &'a [u32],
        monitor: &mut dyn Monitor,
    ) -> Result<Vec<Answer>> {
        let attempts = self.question.decoding.attempts();
        let is_drawn = self.question.decoding != Decoding::Greedy;
        let of_token =
            |id: &'a u32| (0..attempts).map(move |attempt| Wanted { id: *id, ids: std::slice::from_ref(id), attempt });
        let rows: Vec<Wanted> = ids.iter().flat_map(of_token).collect();
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

    /// The answer about the text of a token that is made by `ids`, in the place of its own id.
    ///
    /// The question's own rules are as for the token. Where there are none, the probability of a text is that of all its
    /// tokens one after the other, the largest over the places at which the answer could say it; and the text is the most
    /// probable one when each of its tokens is, which `first.argmax` then tells by the token's id.
    ///
    /// Errors   `ContextTooShort`
    pub async fn ask_spelled(
        &self,
        model: &mut Model,
        tokenizer: &Tokenizer,
        id: u32,
        ids: &[u32],
        monitor: &mut dyn Monitor,
    ) -> Result<Answer> {
        let holes = self.prompt.ids.len() - 1;
        let (prefix, row_tokens) = (&self.prompt.ids[0], lengths(&self.prompt).1 + holes * (ids.len() - 1));
        let places = if self.question.grading.is_none() { self.question.max_new_tokens } else { 0 };
        let attempts = self.question.decoding.attempts();
        // One row more than places: it says what the answer would be.
        let batch = if places > 0 { places + 1 } else { ATTEMPTS_AT_ONCE.min(attempts as usize).max(1) };
        let longest = self.question.max_new_tokens + if places > 0 { ids.len() } else { 0 };
        let mut fan_out = FanOut::new(model, prefix, row_tokens, longest, batch).await?;
        let wanted: Vec<Wanted> = (0..attempts).map(|attempt| Wanted { id, ids, attempt }).collect();
        let answer = self.spelled(model, tokenizer, &mut fan_out, &wanted, places, monitor).await;
        fan_out.free(model);
        answer
    }

    async fn spelled(
        &self,
        model: &mut Model,
        tokenizer: &Tokenizer,
        fan_out: &mut FanOut,
        wanted: &[Wanted<'_>],
        places: usize,
        monitor: &mut dyn Monitor,
    ) -> Result<Answer> {
        let mut rows = Vec::with_capacity(wanted.len());
        for wanted in wanted.chunks(fan_out.pass_rows()) {
            pause(monitor).await?;
            rows.extend(self.batch_of(model, tokenizer, fan_out, wanted, monitor).await?);
        }
        let mut answer = joined(&rows, fan_out.row_tokens());
        if places > 0 {
            let (log_p, is_most_probable) = self.text_probability(model, fan_out, &wanted[0], places, monitor).await?;
            answer.p_max = log_p.exp();
            if is_most_probable {
                answer.first.argmax = wanted[0].id;
            }
        }
        Ok(answer)
    }

    /// Log probability of the text of `wanted`, the largest over the first `places` places of the greedy answer, and whether
    /// each of its tokens is the most probable one at the first of them.
    ///
    /// Row `i` says the first `i` tokens of the greedy answer and then the text; the row behind them says the answer.
    async fn text_probability(
        &self,
        model: &mut Model,
        fan_out: &mut FanOut,
        wanted: &Wanted<'_>,
        places: usize,
        monitor: &mut dyn Monitor,
    ) -> Result<(f32, bool)> {
        let text = wanted.ids;
        let prompt = self.row_of(text);
        let slots: Vec<u32> = (0..=places as u32).collect();
        // What is wanted of each row next: the token of the text that it is about to say.
        let target = |row: usize, step: usize| text[step.saturating_sub(row).min(text.len() - 1)];
        let targets = |step: usize| (0..=places).map(|row| target(row, step)).collect::<Vec<u32>>();
        let mut said = fan_out.first(model, &prompt.repeat(places + 1), &targets(0), monitor).await?;
        let (mut log_p, mut is_most_probable) = (vec![0.0_f32; places], true);
        let mut reached = places;
        let steps = places + text.len() - 1;
        for step in 0..steps {
            let mut next = Vec::with_capacity(places + 1);
            for (row, said) in said.iter().enumerate() {
                let is_text = row < places && (row..row + text.len()).contains(&step);
                if is_text {
                    log_p[row] += said.log_p_target;
                    is_most_probable &= row > 0 || said.argmax == text[step];
                }
                next.push(if is_text { text[step - row] } else { said.argmax });
            }
            // Rows that wait for their place say what the answer says.
            let answered = said[places].argmax;
            next.iter_mut().enumerate().filter(|(row, _)| *row > step).for_each(|(_, next)| *next = answered);
            if step < places && self.stop.contains(&answered) {
                // The answer ends here, and so do the places.
                reached = reached.min(step + 1);
            }
            if step + 1 < steps {
                pause(monitor).await?;
                said = fan_out.next_of(model, &slots, &next, &targets(step + 1), step).await?;
            }
        }
        Ok((log_p[..reached].iter().copied().fold(f32::NEG_INFINITY, f32::max), is_most_probable))
    }

    /// The ids of a row: the text in every hole, and what stands behind each.
    fn row_of(&self, text: &[u32]) -> Vec<u32> {
        self.prompt.ids[1..].iter().flat_map(|piece| text.iter().chain(piece)).copied().collect()
    }

    async fn batch_of(
        &self,
        model: &mut Model,
        tokenizer: &Tokenizer,
        fan_out: &mut FanOut,
        wanted: &[Wanted<'_>],
        monitor: &mut dyn Monitor,
    ) -> Result<Vec<Row>> {
        let targets: Vec<u32> = wanted.iter().map(|wanted| wanted.ids[0]).collect();
        let ids: Vec<u32> = wanted.iter().flat_map(|wanted| self.row_of(wanted.ids)).collect();
        let first = fan_out.first(model, &ids, &targets, monitor).await?;
        let mut rows: Vec<Row> = first
            .iter()
            .zip(wanted)
            .map(|(first, &Wanted { id, ids, attempt })| Row {
                id,
                first_id: ids[0],
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
            let targets: Vec<u32> = open.iter().map(|&slot| rows[slot].first_id).collect();
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
