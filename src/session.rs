//! One loaded model with its tokenizer: what the command line and the page both stand on.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::checkpoint::source::Source;
use crate::compute::quant::Quantised;
use crate::compute::{Device, DeviceInfo, DevicePreference};
use crate::engine::recovery::Origin;
use crate::engine::{EngineError, Model, generate};
use crate::error::Result;
use crate::glitch::detectors::{self, Field, Machine};
use crate::glitch::indicators;
use crate::glitch::oracle::Oracle;
use crate::glitch::oracle::panel::{self, Panel};
use crate::glitch::state::{KeptAnswers, ScanIdentity};
use crate::glitch::{self, Clock, Embedding, ORACLES, Part, ScanError, ScanState};
use crate::labs::{Lack, Need};
use crate::progress::{Event, Monitor, Silent, pause};
use crate::repair::rows::DeviceRows;
use crate::report::{
    DetectorTable, GranularityRow, IndicatorTable, ModelInfo, OracleInfo, Probe, Report, ScanOptions, TaskName,
    TokenTable,
};
use crate::tokenizer::{ChatMessage, ChatOptions, TokenClass, Tokenizer, TokenizerError};

/// A model on a device, ready for questions.
pub struct Session {
    pub model: Model,
    /// Absent when the folder has no tokenizer.json: then only token ids can be used.
    pub tokenizer: Option<Tokenizer>,
    pub info: SessionInfo,
    pub tokens: TokenTable,
    /// What a repair that was kept has replaced.
    pub repaired: Option<Vec<DeviceRows>>,
    /// Ids that end an answer.
    stop: Vec<u32>,
}

/// What was loaded, and what it can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SessionInfo {
    pub model: ModelInfo,
    pub device: DeviceInfo,
    /// Oddities that were survived.
    pub notes: Vec<String>,
    /// Entries of the vocabulary by class.
    pub classes: Vec<ClassCount>,
    pub has_tokenizer: bool,
    /// Names of the model's chat templates; empty for a base model.
    pub chat_templates: Vec<String>,
    /// The question a scan asks by default; absent when this vocabulary cannot spell it, which `notes` then explain.
    pub oracle: Option<OracleInfo>,
    /// What a lab may need and this model does not give.
    pub lacks: Vec<Lack>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ClassCount {
    pub class: TokenClass,
    pub count: u32,
}

/// Everything about the oracle's question for one token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ProbeDetail {
    pub probe: Probe,
    /// The prompt as the model saw it, the token spliced in.
    pub prompt_ids: Vec<u32>,
    /// Where in `prompt_ids` the token stands.
    pub token_index: u32,
    /// The whole answer, not cut where the verdict was certain.
    pub answer_ids: Vec<u32>,
    /// Most probable first tokens.
    pub top: Vec<TopToken>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TopToken {
    pub id: u32,
    pub p: f32,
}

/// An oracle as the loaded model would be asked by it, or why it cannot be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OracleOffer {
    /// The id that options name; that of `oracle` says more, `-chat` for example.
    pub id: String,
    pub oracle: Option<OracleInfo>,
    pub problem: Option<String>,
}

/// How a text is continued.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GenerateOptions {
    /// New tokens at most.
    #[cfg_attr(test, ts(type = "number"))]
    pub max_new: usize,
    /// Ask through the model's chat template.
    #[serde(default)]
    pub chat: bool,
}

/// What a model said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GeneratedText {
    /// Without special tokens.
    pub text: String,
    pub ids: Vec<u32>,
    pub prompt_tokens: u32,
    /// The model ended its text; otherwise the limit on new tokens did.
    pub ended: bool,
}

const TOP_TOKENS: usize = 8;

/// A state that the loaded model can go on with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StateInfo {
    pub options: ScanOptions,
    /// Answers that need not be asked for again.
    pub answered: u32,
}

/// How a scan is run besides its options.
#[derive(Default)]
pub struct ScanRun<'a> {
    /// An earlier exhaustive report to compare with.
    pub truth: Option<&'a Report>,
    /// Which part of the scan; the whole of it by default.
    pub part: Option<Part>,
    /// `Some` when the monitor is to be told the scan's state; `Some(Some(_))` goes on where an earlier run was.
    pub state: Option<Option<ScanState>>,
}

