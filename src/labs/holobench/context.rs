//! The context: which rows, as sentences, in which order, with the answer that these rows give.
//!
//! Rows are taken in turn, the first of every table, the second of every table, and so on, until the tables that the
//! question reads have filled their part of the length, and the others theirs.
//!
//! Modes    `corrected` is what the study describes; `ref-2025-02` and `ref-2024-10` do what its code did at these dates,
//!          defects included: a density makes the context too long, rows repeat, the placements `middle` and `bimodal` cut
//!          the wrong list, and in the older one they are swapped. What would never end there is an error here.
//! Source   Maekawa et al. 2024; the code at github.com/megagonlabs/holobench, behaviour only

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::HoloError;
use super::database::{Database, Value};
use super::gold::{Engine, Gold, MAX_GOLD_ROWS};
use super::sha256_hex;
use super::sql::Checked;
use super::verbalise::Template;
use crate::rng::Rng;

/// Characters a token is taken to have where no tokenizer counts, as in the study.
const CHARACTERS_PER_TOKEN: f64 = 3.66;
/// Longest context, in tokens: the study's largest, twice.
pub const MAX_LENGTH: u32 = 131_072;
/// Candidates for a tokenizer's count have so many times the characters that the length would need.
const CANDIDATE_CHARACTERS: usize = 8;

/// Where the relevant sentences stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    Uniform,
    Begin,
    End,
    Middle,
    Bimodal,
}

impl Placement {
    pub const ALL: [Placement; 5] =
        [Placement::Uniform, Placement::Begin, Placement::End, Placement::Middle, Placement::Bimodal];

    pub fn name(self) -> &'static str {
        match self {
            Placement::Uniform => "uniform",
            Placement::Begin => "begin",
            Placement::End => "end",
            Placement::Middle => "middle",
            Placement::Bimodal => "bimodal",
        }
    }
}

/// `corrected`, or the study's code of a date, with its defects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Mode {
    #[default]
    #[serde(rename = "corrected")]
    Corrected,
    #[serde(rename = "ref-2025-02")]
    Ref2025,
    #[serde(rename = "ref-2024-10")]
    Ref2024,
}

impl Mode {
    pub const ALL: [Mode; 3] = [Mode::Corrected, Mode::Ref2025, Mode::Ref2024];

    pub fn name(self) -> &'static str {
        match self {
            Mode::Corrected => "corrected",
            Mode::Ref2025 => "ref-2025-02",
            Mode::Ref2024 => "ref-2024-10",
        }
    }
}

/// Tokens of relevant sentences, or their share of the length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    Tokens(u32),
    Density(f64),
}

/// How long a sentence is: by the study's estimate, characters / 3.66, or counted by a tokenizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    #[default]
    Estimate,
    Counted,
}

/// How contexts are made, besides what a grid varies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default)]
pub struct ContextOptions {
    pub mode: Mode,
    /// Go on with rows that are in the context already where the tables run out. Reference modes always do.
    pub repeat: bool,
    /// Pull in the rows that a kept row refers to. Corrected mode only.
    pub closure: bool,
    /// Use neutral filler sentences where no table is irrelevant, or where those run out. Corrected mode only.
    pub filler: bool,
    /// Take rows in an order of this seed; in their stored order without one. Corrected mode only.
    pub shuffle: Option<u32>,
    pub measure: Measure,
}

/// One cell of the grid for one question: everything its context depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Instance {
    /// First 16 digits of SHA-256 over the database, the question and every value below.
    pub instance_id: String,
    pub question: String,
    /// Tokens of the context, at most.
    pub length: u32,
    pub amount: Amount,
    pub placement: Placement,
    pub options: ContextOptions,
    /// Why its context cannot be made, found without making it.
    pub problem: Option<String>,
}

/// Tokens of a table's sentences, from its first row on, in the order in which `candidates` gives them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SentenceTokens {
    pub table: String,
    pub tokens: Vec<u32>,
}

/// Sentences that a context may need, to be counted by a tokenizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Candidates {
    pub table: String,
    pub sentences: Vec<String>,
}

/// Makes a context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ContextRequest {
    pub instance: Instance,
    /// Tokens of every candidate, with measure `counted`.
    #[serde(default)]
    pub counted: Vec<SentenceTokens>,
}

