//! A tokenizer that cannot produce a token any more: its merges are taken out of `tokenizer.json`.
//!
//! Ids and weights stay. A text that contained the token is encoded by others, which the model has been trained on more.
//! A token from which others are built cannot go without them: it is refused, and they are named.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::RepairError;
use super::probes::Said;
use crate::engine::EngineError;
use crate::error::{Error, Result};
use crate::glitch::oracle::Oracle;
use crate::glitch::oracle::panel::specified_for_texts;
use crate::progress::{Event, Monitor, pause};
use crate::report::{OracleInfo, Report, ScanOptions};
use crate::session::Session;
use crate::tokenizer::{self, TokenClass, Tokenizer, TokenizerError};

/// Tokens between two pauses.
const PAUSE_AFTER: usize = 4096;

/// Ids of other tokens that a refusal names.
const NAMED: usize = 20;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default, deny_unknown_fields)]
pub struct MergeOptions {
    /// Take a token out even where others are built from it, which then cannot be produced either. Default false: such
    /// tokens are refused.
    pub with_dependents: bool,
    /// Oracles that are asked before and after, by id. Default: those of the report.
    pub oracles: Vec<String>,
}

/// What pruning merges did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MergeRepair {
    /// Always [`MergeRepair::SCHEMA`].
    pub schema: String,
    pub schema_version: u32,
    pub glitchscope: String,
    pub model: String,
    pub options: MergeOptions,
    /// Who was asked before and after, and what they said; empty without a model.
    pub oracles: Vec<OracleChange>,
    /// Tokens that cannot be produced any more.
    pub tokens: Vec<PrunedToken>,
    pub refused: Vec<RefusedToken>,
    /// Merges that were taken out, of how many, and whether `ignore_merges` had to be switched off.
    pub merges_removed: u32,
    pub ignore_merges_off: bool,
    /// Other tokens that came back from their text before, and how many of them still do.
    pub others_before: u32,
    pub others_after: u32,
    /// Other tokens that do not come back any more; empty unless dependents were agreed to.
    pub lost: Vec<u32>,
    pub notes: Vec<String>,
}

impl MergeRepair {
    pub const SCHEMA: &'static str = "glitchscope.merge_repair";
    /// Version 1 knew one oracle.
    pub const SCHEMA_VERSION: u32 = 2;
}

