//! Holistic reasoning: questions over a database whose rows stand in the context as sentences, after HoloBench.
//!
//! ```text
//! ingest → verbalise → questions → context + gold → prompt → run → score → report
//! ```
//!
//! The answer to every question is computed by SQL on exactly the rows that made it into its context, so no label comes
//! from a person. What can be varied is how long the context is, how much of it matters, where that stands, and how much a
//! question asks for.
//!
//! Source   Maekawa, Iso, Bhutani 2024, "Holistic Reasoning with Long-Context LMs" (arXiv 2410.11996), method and grid;
//!          texts, code and data of the study are not part of this crate

pub mod aggregate;
pub mod bench;
pub mod context;
pub mod database;
pub mod draft;
pub mod gold;
pub mod ingest;
pub mod io;
pub mod judge;
pub mod normalise;
pub mod prompt;
pub mod python;
pub mod questions;
pub mod report;
pub mod rule;
pub mod run;
pub mod score;
pub mod sql;
pub mod synthetic;
pub mod verbalise;

pub use bench::Bench;

/// What can be wrong with a database, a question, a context or a file of answers.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HoloError {
    #[error("{file} cannot be read: {reason}")]
    Ingest { file: String, reason: String },
    #[error("{what} is {found}, the limit is {limit}")]
    TooLarge { what: String, found: u64, limit: u64 },
    #[error("there is no table {name:?}; there are: {known}")]
    UnknownTable { name: String, known: String },
    #[error("the query says {said:?}, the table is {table:?}: names are compared letter by letter")]
    TableCase { said: String, table: String },
    #[error("the query cannot be used: {reason}")]
    Query { reason: String, hint: String },
    #[error("the query was stopped after {steps} steps of the database engine")]
    QueryTooLong { steps: u64 },
    #[error(
        "column {column:?} of {table:?} is not in the table's sentences, so the context could not answer the question"
    )]
    NotVerbalised { table: String, column: String },
    #[error("the template of {table:?} is refused: {problem}")]
    Template { table: String, problem: String },
    #[error("the {side} side can never reach its {limit} tokens: {reason}")]
    CannotGrow { side: &'static str, limit: u32, reason: String },
    #[error("{what} is {value}, expected {expected}")]
    Option { what: &'static str, value: String, expected: &'static str },
    #[error("there is no question {id:?}")]
    UnknownQuestion { id: String },
    #[error("{n} token counts came for {table:?}, the context needs row {row}")]
    TooFewCounts { table: String, n: usize, row: usize },
    #[error("{n} labels came for {rows} gold rows")]
    LabelCount { n: usize, rows: usize },
    #[error("{what} cannot be read: {reason}")]
    Malformed { what: String, reason: String },
    #[error("a prompt template lacks {{{placeholder}}}")]
    Placeholder { placeholder: String },
    #[error("the answers in {file} are of model {found:?}, this is {expected:?}")]
    OtherModel { file: String, found: String, expected: String },
}

impl HoloError {
    /// What the person who meets this error can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            HoloError::Ingest { .. } => "Give an SQLite file, or CSV files with a header row.".into(),
            HoloError::TooLarge { .. } => "Take a part of it: fewer rows, or fewer tables.".into(),
            HoloError::UnknownTable { .. } => "Write a table's name as it is listed.".into(),
            HoloError::TableCase { table, .. } => format!("Write {table}."),
            HoloError::Query { hint, .. } => hint.clone(),
            HoloError::QueryTooLong { .. } => "Join along keys, or filter earlier.".into(),
            HoloError::NotVerbalised { column, .. } => format!("Add {{{column}}} to the table's template."),
            HoloError::Template { .. } => "Change the template, or go back to the one made from the schema.".into(),
            HoloError::CannotGrow { side: "irrelevant", .. } => {
                "Allow filler sentences, choose an amount as large as the length, or take a question that leaves a table out."
                    .into()
            }
            HoloError::CannotGrow { .. } => "Take a question whose tables have rows.".into(),
            HoloError::TooFewCounts { .. } => "Count every candidate sentence.".into(),
            HoloError::Placeholder { placeholder } => format!("Write {{{placeholder}}} where it belongs."),
            HoloError::OtherModel { .. } => "Name another file.".into(),
            HoloError::Option { .. }
            | HoloError::UnknownQuestion { .. }
            | HoloError::LabelCount { .. }
            | HoloError::Malformed { .. } => return None,
        })
    }
}

