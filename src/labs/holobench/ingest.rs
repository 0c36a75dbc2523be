//! SQLite files and CSV files as typed tables.
//!
//! CSV: a header row; an empty cell is NULL; a column is integer, else decimal, else ISO date, else text. A column where a
//! few values do not fit the type of the others is read as text, and a note says which value that was.

use std::collections::HashSet;

use csv_core::{ReadRecordResult, ReaderBuilder};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, types::ValueRef};

use super::HoloError;
use super::database::{Database, ForeignKey, KeySource, Kind, Table, Value, described};
use super::verbalise::date_parts;

/// Largest SQLite file, and largest sum of CSV files: a tab has to hold the bytes and the rows.
pub const MAX_BYTES: usize = 200 << 20;
/// Most rows of all tables.
pub const MAX_ROWS: usize = 1_000_000;
/// Most tables, and most columns of a table: each is a line of the page, or a clause of a sentence.
pub const MAX_TABLES: usize = 100;
pub const MAX_COLUMNS: usize = 100;
/// Longest text of a cell, in bytes; a context of 64k tokens has some 235,000 characters.
const MAX_CELL: usize = 20_000;
/// Share of a column's values in another column from which on a foreign key is proposed.
const CONTAINMENT: f64 = 0.98;
/// Share of values that must fit a type before the others are called exceptions.
const MOSTLY: f64 = 0.9;

fn refused(file: &str, reason: impl ToString) -> HoloError {
    HoloError::Ingest { file: file.into(), reason: reason.to_string() }
}

/// Every ordinary table of an SQLite file. The file is read, never run: its views and triggers stay out.
pub fn sqlite(name: &str, bytes: &[u8]) -> Result<Database, HoloError> {
    at_most("the file", bytes.len(), MAX_BYTES)?;
    if !bytes.starts_with(b"SQLite format 3\0") {
        return Err(refused(name, "it does not begin as an SQLite 3 file does"));
    }
    let failed = |error: rusqlite::Error| refused(name, error);
    let mut connection = Connection::open_in_memory().map_err(failed)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(failed)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false).map_err(failed)?;
    connection.deserialize_read_exact("main", bytes, bytes.len(), true).map_err(failed)?;

    let mut database = Database { name: name.into(), tables: Vec::new(), keys: Vec::new(), notes: Vec::new() };
    let mut statement = connection
        .prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid")
        .map_err(failed)?;
    let listed: Vec<(String, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(|rows| rows.collect())
        .map_err(failed)?;
    at_most("the number of tables", listed.len(), MAX_TABLES)?;
    let mut total = 0;
    for (table, sql) in &listed {
        if sql.trim_start().to_ascii_uppercase().starts_with("CREATE VIRTUAL") {
            database.notes.push(format!("table {table} is virtual and was left out"));
            continue;
        }
        let read = sqlite_table(&connection, name, table, &mut total, &mut database.notes)?;
        database.tables.extend(read);
    }
    for (table, _) in &listed {
        let pragma = format!("PRAGMA foreign_key_list({})", quoted(table));
        let mut statement = connection.prepare(&pragma).map_err(failed)?;
        type Listed = (i64, String, String, Option<String>);
        let keys: Vec<Listed> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(2)?, row.get(3)?, row.get(4)?)))
            .and_then(|rows| rows.collect())
            .map_err(failed)?;
        for (id, parent, column, parent_column) in &keys {
            if keys.iter().filter(|key| key.0 == *id).count() > 1 {
                database.notes.push(format!("a foreign key of {table} over several columns is not joined along"));
                continue;
            }
            add_schema_key(&mut database, table, column, parent, parent_column.as_deref());
        }
    }
    database.notes.dedup();
    finish(database)
}

fn add_schema_key(database: &mut Database, table: &str, column: &str, parent: &str, parent_column: Option<&str>) {
    let named = |name: &str| database.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name));
    let (Some(child), Some(above)) = (named(table), named(parent)) else { return };
    let parent_place = match parent_column {
        Some(name) => above.column(name),
        None => above.columns.iter().position(|column| column.primary_key),
    };
    let (Some(place), Some(parent_place)) = (child.column(column), parent_place) else { return };
    let key = ForeignKey {
        table: child.name.clone(),
        column: child.columns[place].name.clone(),
        parent: above.name.clone(),
        parent_column: above.columns[parent_place].name.clone(),
        source: KeySource::Schema,
        containment: containment(child, place, above, parent_place),
        confirmed: true,
    };
    database.keys.push(key);
}

