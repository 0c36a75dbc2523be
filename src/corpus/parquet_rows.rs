//! Rows of Parquet (parquet.apache.org/docs/file-format), by the `parquet` crate's readers of columns, and put together as
//! records of JSON would be.
//!
//! Only columns of texts are read. A row group's compressed columns are in memory at a time, and of each column a page. Where
//! a text belongs follows from its levels (Melnik et al. 2010, "Dremel", section 4.2): the repetition level says in which of
//! the lists around it a new element begins, the definition level down to where the row is not null.
//!
//! Texts    columns annotated as strings, and as JSON, which is parsed; bytes, numbers, dates and enumerations are none
//! Maps     are lists of their values: names of fields are no texts

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as PhysicalType};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::column::reader::{ColumnReaderImpl, get_column_reader, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor, Type};
use serde_json::{Map, Value};

use super::json_records::given;
use super::reader::{Place, Sink, decoded};
use super::{CorpusError, MAX_RECORD_BYTES};
use crate::checkpoint::source::{Source, read_exactly};
use crate::error::Result;

/// `PAR1` in front, and behind the metadata their length and `PAR1` again.
const FRAME_BYTES: u64 = 12;
const FOOTER_BYTES: u64 = 8;

/// Longest metadata: 64 MiB are some hundred thousand columns of row groups.
const MAX_METADATA_BYTES: u64 = 64 << 20;

/// Most bytes of a row group's columns of texts, compressed: they are in memory together.
const MAX_GROUP_BYTES: u64 = 1 << 30;

/// Most values of a page, empty ones included. Levels are run-length encoded, so a page of some bytes may hold billions.
const MAX_PAGE_VALUES: u32 = 1 << 24;

/// Rows that are decoded at once; between two of these the work may be cancelled.
const BATCH_ROWS: usize = 256;

/// Reads one file, some rows at a time.
pub struct ParquetRows<'a> {
    source: &'a dyn Source,
    file: String,
    bytes: u64,
    fields: Vec<String>,
    metadata: ParquetMetaData,
    texts: Vec<TextColumn>,
    /// Row groups that were opened.
    groups: usize,
    open: Option<RowGroup>,
    /// Rows that were given.
    rows: u64,
}

/// A column of texts, and the way to them from a row.
struct TextColumn {
    /// Its place among the file's columns.
    index: usize,
    steps: Vec<Step>,
    is_json: bool,
}

/// A step from a row to a text in it.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    /// From here on there may be nothing: a definition level.
    Optional,
    /// Into an element of a list: a definition and a repetition level.
    Element,
}

struct RowGroup {
    columns: Vec<Column>,
    rows: u64,
    rows_left: u64,
    /// Its bytes in the file.
    start: u64,
    end: u64,
}

/// A column of a row group, and the part of it that is decoded.
struct Column {
    reader: ColumnReaderImpl<ByteArrayType>,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    values: Vec<ByteArray>,
}