/// How a model is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenOptions {
    pub device: DevicePreference,
    /// Round the weights while they are loaded, so that a model fits; `None` keeps them as they are stored.
    pub weights: Option<Quantised>,
}

impl Session {
    /// `open_with` the weights as they are stored.
    pub async fn open(
        source: Rc<dyn Source>,
        preference: DevicePreference,
        monitor: &mut dyn Monitor,
    ) -> Result<Session> {
        Self::open_with(source, OpenOptions { device: preference, weights: None }, monitor).await
    }

    /// Reads a folder of files, or a GGUF file, and brings its weights to a device.
    ///
    /// With `Auto`, a GPU that turns out too small or gets lost while loading is given up for the CPU, and the device's
    /// `reason` says so.
    pub async fn open_with(source: Rc<dyn Source>, options: OpenOptions, monitor: &mut dyn Monitor) -> Result<Session> {
        let preference = options.device;
        monitor.event(Event::Stage { stage: "opening", detail: source.name() });
        let mut checkpoint = Checkpoint::open(source.clone()).await?;
        if let Some(to) = options.weights {
            checkpoint.round_to(to);
        }
        let checkpoint = Rc::new(checkpoint);
        let tokenizer = open_tokenizer(&checkpoint).await?;
        pause(monitor).await?;
        let device = Device::request(preference).await?;
        monitor.event(Event::Stage { stage: "loading weights", detail: device.info().name });
        let mut model = match Model::load(&checkpoint, device, monitor).await {
            Err(error) if preference == DevicePreference::Auto && error.is_device() => {
                let reason = format!("the GPU was given up while loading: {error}");
                monitor.event(Event::Note { text: reason.clone() });
                let device = Device::Cpu(crate::compute::cpu::CpuDevice::new(reason));
                Model::load(&checkpoint, device, monitor).await?
            }
            result => result?,
        };
        model.origin = Some(Origin::new(checkpoint.clone(), preference));
        Self::new(&checkpoint, tokenizer, model)
    }

    /// An untrained model: `config.json`, and a tokenizer where there is one, with weights that the seed draws.
    pub async fn fresh(
        source: Rc<dyn Source>,
        seed: u32,
        device: DevicePreference,
        monitor: &mut dyn Monitor,
    ) -> Result<Session> {
        monitor.event(Event::Stage { stage: "opening", detail: source.name() });
        let checkpoint = Checkpoint::open_config(source).await?;
        let tokenizer = open_tokenizer(&checkpoint).await?;
        pause(monitor).await?;
        let model = Model::fresh(checkpoint.config(), Device::request(device).await?, seed)?;
        Self::new(&checkpoint, tokenizer, model)
    }