/// A sentence of the context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Line {
    pub text: String,
    pub table: String,
    /// The table's row, from 0.
    pub row: u32,
    /// Its table is one that the question reads.
    pub relevant: bool,
    /// The same row stands above already.
    pub duplicate: bool,
    /// A neutral sentence that comes from no table of the database.
    pub filler: bool,
    /// The row passes the question's joins and filters, so that the answer rests on it; null where that is not known.
    pub evidence: Option<bool>,
}

/// Less than was asked for, because the rows ran out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Shortfall {
    /// Asked for, in tokens.
    pub relevant_wanted: u32,
    pub relevant: u32,
    pub irrelevant_wanted: u32,
    pub irrelevant: u32,
}

/// A context, its question and its gold answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Context {
    pub instance: Instance,
    pub text: String,
    pub lines: Vec<Line>,
    /// Lines of tables that the question reads.
    pub relevant: u32,
    pub irrelevant: u32,
    /// Lines whose text stands above already.
    pub duplicates: u32,
    /// Unicode code points of `text`.
    pub characters: u32,
    /// By the instance's measure.
    pub tokens: u32,
    pub relevant_tokens: u32,
    pub shortfall: Option<Shortfall>,
    pub sha256: String,
    pub gold: Gold,
    /// An empty answer, ties at the cut, a gold cut at 50 rows, and the like.
    pub warnings: Vec<String>,
    /// What an answerer says that draws random values from the context; seeded by the instance's id.
    pub random_answer: String,
}

/// Tokens of a sentence as the study estimates them, with Python's floor division.
pub fn estimate(sentence: &str) -> u32 {
    let characters = sentence.chars().count() as f64;
    let quotient = (characters - characters % CHARACTERS_PER_TOKEN) / CHARACTERS_PER_TOKEN;
    let floor = quotient.floor();
    (floor + f64::from(u8::from(quotient - floor > 0.5))) as u32 + 1
}

/// A row that was taken: its place among the tables, or `None` for filler, and the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Taken {
    table: Option<usize>,
    row: usize,
}

/// One side of the context while it fills.
#[derive(Debug)]
struct Side {
    name: &'static str,
    limit: i64,
    size: i64,
    closed: bool,
    rows: Vec<Taken>,
    tokens: u32,
}

impl Side {
    fn new(name: &'static str, limit: i64) -> Side {
        Side { name, limit, size: 0, closed: limit <= 0, rows: Vec::new(), tokens: 0 }
    }

    fn keep(&mut self, taken: Taken, cost: u32) {
        self.rows.push(taken);
        self.tokens += cost;
    }
}

/// What the context is made from.
pub struct Material<'a> {
    pub database: &'a Database,
    pub templates: &'a [Template],
    /// Places of the tables that the question reads, ascending.
    pub relevant: &'a [usize],
    /// Tokens by table and row, where a tokenizer has counted; `None` for the estimate.
    pub counted: Option<&'a [SentenceTokens]>,
}

impl Material<'_> {
    fn cost(&self, taken: Taken) -> Result<u32, HoloError> {
        let (Some(table), Some(counted)) = (taken.table, self.counted) else {
            return Ok(estimate(&self.sentence(taken)));
        };
        let name = &self.database.tables[table].name;
        let tokens = counted.iter().find(|counts| counts.table == *name).map_or(&[][..], |counts| &counts.tokens);
        match tokens.get(taken.row) {
            Some(tokens) => Ok((*tokens).max(1)),
            None => Err(HoloError::TooFewCounts { table: name.clone(), n: tokens.len(), row: taken.row }),
        }
    }

    fn sentence(&self, taken: Taken) -> String {
        match taken.table {
            Some(table) => self.templates[table].sentence(&self.database.tables[table].rows[taken.row]),
            None => filler(taken.row),
        }
    }

    fn is_relevant(&self, table: usize) -> bool {
        self.relevant.contains(&table)
    }

    fn rows_of(&self, relevant: bool) -> usize {
        let tables = self.database.tables.iter().enumerate();
        tables.filter(|(place, _)| self.is_relevant(*place) == relevant).map(|(_, table)| table.rows.len()).sum()
    }
}

