//! Another embedding for a token: the mean of trained rows, or of the rows of similarly spelled tokens.
//!
//! Source   Land & Bartolo 2024 for the mean of trained rows as what an untrained row is not; GlitchEdit
//!          (kstanghere/GlitchToken, USENIX Security 2026) for `alpha` · weighted mean of k similarly spelled tokens
//!          + (1 − `alpha`) · the row itself
//! Differs  the published edit then scales the row to length 1, which changes its scale against all others: here only on
//!          request; the output rows of a model that does not share them with the input are replaced likewise

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::RepairError;
use super::loss::{self, BUILT_IN_TEXT, LossChange};
use super::probes::{Said, ask};
use super::spelled::{folded, most_similar};
use crate::compute::{DType, Tensor, quant};
use crate::error::Result;
use crate::progress::{Event, Monitor, pause};
use crate::report::Report;
use crate::session::Session;
use crate::tokenizer::{TokenClass, TokenizerError};

/// Fewer rows than this have no mean that stands for trained ones.
const MIN_TRAINED: usize = 8;

/// What a row is replaced with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum RowMethod {
    /// The mean of all trained rows.
    #[default]
    Mean,
    /// The weighted mean of the rows of similarly spelled trained tokens (GlitchEdit).
    Spelled,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default, deny_unknown_fields)]
pub struct RowOptions {
    pub method: RowMethod,
    /// Share of the new row; the rest is the row as it was. 0 to 1, default 1.
    pub alpha: f64,
    /// Similarly spelled tokens. 1 to 64, default 4 (GlitchEdit's largest).
    pub k: u32,
    /// Scale the row to length 1 in the end, as GlitchEdit does. Default false.
    pub unit_length: bool,
    /// The rise of the loss that is allowed, in nats a token. Default 0.01 (chosen here).
    pub allowed_rise: f64,
    /// Leave the new rows in the model. Default false: the originals are put back.
    pub keep: bool,
}

impl Default for RowOptions {
    fn default() -> Self {
        RowOptions { method: RowMethod::Mean, alpha: 1.0, k: 4, unit_length: false, allowed_rise: 0.01, keep: false }
    }
}

/// What replacing rows did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RowRepair {
    /// Always [`RowRepair::SCHEMA`].
    pub schema: String,
    pub schema_version: u32,
    pub glitchscope: String,
    pub model: String,
    /// Which oracle was asked before and after.
    pub oracle: String,
    pub options: RowOptions,
    /// Tensors of the checkpoint in which rows were replaced, with their types.
    pub tensors: Vec<(String, String)>,
    /// The file that holds them.
    pub files: Vec<String>,
    /// Rows that the means are made of, or chosen from.
    pub trained_rows: u32,
    pub rows: Vec<RowChange>,
    /// Tokens that failed before, and how many of these pass after.
    pub failed_before: u32,
    pub repaired: u32,
    pub loss: LossChange,
    pub notes: Vec<String>,
}

impl RowRepair {
    pub const SCHEMA: &'static str = "glitchscope.row_repair";
    pub const SCHEMA_VERSION: u32 = 1;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RowChange {
    pub id: u32,
    pub text: String,
    pub before: Said,
    pub after: Said,
    /// Length of the input row.
    pub norm_before: f32,
    pub norm_after: f32,
    /// Similarly spelled tokens the row is made of, with their weights; empty for the mean of all.
    pub made_of: Vec<(u32, f64)>,
}

/// Bytes of a file of the checkpoint that are other ones now.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    pub file: String,
    pub offset: u64,
    pub bytes: Vec<u8>,
}

/// Rows of a tensor on the device, with what stands or stood there.
#[derive(Clone)]
pub struct DeviceRows {
    tensor: Tensor,
    rows: Vec<(usize, Vec<u8>)>,
}

