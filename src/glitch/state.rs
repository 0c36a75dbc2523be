//! The state of a scan, kept so that a killed process or a closed tab resumes where it was.
//!
//! A state is a journal of lines. The first names the scan to the byte: model and tokenizer by their hashes, oracles,
//! options, device, version. Each of the others holds the answers of one batch. A scan hands every line to its `Monitor` as
//! it comes; when lines are written, and where to, is the edge's affair. Resumed, the scan runs as if from its start, and
//! questions whose answers are in the journal are not asked again: whatever follows from answers follows again, so that the
//! report is the same.
//!
//! Torn     a line is whole when it ends in a newline and can be read. At the first that is not the state ends: what was
//!          answered behind it is asked again
//! Floats   stand as their bits: JSON has no infinity, and -∞ is the logarithm of a probability that is 0

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ScanError;
use super::comparison::same_model;
use super::oracle::asker::Answer;
use super::shard::Part;
use crate::compute::DeviceInfo;
use crate::engine::model::NextToken;
use crate::report::{ModelInfo, OracleInfo, ScanOptions, TokenTable};

const SCHEMA: &str = "glitchscope.scan_state";
const SCHEMA_VERSION: u32 = 1;

/// Longest state that is read: a token takes about 150 bytes for each question.
const STATE_BYTES_MAX: usize = 1 << 30;

/// What a state belongs to. A scan in which anything of this differs may answer otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScanIdentity {
    pub glitchscope: String,
    pub model: ModelInfo,
    /// Of the texts, bytes and classes of all tokens.
    pub tokens_sha256: String,
    pub device: DeviceInfo,
    pub oracles: Vec<OracleInfo>,
    pub options: ScanOptions,
    /// Index and count of the part that is scanned.
    pub part: Option<(u32, u32)>,
}

impl ScanIdentity {
    pub fn new(
        model: ModelInfo,
        tokens: &TokenTable,
        device: DeviceInfo,
        oracles: Vec<OracleInfo>,
        options: ScanOptions,
        part: Option<Part>,
    ) -> ScanIdentity {
        ScanIdentity {
            glitchscope: crate::VERSION.into(),
            model,
            tokens_sha256: tokens_sha256(tokens),
            device,
            oracles,
            options,
            part: part.map(|part| (part.index, part.count)),
        }
    }

    /// The first line of a state.
    pub fn line(&self) -> String {
        #[derive(Serialize)]
        struct Header<'a> {
            schema: &'a str,
            schema_version: u32,
            scan: &'a ScanIdentity,
        }
        let header = Header { schema: SCHEMA, schema_version: SCHEMA_VERSION, scan: self };
        serde_json::to_string(&header).expect("OK because plain data serialises") + "\n"
    }

    /// In what the state's scan (`self`) differs from `scan`, in words; `None` when it can be resumed as `scan`.
    pub fn difference(&self, scan: &ScanIdentity) -> Option<String> {
        if self.glitchscope != scan.glitchscope {
            return Some(format!("version {} wrote it, this is {}", self.glitchscope, scan.glitchscope));
        }
        for file in &self.model.files {
            let hash = |hash: &Option<String>| {
                hash.as_ref().map_or("unknown".to_owned(), |hash| hash.chars().take(12).collect())
            };
            match scan.model.files.iter().find(|other| other.name == file.name) {
                None => return Some(format!("its model has a file {}, this one has none", file.name)),
                Some(other) if other.bytes != file.bytes || other.sha256 != file.sha256 => {
                    return Some(format!(
                        "its {} has {} bytes and the SHA-256 {}…, this one {} bytes and {}…",
                        file.name,
                        file.bytes,
                        hash(&file.sha256),
                        other.bytes,
                        hash(&other.sha256)
                    ));
                }
                Some(_) => {}
            }
        }
        if !same_model(&self.model, &scan.model) {
            let stored = |model: &ModelInfo| format!("{:?}", model.stored_types);
            return Some(format!(
                "its model has {} files and the weights {}, this one {} and {}",
                self.model.files.len(),
                stored(&self.model),
                scan.model.files.len(),
                stored(&scan.model)
            ));
        }
        if self.tokens_sha256 != scan.tokens_sha256 {
            return Some("its vocabulary has other texts, bytes or classes".into());
        }
        if let Some(difference) = options_difference(&self.options, &scan.options) {
            return Some(difference);
        }
        if self.oracles != scan.oracles {
            let ids =
                |oracles: &[OracleInfo]| oracles.iter().map(|oracle| oracle.id.clone()).collect::<Vec<_>>().join(", ");
            return Some(match (ids(&self.oracles), ids(&scan.oracles)) {
                (a, b) if a == b => format!("{a} asked with other words, ids or rules"),
                (a, b) => format!("it asked {a}, this scan asks {b}"),
            });
        }
        if self.part != scan.part {
            let named = |part: Option<(u32, u32)>| {
                part.map_or("the whole".into(), |(index, count)| format!("part {index}/{count}"))
            };
            return Some(format!("it is of {}, this is {}", named(self.part), named(scan.part)));
        }
        let (a, b) = (&self.device, &scan.device);
        let device = |device: &DeviceInfo| format!("{} ({})", device.name, device.precision);
        ((a.kind, &a.name, &a.precision) != (b.kind, &b.name, &b.precision))
            .then(|| format!("it ran on {}, this scan on {}", device(a), device(b)))
    }
}