/// Tokens for relevant and for irrelevant sentences. In the reference modes a density leaves the other side one token more
/// than the whole length.
fn limits(instance: &Instance) -> Result<(i64, i64), HoloError> {
    let length = i64::from(instance.length);
    if instance.length == 0 || instance.length > MAX_LENGTH {
        let what = "the context's length in tokens";
        return Err(HoloError::Option { what, value: instance.length.to_string(), expected: "1 to 131,072" });
    }
    match instance.amount {
        Amount::Tokens(tokens) if tokens == 0 || tokens > instance.length => {
            let what = "the amount of relevant tokens";
            Err(HoloError::Option { what, value: tokens.to_string(), expected: "1 to the context's length" })
        }
        Amount::Tokens(tokens) => Ok((i64::from(tokens), length - i64::from(tokens))),
        Amount::Density(density) if !(density > 0.0 && density <= 1.0) => {
            let what = "the share of relevant tokens";
            Err(HoloError::Option { what, value: density.to_string(), expected: "more than 0, at most 1" })
        }
        Amount::Density(density) => {
            let relevant = (length as f64 * density) as i64;
            match instance.options.mode {
                Mode::Corrected => Ok((relevant.max(1), length - relevant.max(1))),
                Mode::Ref2025 | Mode::Ref2024 => Ok((relevant, length + 1)),
            }
        }
    }
}

/// Whether both sides can fill, without filling them.
pub fn feasible(material: &Material<'_>, instance: &Instance) -> Result<(), HoloError> {
    let (relevant, irrelevant) = limits(instance)?;
    let has_filler = instance.options.filler && instance.options.mode == Mode::Corrected;
    if relevant > 0 && material.rows_of(true) == 0 {
        let reason = "the tables that the question reads have no rows".into();
        return Err(HoloError::CannotGrow { side: "relevant", limit: relevant as u32, reason });
    }
    if irrelevant > 0 && material.rows_of(false) == 0 && !has_filler {
        let reason = "the question reads every table that has rows".into();
        return Err(HoloError::CannotGrow { side: "irrelevant", limit: irrelevant as u32, reason });
    }
    Ok(())
}

/// Sentences that this context may need: a tokenizer that counts them all has counted enough.
pub fn candidates(material: &Material<'_>, instance: &Instance) -> Result<Vec<Candidates>, HoloError> {
    feasible(material, instance)?;
    let enough = instance.length as usize * CANDIDATE_CHARACTERS;
    let tables = material.database.tables.iter().enumerate();
    Ok(tables
        .map(|(place, table)| {
            let mut characters = 0;
            let sentences = (0..table.rows.len()).map(|row| material.sentence(Taken { table: Some(place), row }));
            let sentences = sentences.take_while(|sentence| {
                let wanted = characters < enough;
                characters += sentence.len();
                wanted || instance.options.shuffle.is_some()
            });
            Candidates { table: table.name.clone(), sentences: sentences.collect() }
        })
        .collect())
}

