//! What stands before the tensors: a magic, a version, two counts, metadata, descriptions.

use std::collections::BTreeMap;
use std::ops::Range;

use super::reader::Reader;
use crate::checkpoint::safetensors::shown;
use crate::checkpoint::source::Source;
use crate::checkpoint::{CheckpointError, MAX_RANK, mistaken_download};
use crate::compute::DType;

/// Most metadata entries. Published files have fewer than a hundred.
pub const MAX_GGUF_KEYS: u64 = 1024;

/// Most tensors of a file. Published ones have up to some 1,200, as experts are stored together; the limit keeps what a
/// description grows into, about 240 bytes for 33, within a megabyte.
pub const MAX_GGUF_TENSORS: u64 = 4096;

/// Longest string that is read: licences and chat templates have some tens of kilobytes.
pub const MAX_GGUF_STRING_BYTES: u64 = 4 << 20;

/// Longest name of a tensor. The format's own limit is 64; converters of odd models exceed it.
const MAX_NAME_BYTES: usize = 256;

/// A name of one byte and one dimension.
const MIN_DESCRIPTION_BYTES: u64 = 33;

const VERSIONS: std::ops::RangeInclusive<u32> = 2..=3;
/// Where `general.alignment` says nothing.
const DEFAULT_ALIGNMENT: u64 = 32;
const MAX_ALIGNMENT: u64 = 1 << 16;

/// A metadata value. Of an array only its place is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Array(Array),
}

/// `count` elements of a type from byte `start` of the file on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Array {
    pub kind: Kind,
    pub count: u64,
    pub start: u64,
}

/// The types of metadata, by their numbers in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    Array,
    U64,
    I64,
    F64,
}

const KINDS: [Kind; 13] = [
    Kind::U8,
    Kind::I8,
    Kind::U16,
    Kind::I16,
    Kind::U32,
    Kind::I32,
    Kind::F32,
    Kind::Bool,
    Kind::String,
    Kind::Array,
    Kind::U64,
    Kind::I64,
    Kind::F64,
];

impl Kind {
    /// Bytes of a value; a string has at least its length.
    fn bytes(self) -> u64 {
        match self {
            Kind::U8 | Kind::I8 | Kind::Bool => 1,
            Kind::U16 | Kind::I16 => 2,
            Kind::U32 | Kind::I32 | Kind::F32 => 4,
            Kind::U64 | Kind::I64 | Kind::F64 | Kind::String => 8,
            Kind::Array => 12,
        }
    }

    /// A number or a truth value from its bytes, of which there are `self.bytes()`.
    fn scalar(self, bytes: &[u8]) -> Option<Value> {
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        let bits = u64::from_le_bytes(wide);
        // OK to cast: each takes the low bits it was read from, and its sign with them.
        Some(match self {
            Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 => Value::Unsigned(bits),
            Kind::I8 => Value::Signed((bits as i8).into()),
            Kind::I16 => Value::Signed((bits as i16).into()),
            Kind::I32 => Value::Signed((bits as i32).into()),
            Kind::I64 => Value::Signed(bits as i64),
            Kind::F32 => Value::Float(f32::from_bits(bits as u32).into()),
            Kind::F64 => Value::Float(f64::from_bits(bits)),
            Kind::Bool if bits < 2 => Value::Bool(bits == 1),
            Kind::Bool | Kind::String | Kind::Array => return None,
        })
    }
}