fn sqlite_table(
    connection: &Connection,
    file: &str,
    table: &str,
    total: &mut usize,
    notes: &mut Vec<String>,
) -> Result<Option<Table>, HoloError> {
    let failed = |error: rusqlite::Error| refused(file, format!("table {table}: {error}"));
    let mut statement = connection.prepare(&format!("PRAGMA table_info({})", quoted(table))).map_err(failed)?;
    let columns: Vec<(String, bool)> = statement
        .query_map([], |row| Ok((row.get(1)?, row.get::<_, i64>(5)? > 0)))
        .and_then(|rows| rows.collect())
        .map_err(failed)?;
    at_most(&format!("the number of columns of {table}"), columns.len(), MAX_COLUMNS)?;
    let mut statement = connection.prepare(&format!("SELECT * FROM {}", quoted(table))).map_err(failed)?;
    let n = statement.column_count().min(columns.len());
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut blobs = vec![0usize; n];
    let mut changed = vec![0usize; n];
    let mut cursor = statement.query([]).map_err(failed)?;
    while let Some(row) = cursor.next().map_err(failed)? {
        *total += 1;
        at_most("the number of rows", *total, MAX_ROWS)?;
        let mut values = Vec::with_capacity(n);
        for i in 0..n {
            values.push(match row.get_ref(i).map_err(failed)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(n) => Value::Integer(n),
                ValueRef::Real(x) if x.is_finite() => Value::Real(x),
                ValueRef::Real(_) => {
                    changed[i] += 1;
                    Value::Null
                }
                ValueRef::Text(bytes) => cell_text(&String::from_utf8_lossy(bytes), &mut changed[i]),
                ValueRef::Blob(_) => {
                    blobs[i] += 1;
                    Value::Null
                }
            });
        }
        rows.push(values);
    }
    let mut left_out = Vec::new();
    for i in 0..n {
        let name = &columns[i].0;
        if blobs[i] > 0 {
            left_out.push(i);
            notes.push(format!("column {name} of {table} holds {} blobs and was left out", blobs[i]));
        } else if !nameable(name) {
            left_out.push(i);
            notes.push(format!("column {name:?} of {table} was left out: its name cannot stand in a template"));
        } else if changed[i] > 0 {
            notes.push(changed_note(name, table, changed[i]));
        }
    }
    let kept: Vec<usize> = (0..n).filter(|i| !left_out.contains(i)).collect();
    if kept.is_empty() {
        notes.push(format!("table {table} has no column that can be told in a sentence and was left out"));
        return Ok(None);
    }
    let names: Vec<(String, bool)> = kept.iter().map(|i| columns[*i].clone()).collect();
    let rows = rows.into_iter().map(|row| kept.iter().map(|i| row[*i].clone()).collect()).collect();
    Ok(Some(typed(table, &names, rows, notes)))
}

/// One table a file, named after it.
pub fn csv(files: &[(String, Vec<u8>)]) -> Result<Database, HoloError> {
    at_most("the files' size", files.iter().map(|(_, bytes)| bytes.len()).sum(), MAX_BYTES)?;
    at_most("the number of tables", files.len(), MAX_TABLES)?;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let mut database = Database { name: names.join(" + "), tables: Vec::new(), keys: Vec::new(), notes: Vec::new() };
    let mut total = 0;
    for (file, bytes) in files {
        let table = csv_table(file, bytes, &mut total, &mut database.notes)?;
        if database.tables.iter().any(|other| other.name.eq_ignore_ascii_case(&table.name)) {
            return Err(refused(file, format!("another file has given a table {} already", table.name)));
        }
        database.tables.push(table);
    }
    finish(database)
}

fn csv_table(file: &str, bytes: &[u8], total: &mut usize, notes: &mut Vec<String>) -> Result<Table, HoloError> {
    let stem = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = stem.strip_suffix(".csv").or_else(|| stem.strip_suffix(".tsv")).unwrap_or(stem);
    let name: String = stem.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    let records = records(file, bytes)?;
    let mut records = records.into_iter();
    let header = records.next().ok_or_else(|| refused(file, "it is empty"))?.1;
    let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    at_most(&format!("the number of columns of {file}"), header.len(), MAX_COLUMNS)?;
    for (i, column) in header.iter().enumerate() {
        if column.is_empty() || !nameable(column) {
            return Err(refused(file, format!("column {} of the header is named {column:?}", i + 1)));
        }
        if header[..i].iter().any(|other| other.eq_ignore_ascii_case(column)) {
            return Err(refused(file, format!("the header names {column:?} twice")));
        }
    }
    let mut changed = vec![0; header.len()];
    let mut rows = Vec::new();
    for (line, record) in records {
        if record.len() != header.len() {
            let reason = format!("line {line} has {} cells, the header {}", record.len(), header.len());
            return Err(refused(file, reason));
        }
        *total += 1;
        at_most("the number of rows", *total, MAX_ROWS)?;
        let values = record.iter().zip(&mut changed).map(|(cell, changed)| match cell.is_empty() {
            true => Value::Null,
            false => cell_text(cell, changed),
        });
        rows.push(values.collect::<Vec<Value>>());
    }
    for (column, n) in header.iter().zip(changed).filter(|(_, n)| *n > 0) {
        notes.push(changed_note(column, &name, n));
    }
    // From text to the narrowest type.
    for (i, column) in header.iter().enumerate() {
        narrow(&mut rows, i, column, &name, notes);
    }
    let names: Vec<(String, bool)> = header.into_iter().map(|name| (name, false)).collect();
    Ok(typed(&name, &names, rows, notes))
}