/// The context of an instance.
///
/// Errors   `Option`; `CannotGrow` where the study's code would never end; `TooFewCounts`; what the query's engine says
pub fn build(material: &Material<'_>, checked: &Checked, instance: &Instance) -> Result<Context, HoloError> {
    feasible(material, instance)?;
    let (relevant_limit, irrelevant_limit) = limits(instance)?;
    let options = instance.options;
    let mut relevant = Side::new("relevant", relevant_limit);
    let mut irrelevant = Side::new("irrelevant", irrelevant_limit);
    match options.mode {
        Mode::Corrected => fill(material, &options, &mut relevant, &mut irrelevant)?,
        Mode::Ref2025 | Mode::Ref2024 => fill_as_the_reference(material, &mut relevant, &mut irrelevant)?,
    }
    let shortfall = (!relevant.closed || !irrelevant.closed).then_some(Shortfall {
        relevant_wanted: relevant_limit.max(0) as u32,
        relevant: relevant.tokens,
        irrelevant_wanted: irrelevant_limit.max(0) as u32,
        irrelevant: irrelevant.tokens,
    });
    let (n_relevant, n_irrelevant) = (relevant.rows.len(), irrelevant.rows.len());
    let order = placed(n_relevant, n_irrelevant, instance.placement, options.mode);

    // The answer is of the relevant rows in the order in which they were taken, repeats included.
    let mut by_table: Vec<(usize, Vec<usize>)> = material.relevant.iter().map(|table| (*table, Vec::new())).collect();
    let mut place_of = Vec::with_capacity(n_relevant);
    for taken in &relevant.rows {
        if let Some((_, rows)) = by_table.iter_mut().find(|(table, _)| Some(*table) == taken.table) {
            place_of.push(rows.len());
            rows.push(taken.row);
        }
    }
    let engine = Engine::new(material.database, &by_table)?;
    let gold = engine.gold(checked)?;
    let evidence = engine.evidence(checked, material.database)?;
    let ties = engine.ties(checked)?;

    let mut lines = Vec::with_capacity(order.len());
    let (mut rows_seen, mut texts_seen, mut duplicates) = (HashSet::new(), HashSet::new(), 0);
    for (is_relevant, index) in order {
        let taken = if is_relevant { relevant.rows[index] } else { irrelevant.rows[index] };
        let text = material.sentence(taken);
        duplicates += u32::from(!texts_seen.insert(text.clone()));
        let passes = taken
            .table
            .zip(evidence.as_ref())
            .map(|(table, evidence)| is_relevant && evidence.contains(&(table, place_of[index])));
        lines.push(Line {
            text,
            table: taken.table.map_or(FILLER.into(), |table| material.database.tables[table].name.clone()),
            row: taken.row as u32,
            relevant: is_relevant,
            duplicate: !rows_seen.insert(taken),
            filler: taken.table.is_none(),
            evidence: if is_relevant { passes } else { Some(false) },
        });
    }
    let text = lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n");
    let mut warnings = Vec::new();
    if gold.rows.is_empty() {
        warnings.push("the answer is empty: none of the rows in the context fits".into());
    }
    if let Some(n) = gold.truncated_at {
        warnings.push(format!("the answer has {n} rows; the first {MAX_GOLD_ROWS} are judged, as in the study"));
    }
    if ties.at_cut {
        warnings.push("rows tie where the answer is cut off: another answer is as right".into());
    } else if ties.inside && gold.ordered {
        warnings.push("rows of the answer tie: their order is open".into());
    }
    for (table, rows) in &by_table {
        if rows.is_empty() {
            let name = &material.database.tables[*table].name;
            warnings.push(format!("no row of {name} is in the context; it counts as an empty table"));
        }
    }
    let random_answer = random_answer(material, &lines, &gold, instance);
    Ok(Context {
        instance: instance.clone(),
        relevant: n_relevant as u32,
        irrelevant: n_irrelevant as u32,
        duplicates,
        characters: text.chars().count() as u32,
        tokens: relevant.tokens + irrelevant.tokens,
        relevant_tokens: relevant.tokens,
        shortfall,
        sha256: sha256_hex(text.as_bytes(), 64),
        text,
        lines,
        gold,
        warnings,
        random_answer,
    })
}

/// The rows of a question's tables that fill an amount of tokens, as (table, rows): what candidates for questions are
/// tried on.
pub(crate) fn relevant_rows(material: &Material<'_>, tokens: u32) -> Result<Vec<(usize, Vec<usize>)>, HoloError> {
    let mut relevant = Side::new("relevant", i64::from(tokens));
    let mut irrelevant = Side::new("irrelevant", 0);
    fill(material, &ContextOptions::default(), &mut relevant, &mut irrelevant)?;
    let tables = material.relevant.iter();
    Ok(tables
        .map(|table| {
            let rows = relevant.rows.iter().filter(|taken| taken.table == Some(*table)).map(|taken| taken.row);
            (*table, rows.collect())
        })
        .collect())
}