    fn new(checkpoint: &Checkpoint, tokenizer: Option<Tokenizer>, model: Model) -> Result<Session> {
        let architecture = &model.architecture;
        let rows = architecture.n_vocabulary;
        let mut notes = checkpoint.notes().to_vec();
        notes.extend(model.notes.iter().cloned());
        let tokens = match &tokenizer {
            Some(tokenizer) => {
                notes.extend(tokenizer.check_embedding(rows)?);
                notes.extend(tokenizer.notes().iter().cloned());
                if tokenizer.vocab_size() < rows {
                    let unused = rows - tokenizer.vocab_size();
                    notes.push(format!(
                        "{unused} rows of the embedding have no entry in tokenizer.json; they are not asked about"
                    ));
                }
                token_table(tokenizer, rows)
            }
            None => {
                notes.push("there is no tokenizer.json: the model can only be asked with token ids".into());
                TokenTable::default()
            }
        };
        let mut classes: Vec<ClassCount> = Vec::new();
        for &class in &tokens.class {
            match classes.iter_mut().find(|count| count.class == class) {
                Some(count) => count.count += 1,
                None => classes.push(ClassCount { class, count: 1 }),
            }
        }
        classes.sort_by_key(|count| count.class);
        let options = ScanOptions::default();
        let specified = tokenizer.as_ref().map(|tokenizer| panel::specified(tokenizer, &options, architecture.context));
        let oracle = match specified {
            Some(Ok(mut oracles)) => oracles.pop().map(|(spec, prompts)| panel::info(&spec, prompts)),
            Some(Err(error)) => {
                notes.push(error.to_string());
                None
            }
            None => None,
        };
        let mut files = model.files.clone();
        files.extend(tokenizer.iter().flat_map(Tokenizer::files).cloned());
        let info = SessionInfo {
            model: ModelInfo {
                name: checkpoint.source().name(),
                family: architecture.family.into(),
                parameters: model.parameters(),
                stored_types: model.stored_types(),
                n_layers: architecture.n_layers() as u32,
                n_heads: architecture.n_heads() as u32,
                n_kv_heads: architecture.n_kv_heads() as u32,
                n_channels: architecture.n_channels as u32,
                context: architecture.context as u32,
                embedding_rows: rows as u32,
                vocabulary: tokenizer.as_ref().map_or(0, |tokenizer| tokenizer.vocab_size() as u32),
                tied_embeddings: architecture.tied,
                files,
            },
            device: model.device.info(),
            notes,
            classes,
            has_tokenizer: tokenizer.is_some(),
            chat_templates: tokenizer
                .iter()
                .flat_map(|tokenizer| tokenizer.chat_templates().iter())
                .map(|t| t.name.clone())
                .collect(),
            oracle,
            lacks: lacks(tokenizer.is_some(), &model),
        };
        let stop = stop_ids(checkpoint, tokenizer.as_ref(), rows)?;
        Ok(Session { model, tokenizer, info, tokens, repaired: None, stop })
    }

    /// The glitch scan. `truth` is an earlier exhaustive report to compare with.
    pub async fn scan(
        &mut self,
        options: &ScanOptions,
        truth: Option<&Report>,
        monitor: &mut dyn Monitor,
    ) -> Result<Report> {
        self.scan_run(options, ScanRun { truth, ..ScanRun::default() }, monitor).await
    }

    /// A scan that is resumed, can be resumed, or is one part of several.
    ///
    /// Errors   `OtherScan` when the state to resume is not of this model, these options and this device
    pub async fn scan_run(
        &mut self,
        options: &ScanOptions,
        run: ScanRun<'_>,
        monitor: &mut dyn Monitor,
    ) -> Result<Report> {
        let (info, notes) = (self.info.model.clone(), self.info.notes.clone());
        let (rows, columns) = (self.model.architecture.n_vocabulary, self.model.architecture.n_embedding);
        // The numbers stay on the device.
        let embedding = Embedding { rows, columns, values: Vec::new() };
        let tokenizer = self.tokenizer.as_ref().ok_or(TokenizerError::Absent)?;
        let device = self.model.device.info();
        let mut oracle = Panel::new(&mut self.model, tokenizer, &self.stop, options)?;
        if let Some(resumed) = run.state {
            let scan = ScanIdentity::new(info.clone(), &self.tokens, device, oracle.infos(), options.clone(), run.part);
            match resumed {
                Some(state) => oracle.keep(state.into_answers(&scan)?),
                None => {
                    monitor.event(Event::State { line: scan.line() });
                    oracle.keep(KeptAnswers::default());
                }
            }
        }
        let (tokens, part, truth) = (&self.tokens, run.part, run.truth);
        glitch::scan_part(&mut oracle, &embedding, tokens, info, notes, options, part, truth, monitor).await
    }

    /// What a state holds, if this model on this device can go on with it.
    ///
    /// Errors   `OtherScan` with the first difference; what `Panel::new` says of the state's options
    pub fn resumable(&self, state: &ScanState) -> Result<StateInfo> {
        let tokenizer = self.tokenizer.as_ref().ok_or(TokenizerError::Absent)?;
        let options = state.scan.options.clone();
        let oracles = panel::specified(tokenizer, &options, self.model.architecture.context)?;
        let oracles = oracles.into_iter().map(|(spec, prompts)| panel::info(&spec, prompts)).collect();
        let part = state.scan.part.map(|(index, count)| Part { index, count });
        let (model, device) = (self.info.model.clone(), self.model.device.info());
        let scan = ScanIdentity::new(model, &self.tokens, device, oracles, options.clone(), part);
        match state.scan.difference(&scan) {
            Some(difference) => Err(ScanError::OtherScan { difference }.into()),
            None => Ok(StateInfo { options, answered: state.answered as u32 }),
        }
    }

