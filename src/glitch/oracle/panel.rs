//! Several oracles over one model. Questions that oracles share are asked once; the first oracle's verdicts are the
//! scan's.

use std::collections::BTreeMap;

use super::Oracle;
use super::asker::{Answer, Asker};
use super::catalogue::{OracleSpec, Shots, Verdict, oracle};
use super::question::{is_chat, lengths};
use crate::compute::{Device, Tensor};
use crate::engine::{EngineError, Model};
use crate::error::{Error, Result};
use crate::glitch::Subject;
use crate::glitch::agreement::agreement;
use crate::glitch::state::{self, KeptAnswers};
use crate::progress::{Event, LocalBoxFuture, Monitor, pause};
use crate::report::{AnswerColumn, OracleInfo, Panel as PanelReport, Probe, PromptInfo, ScanOptions, VerdictColumn};
use crate::tokenizer::Tokenizer;

/// Kept answers that are given between two pauses.
const KEPT_AT_ONCE: usize = 512;

/// Oracles over one loaded model.
pub struct Panel<'a> {
    oracles: Vec<Member>,
    /// One for each question, however many oracles ask it.
    askers: Vec<Asker>,
    model: &'a mut Model,
    tokenizer: &'a Tokenizer,
    /// Every answer so far, one for each asker, by token.
    answered: BTreeMap<u32, Vec<Answer>>,
    /// What happened to the device, for the report.
    incidents: Vec<String>,
    /// Answers of an earlier run that have not been asked for yet.
    kept: KeptAnswers,
    /// Whether answers are told to the monitor, so that another run can take them up.
    keeping: bool,
}

struct Member {
    spec: OracleSpec,
    info: OracleInfo,
    /// Which askers ask its questions.
    askers: Vec<usize>,
}

impl<'a> Panel<'a> {
    /// The oracles that `options` name, put as conversations where the options and the model's chat template say so. `stop`
    /// are the ids that end an answer.
    ///
    /// Errors   `UnknownOracle`; `ContextTooShort` when a question does not fit the model, after Magikarp's shots have
    ///          been cut down to one; what the tokenizer says of a prompt it cannot encode
    pub fn new(model: &'a mut Model, tokenizer: &'a Tokenizer, stop: &[u32], options: &ScanOptions) -> Result<Self> {
        Panel::for_texts(model, tokenizer, stop, options, 1)
    }

    /// The same for texts of up to `longest` tokens in a token's place.
    pub fn for_texts(
        model: &'a mut Model,
        tokenizer: &'a Tokenizer,
        stop: &[u32],
        options: &ScanOptions,
        longest: usize,
    ) -> Result<Self> {
        let (mut oracles, mut askers): (Vec<Member>, Vec<Asker>) = (Vec::new(), Vec::new());
        for (spec, prompts) in specified_for_texts(tokenizer, options, model.architecture.context, longest)? {
            let info = info(&spec, prompts);
            let mut of_this = Vec::with_capacity(spec.questions.len());
            for (question, prompt) in spec.questions.iter().zip(&info.prompts) {
                let known = askers.iter().position(|asker| asker.question.name == question.name);
                of_this.push(known.unwrap_or(askers.len()));
                if known.is_none() {
                    let batch = options.batch_size as usize;
                    askers.push(Asker::new(question.clone(), prompt.clone(), stop.to_vec(), batch));
                }
            }
            oracles.push(Member { spec, info, askers: of_this });
        }
        let (answered, incidents) = (BTreeMap::new(), Vec::new());
        let kept = KeptAnswers::default();
        Ok(Panel { oracles, askers, model, tokenizer, answered, incidents, kept, keeping: false })
    }

    /// Tells every answer to the monitor as a line of a state, and gives those of an earlier run in their turn.
    pub fn keep(&mut self, kept: KeptAnswers) {
        self.kept = kept;
        self.keeping = true;
    }

    /// Probes of the tokens at the head of `ids` whose answers are kept; at most so many that a cancel is seen.
    fn next_kept(&mut self, ids: &[u32]) -> Vec<Probe> {
        let mut probes = Vec::new();
        for &id in ids.iter().take(KEPT_AT_ONCE) {
            let Some(answers) = self.kept.take(id) else { break };
            self.askers.iter_mut().zip(&answers).for_each(|(asker, answer)| asker.count_kept(answer));
            probes.push(self.oracles[0].probe(&answers));
            self.answered.insert(id, answers);
        }
        probes
    }

    /// The answers to all questions about tokens that have just been asked about, for whoever keeps them.
    fn tell(&self, batch: &[Probe], monitor: &mut dyn Monitor) {
        if self.keeping {
            let answers = batch.iter().filter_map(|probe| Some((probe.id, self.answered.get(&probe.id)?)));
            monitor.event(Event::State { line: state::answers_line(answers) });
        }
    }

    /// What every oracle says of a token that has been asked about, in their order.
    pub fn said_of(&self, id: u32) -> Option<Vec<Probe>> {
        let answers = self.answered.get(&id)?;
        Some(self.oracles.iter().map(|member| member.probe(answers)).collect())
    }