/// How ggml stores tensors: number, name, elements and bytes of a block, and the type here if there is one.
const TYPES: &[(u32, &str, u64, u64, Option<DType>)] = &[
    (0, "F32", 1, 4, Some(DType::F32)),
    (1, "F16", 1, 2, Some(DType::F16)),
    (2, "Q4_0", 32, 18, Some(DType::Q4_0)),
    (3, "Q4_1", 32, 20, Some(DType::Q4_1)),
    (6, "Q5_0", 32, 22, Some(DType::Q5_0)),
    (7, "Q5_1", 32, 24, Some(DType::Q5_1)),
    (8, "Q8_0", 32, 34, Some(DType::Q8_0)),
    (9, "Q8_1", 32, 36, None),
    (10, "Q2_K", 256, 84, None),
    (11, "Q3_K", 256, 110, None),
    (12, "Q4_K", 256, 144, Some(DType::Q4K)),
    (13, "Q5_K", 256, 176, Some(DType::Q5K)),
    (14, "Q6_K", 256, 210, Some(DType::Q6K)),
    (15, "Q8_K", 256, 292, None),
    (16, "IQ2_XXS", 256, 66, None),
    (17, "IQ2_XS", 256, 74, None),
    (18, "IQ3_XXS", 256, 98, None),
    (19, "IQ1_S", 256, 50, None),
    (20, "IQ4_NL", 32, 18, None),
    (21, "IQ3_S", 256, 110, None),
    (22, "IQ2_S", 256, 82, None),
    (23, "IQ4_XS", 256, 136, None),
    (24, "I8", 1, 1, None),
    (25, "I16", 1, 2, None),
    (26, "I32", 1, 4, None),
    (27, "I64", 1, 8, None),
    (28, "F64", 1, 8, None),
    (29, "IQ1_M", 256, 56, None),
    (30, "BF16", 1, 2, Some(DType::BF16)),
    (34, "TQ1_0", 256, 54, None),
    (35, "TQ2_0", 256, 66, None),
    (39, "MXFP4", 32, 17, None),
];

/// One tensor under the file's own name.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    pub name: String,
    /// Rows first, as everywhere else here; the file has them last.
    pub rank: usize,
    pub dimensions: [usize; 4],
    pub type_name: &'static str,
    pub dtype: Option<DType>,
    /// Absolute in the file.
    pub range: Range<u64>,
}

impl Description {
    pub fn shape(&self) -> &[usize] {
        &self.dimensions[..self.rank]
    }
}

#[derive(Debug)]
pub struct Header {
    pub file: String,
    pub values: BTreeMap<String, Value>,
    /// By offset; ranges lie inside the file and do not overlap.
    pub tensors: Vec<Description>,
    /// Where the tensors begin.
    pub data_start: u64,
}

impl Header {
    pub async fn read(source: &dyn Source, file: &str, file_bytes: u64) -> Result<Header, CheckpointError> {
        let reader = &mut Reader::new(source, file, file_bytes);
        let (n_tensors, n_keys) = counts(reader, file).await?;
        let mut values = BTreeMap::new();
        for _ in 0..n_keys {
            let key = reader.string("a key").await?;
            let value = value(reader, &key).await?;
            if values.contains_key(&key) {
                return Err(reader.fault(format!("the key {} occurs twice", shown(&key))));
            }
            values.insert(key, value);
        }
        let mut header = Header { file: file.into(), values, tensors: Vec::new(), data_start: 0 };
        let alignment = header.alignment(reader)?;
        if n_tensors > reader.left() / MIN_DESCRIPTION_BYTES {
            return Err(reader.fault(format!("{n_tensors} tensors are claimed in {} bytes", reader.left())));
        }
        header.tensors.reserve_exact(n_tensors as usize); // OK to cast: at most MAX_GGUF_TENSORS.
        for _ in 0..n_tensors {
            header.tensors.push(description(reader).await?);
        }
        header.data_start = match (n_tensors, reader.position().checked_next_multiple_of(alignment)) {
            // A part of a model may hold nothing but metadata, and then needs no padding.
            (0, _) => reader.position(),
            (_, Some(start)) if start <= file_bytes => start,
            _ => return Err(reader.fault(format!("it ends at byte {file_bytes}, before its tensors"))),
        };
        header.place(file_bytes, alignment)?;
        Ok(header)
    }

    fn alignment(&self, reader: &Reader<'_>) -> Result<u64, CheckpointError> {
        let alignment = self.unsigned("general.alignment")?.unwrap_or(DEFAULT_ALIGNMENT);
        if alignment.is_power_of_two() && (8..=MAX_ALIGNMENT).contains(&alignment) {
            return Ok(alignment);
        }
        Err(reader
            .fault(format!("general.alignment is {alignment}, expected a power of two from 8 to {MAX_ALIGNMENT}")))
    }