    /// The hunt again at other resolutions, answered from an exhaustive report instead of the model.
    pub async fn granularity(
        &mut self,
        truth: &Report,
        options: &ScanOptions,
        resolutions: &[f64],
        monitor: &mut dyn Monitor,
    ) -> Result<Vec<GranularityRow>> {
        let embedding = self.embedding().await?;
        glitch::granularity(&mut self.model.device, &embedding, &self.tokens, truth, options, resolutions, monitor)
            .await
    }

    /// Detectors against an exhaustive scan of this model, which answers their questions. `names` are those to run, all of
    /// them when it is empty; a search without an end of its own asks at most `budget` questions.
    pub async fn compare(
        &mut self,
        truth: &Report,
        options: &ScanOptions,
        names: &[String],
        seeds: &[u32],
        budget: usize,
        clock: &mut Clock<'_>,
        monitor: &mut dyn Monitor,
    ) -> Result<DetectorTable> {
        let (embedding, output, bias) = self.ends().await?;
        let mut wanted = detectors::detectors();
        let known: Vec<String> = wanted.iter().map(|detector| detector.info().name).collect();
        if let Some(name) = names.iter().find(|name| !known.contains(name)) {
            return Err(ScanError::UnknownDetector { name: name.clone(), known: known.join(", ") }.into());
        }
        wanted.retain(|detector| names.is_empty() || names.contains(&detector.info().name));
        let tokenizer = self.tokenizer.as_ref().ok_or(TokenizerError::Absent)?;
        let machine = Machine::Model { model: &mut self.model, tokenizer, stop: &self.stop };
        let output = output.as_ref().unwrap_or(&embedding);
        let mut field = Field::new(machine, &embedding, output, &bias, &self.tokens, truth, options, budget)?;
        glitch::compare_detectors(&mut wanted, &mut field, seeds, clock, monitor).await
    }

    /// Magikarp's indicators of every row, those that this model has.
    pub async fn indicators(&mut self, monitor: &mut dyn Monitor) -> Result<IndicatorTable> {
        let (embedding, output, bias) = self.ends().await?;
        let output = output.as_ref().unwrap_or(&embedding);
        indicators::indicators(&self.tokens, &embedding, output, &bias, monitor).await
    }