    /// What every oracle says of the text of token `id` where `ids` make it, in their order. `Asker::ask_spelled` tells what
    /// rules that speak of one token come to.
    pub async fn ask_spelled(&mut self, id: u32, ids: &[u32], monitor: &mut dyn Monitor) -> Result<Vec<Probe>> {
        let mut answers = Vec::with_capacity(self.askers.len());
        while answers.len() < self.askers.len() {
            let asker = &self.askers[answers.len()];
            match asker.ask_spelled(self.model, self.tokenizer, id, ids, monitor).await {
                Ok(answer) => answers.push(answer),
                Err(error) if self.recover(&error, monitor).await? => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.oracles.iter().map(|member| member.probe(&answers)).collect())
    }

    /// The oracles, to the byte, in their order.
    pub fn infos(&self) -> Vec<OracleInfo> {
        self.oracles.iter().map(|member| member.info.clone()).collect()
    }

    /// What every oracle said of `ids`, all of which have been asked about, and of `controls`.
    pub fn report(&self, ids: &[u32], controls: &[u32]) -> PanelReport {
        let answers: Vec<&Vec<Answer>> = ids.iter().filter_map(|id| self.answered.get(id)).collect();
        let mut verdicts = Vec::with_capacity(self.oracles.len());
        for member in &self.oracles {
            let said: Vec<Verdict> = answers.iter().map(|answers| member.judge(answers)).collect();
            let asked: Vec<Verdict> =
                controls.iter().filter_map(|id| Some(member.judge(self.answered.get(id)?))).collect();
            verdicts.push(VerdictColumn {
                oracle: member.info.id.clone(),
                controls_asked: asked.len() as u32,
                controls_passed: asked.iter().filter(|verdict| verdict.passed).count() as u32,
                passed: said.iter().map(|verdict| verdict.passed).collect(),
                passed_strict: said.iter().map(|verdict| verdict.passed_strict).collect(),
                value: said.iter().map(|verdict| verdict.value).collect(),
                interval: said.iter().filter_map(|verdict| verdict.interval).collect(),
            });
        }
        let columns = self.askers.iter().enumerate().map(|(i, asker)| {
            let of = |part: &dyn Fn(&Answer) -> f32| -> Vec<f32> {
                answers.iter().map(|answers| finite(part(&answers[i]))).collect()
            };
            AnswerColumn {
                prompt: asker.prompt.name.clone(),
                p_target: of(&|answer| answer.first.log_p_target.exp()),
                p_max: of(&|answer| answer.p_max),
                argmax: answers.iter().map(|answers| answers[i].first.argmax).collect(),
                entropy: of(&|answer| answer.first.entropy),
                failed: match asker.question.grading {
                    Some(_) => answers.iter().map(|answers| !answers[i].passed).collect(),
                    None => Vec::new(),
                },
                failures: answers
                    .iter()
                    .filter(|answers| answers[i].attempts > 1)
                    .map(|answers| answers[i].failures)
                    .collect(),
                ids: answers.iter().map(|answers| answers[i].ids.clone()).collect(),
                text: answers.iter().map(|answers| answers[i].text.clone()).collect(),
            }
        });
        let columns = columns.collect();
        let agreement = agreement(&verdicts);
        PanelReport { oracles: self.infos(), ids: ids.to_vec(), verdicts, answers: columns, agreement }
    }

    /// The answers to all questions about as many of `ids` as the largest batch holds.
    async fn next_tokens(&mut self, ids: &[u32], monitor: &mut dyn Monitor) -> Result<Vec<Probe>> {
        let mut width = 1;
        for asker in &mut self.askers {
            width = width.max(asker.tokens_of_batch(self.model).await?);
        }
        let fresh = ids.iter().take_while(|&&id| !self.kept.has(id)).count();
        let ids = &ids[..width.min(fresh)];
        let mut by_token: Vec<Vec<Answer>> = vec![Vec::with_capacity(self.askers.len()); ids.len()];
        for asker in &mut self.askers {
            let answers = asker.ask(self.model, self.tokenizer, ids, monitor).await?;
            by_token.iter_mut().zip(answers).for_each(|(of_token, answer)| of_token.push(answer));
        }
        let probes = by_token.iter().map(|answers| self.oracles[0].probe(answers)).collect();
        self.answered.extend(ids.iter().copied().zip(by_token));
        Ok(probes)
    }
}

/// Oracles as `options` name them, with their questions as this tokenizer encodes them.
pub fn specified(
    tokenizer: &Tokenizer,
    options: &ScanOptions,
    context: usize,
) -> Result<Vec<(OracleSpec, Vec<PromptInfo>)>> {
    specified_for_texts(tokenizer, options, context, 1)
}

/// The same for texts of up to `longest` tokens in a token's place, which leave room for fewer of Magikarp's shots.
pub fn specified_for_texts(
    tokenizer: &Tokenizer,
    options: &ScanOptions,
    context: usize,
    longest: usize,
) -> Result<Vec<(OracleSpec, Vec<PromptInfo>)>> {
    let leading = [super::task::Task::named(options.task).zero_shot().name];
    let ids: &[String] = if options.oracles.is_empty() { &leading } else { &options.oracles };
    ids.iter().map(|id| fitted(id, tokenizer, options, context, longest)).collect()
}

/// What a report says of an oracle.
pub fn info(spec: &OracleSpec, prompts: Vec<PromptInfo>) -> OracleInfo {
    OracleInfo {
        id: spec.id.clone(),
        title: spec.title.clone(),
        prompts,
        rules: spec.rules.clone(),
        value: spec.value.into(),
        source: spec.source.into(),
    }
}

/// An oracle whose questions fit the model's context: Magikarp gives up shots for it, and its id says so.
fn fitted(
    id: &str,
    tokenizer: &Tokenizer,
    options: &ScanOptions,
    context: usize,
    longest: usize,
) -> Result<(OracleSpec, Vec<PromptInfo>)> {
    let is_chat = is_chat(tokenizer, options.form);
    let mut shots = Shots::PUBLISHED;
    loop {
        let spec = oracle(id, options, shots, is_chat)?;
        let mut prompts = Vec::with_capacity(spec.questions.len());
        let mut too_long = None;
        for question in &spec.questions {
            let prompt = question.prepare(tokenizer, is_chat)?;
            let (before, after) = lengths(&prompt);
            // A text takes more than its token in every hole, and may be said behind the answer.
            let more = (prompt.ids.len() - 1) * (longest - 1) + if longest > 1 { longest } else { 0 };
            let tokens = before + after + more + question.max_new_tokens - 1;
            if tokens > context {
                too_long = Some((question.name.clone(), tokens));
                break;
            }
            prompts.push(prompt);
        }
        match too_long {
            None => return Ok((spec, prompts)),
            Some((name, _)) if shots.shorten(&name) => {}
            Some((_, tokens)) => return Err(EngineError::ContextTooShort { tokens, context }.into()),
        }
    }
}

impl Member {
    fn judge(&self, answers: &[Answer]) -> Verdict {
        let of_this: Vec<&Answer> = self.askers.iter().map(|&asker| &answers[asker]).collect();
        let verdict = self.spec.judge(&of_this);
        if verdict.value.is_finite() {
            return verdict;
        }
        // JSON has no NaN, and a token that drives the model to one is no success.
        Verdict { passed: false, passed_strict: false, value: 0.0, interval: None }
    }

