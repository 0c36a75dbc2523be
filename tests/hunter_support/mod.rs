//! A fake model for the scan's tests: an oracle that fails a known set of ids, and an embedding with planted clusters.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::collections::HashSet;

use glitchscope::compute::cpu::CpuDevice;
use glitchscope::compute::{ComputeError, Device};
use glitchscope::glitch::{Embedding, Oracle, Probe, Subject, scan};
use glitchscope::progress::{Event, LocalBoxFuture, Monitor, pause};
use glitchscope::report::{FileInfo, ModelInfo, OracleInfo, PromptInfo, Report, ScanOptions, Status, TokenTable};
use glitchscope::rng::Rng;
use glitchscope::tokenizer::TokenClass;
use glitchscope::{Error, Result};

const BATCH: usize = 32;

/// What the oracle does besides answering by its set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    None,
    /// The GPU is lost after so many answers, controls included.
    LostAfter(usize),
    /// Answers about this id as if it were another verdict.
    LiesAbout(u32),
    /// Gives a probability that is no number for this id.
    NotFinite(u32),
    /// Leaves out the last answer of every call.
    Forgets,
    /// Answers about the next id instead of the one asked.
    Mistakes,
}

pub struct FakeModel {
    pub failing: HashSet<u32>,
    pub trouble: Trouble,
    pub oracle_id: String,
    /// Every id in the order it was asked about.
    pub asked: Vec<u32>,
    pub device: Device,
}

impl FakeModel {
    pub fn new(failing: impl IntoIterator<Item = u32>) -> Self {
        FakeModel {
            failing: failing.into_iter().collect(),
            trouble: Trouble::None,
            oracle_id: "fake".into(),
            asked: Vec::new(),
            device: Device::Cpu(CpuDevice::new("a test")),
        }
    }

    pub fn with(mut self, trouble: Trouble) -> Self {
        self.trouble = trouble;
        self
    }

    fn answer(&self, id: u32) -> Probe {
        let passed = !self.failing.contains(&id) ^ (self.trouble == Trouble::LiesAbout(id));
        Probe {
            id: if self.trouble == Trouble::Mistakes { id + 1 } else { id },
            passed,
            passed_strict: passed,
            value: None,
            p_target: if self.trouble == Trouble::NotFinite(id) {
                f32::NAN
            } else if passed {
                0.9
            } else {
                1.0 / (id as f32 + 3.0)
            },
            argmax: id,
            entropy: 0.1 * (id % 7) as f32,
            answer: vec![id],
            answer_text: format!("answer {id}"),
        }
    }
}

impl Oracle for FakeModel {
    fn info(&self) -> OracleInfo {
        OracleInfo {
            id: self.oracle_id.clone(),
            title: "Fake".into(),
            prompts: vec![PromptInfo {
                name: "fake".into(),
                form: "plain".into(),
                text: vec!["repeat '".into(), "'".into()],
                ids: vec![vec![1, 2], vec![3]],
                placeholder: "word".into(),
                max_new_tokens: 1,
                decoding: "greedy".into(),
            }],
            value: String::new(),
            rules: vec!["passes unless its id is in the failing set".into()],
            source: "tests/hunter_support".into(),
        }
    }

    fn probe<'a>(
        &'a mut self,
        ids: &'a [u32],
        probes: &'a mut Vec<Probe>,
        monitor: &'a mut dyn Monitor,
    ) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let start = probes.len();
            for batch in ids.chunks(BATCH) {
                pause(monitor).await?;
                if let Trouble::LostAfter(limit) = self.trouble
                    && self.asked.len() >= limit
                {
                    return Err(Error::Compute(ComputeError::DeviceLost { reason: "the test took it away".into() }));
                }
                let first = probes.len();
                for &id in batch {
                    self.asked.push(id);
                    probes.push(self.answer(id));
                }
                monitor.event(Event::Advance {
                    done: (probes.len() - start) as u64,
                    total: ids.len() as u64,
                    unit: "tokens",
                });
                monitor.event(Event::Probes { probes: &probes[first..] });
            }
            if self.trouble == Trouble::Forgets {
                probes.pop();
            }
            Ok(())
        })
    }

    fn model_tokens(&self) -> u64 {
        2 + 3 * self.asked.len() as u64
    }
}