impl<'a> ParquetRows<'a> {
    /// Reads the metadata. `bytes` is the file's length; `fields` are the columns that count, empty for all.
    pub async fn open(source: &'a dyn Source, file: &str, bytes: u64, fields: &[String]) -> Result<ParquetRows<'a>> {
        let refused = |reason: String| CorpusError::Rows { file: file.into(), row: 0, reason };
        if bytes < FRAME_BYTES {
            return Err(refused(format!("it has {bytes} bytes, a Parquet file at least {FRAME_BYTES}")).into());
        }
        let footer = read_exactly(source, file, bytes - FOOTER_BYTES..bytes).await?;
        let footer: [u8; FOOTER_BYTES as usize] = footer.try_into().expect("OK because it was read exactly");
        let footer = FooterTail::try_new(&footer).map_err(|error| refused(format!("its end: {}", worded(&error))))?;
        if footer.is_encrypted_footer() {
            return Err(refused("it is encrypted".into()).into());
        }
        let length = footer.metadata_length() as u64;
        if length > (bytes - FRAME_BYTES).min(MAX_METADATA_BYTES) {
            let reason = format!(
                "its end announces {length} bytes of metadata; the file has {bytes} bytes, and at most {MAX_METADATA_BYTES} are \
                 read"
            );
            return Err(refused(reason).into());
        }
        let end = bytes - FOOTER_BYTES;
        let metadata = read_exactly(source, file, end - length..end).await?;
        let metadata = ParquetMetaDataReader::decode_metadata(&metadata)
            .map_err(|error| refused(format!("its metadata: {}", worded(&error))))?;
        let schema = metadata.file_metadata().schema_descr();
        let names: Vec<&str> = schema.root_schema().get_fields().iter().map(|field| field.name()).collect();
        if !fields.is_empty() && !names.iter().any(|name| fields.iter().any(|field| field == name)) {
            let known: Vec<String> = names.iter().map(|name| format!("{name:?}")).take(20).collect();
            let chosen = fields.join(", ");
            return Err(
                refused(format!("none of the chosen fields ({chosen}) is a column: {}", known.join(", "))).into()
            );
        }
        let wanted = |column: &TextColumn| match column.steps.first() {
            Some(Step::Field(name)) => fields.is_empty() || fields.contains(name),
            _ => false,
        };
        let texts: Vec<TextColumn> = text_columns(schema).filter(wanted).collect();
        if texts.is_empty() {
            let reason = format!("none of its {} columns holds texts, as far as they are wanted", schema.num_columns());
            return Err(refused(reason).into());
        }
        let (file, fields) = (file.into(), fields.to_vec());
        Ok(ParquetRows { source, file, bytes, fields, metadata, texts, groups: 0, open: None, rows: 0 })
    }

    /// Gives the next rows, a document each. Returns up to which byte the file is read, about; `None` behind the last row.
    ///
    /// Errors: `CorpusError::Rows` where the rest cannot be read; the rows before are given.
    pub async fn give(&mut self, sink: &mut dyn Sink) -> Result<Option<u64>> {
        if self.open.as_ref().is_none_or(|group| group.rows_left == 0) {
            if self.groups == self.metadata.num_row_groups() {
                return Ok(None);
            }
            self.open = Some(self.row_group(self.groups).await?);
            self.groups += 1;
        }
        let Some(group) = &mut self.open else { return Ok(None) };
        let batch = group.rows_left.min(BATCH_ROWS as u64) as usize; // OK to cast: at most BATCH_ROWS.
        let mut rows = vec![Row::default(); batch];
        for (column, text) in group.columns.iter_mut().zip(&self.texts) {
            let done = group.rows - group.rows_left;
            column.read(batch).and_then(|()| column.place(text, &mut rows, sink)).map_err(|reason| {
                let name = self.metadata.file_metadata().schema_descr().column(text.index).path().string();
                CorpusError::Rows {
                    file: self.file.clone(),
                    row: self.rows,
                    reason: format!(
                        "row group {} of {}, column {name:?}, behind {done} of {} rows: {reason}",
                        self.groups,
                        self.metadata.num_row_groups(),
                        group.rows
                    ),
                }
            })?;
        }
        for row in rows {
            self.rows += 1;
            let place = Place { line: self.rows, offset: group.start };
            match row.broken {
                Some(reason) => sink.broken(place, reason),
                None => given(&row.value, &self.fields, place, sink)?,
            }
        }
        group.rows_left -= batch as u64;
        let share = (group.rows - group.rows_left) as f64 / group.rows as f64;
        Ok(Some(group.start + (share * (group.end - group.start) as f64) as u64))
    }

    /// Reads the columns of a row group.
    async fn row_group(&self, index: usize) -> Result<RowGroup> {
        let of = self.metadata.num_row_groups();
        let refused = |reason: String| CorpusError::Rows {
            file: self.file.clone(),
            row: self.rows,
            reason: format!("row group {} of {of}: {reason}", index + 1),
        };
        let metadata = self.metadata.row_group(index);
        let rows =
            u64::try_from(metadata.num_rows()).map_err(|_| refused(format!("it has {} rows", metadata.num_rows())))?;
        let mut ranges = Vec::new();
        for text in &self.texts {
            let column = metadata.column(text.index);
            let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
            let length = column.compressed_size();
            let range = u64::try_from(start)
                .ok()
                .zip(u64::try_from(length).ok())
                .and_then(|(start, length)| Some(start..start.checked_add(length)?))
                .filter(|range| range.end <= self.bytes);
            ranges.push(range.ok_or_else(|| {
                let name = column.column_path().string();
                let bytes = self.bytes;
                refused(format!(
                    "column {name:?} is said to begin at byte {start} and to have {length}; the file has {bytes}"
                ))
            })?);
        }
        let together: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        if together > MAX_GROUP_BYTES {
            return Err(refused(format!(
                "its columns of texts have {together} bytes, at most {MAX_GROUP_BYTES} are read; write the file with smaller \
                 row groups"
            ))
            .into());
        }
        let mut columns = Vec::new();
        let (mut start, mut end) = (self.bytes, 0);
        for (text, range) in self.texts.iter().zip(ranges) {
            (start, end) = (start.min(range.start), end.max(range.end));
            let bytes = read_exactly(self.source, &self.file, range.clone()).await?;
            let chunk = Arc::new(Chunk { start: range.start, bytes: bytes.into() });
            let metadata = metadata.column(text.index);
            let pages = SerializedPageReader::new(chunk, metadata, usize::try_from(rows).unwrap_or(usize::MAX), None)
                .map_err(|error| {
                refused(format!("column {:?}: {}", metadata.column_path().string(), worded(&error)))
            })?;
            let reader = get_column_reader(metadata.column_descr_ptr(), Box::new(CheckedPages(pages)));
            columns.push(Column {
                // OK because a column of texts is one of byte arrays.
                reader: get_typed_column_reader(reader),
                definitions: Vec::new(),
                repetitions: Vec::new(),
                values: Vec::new(),
            });
        }
        Ok(RowGroup { columns, rows, rows_left: rows, start, end })
    }
}

/// A row while it is put together.
#[derive(Clone, Default)]
struct Row {
    value: Value,
    text_bytes: usize,
    broken: Option<String>,
}

impl Column {
    /// Decodes the next rows.
    fn read(&mut self, rows: usize) -> std::result::Result<(), String> {
        self.definitions.clear();
        self.repetitions.clear();
        self.values.clear();
        let mut read = 0;
        while read < rows {
            // The decoders of some encodings panic on damaged values instead of giving an error.
            let (records, _, _) = catch_unwind(AssertUnwindSafe(|| {
                let (definitions, repetitions) = (Some(&mut self.definitions), Some(&mut self.repetitions));
                self.reader.read_records(rows - read, definitions, repetitions, &mut self.values)
            }))
            .map_err(|_| format!("the values behind {read} of {rows} rows are damaged"))?
            .map_err(|error| worded(&error))?;
            if records == 0 {
                return Err(format!("it ends after {read} rows more"));
            }
            read += records;
        }
        Ok(())
    }