/// Replaces the rows of `ids` in the model, asks the report's oracle before and after, and compares the loss on a text,
/// the built-in one where none is given. The patches make the checkpoint's file the repaired one.
///
/// The originals are put back, also after an error or a cancel, unless `options.keep` asks for the new rows; then
/// [`restore`] puts them back.
pub async fn repair(
    session: &mut Session,
    report: &Report,
    ids: &[u32],
    text: Option<&str>,
    options: &RowOptions,
    monitor: &mut dyn Monitor,
) -> Result<(RowRepair, Vec<Patch>)> {
    check(options)?;
    if session.repaired.is_some() {
        return Err(RepairError::Repaired.into());
    }
    let ids: Vec<u32> = ids.iter().copied().collect::<BTreeSet<u32>>().into_iter().collect();
    if ids.is_empty() {
        return Err(RepairError::NothingChosen.into());
    }
    let n = session.model.architecture.n_vocabulary;
    if let Some(&id) = ids.iter().find(|&&id| id as usize >= n) {
        return Err(RepairError::OutOfRange { id, rows: n }.into());
    }
    let tokenizer = session.tokenizer.as_ref().ok_or(TokenizerError::Absent)?;
    crate::corpus::prevalence::check_tokenizer(tokenizer, report)?;
    let text_rows = loss::rows(tokenizer, text.unwrap_or(BUILT_IN_TEXT), session.model.architecture.context)?;
    let places = places(session)?;
    let trained = trained(session, report, &ids)?;

    let before = ask(session, &report.provenance.options, &ids, "before the repair", monitor).await?;
    monitor.event(Event::Stage { stage: "loss before", detail: "on the text".into() });
    let (loss_before, tokens) = loss::loss(&mut session.model, &text_rows, monitor).await?;

    monitor.event(Event::Stage {
        stage: "making rows",
        detail: format!("{} in each of {} tensors", ids.len(), places.len()),
    });
    let made_of = made_of(session, &ids, &trained, options, monitor).await?;
    let (mut originals, mut replaced, mut patches) = (Vec::new(), Vec::new(), Vec::new());
    let mut norms = Vec::new();
    for (i, place) in places.iter().enumerate() {
        let stored = session.model.device.read(&place.tensor).await?;
        let values = quant::widen_all(place.tensor.dtype(), &stored);
        let columns = place.tensor.shape()[1];
        let mean = mean_row(&values, columns, &trained);
        let row_bytes = place.tensor.dtype().bytes_of(columns);
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for (&id, made_of) in ids.iter().zip(&made_of) {
            let row = &values[id as usize * columns..][..columns];
            let made = new_row(row, &values, columns, &mean, made_of, options);
            let bytes = rounded(&made, place.tensor.dtype());
            if i == 0 {
                let as_stored = quant::widen_all(place.tensor.dtype(), &bytes);
                norms.push((norm(row), norm(&as_stored)));
            }
            let at = id as usize * row_bytes;
            old.push((id as usize, stored[at..at + row_bytes].to_vec()));
            patches.push(Patch { file: place.file.clone(), offset: place.offset + at as u64, bytes: bytes.clone() });
            new.push((id as usize, bytes));
        }
        originals.push(DeviceRows { tensor: place.tensor.clone(), rows: old });
        replaced.push(DeviceRows { tensor: place.tensor.clone(), rows: new });
    }

    write(session, &replaced)?;
    let asked = after(session, report, &ids, &text_rows, &replaced, monitor).await;
    if asked.is_err() || !options.keep {
        write(session, &originals)?;
    } else {
        session.repaired = Some(originals);
    }
    let (probes, loss_after) = asked?;

    let table = &session.tokens.text;
    let rows: Vec<RowChange> = (0..ids.len())
        .map(|i| RowChange {
            id: ids[i],
            text: table.get(ids[i] as usize).cloned().unwrap_or_default(),
            before: Said::from(&before[i]),
            after: Said::from(&probes[i]),
            norm_before: norms[i].0,
            norm_after: norms[i].1,
            made_of: made_of[i].clone(),
        })
        .collect();
    let failed_before = before.iter().filter(|probe| !probe.passed).count() as u32;
    let repaired = rows.iter().filter(|row| !row.before.passed && row.after.passed).count() as u32;
    let chosen: BTreeSet<u32> = ids.iter().copied().collect();
    let targets = text_rows.iter().flat_map(|row| &row[1..]);
    let mut notes: Vec<String> = report.caution().into_iter().collect();
    let spoiled = rows.iter().filter(|row| row.before.passed && !row.after.passed).count();
    if spoiled > 0 {
        notes.push(format!("{spoiled} of the tokens passed before and fail after"));
    }
    let alone = rows.iter().filter(|row| row.made_of.is_empty()).count();
    if options.method == RowMethod::Spelled && alone > 0 {
        notes.push(format!(
            "{alone} of the tokens are spelled like no trained one; they got the mean of all trained rows"
        ));
    }
    if options.keep {
        notes.push("the model in memory has the new rows until the originals are put back".into());
    }
    let mut files: Vec<String> = places.iter().map(|place| place.file.clone()).collect();
    files.dedup();
    let result = RowRepair {
        schema: RowRepair::SCHEMA.into(),
        schema_version: RowRepair::SCHEMA_VERSION,
        glitchscope: crate::VERSION.into(),
        model: session.info.model.name.clone(),
        oracle: report.provenance.oracle.id.clone(),
        options: options.clone(),
        tensors: places.iter().map(|place| (place.name.clone(), place.tensor.dtype().name().into())).collect(),
        files,
        trained_rows: trained.len() as u32, // OK to cast: at most the vocabulary, here and above.
        rows,
        failed_before,
        repaired,
        loss: LossChange {
            built_in: text.is_none(),
            tokens,
            repaired_tokens: targets.filter(|id| chosen.contains(id)).count() as u32,
            before: loss_before,
            after: loss_after,
            allowed_rise: options.allowed_rise,
            // Also false for NaN.
            is_within: loss_after - loss_before <= options.allowed_rise,
        },
        notes,
    };
    Ok((result, patches))
}