/// Every row at most once (unless it may repeat), and never more than the limit.
fn fill(
    material: &Material<'_>,
    options: &ContextOptions,
    relevant: &mut Side,
    irrelevant: &mut Side,
) -> Result<(), HoloError> {
    let database = material.database;
    let orders: Option<Vec<Vec<usize>>> = options.shuffle.map(|seed| {
        let shuffled = |(place, table): (usize, &super::database::Table)| {
            let rows: Vec<usize> = (0..table.rows.len()).collect();
            Rng::with_stream(u64::from(seed), place as u64).sample(&rows, rows.len())
        };
        database.tables.iter().enumerate().map(shuffled).collect()
    });
    let row_at = |table: usize, turn: usize| orders.as_ref().map_or(turn, |orders| orders[table][turn]);
    let parents = if options.closure { Parents::new(material) } else { Parents::default() };
    let turns = database.tables.iter().map(|table| table.rows.len()).max().unwrap_or(0);
    let mut kept: HashSet<Taken> = HashSet::new();
    loop {
        let before = relevant.rows.len() + irrelevant.rows.len();
        for turn in 0..turns {
            if relevant.closed && irrelevant.closed {
                return Ok(());
            }
            for table in (0..database.tables.len()).filter(|table| turn < database.tables[*table].rows.len()) {
                let side = if material.is_relevant(table) { &mut *relevant } else { &mut *irrelevant };
                let taken = Taken { table: Some(table), row: row_at(table, turn) };
                if side.closed || (!options.repeat && kept.contains(&taken)) {
                    continue;
                }
                let mut wanted = vec![taken];
                if material.is_relevant(table) {
                    parents.add_missing(material, &mut wanted, &kept);
                }
                let costs = wanted.iter().map(|taken| material.cost(*taken)).collect::<Result<Vec<u32>, _>>()?;
                let cost: i64 = costs.iter().map(|cost| i64::from(*cost)).sum();
                if side.size + cost > side.limit {
                    side.closed = true;
                    continue;
                }
                side.size += cost;
                // Parents first, so that a reader meets them before they are referred to.
                for (taken, cost) in wanted.into_iter().zip(costs).rev() {
                    kept.insert(taken);
                    side.keep(taken, cost);
                }
            }
        }
        let grew = relevant.rows.len() + irrelevant.rows.len() > before;
        if !(options.repeat && grew) {
            break;
        }
    }
    if options.filler {
        let mut row = 0;
        while !irrelevant.closed {
            let taken = Taken { table: None, row };
            let cost = material.cost(taken)?;
            if irrelevant.size + i64::from(cost) > irrelevant.limit {
                irrelevant.closed = true;
                break;
            }
            irrelevant.size += i64::from(cost);
            irrelevant.keep(taken, cost);
            row += 1;
        }
    }
    // A side that is exactly full has all that was asked for.
    for side in [relevant, irrelevant] {
        side.closed |= side.size >= side.limit;
    }
    Ok(())
}

/// Rows that other rows refer to, along confirmed keys between tables that the question reads.
#[derive(Default)]
struct Parents {
    /// By child table: its column, the parent table, and the parent's row of every value.
    keys: Vec<(usize, usize, usize, std::collections::HashMap<String, usize>)>,
}

impl Parents {
    fn new(material: &Material<'_>) -> Parents {
        let database = material.database;
        let keys = database.keys.iter().filter(|key| key.confirmed).filter_map(|key| {
            let (child, parent) = (database.table(&key.table).ok()?, database.table(&key.parent).ok()?);
            if !(material.is_relevant(child) && material.is_relevant(parent)) {
                return None;
            }
            let column = database.tables[child].column(&key.column)?;
            let parent_column = database.tables[parent].column(&key.parent_column)?;
            let rows = database.tables[parent].rows.iter().enumerate();
            Some((child, column, parent, rows.map(|(row, values)| (values[parent_column].plain(), row)).collect()))
        });
        Parents { keys: keys.collect() }
    }

    fn add_missing(&self, material: &Material<'_>, wanted: &mut Vec<Taken>, kept: &HashSet<Taken>) {
        let mut next = 0;
        while let Some(taken) = wanted.get(next).copied() {
            next += 1;
            for (child, column, parent, rows) in &self.keys {
                if taken.table != Some(*child) {
                    continue;
                }
                let value = &material.database.tables[*child].rows[taken.row][*column];
                if let Some(row) = rows.get(&value.plain()) {
                    let above = Taken { table: Some(*parent), row: *row };
                    if !kept.contains(&above) && !wanted.contains(&above) {
                        wanted.push(above);
                    }
                }
            }
        }
    }
}