    /// Puts the texts where they belong.
    fn place(&self, text: &TextColumn, rows: &mut [Row], sink: &mut dyn Sink) -> std::result::Result<(), String> {
        let definition_max = text.steps.iter().filter(|step| !matches!(step, Step::Field(_))).count() as i16;
        let repetition_max = text.steps.iter().filter(|step| **step == Step::Element).count() as i16;
        // A column whose rows are all there has no levels.
        let entries = if definition_max == 0 { self.values.len() } else { self.definitions.len() };
        let mut values = self.values.iter();
        let mut elements = vec![0; repetition_max as usize];
        let mut row = 0;
        for entry in 0..entries {
            let definition = if definition_max == 0 { 0 } else { self.definitions[entry] };
            let repetition = self.repetitions.get(entry).copied().unwrap_or(0);
            if !(0..=definition_max).contains(&definition) || !(0..=repetition_max).contains(&repetition) {
                return Err(format!(
                    "levels {definition} and {repetition} of at most {definition_max} and {repetition_max}"
                ));
            }
            if repetition == 0 {
                row += 1;
                elements.fill(0);
            } else {
                elements[repetition as usize - 1] += 1;
                elements[repetition as usize..].fill(0);
            }
            let Some(row) = usize::checked_sub(row, 1).and_then(|row| rows.get_mut(row)) else {
                return Err(format!("its values are not those of {} rows", rows.len()));
            };
            let value = if definition == definition_max {
                let bytes = values.next().ok_or("a value is missing")?.data();
                row.text_bytes += bytes.len();
                if row.text_bytes > MAX_RECORD_BYTES {
                    row.broken = Some(format!("the row has more than {MAX_RECORD_BYTES} bytes"));
                    row.value = Value::Null;
                    continue;
                }
                match text.is_json {
                    false => Some(Value::String(decoded(bytes, sink).into_owned())),
                    true => match serde_json::from_slice(bytes) {
                        Ok(value) => Some(value),
                        Err(error) => {
                            row.broken = Some(format!("a text that should be JSON is none: {error}"));
                            None
                        }
                    },
                }
            } else {
                None
            };
            insert(&mut row.value, &text.steps, definition, &elements, value);
        }
        Ok(())
    }
}

/// Makes the way to a text down to where the row is not null, and puts the text at its end.
fn insert(row: &mut Value, steps: &[Step], definition: i16, elements: &[usize], text: Option<Value>) {
    let mut at = row;
    let (mut level, mut depth) = (0, 0);
    for step in steps {
        match step {
            Step::Field(name) => {
                if !at.is_object() {
                    *at = Value::Object(Map::new());
                }
                let Value::Object(object) = at else { return };
                at = object.entry(name.as_str()).or_insert(Value::Null);
            }
            Step::Optional => {
                level += 1;
                if definition < level {
                    return;
                }
            }
            Step::Element => {
                level += 1;
                if !at.is_array() {
                    *at = Value::Array(Vec::new());
                }
                let Value::Array(list) = at else { return };
                if definition < level {
                    return;
                }
                let element = elements[depth];
                depth += 1;
                if list.len() <= element {
                    list.resize(element + 1, Value::Null);
                }
                at = &mut list[element];
            }
        }
    }
    *at = text.unwrap_or(Value::Null);
}

/// The columns that hold texts.
fn text_columns(schema: &SchemaDescriptor) -> impl Iterator<Item = TextColumn> {
    schema.columns().iter().enumerate().filter_map(|(index, column)| {
        let is_json = column.converted_type() == ConvertedType::JSON;
        let is_text = is_json
            || column.converted_type() == ConvertedType::UTF8
            || column.logical_type_ref() == Some(&LogicalType::String);
        (is_text && column.physical_type() == PhysicalType::BYTE_ARRAY)
            .then(|| Some(TextColumn { index, steps: steps(schema, column)?, is_json }))?
    })
}

/// The way from a row to the texts of a column, by the rules for lists and maps of
/// github.com/apache/parquet-format/blob/master/LogicalTypes.md#nested-types, those for files of older writers included.
/// None for the keys of a map.
fn steps(schema: &SchemaDescriptor, column: &ColumnDescriptor) -> Option<Vec<Step>> {
    /// What a field is to the one above it.
    #[derive(Clone, Copy, PartialEq)]
    enum Role {
        Field,
        /// The repeated field of a list, or of a map.
        ListEntry,
        MapEntry,
        /// What an entry consists of, and is the entry.
        Content,
        MapContent,
    }
    let mut steps = Vec::new();
    let mut at: &Type = schema.root_schema();
    let mut role = Role::Field;
    for name in column.path().parts() {
        at = at.get_fields().iter().find(|field| field.name() == name)?;
        let info = at.get_basic_info();
        match role {
            Role::Field => steps.push(Step::Field(name.clone())),
            Role::MapContent if name == "key" => return None,
            _ => {}
        }
        let repetition = if info.has_repetition() { info.repetition() } else { Repetition::REQUIRED };
        match repetition {
            Repetition::REQUIRED => {}
            Repetition::OPTIONAL => steps.push(Step::Optional),
            Repetition::REPEATED => steps.push(Step::Element),
        }
        if at.is_primitive() {
            break;
        }
        let only = match at.get_fields() {
            [only] => Some(only),
            _ => None,
        };
        let holds_entries = only.is_some_and(|only| {
            only.get_basic_info().has_repetition() && only.get_basic_info().repetition() == Repetition::REPEATED
        });
        role = match role {
            Role::ListEntry if only.is_some() && name != "array" && !name.ends_with("_tuple") => Role::Content,
            Role::MapEntry => Role::MapContent,
            _ => match info.converted_type() {
                ConvertedType::LIST if holds_entries => Role::ListEntry,
                ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE if holds_entries => Role::MapEntry,
                _ => Role::Field,
            },
        };
    }
    let count = |wanted: &[Step]| steps.iter().filter(|step| wanted.contains(step)).count() as i16;
    // A schema with two fields of one name could lead elsewhere.
    let fits = at.is_primitive()
        && count(&[Step::Optional, Step::Element]) == column.max_def_level()
        && count(&[Step::Element]) == column.max_rep_level();
    fits.then_some(steps)
}

/// The bytes of a column of a row group, under their offsets in the file.
struct Chunk {
    start: u64,
    bytes: Bytes,
}

impl Chunk {
    fn from(&self, offset: u64) -> parquet::errors::Result<Bytes> {
        let behind = offset.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        behind.filter(|&at| at <= self.bytes.len()).map(|at| self.bytes.slice(at..)).ok_or_else(|| {
            ParquetError::EOF(format!(
                "byte {offset} of the file is none of the column's, which begin at {}",
                self.start
            ))
        })
    }
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for Chunk {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let bytes = self.from(start)?;
        if bytes.len() < length {
            let reason = format!("a page of {length} bytes begins {} bytes before the end of its column", bytes.len());
            return Err(ParquetError::EOF(reason));
        }
        Ok(bytes.slice(..length))
    }
}

/// The pages of a column, those of too many values refused.
struct CheckedPages(SerializedPageReader<Chunk>);

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> parquet::errors::Result<Option<Page>> {
        let page = self.0.get_next_page()?;
        match page.as_ref().map(Page::num_values) {
            Some(values) if values > MAX_PAGE_VALUES => {
                Err(ParquetError::General(format!("a page of {values} values, at most {MAX_PAGE_VALUES} are read")))
            }
            _ => Ok(page),
        }
    }

