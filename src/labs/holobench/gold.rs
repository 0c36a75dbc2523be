//! The right answer, by SQL on exactly the rows in the context. The engine is SQLite, with DuckDB's meaning
//! ([`super::sql`]).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, types::ValueRef};
use serde::{Deserialize, Serialize};

use super::HoloError;
use super::database::{Database, Kind, Table, Value};
use super::ingest::quoted;
use super::sql::Checked;

/// Gold rows that are kept: the study's judge sees no more.
pub const MAX_GOLD_ROWS: usize = 50;
/// Rows of an answer that are looked at before it is called too long.
const MAX_ANSWER_ROWS: usize = 1_000_000;
/// Steps of the engine a query may take, some seconds of one core.
const MAX_STEPS: u64 = 100_000_000;
const STEPS_BETWEEN_LOOKS: u64 = 10_000;
/// Name of the column that numbers the rows in the context; SQLite's own, so no table has to have it.
pub(crate) const ROW_NUMBER: &str = "rowid";

/// The right answer, by SQL on exactly the rows in the context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Gold {
    pub columns: Vec<String>,
    /// At most 50.
    pub rows: Vec<Vec<Value>>,
    pub ordered: bool,
    /// Rows there were before the cut; null when none was cut.
    pub truncated_at: Option<u32>,
}

/// What an order leaves open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ties {
    /// The last row that the limit lets through has the key of the first it does not.
    pub at_cut: bool,
    /// Two rows of the answer have the same key.
    pub inside: bool,
}

/// Tables in memory that queries are run on.
pub struct Engine {
    connection: Connection,
    steps: Arc<AtomicU64>,
}

fn failed(error: rusqlite::Error) -> HoloError {
    HoloError::Query { reason: error.to_string(), hint: "Change the query.".into() }
}

impl Engine {
    /// Tables of the database, each with the rows of these places, in this order; a place may come twice.
    pub fn new(database: &Database, rows: &[(usize, Vec<usize>)]) -> Result<Engine, HoloError> {
        let mut engine = Engine::empty()?;
        for (table, places) in rows {
            let table = &database.tables[*table];
            engine.load(table, places.iter().map(|place| &table.rows[*place]))?;
        }
        engine.limit()?;
        Ok(engine)
    }

    /// These tables of the database, whole.
    pub fn whole(database: &Database, tables: &[usize]) -> Result<Engine, HoloError> {
        let mut engine = Engine::empty()?;
        for table in tables {
            let table = &database.tables[*table];
            engine.load(table, table.rows.iter())?;
        }
        engine.limit()?;
        Ok(engine)
    }

    fn empty() -> Result<Engine, HoloError> {
        let connection = Connection::open_in_memory().map_err(failed)?;
        // A text between double quotes is a mistake to DuckDB.
        for config in [DbConfig::SQLITE_DBCONFIG_DQS_DML, DbConfig::SQLITE_DBCONFIG_DQS_DDL] {
            connection.set_db_config(config, false).map_err(failed)?;
        }
        connection.execute_batch("PRAGMA case_sensitive_like = ON").map_err(failed)?;
        Ok(Engine { connection, steps: Arc::new(AtomicU64::new(0)) })
    }