    /// Turns offsets from the first tensor into places in the file, and checks them.
    fn place(&mut self, file_bytes: u64, alignment: u64) -> Result<(), CheckpointError> {
        for tensor in &mut self.tensors {
            let (start, bytes) = (tensor.range.start, tensor.range.end);
            if !start.is_multiple_of(alignment) {
                let reason = format!("tensor {} has offset {start}, no multiple of {alignment}", shown(&tensor.name));
                return Err(CheckpointError::Gguf { file: self.file.clone(), reason });
            }
            let place = self.data_start.checked_add(start).and_then(|start| Some(start..start.checked_add(bytes)?));
            match place {
                Some(range) if range.end <= file_bytes => tensor.range = range,
                place => {
                    return Err(CheckpointError::Truncated {
                        file: self.file.clone(),
                        tensor: shown(&tensor.name),
                        needed_bytes: place.map_or(u64::MAX, |range| range.end),
                        file_bytes,
                    });
                }
            }
        }
        self.tensors.sort_unstable_by_key(|tensor| (tensor.range.start, tensor.range.end));
        for pair in self.tensors.windows(2) {
            if pair[1].range.start < pair[0].range.end {
                return Err(CheckpointError::Overlap {
                    file: self.file.clone(),
                    tensor: shown(&pair[1].name),
                    start: pair[1].range.start,
                    previous: shown(&pair[0].name),
                    previous_end: pair[0].range.end,
                });
            }
        }
        Ok(())
    }

    /// A whole number, where the key is there.
    pub fn unsigned(&self, key: &str) -> Result<Option<u64>, CheckpointError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(&Value::Unsigned(number)) => Ok(Some(number)),
            Some(&Value::Signed(number)) if number >= 0 => Ok(Some(number.unsigned_abs())),
            Some(other) => Err(self.unexpected(key, other, "a whole number")),
        }
    }

    pub fn float(&self, key: &str) -> Result<Option<f64>, CheckpointError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(&Value::Float(number)) if number.is_finite() => Ok(Some(number)),
            Some(&Value::Unsigned(number)) => Ok(Some(number as f64)),
            Some(other) => Err(self.unexpected(key, other, "a finite number")),
        }
    }

    pub fn bool(&self, key: &str) -> Result<Option<bool>, CheckpointError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(&Value::Bool(value)) => Ok(Some(value)),
            Some(other) => Err(self.unexpected(key, other, "true or false")),
        }
    }

    /// Keys of the metadata, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(AsRef::as_ref)
    }

    pub fn text(&self, key: &str) -> Result<Option<&str>, CheckpointError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(self.unexpected(key, other, "a string")),
        }
    }

    pub fn array(&self, key: &str, kinds: &[Kind]) -> Result<Option<Array>, CheckpointError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(&Value::Array(array)) if kinds.contains(&array.kind) => Ok(Some(array)),
            Some(other) => Err(self.unexpected(key, other, &format!("a list of {kinds:?}"))),
        }
    }

    pub fn unexpected(&self, key: &str, found: &Value, expected: &str) -> CheckpointError {
        CheckpointError::Key {
            file: self.file.clone(),
            key: shown(key),
            found: found.shown(),
            expected: expected.into(),
        }
    }
}