/// Puts the original rows back; false when none were replaced.
pub fn restore(session: &mut Session) -> Result<bool> {
    match session.repaired.take() {
        Some(originals) => write(session, &originals).map(|()| true),
        None => Ok(false),
    }
}

async fn after(
    session: &mut Session,
    report: &Report,
    ids: &[u32],
    text_rows: &[Vec<u32>],
    replaced: &[DeviceRows],
    monitor: &mut dyn Monitor,
) -> Result<(Vec<crate::report::Probe>, f64)> {
    let probes = ask(session, &report.provenance.options, ids, "after the repair", monitor).await?;
    monitor.event(Event::Stage { stage: "loss after", detail: "on the text".into() });
    let (loss, _) = loss::loss(&mut session.model, text_rows, monitor).await?;
    // The rows are what was asked about: a device that was lost and opened again has the originals.
    for DeviceRows { tensor, rows } in replaced {
        let stored = session.model.device.read(tensor).await?;
        for (row, bytes) in rows {
            if stored[row * bytes.len()..(row + 1) * bytes.len()] != bytes[..] {
                return Err(RepairError::Rows {
                    tensor: tensor.label().into(),
                    reason: "the device lost them while they were asked about; start again".into(),
                }
                .into());
            }
        }
    }
    Ok((probes, loss))
}

fn check(options: &RowOptions) -> Result<(), RepairError> {
    let wrong = |what, value: String, expected| Err(RepairError::Option { what, value, expected });
    if !(0.0..=1.0).contains(&options.alpha) {
        return wrong("alpha", options.alpha.to_string(), "a number from 0 to 1");
    }
    if !(1..=64).contains(&options.k) {
        return wrong("k", options.k.to_string(), "a whole number from 1 to 64");
    }
    if options.allowed_rise.is_nan() {
        return wrong("the allowed rise", options.allowed_rise.to_string(), "a number");
    }
    Ok(())
}

/// A tensor with a row for each token, and where its first row lies in the checkpoint.
struct Place {
    name: String,
    tensor: Tensor,
    file: String,
    offset: u64,
}

/// The input rows, and the output rows where they are others.
fn places(session: &Session) -> Result<Vec<Place>> {
    let model = &session.model;
    let mut tensors = vec![&model.weights.token_embedding];
    if model.weights.head.weight.id() != model.weights.token_embedding.id() {
        tensors.push(&model.weights.head.weight);
    }
    tensors
        .into_iter()
        .map(|tensor| {
            let refuse = |reason: String| RepairError::Rows { tensor: tensor.label().into(), reason };
            let parameter = model
                .weights
                .parameters
                .iter()
                .find(|parameter| parameter.copies.iter().any(|copy| copy.tensor.id() == tensor.id()));
            let origin = model.origin.as_ref().ok_or_else(|| refuse("the model was not read from a file".into()))?;
            let name = parameter.map_or(tensor.label(), |parameter| &parameter.name).to_owned();
            let entry = origin.checkpoint.require(&name)?;
            if !matches!(entry.dtype, DType::F32 | DType::F16 | DType::BF16) {
                return Err(refuse(format!(
                    "it is stored as {}, whose blocks share a scale: a new row would be rounded to it",
                    entry.dtype.name()
                ))
                .into());
            }
            if entry.change.is_some() {
                let reason = format!("the file stores it as {} and other than the model has it", entry.stored().name());
                return Err(refuse(reason).into());
            }
            Ok(Place { name, tensor: tensor.clone(), file: entry.file.clone(), offset: entry.range.start })
        })
        .collect()
}