    /// The first question of the leading oracle for one token, with the whole greedy answer and the alternatives to its
    /// first token.
    pub async fn probe(&mut self, options: &ScanOptions, id: u32) -> Result<ProbeDetail> {
        let rows = self.model.architecture.n_vocabulary;
        if id as usize >= rows {
            return Err(EngineError::TokenOutOfRange { id, rows }.into());
        }
        let tokenizer = self.tokenizer.as_ref().ok_or(TokenizerError::Absent)?;
        let leading = options.oracles.first().cloned().into_iter().collect();
        let options = ScanOptions { oracles: leading, batch_size: 1, ..options.clone() };
        let mut oracle = Panel::new(&mut self.model, tokenizer, &self.stop, &options)?;
        let prompt = oracle.info().prompts.swap_remove(0);
        let mut probes = Vec::new();
        oracle.probe(&[id], &mut probes, &mut Silent).await?;
        drop(oracle);
        let probe = probes.pop().expect("OK because one id was asked about");

        let token_index = prompt.ids[0].len() as u32;
        let prompt_ids = prompt.ids.join(&id);
        let (next, logits) = self.model.last_logits(&prompt_ids, id).await?;
        let log_z = logits[next.argmax as usize] - next.log_p_argmax;
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        order.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]).then(a.cmp(&b)));
        let top = order[..TOP_TOKENS.min(order.len())]
            .iter()
            .map(|&id| TopToken { id, p: (logits[id as usize] - log_z).exp() })
            .collect();
        let answer_ids = self.generate(&prompt_ids, prompt.max_new_tokens as usize, &mut Silent).await?;
        Ok(ProbeDetail { probe, prompt_ids, token_index, answer_ids, top })
    }

    /// Greedy continuation, ending early behind an end token.
    pub async fn generate(&mut self, ids: &[u32], max_new: usize, monitor: &mut dyn Monitor) -> Result<Vec<u32>> {
        generate::generate(&mut self.model, ids, max_new, &self.stop, monitor, &mut |_, _| {}).await
    }

    /// The greedy answer to a text, told piece by piece (`Event::Text`): to the text as it is, or as what a user says,
    /// through the model's chat template.
    ///
    /// Errors   `TokenizerError`; `ContextTooShort` when prompt and answer exceed the window
    pub async fn generate_text(
        &mut self,
        prompt: &str,
        options: &GenerateOptions,
        monitor: &mut dyn Monitor,
    ) -> Result<GeneratedText> {
        let tokenizer = self.tokenizer.as_ref().ok_or(TokenizerError::Absent)?;
        let prompt_ids = match options.chat {
            false => tokenizer.encode(prompt, true)?.ids,
            true => {
                let message = ChatMessage { role: "user".into(), content: prompt.into() };
                let chat = ChatOptions { add_generation_prompt: true, ..ChatOptions::default() };
                tokenizer.encode_chat(None, &[message], &chat)?.1.ids
            }
        };
        let mut told = 0;
        let mut on_token = |new: &[u32], monitor: &mut dyn Monitor| {
            let text = tokenizer.decode(new, true);
            // A character may lack its last bytes yet.
            if !text.ends_with('\u{fffd}')
                && let Some(piece) = text.get(told..).filter(|piece| !piece.is_empty())
            {
                monitor.event(Event::Text { text: piece.into() });
                told = text.len();
            }
        };
        let (model, stop) = (&mut self.model, &self.stop);
        let ids = generate::generate(model, &prompt_ids, options.max_new, stop, monitor, &mut on_token).await?;
        let ended = ids.last().is_some_and(|last| stop.contains(last));
        let text = tokenizer.decode(&ids, true);
        if let Some(piece) = text.get(told..).filter(|piece| !piece.is_empty()) {
            monitor.event(Event::Text { text: piece.into() });
        }
        Ok(GeneratedText { text, ids, prompt_tokens: prompt_ids.len() as u32, ended })
    }

    /// An oracle over this model, for callers that ask about tokens of their own choosing.
    pub fn oracle(&mut self, task: TaskName) -> Result<Panel<'_>> {
        self.panel(&ScanOptions { task, ..ScanOptions::default() })
    }

    /// The oracles that `options` name, over this model.
    pub fn panel(&mut self, options: &ScanOptions) -> Result<Panel<'_>> {
        let tokenizer = self.tokenizer.as_ref().ok_or(TokenizerError::Absent)?;
        Panel::new(&mut self.model, tokenizer, &self.stop, options)
    }

    /// The same for texts of up to `longest` tokens in a token's place.
    pub fn panel_for_texts(&mut self, options: &ScanOptions, longest: usize) -> Result<Panel<'_>> {
        let tokenizer = self.tokenizer.as_ref().ok_or(TokenizerError::Absent)?;
        Panel::for_texts(&mut self.model, tokenizer, &self.stop, options, longest)
    }

    /// Oracles as this model would be asked by them; an error in the place of one that it cannot be asked by.
    pub fn oracles(&self, ids: &[&str], options: &ScanOptions) -> Result<Vec<Result<OracleInfo>>> {
        let tokenizer = self.tokenizer.as_ref().ok_or(TokenizerError::Absent)?;
        let context = self.model.architecture.context;
        let one = |id: &&str| {
            let options = ScanOptions { oracles: vec![(*id).to_owned()], ..options.clone() };
            let mut specified = panel::specified(tokenizer, &options, context)?;
            let (spec, prompts) = specified.pop().expect("OK because one oracle was named");
            Ok(panel::info(&spec, prompts))
        };
        Ok(ids.iter().map(one).collect())
    }

    /// Every oracle as this model would be asked by it, in the order of their list.
    pub fn oracle_offers(&self, options: &ScanOptions) -> Result<Vec<OracleOffer>> {
        let offer = |(id, oracle): (&&str, Result<OracleInfo>)| {
            let (oracle, problem) = match oracle {
                Ok(oracle) => (Some(oracle), None),
                Err(error) => (None, Some(error.to_string())),
            };
            OracleOffer { id: (*id).into(), oracle, problem }
        };
        Ok(ORACLES.iter().zip(self.oracles(&ORACLES, options)?).map(offer).collect())
    }

    /// Input embedding; output embedding where it is another; bias of the head, empty where there is none.
    async fn ends(&mut self) -> Result<(Embedding, Option<Embedding>, Vec<f32>)> {
        let embedding = self.embedding().await?;
        let (output, bias) = self.model.head().await?;
        let output = output.map(|values| Embedding { values, ..embedding_shape(&embedding) });
        Ok((embedding, output, bias))
    }

    async fn embedding(&mut self) -> Result<Embedding> {
        let (rows, columns) = (self.model.architecture.n_vocabulary, self.model.architecture.n_embedding);
        Ok(Embedding { rows, columns, values: self.model.embedding().await? })
    }
}

