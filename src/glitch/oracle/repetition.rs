//! Zero-shot repetition: "can you repeat this string?", asked of every token, greedily, for ten new tokens.
//!
//! The prompt's text before and after the token is encoded once, with an ordinary word in the token's place; the token
//! is then spliced in as an id, so that re-tokenisation can never hide it. The text before is run once for all tokens.
//!
//! Source   GlitchHunter (Li et al. 2024, arXiv 2404.09894) by the prompt of its reproduction; fact sheet section 1.2

use super::Oracle;
use super::graders::{Grade, strict, substring};
use crate::compute::Device;
use crate::engine::model::NextToken;
use crate::engine::{FanOut, Model};
use crate::error::Result;
use crate::glitch::Subject;
use crate::progress::{Event, LocalBoxFuture, Monitor, pause};
use crate::report::{OracleInfo, Probe};
use crate::tokenizer::{Splice, Tokenizer};

pub const TEXT_BEFORE: &str = "Question: Please can you repeat the string '";
pub const TEXT_AFTER: &str = "' and return back to me?\n\nAnswer: Of course! Here is the repeated string:";
pub const MAX_NEW_TOKENS: usize = 10;

/// The oracle over one loaded model.
pub struct Repetition<'a> {
    model: &'a mut Model,
    tokenizer: &'a Tokenizer,
    splice: Splice,
    /// Ids that end an answer.
    stop: Vec<u32>,
    batch: usize,
    /// Made at the first question and kept, so that the prefix is run once.
    fan_out: Option<FanOut>,
}

/// An answer in the making.
struct Row {
    target: String,
    first: NextToken,
    answer: Vec<u32>,
    text: String,
    substring: Grade,
    strict: Grade,
}

impl<'a> Repetition<'a> {
    /// `batch` rows at a time; 0 lets the device decide.
    pub fn new(model: &'a mut Model, tokenizer: &'a Tokenizer, stop: Vec<u32>, batch: usize) -> Result<Self> {
        let splice = tokenizer.splice(TEXT_BEFORE, TEXT_AFTER)?;
        Ok(Repetition { model, tokenizer, splice, stop, batch, fan_out: None })
    }

    async fn batch_of(&mut self, ids: &[u32], fan_out: &mut FanOut) -> Result<Vec<Probe>> {
        let mut rows_ids = Vec::with_capacity(ids.len() * (1 + self.splice.ids_after.len()));
        for id in ids {
            rows_ids.push(*id);
            rows_ids.extend(&self.splice.ids_after);
        }
        let first = fan_out.first(self.model, &rows_ids, ids).await?;
        let mut rows: Vec<Row> = first
            .into_iter()
            .zip(ids)
            .map(|(first, id)| Row {
                target: self.tokenizer.decode(&[*id], false),
                first,
                answer: Vec::new(),
                text: String::new(),
                substring: Grade::Open,
                strict: Grade::Open,
            })
            .collect();
        for row in &mut rows {
            let next = row.first.argmax;
            self.grow(row, next);
        }
        for step in 0..MAX_NEW_TOKENS - 1 {
            // Decided rows leave the batch.
            let open: Vec<usize> = (0..rows.len()).filter(|&slot| !rows[slot].is_decided()).collect();
            if open.is_empty() {
                break;
            }
            let slots: Vec<u32> = open.iter().map(|&slot| slot as u32).collect();
            let tokens: Vec<u32> = open.iter().map(|&slot| *rows[slot].answer.last().expect("OK because every row has its first token")).collect();
            let next = fan_out.next(self.model, &slots, &tokens, step).await?;
            for (&slot, next) in open.iter().zip(next) {
                self.grow(&mut rows[slot], next.argmax);
            }
        }
        Ok(rows.into_iter().zip(ids).map(|(row, id)| row.into_probe(*id)).collect())
    }

    /// Appends a token to an answer and grades what there is.
    fn grow(&self, row: &mut Row, next: u32) {
        row.answer.push(next);
        let finished = self.stop.contains(&next) || row.answer.len() == MAX_NEW_TOKENS;
        row.text = self.tokenizer.decode(&row.answer, true);
        row.substring = substring(&row.target, &row.text, finished);
        row.strict = strict(&row.target, &row.text, finished);
    }
}

impl Row {
    fn is_decided(&self) -> bool {
        self.substring != Grade::Open && self.strict != Grade::Open
    }

    fn into_probe(self, id: u32) -> Probe {
        Probe {
            id,
            passed: self.substring == Grade::Pass,
            passed_strict: self.strict == Grade::Pass,
            p_target: self.first.log_p_target.exp(),
            argmax: self.first.argmax,
            entropy: self.first.entropy,
            answer: self.answer,
            answer_text: self.text,
        }
    }
}

impl Oracle for Repetition<'_> {
    fn info(&self) -> OracleInfo {
        OracleInfo {
            id: "repetition-zero-shot".into(),
            title: "zero-shot repetition".into(),
            text_before: TEXT_BEFORE.into(),
            text_after: TEXT_AFTER.into(),
            ids_before: self.splice.ids_before.clone(),
            ids_after: self.splice.ids_after.clone(),
            placeholder: self.splice.placeholder.clone(),
            max_new_tokens: MAX_NEW_TOKENS as u32,
            decoding: "greedy".into(),
            rules: vec![
                "verdict: the token's text is a substring of the answer, or is when both are upper-cased".into(),
                "strict: the answer's first line is the token's text, blanks, quotes and one period around it aside".into(),
                "an answer ends at an end token, after 10 tokens, or as soon as both rules are certain".into(),
            ],
            source: "GlitchHunter, arXiv 2404.09894 (re-implementation); prompt of its published reproduction".into(),
        }
    }

    fn probe<'b>(
        &'b mut self,
        ids: &'b [u32],
        probes: &'b mut Vec<Probe>,
        monitor: &'b mut dyn Monitor,
    ) -> LocalBoxFuture<'b, Result<()>> {
        Box::pin(async move {
            let mut fan_out = match self.fan_out.take() {
                Some(fan_out) => fan_out,
                None => {
                    let row_tokens = 1 + self.splice.ids_after.len();
                    FanOut::new(self.model, &self.splice.ids_before, row_tokens, MAX_NEW_TOKENS, self.batch).await?
                }
            };
            let mut result = Ok(());
            let mut done = 0;
            for ids_of_batch in ids.chunks(fan_out.batch()) {
                result = async {
                    pause(monitor).await?;
                    let batch = self.batch_of(ids_of_batch, &mut fan_out).await?;
                    done += batch.len();
                    monitor.event(Event::Probes { probes: &batch });
                    monitor.event(Event::Advance { done: done as u64, total: ids.len() as u64, unit: "tokens" });
                    probes.extend(batch);
                    Ok(())
                }
                .await;
                if result.is_err() {
                    break;
                }
            }
            self.fan_out = Some(fan_out);
            result
        })
    }

    fn model_tokens(&self) -> u64 {
        self.fan_out.as_ref().map_or(0, |fan_out| fan_out.model_tokens)
    }
}

impl Subject for Repetition<'_> {
    fn device(&mut self) -> &mut Device {
        &mut self.model.device
    }
}

impl Drop for Repetition<'_> {
    fn drop(&mut self) {
        if let Some(fan_out) = self.fan_out.take() {
            fan_out.free(self.model);
        }
    }
}
