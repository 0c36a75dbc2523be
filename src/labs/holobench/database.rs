//! Typed tables and the keys between them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::HoloError;

/// Null, a number or a text. A date is a text, `YYYY-MM-DD`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(untagged)]
pub enum Value {
    #[cfg_attr(test, ts(skip))]
    Integer(i64),
    Real(f64),
    Text(String),
    Null,
}

impl Value {
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The number, whichever way it is stored.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Integer(n) => Some(*n as f64),
            Value::Real(x) => Some(*x),
            _ => None,
        }
    }

    /// As a person writes it: no exponent, nothing for NULL.
    pub fn plain(&self) -> String {
        match self {
            Value::Null => String::new(),
            Value::Integer(n) => n.to_string(),
            Value::Real(x) => format!("{x}"),
            Value::Text(text) => text.clone(),
        }
    }
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Integer,
    Real,
    Date,
    Text,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    /// Rows in which it is NULL.
    pub nulls: u32,
    /// No two rows have the same value, and none is NULL.
    pub unique: bool,
    pub primary_key: bool,
}

/// A table and its rows, in stored order.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// One value a column.
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    /// Names are compared as SQL does, letter case aside.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    pub fn info(&self) -> TableInfo {
        TableInfo { name: self.name.clone(), rows: self.rows.len() as u32, columns: self.columns.clone() }
    }
}

/// A table, without its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TableInfo {
    pub name: String,
    pub rows: u32,
    pub columns: Vec<Column>,
}

/// Where a foreign key comes from: the file's schema, or equal names and contained values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    Schema,
    Proposed,
}

/// Column `column` of `table` holds values of `parent_column` of `parent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ForeignKey {
    pub table: String,
    pub column: String,
    pub parent: String,
    pub parent_column: String,
    pub source: KeySource,
    /// Share of the column's values that are in the parent's.
    pub containment: f64,
    /// Only confirmed keys are joined along. Keys of the schema are; a proposed one waits for its user.
    pub confirmed: bool,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DatabaseInfo {
    pub name: String,
    /// SHA-256 over tables, columns, values and templates: names the database in an instance's id.
    pub sha256: String,
    pub tables: Vec<TableInfo>,
    pub keys: Vec<ForeignKey>,
    /// Columns that were read as text, values that were changed, tables that were left out, and why.
    pub notes: Vec<String>,
}

/// Tables in their order, and the keys between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    pub name: String,
    pub tables: Vec<Table>,
    pub keys: Vec<ForeignKey>,
    pub notes: Vec<String>,
}

impl Database {
    /// The place of a table, by its exact name.
    ///
    /// Errors   `TableCase` where only the letters' case differs; `UnknownTable`
    pub fn table(&self, name: &str) -> Result<usize, HoloError> {
        if let Some(place) = self.tables.iter().position(|table| table.name == name) {
            return Ok(place);
        }
        match self.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name)) {
            Some(table) => Err(HoloError::TableCase { said: name.into(), table: table.name.clone() }),
            None => Err(HoloError::UnknownTable { name: name.into(), known: self.names().join(", ") }),
        }
    }

    pub fn names(&self) -> Vec<String> {
        self.tables.iter().map(|table| table.name.clone()).collect()
    }

    /// A hash over everything but the database's name and its notes.
    pub(crate) fn hash(&self) -> Sha256 {
        let mut hash = Sha256::new();
        let mut text = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        for table in &self.tables {
            text(&table.name);
            for column in &table.columns {
                text(&column.name);
                text(&format!("{:?}", column.kind));
            }
            for row in &table.rows {
                for value in row {
                    match value {
                        Value::Null => text("n"),
                        Value::Integer(n) => text(&format!("i{n}")),
                        Value::Real(x) => text(&format!("r{:016x}", x.to_bits())),
                        Value::Text(value) => text(&format!("t{value}")),
                    }
                }
            }
        }
        hash
    }
}

/// The column's kind and counts, from its values.
pub(crate) fn described(name: &str, kind: Kind, primary_key: bool, values: &[&Value]) -> Column {
    let nulls = values.iter().filter(|value| value.is_null()).count();
    let distinct: std::collections::HashSet<String> = values.iter().map(|value| value.plain()).collect();
    let unique = nulls == 0 && distinct.len() == values.len();
    Column { name: name.into(), kind, nulls: nulls as u32, unique, primary_key }
}