/// The first option that differs, with both values.
fn options_difference(a: &ScanOptions, b: &ScanOptions) -> Option<String> {
    let fields = |options: &ScanOptions| match serde_json::to_value(options) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (a, b) = (fields(a), fields(b));
    let (key, value) = a.iter().find(|(key, value)| b.get(*key) != Some(*value))?;
    let other = b.get(key).map_or("nothing".into(), ToString::to_string);
    Some(format!("its option {key} is {value}, this scan's {other}"))
}

fn tokens_sha256(tokens: &TokenTable) -> String {
    let mut hasher = Sha256::new();
    for ((text, hex), class) in tokens.text.iter().zip(&tokens.bytes_hex).zip(&tokens.class) {
        for part in [text, hex] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.update([*class as u8]);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One answer, floats as bits.
#[derive(Serialize, Deserialize)]
struct StoredAnswer {
    /// log p(target), log p(argmax), entropy, largest p(target).
    f: [u32; 4],
    argmax: u32,
    /// Passed, passed strictly.
    v: (bool, bool),
    /// Attempts, failures.
    n: (u32, u32),
    /// Tokens the model processed for it.
    cost: u64,
    ids: Vec<u32>,
    text: String,
}

impl StoredAnswer {
    fn new(answer: &Answer) -> StoredAnswer {
        let NextToken { log_p_target, log_p_argmax, entropy, argmax } = answer.first;
        StoredAnswer {
            f: [log_p_target, log_p_argmax, entropy, answer.p_max].map(f32::to_bits),
            argmax,
            v: (answer.passed, answer.passed_strict),
            n: (answer.attempts, answer.failures),
            cost: answer.model_tokens,
            ids: answer.ids.clone(),
            text: answer.text.clone(),
        }
    }

    fn into_answer(self, id: u32) -> Answer {
        let [log_p_target, log_p_argmax, entropy, p_max] = self.f.map(f32::from_bits);
        Answer {
            id,
            first: NextToken { log_p_target, log_p_argmax, entropy, argmax: self.argmax },
            p_max,
            passed: self.v.0,
            passed_strict: self.v.1,
            attempts: self.n.0,
            failures: self.n.1,
            model_tokens: self.cost,
            ids: self.ids,
            text: self.text,
        }
    }
}

/// A token with its answers, one for each question.
#[derive(Serialize, Deserialize)]
struct Entry(u32, Vec<StoredAnswer>);

/// The line of a batch.
pub fn answers_line<'a>(batch: impl Iterator<Item = (u32, &'a Vec<Answer>)>) -> String {
    let entries: Vec<Entry> =
        batch.map(|(id, answers)| Entry(id, answers.iter().map(StoredAnswer::new).collect())).collect();
    serde_json::to_string(&entries).expect("OK because plain data serialises") + "\n"
}