impl Value {
    pub fn shown(&self) -> String {
        match self {
            Value::Unsigned(number) => number.to_string(),
            Value::Signed(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Text(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
            Value::Array(array) => format!("a list of {} {:?}", array.count, array.kind),
        }
    }
}

/// Magic, version, number of tensors, number of keys.
async fn counts(reader: &mut Reader<'_>, file: &str) -> Result<(u64, u64), CheckpointError> {
    let not_gguf = |found: String| CheckpointError::NotGguf { file: file.into(), found };
    if reader.left() < 24 {
        return Err(not_gguf(format!("it has {} bytes, and the format begins with 24", reader.left())));
    }
    let first: [u8; 8] = reader.array("the magic").await?;
    if let Some(found) = mistaken_download::recognise(&first) {
        return Err(not_gguf(found.into()));
    }
    if !first.starts_with(b"GGUF") {
        return Err(not_gguf(format!("it begins with {:?}", first[..4].escape_ascii().to_string())));
    }
    let version = u32::from_le_bytes([first[4], first[5], first[6], first[7]]);
    if VERSIONS.contains(&version.swap_bytes()) {
        return Err(not_gguf("it is big-endian, which this program does not read".into()));
    }
    if !VERSIONS.contains(&version) {
        return Err(not_gguf(format!("it is of version {version}, and this program reads 2 and 3")));
    }
    let (n_tensors, n_keys) = (reader.u64("the counts").await?, reader.u64("the counts").await?);
    for (what, count, limit) in [("tensors", n_tensors, MAX_GGUF_TENSORS), ("metadata keys", n_keys, MAX_GGUF_KEYS)] {
        if count > limit {
            return Err(reader.fault(format!("it claims {count} {what}, the limit is {limit}")));
        }
    }
    Ok((n_tensors, n_keys))
}

async fn kind(reader: &mut Reader<'_>, key: &str) -> Result<Kind, CheckpointError> {
    let number = reader.u32("the type of a value").await?;
    let kind = KINDS.get(number as usize).copied();
    kind.ok_or_else(|| reader.fault(format!("{} is of type {number}, which is no type of the format", shown(key))))
}

async fn value(reader: &mut Reader<'_>, key: &str) -> Result<Value, CheckpointError> {
    match kind(reader, key).await? {
        Kind::String => Ok(Value::Text(reader.string(&format!("the value of {}", shown(key))).await?)),
        Kind::Array => {
            let kind = kind(reader, key).await?;
            let count = reader.u64("the length of a list").await?;
            let start = reader.position();
            if kind == Kind::Array {
                return Err(reader.fault(format!("{} is a list of lists, which nothing here reads", shown(key))));
            }
            let Some(bytes) = count.checked_mul(kind.bytes()).filter(|bytes| *bytes <= reader.left()) else {
                let what = format!("{} is a list of {count} {kind:?}, {} bytes are left", shown(key), reader.left());
                return Err(reader.fault(what));
            };
            if kind == Kind::String {
                for _ in 0..count {
                    let bytes = reader.length("a string of a list").await?;
                    reader.skip(bytes, "a string of a list")?;
                }
            } else {
                reader.skip(bytes, "a list")?;
            }
            Ok(Value::Array(Array { kind, count, start }))
        }
        kind => {
            let value = kind.scalar(reader.take(kind.bytes(), "a value").await?);
            value.ok_or_else(|| reader.fault(format!("{} is neither true nor false", shown(key))))
        }
    }
}

/// One description. Its range begins at the offset and ends, for now, at the number of bytes.
async fn description(reader: &mut Reader<'_>) -> Result<Description, CheckpointError> {
    let name = reader.string("the name of a tensor").await?;
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(reader.fault(format!("a tensor's name has {} bytes, expected 1 to {MAX_NAME_BYTES}", name.len())));
    }
    let rank = reader.u32("a tensor's description").await?;
    let mut dimensions = [1; 4];
    if rank == 0 || rank as usize > dimensions.len() {
        return Err(reader.fault(format!("tensor {} has {rank} dimensions, expected 1 to 4", shown(&name))));
    }
    const { assert!(4 <= MAX_RANK) };
    let rank = rank as usize;
    let mut elements = Some(1_u64);
    for i in 0..rank {
        let dimension = reader.u64("a tensor's description").await?;
        elements = elements.and_then(|elements| elements.checked_mul(dimension));
        // OK where it does not fit: then the bytes do not either, unless another dimension is zero.
        dimensions[rank - 1 - i] = usize::try_from(dimension).unwrap_or(usize::MAX);
    }
    let number = reader.u32("a tensor's description").await?;
    let offset = reader.u64("a tensor's description").await?;
    let Some(&(_, type_name, block_elements, block_bytes, dtype)) = TYPES.iter().find(|(known, ..)| *known == number)
    else {
        return Err(reader.fault(format!("tensor {} is stored as type {number}, which is not known", shown(&name))));
    };
    let columns = dimensions[rank - 1] as u64;
    let bytes = elements
        .filter(|_| columns.is_multiple_of(block_elements))
        .and_then(|elements| (elements / block_elements).checked_mul(block_bytes));
    let Some(bytes) = bytes else {
        return Err(reader.fault(format!(
            "tensor {} of shape {:?} is no whole number of {type_name} blocks of {block_elements}, or beyond 2^64 bytes",
            shown(&name),
            &dimensions[..rank]
        )));
    };
    Ok(Description { name, rank, dimensions, type_name, dtype, range: offset..bytes })
}