/// What one oracle said of all tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OracleChange {
    pub oracle: String,
    /// How its answers are judged; of a text of several tokens, the last of them tells what that means.
    pub rules: Vec<String>,
    /// Tokens that failed before, and how many of their texts pass after.
    pub failed_before: u32,
    pub repaired: u32,
    /// Tokens that passed before, and whose texts fail after.
    pub spoiled: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PrunedToken {
    pub id: u32,
    pub text: String,
    /// Ids of its text after.
    pub ids_after: Vec<u32>,
    /// What each of the oracles says of the token, and of what its text is made of after; empty without a model.
    pub before: Vec<Said>,
    pub after: Vec<Said>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RefusedToken {
    pub id: u32,
    pub text: String,
    pub reason: String,
    /// Tokens that are built from it, the first of them.
    pub dependents: Vec<u32>,
}

/// Prunes the merges of `ids` from the text of the model's tokenizer.json and checks the result over the whole vocabulary.
///
/// Returns what was done and the new file.
pub async fn prune(
    tokenizer: &Tokenizer,
    tokenizer_json: &[u8],
    ids: &[u32],
    options: &MergeOptions,
    monitor: &mut dyn Monitor,
) -> Result<(MergeRepair, Vec<u8>)> {
    let chosen: BTreeSet<u32> = ids.iter().copied().collect();
    if chosen.is_empty() {
        return Err(RepairError::NothingChosen.into());
    }
    let rows = tokenizer.vocab_size();
    if let Some(&id) = chosen.iter().find(|&&id| id as usize >= rows) {
        return Err(RepairError::OutOfRange { id, rows }.into());
    }
    monitor.event(Event::Stage { stage: "checking the vocabulary", detail: format!("{rows} tokens before") });
    let before = classes(tokenizer, monitor).await?;
    let refusal = |id: u32, reason: &str, dependents: Vec<u32>| RefusedToken {
        id,
        text: tokenizer.token_text(id),
        reason: reason.into(),
        dependents,
    };
    let (mut wanted, mut refused) = (BTreeSet::new(), Vec::new());
    for &id in &chosen {
        if tokenizer.is_added(id) {
            refused.push(refusal(id, "it is an added token, which is found before any merge", Vec::new()));
        } else if before[id as usize] != TokenClass::Ok {
            refused.push(refusal(id, "no text produces it as it is", Vec::new()));
        } else if tokenizer.derivation(id).last() != Some(&id) {
            refused.push(refusal(
                id,
                "no merge makes it: it is a character or byte of its own, or an entry found whole",
                Vec::new(),
            ));
        } else {
            wanted.insert(id);
        }
    }
    let mut built_from: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let (pruned, after, lost) = loop {
        let pruned = tokenizer::prune(tokenizer_json, &wanted)?;
        let patched = Tokenizer::from_bytes(&pruned.json, None)?;
        if patched.vocab_size() != rows {
            return Err(RepairError::NoMerges {
                reason: format!("the file has {} ids, the model's tokenizer {rows}", patched.vocab_size()),
            }
            .into());
        }
        monitor.event(Event::Stage { stage: "checking the vocabulary", detail: format!("{rows} tokens after") });
        let classes_after = classes(&patched, monitor).await?;
        let other = |id: &u32| !wanted.contains(id) && before[*id as usize] == TokenClass::Ok;
        let lost: Vec<u32> =
            (0..rows as u32).filter(other).filter(|&id| classes_after[id as usize] != TokenClass::Ok).collect();
        let reached: Vec<u32> =
            wanted.iter().copied().filter(|&id| classes_after[id as usize] == TokenClass::Ok).collect();
        if !reached.is_empty() {
            return Err(
                RepairError::NoMerges { reason: format!("the tokens {reached:?} can still be produced") }.into()
            );
        }
        if lost.is_empty() || options.with_dependents {
            break (pruned, patched, lost);
        }
        // Entries that merges do not make are lost with the flag, whichever merges go.
        let by_flag: Vec<u32> = lost
            .iter()
            .copied()
            .filter(|&id| pruned.ignore_merges_off && tokenizer.derivation(id).last() != Some(&id))
            .collect();
        if !by_flag.is_empty() {
            let reason = format!(
                "{} other tokens are found only because of ignore_merges, which would have to be switched off",
                by_flag.len()
            );
            let named: Vec<u32> = by_flag.into_iter().take(NAMED).collect();
            refused.extend(std::mem::take(&mut wanted).into_iter().map(|id| refusal(id, &reason, named.clone())));
            continue;
        }
        // Whoever a lost token is built from stays.
        let mut blamed: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for &id in &lost {
            for made in tokenizer.derivation(id).into_iter().filter(|made| wanted.contains(made)) {
                blamed.entry(made).or_default().push(id);
            }
        }
        if blamed.is_empty() {
            // Not by being built from them. Then none of them can go.
            let reason = format!("{} other tokens would be cut otherwise", lost.len());
            let named: Vec<u32> = lost.iter().copied().take(NAMED).collect();
            refused.extend(std::mem::take(&mut wanted).into_iter().map(|id| refusal(id, &reason, named.clone())));
            continue;
        }
        wanted.retain(|id| !blamed.contains_key(id));
        built_from.append(&mut blamed);
    };
    for (id, mut dependents) in built_from {
        let reason = format!("{} other tokens are built from it and could not be produced either", dependents.len());
        dependents.truncate(NAMED);
        refused.push(refusal(id, &reason, dependents));
    }
    refused.sort_by_key(|token| token.id);
    let others_before =
        (0..rows as u32).filter(|id| !wanted.contains(id) && before[*id as usize] == TokenClass::Ok).count();
    let mut tokens = Vec::with_capacity(wanted.len());
    for &id in &wanted {
        let text = tokenizer.token_text(id);
        tokens.push(PrunedToken {
            id,
            ids_after: in_context(&after, &text)?,
            text,
            before: Vec::new(),
            after: Vec::new(),
        });
    }
    let mut notes = Vec::new();
    if pruned.ignore_merges_off {
        notes.push(
            "ignore_merges was switched off, because with it a piece that is an entry is that token whatever the merges \
             say; every other token was checked without it"
                .into(),
        );
    }
    if !lost.is_empty() {
        notes.push(format!("{} other tokens cannot be produced any more", lost.len()));
    }
    let repair = MergeRepair {
        schema: MergeRepair::SCHEMA.into(),
        schema_version: MergeRepair::SCHEMA_VERSION,
        glitchscope: crate::VERSION.into(),
        model: String::new(),
        options: options.clone(),
        oracles: Vec::new(),
        tokens,
        refused,
        merges_removed: pruned.merges.len() as u32, // OK to cast: below `MAX_MERGES`.
        ignore_merges_off: pruned.ignore_merges_off,
        others_before: others_before as u32, // OK to cast: at most the vocabulary, here and below.
        others_after: (others_before - lost.len()) as u32,
        lost,
        notes,
    };
    Ok((repair, pruned.json))
}

/// The same with the model: asks the oracles about each token before, and about what its text is made of after.
pub async fn prune_and_ask(
    session: &mut Session,
    report: Option<&Report>,
    tokenizer_json: &[u8],
    ids: &[u32],
    options: &MergeOptions,
    monitor: &mut dyn Monitor,
) -> Result<(MergeRepair, Vec<u8>)> {
    let tokenizer = session.tokenizer.as_ref().ok_or(TokenizerError::Absent)?;
    if let Some(report) = report {
        crate::corpus::prevalence::check_tokenizer(tokenizer, report)?;
    }
    let (mut repair, json) = prune(tokenizer, tokenizer_json, ids, options, monitor).await?;
    repair.model = session.info.model.name.clone();
    repair.notes.extend(report.and_then(Report::caution));
    let mut asked = report.map_or_else(ScanOptions::default, |report| report.provenance.options.clone());
    if !options.oracles.is_empty() {
        asked.oracles = options.oracles.clone();
    }
    if !repair.tokens.is_empty() {
        ask(session, &mut repair, asked, monitor).await?;
    }
    Ok((repair, json))
}

/// Fills in what the oracles of `options` say. Those whose questions do not fit the model's context with the longest of the
/// texts are left out, with a note.
async fn ask(
    session: &mut Session,
    repair: &mut MergeRepair,
    mut options: ScanOptions,
    monitor: &mut dyn Monitor,
) -> Result<()> {
    let longest = repair.tokens.iter().map(|token| token.ids_after.len()).max().unwrap_or(1).max(1);
    let tokenizer = session.tokenizer.as_ref().ok_or(TokenizerError::Absent)?;
    let context = session.model.architecture.context;
    if options.oracles.is_empty() {
        options.oracles = vec![crate::glitch::oracle::task::Task::named(options.task).zero_shot().name];
    }
    let (mut fitting, mut too_long) = (Vec::new(), None);
    for id in &options.oracles {
        let alone = ScanOptions { oracles: vec![id.clone()], ..options.clone() };
        match specified_for_texts(tokenizer, &alone, context, longest) {
            Ok(_) => fitting.push(id.clone()),
            Err(error @ Error::Engine(EngineError::ContextTooShort { .. })) => {
                repair.notes.push(format!("{id} was not asked about texts of up to {longest} tokens: {error}"));
                too_long = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    if let (true, Some(error)) = (fitting.is_empty(), too_long) {
        return Err(error);
    }
    options.oracles = fitting;
    let ids: Vec<u32> = repair.tokens.iter().map(|token| token.id).collect();
    monitor.event(Event::Stage { stage: "before the repair", detail: format!("asking about {} tokens", ids.len()) });
    let mut panel = session.panel_for_texts(&options, longest)?;
    panel.probe(&ids, &mut Vec::new(), monitor).await?;
    monitor.event(Event::Stage { stage: "after the repair", detail: format!("asking about {} texts", ids.len()) });
    let total = ids.len() as u64;
    for (i, token) in repair.tokens.iter_mut().enumerate() {
        let before = panel.said_of(token.id).expect("OK because every token was asked about");
        token.before = before.iter().map(Said::from).collect();
        let after = panel.ask_spelled(token.id, &token.ids_after, monitor).await?;
        token.after = after.iter().map(Said::from).collect();
        if token.ids_after.len() > 1 {
            // That number is its first token's.
            token.after.iter_mut().for_each(|said| said.p_target = None);
        }
        monitor.event(Event::Advance { done: i as u64 + 1, total, unit: "answers" });
        pause(monitor).await?;
    }
    repair.oracles =
        panel.infos().iter().enumerate().map(|(place, info)| change(info, place, &repair.tokens)).collect();
    Ok(())
}

/// What the oracle in that place of the answers came to.
fn change(info: &OracleInfo, place: usize, tokens: &[PrunedToken]) -> OracleChange {
    let count = |before: bool, after: bool| {
        let verdicts = tokens.iter().map(|token| (token.before[place].passed, token.after[place].passed));
        verdicts.filter(|verdicts| *verdicts == (before, after)).count() as u32
    };
    let mut rules = info.rules.clone();
    rules.push(
        "of a text of several tokens: a probability is that of all of them one after the other, and the text is the most \
         probable one when each of them is"
            .into(),
    );
    OracleChange {
        oracle: info.id.clone(),
        rules,
        failed_before: count(false, false) + count(false, true),
        repaired: count(false, true),
        spoiled: count(true, false),
    }
}

/// The class of every id, with pauses.
async fn classes(tokenizer: &Tokenizer, monitor: &mut dyn Monitor) -> Result<Vec<TokenClass>> {
    let rows = tokenizer.vocab_size();
    let mut classes = Vec::with_capacity(rows);
    while classes.len() < rows {
        let end = (classes.len() + PAUSE_AFTER).min(rows);
        classes.extend((classes.len()..end).map(|id| tokenizer.class(id as u32))); // OK to cast: at most `MAX_VOCABULARY`.
        monitor.event(Event::Advance { done: end as u64, total: rows as u64, unit: "tokens" });
        pause(monitor).await?;
    }
    Ok(classes)
}

/// The ids of a text in the middle of another, where a tokenizer puts no blank in front of it.
fn in_context(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>> {
    let mut ids = Vec::new();
    if tokenizer.adds_blank() {
        // The blank that is added is the token's own, or a token of its own that is left out.
        match text.strip_prefix(' ') {
            Some(bare) => tokenizer.encode_ids(bare, &mut ids)?,
            None => {
                let mut alone = Vec::new();
                tokenizer.encode_ids("\n", &mut alone)?;
                tokenizer.encode_ids(&format!("\n{text}"), &mut ids)?;
                if ids.starts_with(&alone) {
                    ids.drain(..alone.len());
                }
            }
        }
    } else {
        tokenizer.encode_ids(text, &mut ids)?;
    }
    Ok(ids)
}