/// Records with the line each begins at. The separator is the one of comma, semicolon and tab that the header has most of.
pub(crate) fn records(file: &str, bytes: &[u8]) -> Result<Vec<(u64, Vec<String>)>, HoloError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| refused(file, format!("it is not UTF-8 from byte {} on", error.valid_up_to())))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let header = text.lines().next().unwrap_or_default();
    // The comma last: of equal counts, it wins.
    let delimiter = [b'\t', b';', b','].into_iter().max_by_key(|d| header.bytes().filter(|byte| byte == d).count());
    let mut reader = ReaderBuilder::new().delimiter(delimiter.unwrap_or(b',')).build();
    let mut rest = text.as_bytes();
    let (mut cells, mut ends) = (vec![0u8; 4096], vec![0usize; MAX_COLUMNS + 1]);
    let (mut used, mut n_ends) = (0, 0);
    let mut out = Vec::new();
    let mut line = 1;
    loop {
        let (result, read, written, ended) = reader.read_record(rest, &mut cells[used..], &mut ends[n_ends..]);
        rest = &rest[read..];
        used += written;
        n_ends += ended;
        match result {
            // An empty rest tells the reader of the end.
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull if cells.len() <= MAX_COLUMNS * MAX_CELL => cells.resize(2 * cells.len(), 0),
            ReadRecordResult::OutputFull => {
                return Err(refused(file, format!("the row at line {line} has more than {} bytes", cells.len())));
            }
            ReadRecordResult::OutputEndsFull => {
                return Err(refused(file, format!("the row at line {line} has more than {MAX_COLUMNS} cells")));
            }
            ReadRecordResult::Record => {
                let mut start = 0;
                let record = ends[..n_ends].iter().map(|&end| {
                    let cell = String::from_utf8_lossy(&cells[start..end]).into_owned();
                    start = end;
                    cell
                });
                out.push((line, record.collect()));
                (used, n_ends) = (0, 0);
                line = reader.line();
            }
            ReadRecordResult::End => return Ok(out),
        }
    }
}

fn narrow(rows: &mut [Vec<Value>], i: usize, column: &str, table: &str, notes: &mut Vec<String>) {
    let fits = |kind: Kind, text: &str| match kind {
        Kind::Integer => integer(text).is_some(),
        Kind::Real => real(text).is_some(),
        Kind::Date => date_parts(text).is_some(),
        Kind::Text => true,
    };
    let cells = || {
        rows.iter().enumerate().filter_map(|(at, row)| match &row[i] {
            Value::Text(text) => Some((at, text.as_str())),
            _ => None,
        })
    };
    let n = cells().count();
    if n == 0 {
        return;
    }
    let kinds = [Kind::Integer, Kind::Real, Kind::Date];
    let Some(kind) = kinds.into_iter().find(|kind| cells().all(|(_, text)| fits(*kind, text))) else {
        // Nearly all are of a type: whoever made the file may want to know of the others.
        for kind in [Kind::Real, Kind::Date] {
            let fitting = cells().filter(|(_, text)| fits(kind, text)).count();
            if fitting as f64 >= MOSTLY * n as f64
                && let Some((at, text)) = cells().find(|(_, text)| !fits(kind, text))
            {
                let what = if kind == Kind::Date { "date" } else { "number" };
                let excerpt: String = text.chars().take(40).collect();
                notes.push(format!(
                    "column {column} of {table} was read as text: {excerpt:?} in row {} is no {what}, {fitting} of {n} are",
                    at + 1
                ));
            }
        }
        return;
    };
    for row in rows {
        let Value::Text(text) = &row[i] else { continue };
        let value = match kind {
            Kind::Integer => integer(text).map(Value::Integer),
            Kind::Real => real(text).map(Value::Real),
            _ => None,
        };
        if let Some(value) = value {
            row[i] = value;
        }
    }
}

/// An integer without leading zeros, which would be lost.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