    fn peek_next_page(&mut self) -> parquet::errors::Result<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> parquet::errors::Result<()> {
        self.0.skip_next_page()
    }
}

impl Iterator for CheckedPages {
    type Item = parquet::errors::Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// The crate's error without the name it puts in front.
fn worded(error: &ParquetError) -> String {
    match error {
        ParquetError::General(reason) | ParquetError::EOF(reason) | ParquetError::NYI(reason) => reason.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::schema::parser::parse_message_type;

    /// Oracle: by hand, after the examples of LogicalTypes.md.
    #[test]
    fn lists_and_maps_are_stepped_into() {
        let steps_of = |message: &str| -> Vec<Vec<Step>> {
            let schema = SchemaDescriptor::new(Arc::new(parse_message_type(message).unwrap()));
            text_columns(&schema).map(|column| column.steps).collect()
        };
        use Step::{Element, Optional};
        let field = |name: &str| Step::Field(name.into());
        assert_eq!(
            steps_of(
                "message m { required binary a (UTF8); optional binary b (UTF8); optional binary c; optional int32 d; }"
            ),
            [vec![field("a")], vec![field("b"), Optional]]
        );
        let list = "message m { optional group a (LIST) { repeated group list { optional binary element (UTF8); } } }";
        assert_eq!(steps_of(list), [[field("a"), Optional, Element, Optional]]);
        for (old, expected) in [
            ("repeated binary element (UTF8);", vec![field("a"), Optional, Element]),
            (
                "repeated group element { required binary s (UTF8); required int32 n; }",
                vec![field("a"), Optional, Element, field("s")],
            ),
            ("repeated group array { required binary s (UTF8); }", vec![field("a"), Optional, Element, field("s")]),
            ("repeated group a_tuple { required binary s (UTF8); }", vec![field("a"), Optional, Element, field("s")]),
        ] {
            assert_eq!(steps_of(&format!("message m {{ optional group a (LIST) {{ {old} }} }}")), [expected], "{old}");
        }
        assert_eq!(steps_of("message m { repeated binary a (UTF8); }"), [[field("a"), Element]]);
        let map = "message m { required group a (MAP) { repeated group key_value { required binary key (UTF8); optional binary \
                   value (UTF8); } } }";
        assert_eq!(steps_of(map), [[field("a"), Element, Optional]]);
        let turns = "message m { optional group turns (LIST) { repeated group list { optional group element { optional binary \
                     from (UTF8); optional binary value (JSON); } } } }";
        assert_eq!(steps_of(turns)[1], [field("turns"), Optional, Element, Optional, field("value"), Optional]);
    }

    /// Oracle: the example of the paper's figures 2 and 3, column Name.Language.Country of its first record.
    #[test]
    fn levels_say_where_a_text_belongs() {
        let steps = [
            Step::Field("Name".into()),
            Step::Element,
            Step::Field("Language".into()),
            Step::Element,
            Step::Field("Country".into()),
            Step::Optional,
        ];
        let mut row = Value::Null;
        for (text, elements, definition) in
            [(Some("us"), [0, 0], 3), (None, [0, 1], 2), (None, [1, 0], 1), (Some("gb"), [2, 0], 3)]
        {
            insert(&mut row, &steps, definition, &elements, text.map(Value::from));
        }
        let expected = serde_json::json!({"Name": [
            {"Language": [{"Country": "us"}, {"Country": null}]}, {"Language": []}, {"Language": [{"Country": "gb"}]}
        ]});
        assert_eq!(row, expected);
    }
}