/// A state that was read.
pub struct ScanState {
    pub scan: ScanIdentity,
    /// Answers that it holds: tokens, a token that was asked about twice counted twice.
    pub answered: usize,
    /// Bytes up to the end of the last whole line; what follows was torn and belongs cut off.
    pub whole_bytes: usize,
    answers: KeptAnswers,
}

impl ScanState {
    /// Reads a state, which may come from anybody.
    ///
    /// Errors   `NotAState` when the first line is not whole or not that of a state of this version
    pub fn read(bytes: &[u8]) -> Result<ScanState, ScanError> {
        #[derive(Deserialize)]
        struct Header {
            schema: String,
            schema_version: u32,
            scan: Box<serde_json::value::RawValue>,
        }
        let not = |reason: String| ScanError::NotAState { reason };
        if bytes.len() > STATE_BYTES_MAX {
            return Err(not(format!("it has {} bytes, the limit is {STATE_BYTES_MAX}", bytes.len())));
        }
        let mut lines = bytes.split_inclusive(|&byte| byte == b'\n').take_while(|line| line.ends_with(b"\n"));
        let first = lines.next().ok_or_else(|| not(format!("its first line is not whole ({} bytes)", bytes.len())))?;
        let header: Header = read_line(first).map_err(|error| not(format!("its first line: {error}")))?;
        if header.schema != SCHEMA || header.schema_version != SCHEMA_VERSION {
            let schema: String = header.schema.chars().take(40).collect();
            return Err(not(format!(
                "it is {schema:?} version {}, expected {SCHEMA:?} version {SCHEMA_VERSION}",
                header.schema_version
            )));
        }
        let scan: ScanIdentity =
            serde_json::from_str(header.scan.get()).map_err(|error| not(format!("its first line: {error}")))?;
        let mut state = ScanState { scan, answered: 0, whole_bytes: first.len(), answers: KeptAnswers::default() };
        for line in lines {
            let Ok(entries) = read_line::<Vec<Entry>>(line) else { break };
            if !entries.iter().all(|entry| state.is_sound(entry)) {
                break;
            }
            state.whole_bytes += line.len();
            state.answered += entries.len();
            for Entry(id, answers) in entries {
                let answers = answers.into_iter().map(|answer| answer.into_answer(id)).collect();
                state.answers.by_id.entry(id).or_default().push_back(answers);
            }
        }
        Ok(state)
    }

    /// Whether an entry can be one of this model and these oracles.
    fn is_sound(&self, Entry(id, answers): &Entry) -> bool {
        let rows = self.scan.model.embedding_rows;
        let mut names: Vec<&str> = self
            .scan
            .oracles
            .iter()
            .flat_map(|oracle| oracle.prompts.iter().map(|prompt| prompt.name.as_str()))
            .collect();
        names.sort_unstable();
        names.dedup();
        *id < rows
            && answers.len() == names.len()
            && answers.iter().all(|answer| {
                answer.argmax < rows && answer.n.1 <= answer.n.0 && answer.ids.iter().all(|&id| id < rows)
            })
    }

    /// The answers, for the oracles that gave them.
    ///
    /// Errors   `OtherScan` with the first difference
    pub fn into_answers(self, scan: &ScanIdentity) -> Result<KeptAnswers, ScanError> {
        match self.scan.difference(scan) {
            Some(difference) => Err(ScanError::OtherScan { difference }),
            None => Ok(self.answers),
        }
    }
}

/// A line as JSON. Bytes that are no text are read as the sign for such bytes, which no JSON has outside its strings.
fn read_line<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, serde_json::Error> {
    serde_json::from_str(std::str::from_utf8(line).unwrap_or("\u{fffd}"))
}

/// Answers of an earlier run, each to be given once for each time it was asked for.
#[derive(Default)]
pub struct KeptAnswers {
    by_id: HashMap<u32, VecDeque<Vec<Answer>>>,
}

impl KeptAnswers {
    pub fn has(&self, id: u32) -> bool {
        self.by_id.contains_key(&id)
    }

    /// The answers to the next question about a token.
    pub fn take(&mut self, id: u32) -> Option<Vec<Answer>> {
        let waiting = self.by_id.get_mut(&id)?;
        let answers = waiting.pop_front();
        if waiting.is_empty() {
            self.by_id.remove(&id);
        }
        answers
    }
}