/// First `digits` hexadecimal digits of SHA-256.
pub(crate) fn sha256_hex(bytes: &[u8], digits: usize) -> String {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()[..digits].to_owned()
}

/// What the page needs to know, as TypeScript.
#[cfg(test)]
pub(super) fn typescript() -> String {
    use crate::report::typescript::declare;
    let mut out = String::new();
    declare::<database::Value>(&mut out);
    declare::<database::Kind>(&mut out);
    declare::<database::Column>(&mut out);
    declare::<database::TableInfo>(&mut out);
    declare::<database::KeySource>(&mut out);
    declare::<database::ForeignKey>(&mut out);
    declare::<database::DatabaseInfo>(&mut out);
    declare::<verbalise::TemplateInfo>(&mut out);
    declare::<sql::Flags>(&mut out);
    declare::<sql::Difficulty>(&mut out);
    declare::<questions::QuestionSource>(&mut out);
    declare::<questions::Question>(&mut out);
    declare::<questions::Rejection>(&mut out);
    declare::<questions::QuestionSet>(&mut out);
    declare::<bench::QuestionCheck>(&mut out);
    declare::<context::Placement>(&mut out);
    declare::<context::Mode>(&mut out);
    declare::<context::Amount>(&mut out);
    declare::<context::Measure>(&mut out);
    declare::<context::ContextOptions>(&mut out);
    declare::<bench::GridSettings>(&mut out);
    declare::<context::Instance>(&mut out);
    declare::<context::SentenceTokens>(&mut out);
    declare::<context::Candidates>(&mut out);
    declare::<context::ContextRequest>(&mut out);
    declare::<context::Line>(&mut out);
    declare::<gold::Gold>(&mut out);
    declare::<context::Shortfall>(&mut out);
    declare::<context::Context>(&mut out);
    declare::<prompt::PromptStyle>(&mut out);
    declare::<prompt::PromptTemplate>(&mut out);
    declare::<io::PromptLine>(&mut out);
    declare::<io::PromptMeta>(&mut out);
    declare::<io::GoldLine>(&mut out);
    declare::<io::ResponseLine>(&mut out);
    declare::<io::Usage>(&mut out);
    declare::<io::LabelLine>(&mut out);
    declare::<io::BrokenLine>(&mut out);
    // The generator knows no type with a parameter.
    out += "\n/** What a file of answers or labels held. */\nexport interface Imported<T> {\n";
    out += "  /** The first line of every id that is known. */\n  lines: Array<T>;\n";
    out += "  /** Ids that no instance has. */\n  unknown: Array<string>;\n";
    out += "  /** Ids that came again; their first line was taken. */\n  duplicate: Array<string>;\n";
    out += "  broken: Array<BrokenLine>;\n}\n";
    declare::<io::ReferenceRow>(&mut out);
    declare::<score::Label>(&mut out);
    declare::<score::LabelSource>(&mut out);
    declare::<score::RowScore>(&mut out);
    declare::<score::ScoreRequest>(&mut out);
    declare::<score::AnswerScore>(&mut out);
    declare::<aggregate::Answered>(&mut out);
    declare::<aggregate::GroupBy>(&mut out);
    declare::<aggregate::Estimate>(&mut out);
    declare::<aggregate::ScoreRow>(&mut out);
    declare::<aggregate::Verdict>(&mut out);
    declare::<aggregate::Difference>(&mut out);
    declare::<aggregate::ScoreTable>(&mut out);
    declare::<judge::JudgeSettings>(&mut out);
    declare::<judge::Extraction>(&mut out);
    declare::<judge::Evaluation>(&mut out);
    out
}