impl Subject for FakeModel {
    fn device(&mut self) -> &mut Device {
        &mut self.device
    }
}

/// A vocabulary with its embedding.
pub struct World {
    pub embedding: Embedding,
    pub tokens: TokenTable,
    /// Planted cluster of each id.
    pub planted: Vec<usize>,
}

pub const COLUMNS: usize = 12;

impl World {
    /// `n_clusters` clusters of `size` ordinary tokens each, well apart, ids dealt round so that no cluster is a run of
    /// ids.
    pub fn new(n_clusters: usize, size: usize) -> World {
        let mut rng = Rng::new(1234);
        let centres: Vec<f32> = (0..n_clusters * COLUMNS).map(|_| 5.0 * rng.normal()).collect();
        let planted: Vec<usize> = (0..n_clusters * size).map(|id| id % n_clusters).collect();
        let values = planted
            .iter()
            .flat_map(|&cluster| centres[cluster * COLUMNS..][..COLUMNS].to_vec())
            .map(|centre| centre + 0.3 * rng.normal())
            .collect();
        let rows = planted.len();
        World {
            embedding: Embedding { rows, columns: COLUMNS, values },
            tokens: TokenTable {
                text: (0..rows).map(|id| format!(" {}", word(id))).collect(),
                bytes_hex: vec![String::new(); rows],
                class: vec![TokenClass::Ok; rows],
            },
            planted,
        }
    }

    pub fn with_classes(mut self, classes: impl IntoIterator<Item = (u32, TokenClass)>) -> World {
        for (id, class) in classes {
            self.tokens.class[id as usize] = class;
        }
        self
    }

    pub fn members(&self, cluster: usize) -> Vec<u32> {
        (0..self.planted.len() as u32).filter(|&id| self.planted[id as usize] == cluster).collect()
    }

    pub fn scan(
        &self,
        subject: &mut FakeModel,
        options: &ScanOptions,
        truth: Option<&Report>,
        monitor: &mut dyn Monitor,
    ) -> Result<Report> {
        pollster::block_on(scan(
            subject,
            &self.embedding,
            &self.tokens,
            self.model(),
            Vec::new(),
            options,
            truth,
            monitor,
        ))
    }

    pub fn model(&self) -> ModelInfo {
        ModelInfo {
            name: "fake".into(),
            family: "fake".into(),
            parameters: (self.embedding.rows * COLUMNS) as u64,
            stored_types: vec![("F32".into(), (self.embedding.rows * COLUMNS * 4) as u64)],
            n_layers: 0,
            n_heads: 0,
            n_kv_heads: 0,
            n_channels: COLUMNS as u32,
            context: 8,
            embedding_rows: self.embedding.rows as u32,
            vocabulary: self.tokens.text.len() as u32,
            tied_embeddings: true,
            files: vec![FileInfo { name: "model.safetensors".into(), bytes: 1, sha256: Some("00".repeat(32)) }],
        }
    }
}

/// 0 → `aaaa`, 1 → `aaab`, …
fn word(id: usize) -> String {
    (0..4).rev().map(|place| char::from(b'a' + (id / 26usize.pow(place) % 26) as u8)).collect()
}

/// Options under which the planted clusters are found as they are.
pub fn coarse() -> ScanOptions {
    ScanOptions { n_neighbors: 15, resolution: 1.0, stop_below: 10, ..ScanOptions::default() }
}

/// Remembers what it was told, and cancels after so many answers or at a stage.
#[derive(Default)]
pub struct Recorder {
    pub stages: Vec<&'static str>,
    pub events: Vec<String>,
    pub answers: usize,
    pub cancel_after_answers: Option<usize>,
    pub cancel_at_stage: Option<&'static str>,
}