    fn load<'a>(&mut self, table: &Table, rows: impl Iterator<Item = &'a Vec<Value>>) -> Result<(), HoloError> {
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|column| {
                let kind = match column.kind {
                    Kind::Integer => "INTEGER",
                    Kind::Real => "REAL",
                    Kind::Date | Kind::Text => "TEXT",
                };
                format!("{} {kind}", quoted(&column.name))
            })
            .collect();
        let name = quoted(&table.name);
        let marks = vec!["?"; columns.len()].join(", ");
        let transaction = self.connection.transaction().map_err(failed)?;
        transaction.execute_batch(&format!("CREATE TABLE {name} ({})", columns.join(", "))).map_err(failed)?;
        {
            let mut insert = transaction.prepare(&format!("INSERT INTO {name} VALUES ({marks})")).map_err(failed)?;
            for row in rows {
                for (i, value) in row.iter().enumerate() {
                    match value {
                        Value::Null => insert.raw_bind_parameter(i + 1, rusqlite::types::Null),
                        Value::Integer(n) => insert.raw_bind_parameter(i + 1, n),
                        Value::Real(x) => insert.raw_bind_parameter(i + 1, x),
                        Value::Text(text) => insert.raw_bind_parameter(i + 1, text.as_str()),
                    }
                    .map_err(failed)?;
                }
                insert.raw_execute().map_err(failed)?;
            }
        }
        transaction.commit().map_err(failed)
    }

    fn limit(&mut self) -> Result<(), HoloError> {
        let steps = self.steps.clone();
        let handler = move || steps.fetch_add(STEPS_BETWEEN_LOOKS, Ordering::Relaxed) > MAX_STEPS;
        self.connection.progress_handler(STEPS_BETWEEN_LOOKS as i32, Some(handler)).map_err(failed)
    }

    /// Column names and rows of a query's answer.
    fn rows(&self, sql: &str) -> Result<(Vec<String>, Vec<Vec<Value>>), HoloError> {
        self.steps.store(0, Ordering::Relaxed);
        let stopped = |error: rusqlite::Error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OperationInterrupted) => HoloError::QueryTooLong { steps: MAX_STEPS },
            _ => failed(error),
        };
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut cursor = statement.query([]).map_err(stopped)?;
        let mut rows = Vec::new();
        while let Some(row) = cursor.next().map_err(stopped)? {
            if rows.len() == MAX_ANSWER_ROWS {
                let found = MAX_ANSWER_ROWS as u64 + 1;
                let what = "the number of rows in the answer".into();
                return Err(HoloError::TooLarge { what, found, limit: MAX_ANSWER_ROWS as u64 });
            }
            let mut values = Vec::with_capacity(columns.len());
            for i in 0..columns.len() {
                values.push(match row.get_ref(i).map_err(stopped)? {
                    ValueRef::Integer(n) => Value::Integer(n),
                    ValueRef::Real(x) if x.is_finite() => Value::Real(x),
                    ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
                    ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => Value::Null,
                });
            }
            rows.push(values);
        }
        Ok((columns, rows))
    }

    /// The answer, whole.
    pub fn answer(&self, checked: &Checked) -> Result<(Vec<String>, Vec<Vec<Value>>), HoloError> {
        self.rows(&checked.rewritten)
    }

    /// The answer, cut at 50 rows.
    pub fn gold(&self, checked: &Checked) -> Result<Gold, HoloError> {
        let (columns, mut rows) = self.answer(checked)?;
        let truncated_at = (rows.len() > MAX_GOLD_ROWS).then_some(rows.len() as u32);
        rows.truncate(MAX_GOLD_ROWS);
        Ok(Gold { columns, rows, ordered: checked.ordered, truncated_at })
    }

    /// What the query's order leaves open.
    pub fn ties(&self, checked: &Checked) -> Result<Ties, HoloError> {
        let Some((sql, keys)) = checked.sort_keys() else { return Ok(Ties::default()) };
        let (_, rows) = self.rows(&sql)?;
        let limit = checked.limit.map_or(rows.len(), |limit| limit as usize);
        let same = |i: usize| match rows.get(i).zip(rows.get(i + 1)) {
            Some((a, b)) => keys.iter().all(|key| a[*key] == b[*key]),
            None => false,
        };
        Ok(Ties { at_cut: limit > 0 && same(limit - 1), inside: (0..limit.saturating_sub(1)).any(same) })
    }

    /// Places in the loaded tables of the rows that pass joins and filters, by table; `None` where that is not known.
    pub fn evidence(
        &self,
        checked: &Checked,
        database: &Database,
    ) -> Result<Option<HashSet<(usize, usize)>>, HoloError> {
        let Some((tables, sql)) = checked.evidence(database) else { return Ok(None) };
        let (_, rows) = self.rows(&sql)?;
        let mut found = HashSet::new();
        for row in rows {
            for (table, value) in tables.iter().zip(row) {
                if let Value::Integer(number) = value {
                    // SQLite numbers rows from 1.
                    found.insert((*table, number as usize - 1));
                }
            }
        }
        Ok(Some(found))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sql::check;
    use super::super::synthetic::synthetic;
    use super::*;

    /// Oracle: counts by hand over the same rows.
    #[test]
    fn an_answer_is_of_exactly_the_rows_that_were_given() {
        let database = synthetic(3);
        let checked =
            check("SELECT grade, COUNT(*) AS n FROM harvests GROUP BY grade ORDER BY grade", &database).unwrap();
        let places = vec![0, 1, 2, 3, 4, 2];
        let engine = Engine::new(&database, &[(5, places.clone())]).unwrap();
        let gold = engine.gold(&checked).unwrap();
        for row in &gold.rows {
            let n = places.iter().filter(|place| database.tables[5].rows[**place][5] == row[0]).count();
            assert_eq!(row[1], Value::Integer(n as i64));
        }
        let n: i64 = gold.rows.iter().map(|row| row[1].number().unwrap() as i64).sum();
        assert_eq!((n, gold.columns.as_slice()), (6, ["grade".to_owned(), "n".into()].as_slice()));
    }

    /// A product of everything with everything is stopped, not waited for.
    #[test]
    fn a_query_without_an_end_is_stopped() {
        let database = synthetic(3);
        let sql = "SELECT COUNT(*) AS n FROM sales a JOIN sales b ON a.price <> b.crates JOIN harvests c ON c.year > 0 \
                   JOIN harvests d ON d.year > 0";
        let checked = check(sql, &database).unwrap();
        let engine = Engine::whole(&database, &checked.tables).unwrap();
        assert!(matches!(engine.gold(&checked), Err(HoloError::QueryTooLong { .. })));
    }

    /// Oracle: by hand.
    #[test]
    fn ties_are_seen_at_the_cut_and_inside() {
        let database = synthetic(3);
        let engine = Engine::new(&database, &[(5, (0..40).collect())]).unwrap();
        let ties = |sql: &str| engine.ties(&check(sql, &database).unwrap()).unwrap();
        assert_eq!(ties("SELECT harvest_id FROM harvests ORDER BY harvest_id LIMIT 5"), Ties::default());
        assert!(ties("SELECT grade FROM harvests ORDER BY grade LIMIT 1").at_cut);
        assert!(ties("SELECT grade FROM harvests ORDER BY grade").inside);
        assert_eq!(ties("SELECT grade, COUNT(*) AS n FROM harvests GROUP BY grade ORDER BY grade"), Ties::default());
    }
}