/// As the study's code does it: the sentence that reaches the limit is dropped and closes its side, and when the rows run
/// out they begin again.
fn fill_as_the_reference(material: &Material<'_>, relevant: &mut Side, irrelevant: &mut Side) -> Result<(), HoloError> {
    let tables = &material.database.tables;
    let turns = tables.iter().map(|table| table.rows.len()).max().unwrap_or(0);
    loop {
        for turn in 0..turns {
            for table in 0..tables.len() {
                let side = if material.is_relevant(table) { &mut *relevant } else { &mut *irrelevant };
                if turn >= tables[table].rows.len() || side.size >= side.limit {
                    continue;
                }
                let taken = Taken { table: Some(table), row: turn };
                let cost = material.cost(taken)?;
                side.size += i64::from(cost);
                if side.size < side.limit {
                    side.keep(taken, cost);
                }
            }
            if relevant.size >= relevant.limit && irrelevant.size >= irrelevant.limit {
                (relevant.closed, irrelevant.closed) = (true, true);
                return Ok(());
            }
        }
        // `feasible` has seen to it that both sides have rows; this is what makes a mistake there an error and no hang.
        for side in [&*relevant, &*irrelevant] {
            if side.size == 0 && side.limit > 0 {
                let reason = "there are no rows".into();
                return Err(HoloError::CannotGrow { side: side.name, limit: side.limit as u32, reason });
            }
        }
    }
}

/// The order of `n` relevant and `m` irrelevant sentences, as (relevant, which).
pub fn placed(n: usize, m: usize, placement: Placement, mode: Mode) -> Vec<(bool, usize)> {
    let relevant = |range: std::ops::Range<usize>| range.map(|i| (true, i));
    let irrelevant = |range: std::ops::Range<usize>| range.map(|i| (false, i));
    if n == 0 || m == 0 {
        return relevant(0..n).chain(irrelevant(0..m)).collect();
    }
    let split_irrelevant =
        |cut: usize| irrelevant(0..cut.min(m)).chain(relevant(0..n)).chain(irrelevant(cut.min(m)..m)).collect();
    let split_relevant =
        |cut: usize| relevant(0..cut.min(n)).chain(irrelevant(0..m)).chain(relevant(cut.min(n)..n)).collect();
    match (placement, mode) {
        (Placement::Begin, _) => relevant(0..n).chain(irrelevant(0..m)).collect(),
        (Placement::End, _) => irrelevant(0..m).chain(relevant(0..n)).collect(),
        (Placement::Uniform, _) => {
            let step = (n + m) as f64 / m as f64;
            let mut order: Vec<(bool, usize)> = relevant(0..n).collect();
            for k in 0..m {
                let place = ((k as f64 * step) as usize).min(order.len());
                order.insert(place, (false, k));
            }
            order
        }
        (Placement::Middle, Mode::Corrected) => split_irrelevant(m / 2),
        (Placement::Bimodal, Mode::Corrected) => split_relevant(n / 2),
        (Placement::Middle, Mode::Ref2025) => split_irrelevant(n / 2),
        (Placement::Bimodal, Mode::Ref2025) => split_relevant(m / 2),
        (Placement::Middle, Mode::Ref2024) => split_relevant(n / 2),
        (Placement::Bimodal, Mode::Ref2024) => split_irrelevant(m / 2),
    }
}

const FILLER: &str = "(filler)";

/// A sentence about nothing that a database holds; every number gives another one.
fn filler(n: usize) -> String {
    const THINGS: [&str; 12] = [
        "the gate by the north path",
        "the lamp above the stairs",
        "the bench under the window",
        "the clock in the hall",
        "the rope beside the well",
        "the shelf behind the door",
        "the kettle on the stove",
        "the map on the wall",
        "the ladder in the yard",
        "the curtain in the study",
        "the mat at the entrance",
        "the bell over the counter",
    ];
    const EVENTS: [&str; 7] = [
        "was looked at and left as it was",
        "was cleaned before noon",
        "was moved a little to the left",
        "was oiled and tried twice",
        "was put back in its place",
        "was mended with care",
        "was covered for the night",
    ];
    format!("Note {}: {} {}.", n + 1, THINGS[n % THINGS.len()], EVENTS[(n / THINGS.len() + n) % EVENTS.len()])
}