/// The same number of rows and columns, without the numbers.
fn embedding_shape(embedding: &Embedding) -> Embedding {
    Embedding { rows: embedding.rows, columns: embedding.columns, values: Vec::new() }
}

/// What a lab may need and a model does not give, with the reason.
fn lacks(has_tokenizer: bool, model: &Model) -> Vec<Lack> {
    let mut lacks = Vec::new();
    if !has_tokenizer {
        lacks.push(Lack {
            need: Need::Tokenizer,
            reason: "there is no tokenizer.json, so text cannot be turned into tokens".into(),
        });
    }
    let most = model.device.tensor_bytes_max();
    if let Some(table) = [&model.weights.token_embedding, &model.weights.head.weight]
        .into_iter()
        .find(|table| table.bytes() as u64 > most)
    {
        lacks.push(Lack {
            need: Need::Backward,
            reason: format!(
                "{} has {} bytes, more than one buffer of this device may hold ({most}); gradients through a table in pieces \
                 are not computed",
                table.label(),
                table.bytes()
            ),
        });
    }
    lacks
}

/// The tokenizer of a model: a GGUF file's own, else `tokenizer.json` beside the weights, else none.
///
/// Errors: a tokenizer that is there and cannot be read. A GGUF file's own that this program does not run is passed over
/// when a tokenizer.json lies beside it.
pub async fn open_tokenizer(checkpoint: &Checkpoint) -> Result<Option<Tokenizer>> {
    let source = checkpoint.source();
    let has_json = source.len("tokenizer.json").await?.is_some();
    match checkpoint.gguf_tokenizer().await?.map(|stored| Tokenizer::from_gguf(&stored)) {
        Some(Err(TokenizerError::Unsupported { .. })) | None if has_json => {
            Ok(Some(Tokenizer::from_source(source.as_ref()).await?))
        }
        Some(tokenizer) => Ok(Some(tokenizer?)),
        None => Ok(None),
    }
}

/// Text, exact bytes and class of every embedding row.
fn token_table(tokenizer: &Tokenizer, rows: usize) -> TokenTable {
    let mut table = TokenTable { class: tokenizer.classify(rows), ..TokenTable::default() };
    for id in 0..rows as u32 {
        let text = tokenizer.token_text(id);
        let exact = tokenizer.token_bytes(id).filter(|bytes| bytes != text.as_bytes());
        table
            .bytes_hex
            .push(exact.map_or(String::new(), |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect()));
        table.text.push(text);
    }
    table
}

/// End tokens named by generation_config.json, config.json and the tokenizer. Ids outside the embedding are left out:
/// the model cannot produce them.
fn stop_ids(checkpoint: &Checkpoint, tokenizer: Option<&Tokenizer>, rows: usize) -> Result<Vec<u32>> {
    let mut stop = Vec::new();
    for config in [Some(checkpoint.config()), checkpoint.generation_config()].into_iter().flatten() {
        stop.extend(config.ids("eos_token_id")?);
    }
    stop.extend(tokenizer.and_then(|tokenizer| tokenizer.eos()).map(|id| id as usize));
    stop.retain(|id| *id < rows);
    stop.sort_unstable();
    stop.dedup();
    Ok(stop.into_iter().map(|id| id as u32).collect())
}