fn real(text: &str) -> Option<f64> {
    if let Some(n) = integer(text) {
        return Some(n as f64);
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, decimals) = digits.split_once('.')?;
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let plain = all_digits(whole) && all_digits(decimals) && (whole.len() == 1 || !whole.starts_with('0'));
    if plain { text.parse().ok().filter(|x: &f64| x.is_finite()) } else { None }
}

/// Text that can stand in a sentence of one line.
fn cell_text(text: &str, changed: &mut usize) -> Value {
    let mut end = text.len().min(MAX_CELL);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let clean: String = text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    *changed += usize::from(clean != text);
    Value::Text(clean)
}

fn changed_note(column: &str, table: &str, n: usize) -> String {
    format!(
        "{n} values of {column} in {table} were changed so that they fit into a line: line breaks became spaces, infinite \
         numbers NULL, and texts end after {MAX_CELL} bytes"
    )
}

/// A table whose columns each have one kind: numbers among texts become texts, integers among decimals decimals.
fn typed(table: &str, names: &[(String, bool)], mut rows: Vec<Vec<Value>>, notes: &mut Vec<String>) -> Table {
    let mut columns = Vec::with_capacity(names.len());
    for (i, (name, primary_key)) in names.iter().enumerate() {
        let (mut integers, mut reals, mut texts, mut dates) = (0usize, 0usize, 0usize, 0usize);
        for row in &rows {
            match &row[i] {
                Value::Integer(_) => integers += 1,
                Value::Real(_) => reals += 1,
                Value::Text(text) => {
                    texts += 1;
                    dates += usize::from(date_parts(text).is_some());
                }
                Value::Null => {}
            }
        }
        let kind = match (integers, reals, texts) {
            (_, _, 1..) if integers + reals > 0 => Kind::Text,
            (_, _, 1..) if dates == texts => Kind::Date,
            (_, _, 1..) => Kind::Text,
            (_, 1.., 0) => Kind::Real,
            (1.., 0, 0) => Kind::Integer,
            (0, 0, 0) => Kind::Text,
        };
        if kind == Kind::Text && integers + reals > 0 {
            notes.push(format!(
                "column {name} of {table} was read as text: it holds {texts} texts among {} numbers",
                integers + reals
            ));
        }
        for row in rows.iter_mut() {
            let value = &mut row[i];
            match (kind, &*value) {
                (Kind::Text, Value::Integer(_) | Value::Real(_)) => *value = Value::Text(value.plain()),
                (Kind::Real, Value::Integer(n)) => *value = Value::Real(*n as f64),
                _ => {}
            }
        }
        let values: Vec<&Value> = rows.iter().map(|row| &row[i]).collect();
        columns.push(described(name, kind, *primary_key, &values));
    }
    Table { name: table.into(), columns, rows }
}

/// Proposes keys where the schema has none: a column of the same name that is unique in its table, and nearly all values
/// in it.
fn finish(mut database: Database) -> Result<Database, HoloError> {
    if database.tables.iter().all(|table| table.rows.is_empty()) {
        return Err(refused(&database.name, "it has no table with rows"));
    }
    let mut proposed = Vec::new();
    for child in &database.tables {
        for (i, column) in child.columns.iter().enumerate().filter(|(_, column)| !column.unique) {
            let known = database.keys.iter().any(|key| key.table == child.name && key.column == column.name);
            for parent in database.tables.iter().filter(|parent| !known && parent.name != child.name) {
                let Some(place) = parent.column(&column.name).filter(|place| parent.columns[*place].unique) else {
                    continue;
                };
                let share = containment(child, i, parent, place);
                if share >= CONTAINMENT {
                    proposed.push(ForeignKey {
                        table: child.name.clone(),
                        column: column.name.clone(),
                        parent: parent.name.clone(),
                        parent_column: parent.columns[place].name.clone(),
                        source: KeySource::Proposed,
                        containment: share,
                        confirmed: false,
                    });
                }
            }
        }
    }
    database.keys.extend(proposed);
    Ok(database)
}

fn containment(child: &Table, column: usize, parent: &Table, parent_column: usize) -> f64 {
    let known: HashSet<String> = parent.rows.iter().map(|row| row[parent_column].plain()).collect();
    let values = child.rows.iter().map(|row| &row[column]).filter(|value| !value.is_null());
    let (n, contained) =
        values.fold((0u64, 0u64), |(n, c), value| (n + 1, c + u64::from(known.contains(&value.plain()))));
    if n == 0 { 0.0 } else { contained as f64 / n as f64 }
}

/// Whether a name can stand between the braces of a template.
fn nameable(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| "{}[]:".contains(c) || c.is_control())
}

pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn at_most(what: &str, found: usize, limit: usize) -> Result<(), HoloError> {
    if found <= limit {
        return Ok(());
    }
    Err(HoloError::TooLarge { what: what.into(), found: found as u64, limit: limit as u64 })
}
