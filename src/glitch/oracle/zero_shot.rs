//! A task asked of every token without examples, greedily.
//!
//! The prompt's text before and after the token is encoded once, with an ordinary word in the token's place; the token
//! is then spliced in as an id, so that re-tokenisation can never hide it. The text before is run once for all tokens.

use super::Oracle;
use super::graders::Grade;
use super::task::Task;
use crate::compute::Device;
use crate::engine::model::NextToken;
use crate::engine::{FanOut, Model};
use crate::error::{Error, Result};
use crate::glitch::Subject;
use crate::progress::{Event, LocalBoxFuture, Monitor, pause};
use crate::report::{OracleInfo, Probe};
use crate::tokenizer::{Splice, Tokenizer};

/// The oracle over one loaded model.
pub struct ZeroShot<'a> {
    task: &'static Task,
    model: &'a mut Model,
    tokenizer: &'a Tokenizer,
    splice: Splice,
    /// Ids that end an answer.
    stop: Vec<u32>,
    batch: usize,
    /// Made at the first question and kept, so that the prefix is run once.
    fan_out: Option<FanOut>,
    /// Tokens that fan-outs before this one have processed.
    model_tokens_before: u64,
    /// What happened to the device, for the report.
    incidents: Vec<String>,
}

/// An answer in the making.
struct Row {
    target: String,
    first: NextToken,
    answer: Vec<u32>,
    text: String,
    verdict: Grade,
    strict: Grade,
}

impl<'a> ZeroShot<'a> {
    /// `batch` rows at a time; 0 lets the device decide.
    pub fn new(
        task: &'static Task,
        model: &'a mut Model,
        tokenizer: &'a Tokenizer,
        stop: Vec<u32>,
        batch: usize,
    ) -> Result<Self> {
        let splice = tokenizer.splice(task.text_before, task.text_after)?;
        Ok(ZeroShot {
            task,
            model,
            tokenizer,
            splice,
            stop,
            batch,
            fan_out: None,
            model_tokens_before: 0,
            incidents: Vec::new(),
        })
    }

    /// As many rows as a batch holds.
    async fn prepared(&mut self) -> Result<usize> {
        if self.fan_out.is_none() {
            let row_tokens = 1 + self.splice.ids_after.len();
            let max_new = self.task.max_new_tokens;
            let fan_out = FanOut::new(self.model, &self.splice.ids_before, row_tokens, max_new, self.batch).await?;
            self.fan_out = Some(fan_out);
        }
        Ok(self.fan_out.as_ref().expect("OK because it was just made").batch())
    }

    /// The verdicts on as many of `ids` as a batch holds.
    async fn next_batch(&mut self, ids: &[u32], monitor: &mut dyn Monitor) -> Result<Vec<Probe>> {
        let rows = self.prepared().await?;
        let mut fan_out = self.fan_out.take().expect("OK because prepared above");
        let batch = self.batch_of(&ids[..rows.min(ids.len())], &mut fan_out, monitor).await;
        self.fan_out = Some(fan_out);
        batch
    }

    async fn batch_of(&mut self, ids: &[u32], fan_out: &mut FanOut, monitor: &mut dyn Monitor) -> Result<Vec<Probe>> {
        let mut rows_ids = Vec::with_capacity(ids.len() * (1 + self.splice.ids_after.len()));
        for id in ids {
            rows_ids.push(*id);
            rows_ids.extend(&self.splice.ids_after);
        }
        let first = fan_out.first(self.model, &rows_ids, ids, monitor).await?;
        let mut rows: Vec<Row> = first
            .into_iter()
            .zip(ids)
            .map(|(first, id)| Row {
                target: self.tokenizer.decode(&[*id], false),
                first,
                answer: Vec::new(),
                text: String::new(),
                verdict: Grade::Open,
                strict: Grade::Open,
            })
            .collect();
        for row in &mut rows {
            let next = row.first.argmax;
            self.grow(row, next);
        }
        for step in 0..self.task.max_new_tokens - 1 {
            // Decided rows leave the batch.
            let open: Vec<usize> = (0..rows.len()).filter(|&slot| !rows[slot].is_decided()).collect();
            if open.is_empty() {
                break;
            }
            let slots: Vec<u32> = open.iter().map(|&slot| slot as u32).collect();
            let tokens: Vec<u32> = open
                .iter()
                .map(|&slot| *rows[slot].answer.last().expect("OK because every row has its first token"))
                .collect();
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
        let finished = self.stop.contains(&next) || row.answer.len() == self.task.max_new_tokens;
        row.text = self.tokenizer.decode(&row.answer, true);
        row.verdict = (self.task.verdict)(&row.target, &row.text, finished);
        row.strict = (self.task.strict)(&row.target, &row.text, finished);
    }
}

impl Row {
    fn is_decided(&self) -> bool {
        self.verdict != Grade::Open && self.strict != Grade::Open
    }

    fn into_probe(self, id: u32) -> Probe {
        Probe {
            id,
            passed: self.verdict == Grade::Pass,
            passed_strict: self.strict == Grade::Pass,
            p_target: self.first.log_p_target.exp(),
            argmax: self.first.argmax,
            entropy: self.first.entropy,
            answer: self.answer,
            answer_text: self.text,
        }
    }
}

impl Oracle for ZeroShot<'_> {
    fn info(&self) -> OracleInfo {
        self.task.info(&self.splice)
    }

    fn probe<'b>(
        &'b mut self,
        ids: &'b [u32],
        probes: &'b mut Vec<Probe>,
        monitor: &'b mut dyn Monitor,
    ) -> LocalBoxFuture<'b, Result<()>> {
        Box::pin(async move {
            let mut done = 0;
            while done < ids.len() {
                pause(monitor).await?;
                let batch = match self.next_batch(&ids[done..], monitor).await {
                    Ok(batch) => batch,
                    Err(error) => {
                        if !self.recover(&error, monitor).await? {
                            return Err(error);
                        }
                        continue;
                    }
                };
                done += batch.len();
                monitor.event(Event::Probes { probes: &batch });
                monitor.event(Event::Advance { done: done as u64, total: ids.len() as u64, unit: "tokens" });
                probes.extend(batch);
            }
            Ok(())
        })
    }

    fn model_tokens(&self) -> u64 {
        self.model_tokens_before + self.fan_out.as_ref().map_or(0, |fan_out| fan_out.model_tokens)
    }
}

impl Subject for ZeroShot<'_> {
    fn device(&mut self) -> &mut Device {
        &mut self.model.device
    }

    fn recover<'b>(&'b mut self, error: &'b Error, monitor: &'b mut dyn Monitor) -> LocalBoxFuture<'b, Result<bool>> {
        Box::pin(async move {
            let Some(incident) = self.model.recover(error, monitor).await? else { return Ok(false) };
            // The prefix and its keys were on the device that is gone.
            self.model_tokens_before = self.model_tokens();
            self.fan_out = None;
            monitor.event(Event::Note { text: incident.clone() });
            self.incidents.push(incident);
            Ok(true)
        })
    }

    fn take_incidents(&mut self) -> Vec<String> {
        std::mem::take(&mut self.incidents)
    }
}

impl Drop for ZeroShot<'_> {
    fn drop(&mut self) {
        if let Some(fan_out) = self.fan_out.take() {
            fan_out.free(self.model);
        }
    }
}