    fn probe(&self, answers: &[Answer]) -> Probe {
        let verdict = self.judge(answers);
        let first = &answers[self.askers[0]];
        Probe {
            id: first.id,
            passed: verdict.passed,
            passed_strict: verdict.passed_strict,
            value: Some(verdict.value),
            p_target: first.first.log_p_target.exp(),
            argmax: first.first.argmax,
            entropy: first.first.entropy,
            answer: first.ids.clone(),
            answer_text: first.text.clone(),
        }
    }
}

fn finite(value: f32) -> f32 {
    if value.is_finite() { value } else { 0.0 }
}

impl Oracle for Panel<'_> {
    fn info(&self) -> OracleInfo {
        self.oracles[0].info.clone()
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
                let kept = self.next_kept(&ids[done..]);
                let batch = if !kept.is_empty() {
                    kept
                } else {
                    match self.next_tokens(&ids[done..], monitor).await {
                        Ok(batch) => {
                            self.tell(&batch, monitor);
                            batch
                        }
                        Err(error) => {
                            if !self.recover(&error, monitor).await? {
                                return Err(error);
                            }
                            continue;
                        }
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
        self.askers.iter().map(Asker::model_tokens).sum()
    }
}

impl Subject for Panel<'_> {
    fn device(&mut self) -> &mut Device {
        &mut self.model.device
    }

    fn embedding(&self) -> Option<Tensor> {
        Some(self.model.embedding_tensor())
    }

    fn recover<'b>(&'b mut self, error: &'b Error, monitor: &'b mut dyn Monitor) -> LocalBoxFuture<'b, Result<bool>> {
        Box::pin(async move {
            let Some(incident) = self.model.recover(error, monitor).await? else { return Ok(false) };
            // The prefixes and their keys were on the device that is gone.
            self.askers.iter_mut().for_each(Asker::forget);
            monitor.event(Event::Note { text: incident.clone() });
            self.incidents.push(incident);
            Ok(true)
        })
    }

    fn take_incidents(&mut self) -> Vec<String> {
        std::mem::take(&mut self.incidents)
    }

    fn panel(&self, ids: &[u32], controls: &[u32]) -> Option<PanelReport> {
        (self.askers.len() > 1).then(|| self.report(ids, controls))
    }
}

impl Drop for Panel<'_> {
    fn drop(&mut self) {
        for asker in &mut self.askers {
            asker.free(self.model);
        }
    }
}