/// An answer of values drawn from the context: as many rows as a coin decides, each with a value for every column of the
/// answer, a number where the gold has numbers and a text where it has texts.
fn random_answer(material: &Material<'_>, lines: &[Line], gold: &Gold, instance: &Instance) -> String {
    let seed = u64::from_str_radix(&instance.instance_id, 16).unwrap_or_default();
    let mut rng = Rng::with_stream(seed, 0x7261_6e64);
    let (mut numbers, mut texts) = (Vec::new(), Vec::new());
    for line in lines.iter().filter(|line| !line.filler) {
        let Ok(table) = material.database.table(&line.table) else { continue };
        for value in &material.database.tables[table].rows[line.row as usize] {
            match value {
                Value::Null => {}
                Value::Text(text) => texts.push(text.clone()),
                number => numbers.push(number.plain()),
            }
        }
    }
    let is_number = |column: usize| match gold.rows.first() {
        Some(row) => row[column].number().is_some(),
        None => false,
    };
    let n = 1 + rng.below(10);
    let mut rows = Vec::new();
    for _ in 0..n {
        let cells = (0..gold.columns.len()).map(|column| {
            let pool = if is_number(column) && !numbers.is_empty() || texts.is_empty() { &numbers } else { &texts };
            match pool.len() {
                0 => String::new(),
                n => pool[rng.below(n as u32) as usize].clone(),
            }
        });
        rows.push(format!("- {}", cells.collect::<Vec<_>>().join(" | ")));
    }
    rows.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the fact sheet's run-length patterns, measured with the study's code.
    #[test]
    fn placements_have_the_patterns_of_the_reference() {
        let runs = |n: usize, m: usize, placement: Placement, mode: Mode| {
            let mut out: Vec<(char, usize)> = Vec::new();
            for (relevant, _) in placed(n, m, placement, mode) {
                let letter = if relevant { 'M' } else { 'A' };
                match out.last_mut() {
                    Some((last, count)) if *last == letter => *count += 1,
                    _ => out.push((letter, 1)),
                }
            }
            out.iter().map(|(letter, count)| format!("{letter}{count}")).collect::<Vec<_>>().join(" ")
        };
        use Mode::*;
        use Placement::*;
        let uniform = ["A3 M1 ".repeat(6), "A1 M1 ".repeat(10), "A1 M3 ".repeat(6)];
        let table = [
            (6, 18, uniform[0].trim(), "A3 M6 A15", "M3 A18 M3", "M6 A18", "A9 M6 A9"),
            (10, 10, uniform[1].trim(), "A5 M10 A5", "M5 A10 M5", "M5 A10 M5", "A5 M10 A5"),
            (18, 6, uniform[2].trim(), "A6 M18", "M9 A6 M9", "M3 A6 M15", "A3 M18 A3"),
            (3, 5, "A2 M1 A2 M1 A1 M1", "A1 M3 A4", "M1 A5 M2", "M2 A5 M1", "A2 M3 A3"),
            (5, 3, "A1 M1 A1 M2 A1 M2", "A2 M5 A1", "M2 A3 M3", "M1 A3 M4", "A1 M5 A2"),
        ];
        for (n, m, uniform, middle_new, middle_old, bimodal_new, bimodal_old) in table {
            for mode in Mode::ALL {
                assert_eq!(runs(n, m, Uniform, mode), uniform);
                assert_eq!(runs(n, m, Begin, mode), format!("M{n} A{m}"));
                assert_eq!(runs(n, m, End, mode), format!("A{m} M{n}"));
                assert_eq!(placed(0, m, Uniform, mode).len(), m);
                assert_eq!(placed(n, 0, Bimodal, mode).len(), n);
            }
            assert_eq!(runs(n, m, Middle, Ref2025), middle_new);
            assert_eq!(runs(n, m, Middle, Ref2024), middle_old);
            assert_eq!(runs(n, m, Bimodal, Ref2025), bimodal_new);
            assert_eq!(runs(n, m, Bimodal, Ref2024), bimodal_old);
            // Corrected: what each name says, with the cut on the list that is cut.
            assert_eq!(runs(n, m, Middle, Corrected), format!("A{} M{n} A{}", m / 2, m - m / 2));
            assert_eq!(runs(n, m, Bimodal, Corrected), format!("M{} A{m} M{}", n / 2, n - n / 2));
        }
    }

    /// Oracle: the fact sheet, 100 characters are 28 tokens; and Python's `//` at multiples of 3.66.
    #[test]
    fn the_estimate_is_pythons() {
        assert_eq!(estimate(&"x".repeat(100)), 28);
        assert_eq!(estimate(""), 1);
        // [n // 3.66 for n in (183, 366, 549, 732)], where n / 3.66 is 50.0, 100.0, 150.0 and 200.0.
        for (n, floor) in [(183, 49), (366, 99), (549, 149), (732, 199)] {
            assert_eq!(estimate(&"x".repeat(n)), floor + 1, "{n}");
        }
    }
}