impl Monitor for Recorder {
    fn event(&mut self, event: Event<'_>) {
        self.events.push(serde_json::to_string(&event).unwrap());
        match event {
            Event::Stage { stage, .. } => self.stages.push(stage),
            Event::Probes { probes } => self.answers += probes.len(),
            _ => {}
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancel_after_answers.is_some_and(|limit| self.answers >= limit)
            || self.cancel_at_stage.is_some_and(|stage| self.stages.contains(&stage))
    }
}

/// Checks every promise of a report against what really fails. The first broken one is the error.
pub fn check(report: &Report, failing: &HashSet<u32>) -> std::result::Result<(), String> {
    let that = |holds: bool, promise: &str| holds.then_some(()).ok_or(promise.to_owned());
    let len = report.tokens.text.len();
    let probed: Vec<u32> = report.probes.iter().map(|probe| probe.id).collect();
    that(probed.is_sorted_by(|a, b| a < b), "probes are ascending and no id stands twice")?;
    that(
        probed.iter().all(|&id| report.tokens.class[id as usize] == TokenClass::Ok),
        "only ordinary tokens are asked about",
    )?;
    that(report.probes.iter().all(|probe| probe.passed != failing.contains(&probe.id)), "every verdict is the truth")?;
    let bad: Vec<u32> = report.probes.iter().filter(|probe| !probe.passed).map(|probe| probe.id).collect();
    that(bad == report.glitch_tokens, "glitch tokens are exactly the ids that failed")?;
    let mut times = vec![0; len];
    for id in probed.iter().chain(report.skipped.iter().flat_map(|skipped| &skipped.ids)) {
        times[*id as usize] += 1;
    }
    that(times.iter().all(|&times| times == 1), "every id is asked about or skipped, once")?;
    that(
        report.status == Status::Failed || report.notes.iter().all(|note| !note.contains("ended with an error")),
        "a scan without error has no error among its notes",
    )?;
    if let Some(hunt) = &report.hunt {
        let in_rounds: u32 = hunt.rounds.iter().map(|round| round.queries).sum();
        that(hunt.queries as usize == probed.len(), "queries are the verdicts")?;
        that(in_rounds + hunt.verification_queries == hunt.queries, "queries add up")?;
        let hits: u32 = hunt.rounds.iter().map(|round| round.hits).sum();
        that(hits as usize <= bad.len(), "no more hits than failures")?;
        for round in &hunt.rounds {
            let members: u32 = round.cluster_sizes.iter().map(|(size, count)| size * count).sum();
            let clusters: u32 = round.cluster_sizes.iter().map(|(_, count)| count).sum();
            that(members == round.tokens, "clusters hold every token of the round")?;
            that(clusters == round.clusters, "clusters are counted")?;
            that(round.kept_tokens <= round.tokens, "a round does not add tokens")?;
            that(round.kept_clusters <= round.clusters, "a round does not add clusters")?;
            that(round.hits <= round.queries, "no more hits than questions")?;
        }
        for pair in hunt.rounds.windows(2) {
            that(pair[1].tokens == pair[0].kept_tokens, "a round starts with what the last one kept")?;
        }
        if let Some(last) = hunt.rounds.iter().rfind(|round| round.complete) {
            that(hunt.surviving.len() == last.kept_tokens as usize, "the last round's tokens survive")?;
        }
        that(hunt.surviving.is_sorted_by(|a, b| a < b), "survivors are ascending")?;
        if let Some(graph) = &report.graph {
            let mut in_play = graph.ids.clone();
            for round in hunt.rounds.iter().filter(|round| round.complete) {
                that(round.partition.len() == in_play.len(), "a partition has every token of its round")?;
                let is_kept = |cluster: u32| round.tests.get(cluster as usize).is_some_and(|test| test.kept);
                let members = in_play.iter().zip(&round.partition);
                in_play = members.filter(|(_, cluster)| is_kept(**cluster)).map(|(id, _)| *id).collect();
            }
            that(in_play == hunt.surviving, "partitions and tests lead to the survivors")?;
        }
        that(!hunt.stopped.is_empty(), "why it ended is said")?;
    }
    that(!report.summary.is_empty(), "there is a summary")?;
    that(report.timings.is_empty(), "the core reads no clock")?;
    let json = report.to_json().map_err(|error| error.to_string())?;
    let again = Report::from_json(&json).map_err(|error| error.to_string())?;
    that(again.to_json().is_ok_and(|again| again == json), "the report reopens as it was")
}