/// Ids of trained rows: those of tokens that passed the report's oracle; where that asked about few, those of tokens that
/// text can produce and that did not fail.
fn trained(session: &Session, report: &Report, ids: &[u32]) -> Result<Vec<u32>> {
    let n = session.model.architecture.n_vocabulary;
    let chosen: BTreeSet<u32> = ids.iter().chain(&report.glitch_tokens).copied().collect();
    let usable = |id: &u32| (*id as usize) < n && !chosen.contains(id);
    let passed: Vec<u32> =
        report.probes.iter().filter(|probe| probe.passed).map(|probe| probe.id).filter(usable).collect();
    let class = &session.tokens.class;
    let ordinary: Vec<u32> =
        (0..n as u32).filter(usable).filter(|&id| class.get(id as usize) == Some(&TokenClass::Ok)).collect();
    let found = if 2 * passed.len() >= ordinary.len() { passed } else { ordinary };
    if found.len() < MIN_TRAINED {
        return Err(RepairError::TooFewTrained { found: found.len(), needed: MIN_TRAINED }.into());
    }
    Ok(found)
}

/// For each token the ids and weights its new row is made of; nothing where it is the mean of all.
async fn made_of(
    session: &Session,
    ids: &[u32],
    trained: &[u32],
    options: &RowOptions,
    monitor: &mut dyn Monitor,
) -> Result<Vec<Vec<(u32, f64)>>> {
    if options.method == RowMethod::Mean {
        return Ok(vec![Vec::new(); ids.len()]);
    }
    let text = |id: u32| session.tokens.text.get(id as usize).map_or("", String::as_str);
    let candidates: Vec<(u32, Vec<char>)> =
        trained.iter().map(|&id| (id, folded(text(id)))).filter(|(_, text)| !text.is_empty()).collect();
    let mut made_of = Vec::with_capacity(ids.len());
    for (i, &id) in ids.iter().enumerate() {
        let mut similar = most_similar(text(id), &candidates, options.k as usize);
        // Tokens that have nothing in common with it say nothing.
        similar.retain(|(_, similarity)| *similarity > 0.0);
        let sum: f64 = similar.iter().map(|(_, similarity)| similarity).sum();
        similar.iter_mut().for_each(|(_, similarity)| *similarity /= sum);
        made_of.push(similar);
        monitor.event(Event::Advance { done: i as u64 + 1, total: ids.len() as u64, unit: "rows" });
        pause(monitor).await?;
    }
    Ok(made_of)
}

/// The mean of rows, in f64.
fn mean_row(values: &[f32], columns: usize, rows: &[u32]) -> Vec<f64> {
    let mut mean = vec![0.0; columns];
    for &row in rows {
        let row = &values[row as usize * columns..][..columns];
        mean.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    mean.iter_mut().for_each(|sum| *sum /= rows.len() as f64);
    mean
}

/// `alpha` · target + (1 − `alpha`) · row, scaled to length 1 on request. The target is the weighted mean of rows, or the
/// mean of all trained ones where there are none.
fn new_row(
    row: &[f32],
    values: &[f32],
    columns: usize,
    mean: &[f64],
    made_of: &[(u32, f64)],
    options: &RowOptions,
) -> Vec<f32> {
    let mut target = vec![0.0; columns];
    for &(id, weight) in made_of {
        let other = &values[id as usize * columns..][..columns];
        target.iter_mut().zip(other).for_each(|(sum, &value)| *sum += weight * f64::from(value));
    }
    let target = if made_of.is_empty() { mean } else { &target };
    let mut made: Vec<f64> = target
        .iter()
        .zip(row)
        .map(|(&target, &own)| options.alpha * target + (1.0 - options.alpha) * f64::from(own))
        .collect();
    let length = made.iter().map(|value| value * value).sum::<f64>().sqrt();
    if options.unit_length && length > 0.0 {
        made.iter_mut().for_each(|value| *value /= length);
    }
    made.into_iter().map(|value| value as f32).collect()
}

fn rounded(row: &[f32], dtype: DType) -> Vec<u8> {
    match dtype {
        DType::F16 => row.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect(),
        DType::BF16 => row.iter().flat_map(|&value| half::bf16::from_f32(value).to_le_bytes()).collect(),
        _ => row.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

fn norm(row: &[f32]) -> f32 {
    row.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt() as f32
}

fn write(session: &mut Session, tensors: &[DeviceRows]) -> Result<()> {
    for DeviceRows { tensor, rows } in tensors {
        for (row, bytes) in rows {
            session.model.device.write(tensor, row * bytes.len(), bytes)?;
        }
    }
    Ok(())
}
