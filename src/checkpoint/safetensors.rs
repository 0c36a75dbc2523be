//! The header of a safetensors file: eight bytes of length, then JSON, then the tensors end to end.
//!
//! Source   https://github.com/huggingface/safetensors, "Format"; offsets count from the end of the header
//! Limits   the header's length is the format's own; a tensor has at most `MAX_RANK` dimensions
//! Not done sub-byte types are recognised and never read

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Change, CheckpointError, mistaken_download};
use crate::compute::DType;

/// Largest header, as in the reference implementation. It is read whole, after a comparison with the file's length.
pub const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Most dimensions of a tensor. Weights of language models have at most three.
pub const MAX_RANK: usize = 8;

/// Bytes before the JSON: its length, little endian.
pub const LENGTH_BYTES: u64 = 8;

/// One tensor of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorEntry {
    pub name: String,
    pub file: String,
    /// As it is delivered; the file may store it otherwise, see `change`.
    pub dtype: DType,
    pub shape: Vec<usize>,
    /// Absolute in the file.
    pub range: Range<u64>,
    /// What is done to it between file and device.
    pub change: Option<Box<Change>>,
}

impl TensorEntry {
    /// How the file stores it.
    pub fn stored(&self) -> DType {
        self.change.as_ref().map_or(self.dtype, |change| change.stored)
    }

    /// Bytes of the tensor in its file.
    pub fn bytes(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.shape.iter().map(|&dimension| dimension as u64).product()
    }
}

/// A tensor whose type this program does not read; harmless until somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnreadableTensor {
    pub name: String,
    pub file: String,
    pub dtype: &'static str,
    pub range: Range<u64>,
}

/// What a header says: both lists by offset, together covering the file's data without gap or overlap.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub tensors: Vec<TensorEntry>,
    pub unreadable: Vec<UnreadableTensor>,
}

/// Every type of the format with its width in bits, and how this program stores it if it does.
const TYPES: &[(&str, u64, Option<DType>)] = &[
    ("F32", 32, Some(DType::F32)),
    ("F16", 16, Some(DType::F16)),
    ("BF16", 16, Some(DType::BF16)),
    ("F64", 64, None),
    ("I64", 64, None),
    ("U64", 64, None),
    ("C64", 64, None),
    ("I32", 32, None),
    ("U32", 32, None),
    ("I16", 16, None),
    ("U16", 16, None),
    ("I8", 8, None),
    ("U8", 8, None),
    ("BOOL", 8, None),
    ("F8_E5M2", 8, Some(DType::F8E5M2)),
    ("F8_E4M3", 8, Some(DType::F8E4M3)),
    ("F8_E8M0", 8, None),
    ("F8_E4M3FNUZ", 8, None),
    ("F8_E5M2FNUZ", 8, None),
    ("F6_E2M3", 6, None),
    ("F6_E3M2", 6, None),
    ("F4", 4, None),
];

/// The header's length from the file's first eight bytes, checked against the file.
pub(super) fn header_bytes(file: &str, first: [u8; 8], file_bytes: u64) -> Result<u64, CheckpointError> {
    let not_safetensors = |found: &str| CheckpointError::NotSafetensors { file: file.into(), found: found.into() };
    if let Some(found) = mistaken_download::recognise(&first) {
        return Err(not_safetensors(found));
    }
    let length = u64::from_le_bytes(first);
    if length > MAX_HEADER_BYTES || length > file_bytes.saturating_sub(LENGTH_BYTES) {
        return Err(CheckpointError::HeaderLength {
            file: file.into(),
            header_bytes: length,
            file_bytes,
            limit_bytes: MAX_HEADER_BYTES,
        });
    }
    Ok(length)
}

/// Reads the JSON and checks every tensor: known type, shape times type equals byte range, ranges that lie end to end
/// from the header's end to the file's end, no name twice.
pub(super) fn parse_header(file: &str, json: &[u8], file_bytes: u64) -> Result<Header, CheckpointError> {
    let json_error = |error: serde_json::Error| CheckpointError::Json {
        file: file.into(),
        reason: format!("its header cannot be read ({error})"),
    };
    let data_start = LENGTH_BYTES + json.len() as u64;
    // Two passes: the first counts, so that the second allocates once. A growing list would hold up to three times
    // its final size while it moves, which on wasm is memory that never comes back.
    let mut count = Count::default();
    let mut reader = serde_json::Deserializer::from_slice(json);
    CountEntries(&mut count).deserialize(&mut reader).map_err(json_error)?;
    reader.end().map_err(json_error)?;

    let mut header =
        Header { tensors: Vec::with_capacity(count.readable), unreadable: Vec::with_capacity(count.unreadable) };
    let mut problem = None;
    let fill = Fill { file, data_start, file_bytes, header: &mut header, problem: &mut problem };
    let filled = fill.deserialize(&mut serde_json::Deserializer::from_slice(json));
    if let Some(problem) = problem {
        return Err(problem);
    }
    filled.map_err(json_error)?;

    header.tensors.sort_unstable_by_key(|entry| (entry.range.start, entry.range.end));
    header.unreadable.sort_unstable_by_key(|entry| (entry.range.start, entry.range.end));
    check_layout(file, &header, data_start, file_bytes)?;
    Ok(header)
}

/// Ranges lie end to end, which also keeps them inside the file.
fn check_layout(file: &str, header: &Header, data_start: u64, file_bytes: u64) -> Result<(), CheckpointError> {
    let mut readable = header.tensors.iter().map(|entry| (&entry.name, &entry.range)).peekable();
    let mut unreadable = header.unreadable.iter().map(|entry| (&entry.name, &entry.range)).peekable();
    let mut end = data_start;
    let mut previous: &str = "the header";
    loop {
        let next_is_readable = match (readable.peek(), unreadable.peek()) {
            (Some((_, a)), Some((_, b))) => (a.start, a.end) <= (b.start, b.end),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => break,
        };
        let next = if next_is_readable { readable.next() } else { unreadable.next() };
        let Some((name, range)) = next else { break };
        if range.end > file_bytes {
            return Err(CheckpointError::Truncated {
                file: file.into(),
                tensor: shown(name),
                needed_bytes: range.end,
                file_bytes,
            });
        }
        if range.start < end {
            return Err(CheckpointError::Overlap {
                file: file.into(),
                tensor: shown(name),
                start: range.start,
                previous: shown(previous),
                previous_end: end,
            });
        }
        if range.start > end {
            return Err(CheckpointError::Gap {
                file: file.into(),
                tensor: shown(name),
                start: range.start,
                previous_end: end,
            });
        }
        end = range.end;
        previous = name;
    }
    if end != file_bytes {
        return Err(CheckpointError::TrailingBytes { file: file.into(), file_bytes, used_bytes: end });
    }
    Ok(())
}

/// A name as errors show it: of bearable length, and with nothing in it that a terminal would obey.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(100).flat_map(char::escape_debug).collect()
}

/// The name of the free-text entry that is no tensor.
const METADATA: &str = "__metadata__";

/// How many entries will go into each list.
#[derive(Default)]
struct Count {
    readable: usize,
    unreadable: usize,
}

/// All that counting needs of an entry; the rest is judged in the second pass.
#[derive(Deserialize)]
struct TypeOnly<'a> {
    #[serde(borrow)]
    dtype: Cow<'a, str>,
}

struct CountEntries<'a>(&'a mut Count);

impl<'de> DeserializeSeed<'de> for CountEntries<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for CountEntries<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            if name == METADATA {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let entry: TypeOnly =
                map.next_value().map_err(|error| A::Error::custom(format!("tensor {}: {error}", shown(&name))))?;
            match TYPES.iter().find(|(known, ..)| *known == entry.dtype) {
                Some((_, _, Some(_))) => self.0.readable += 1,
                // An unknown type ends the second pass.
                _ => self.0.unreadable += 1,
            }
        }
        Ok(())
    }
}

/// Fills the header; an error that is more than a JSON error goes to `problem`, with its numbers.
struct Fill<'a> {
    file: &'a str,
    data_start: u64,
    file_bytes: u64,
    header: &'a mut Header,
    problem: &'a mut Option<CheckpointError>,
}

impl<'de> DeserializeSeed<'de> for Fill<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fill<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            if name == METADATA {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let info: Info =
                map.next_value().map_err(|error| A::Error::custom(format!("tensor {}: {error}", shown(&name))))?;
            if let Err(problem) = self.push(&name, &info) {
                *self.problem = Some(problem);
                return Err(A::Error::custom("a tensor was refused"));
            }
        }
        Ok(())
    }
}

impl Fill<'_> {
    /// Checks what one entry says by itself.
    fn push(&mut self, name: &str, info: &Info) -> Result<(), CheckpointError> {
        let file = self.file;
        let Some(&(dtype_name, bits, dtype)) = TYPES.iter().find(|(known, ..)| *known == info.dtype) else {
            return Err(CheckpointError::UnknownType {
                file: file.into(),
                tensor: shown(name),
                dtype: shown(&info.dtype),
            });
        };
        let (start, end) = info.data_offsets;
        if end < start {
            return Err(CheckpointError::OffsetOrder { file: file.into(), tensor: shown(name), start, end });
        }
        let expected = info.shape.bytes(bits);
        if expected != Some(end - start) {
            let takes = match expected {
                Some(bytes) => format!("{bytes} bytes"),
                None => "no whole number of bytes below 2^64".into(),
            };
            return Err(CheckpointError::ByteRange {
                file: file.into(),
                tensor: shown(name),
                needs: format!("of shape {:?} in {dtype_name} takes {takes}", info.shape.to_vec()),
                got_bytes: end - start,
            });
        }
        // An offset near 2^64 must not wrap around to a place inside the file.
        let (Some(start), Some(end)) = (start.checked_add(self.data_start), end.checked_add(self.data_start)) else {
            return Err(CheckpointError::Truncated {
                file: file.into(),
                tensor: shown(name),
                needed_bytes: u64::MAX,
                file_bytes: self.file_bytes,
            });
        };
        let range = start..end;
        match dtype {
            Some(dtype) => self.header.tensors.push(TensorEntry {
                name: name.into(),
                file: file.into(),
                dtype,
                change: None,
                shape: info.shape.to_vec(),
                range,
            }),
            None => self.header.unreadable.push(UnreadableTensor {
                name: name.into(),
                file: file.into(),
                dtype: dtype_name,
                range,
            }),
        }
        Ok(())
    }
}

/// A name, borrowed from the JSON where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.into())))
            }
        }
        reader.deserialize_str(NameVisitor)
    }
}

#[derive(Deserialize)]
struct Info<'a> {
    #[serde(borrow)]
    dtype: Cow<'a, str>,
    shape: Shape,
    data_offsets: (u64, u64),
}

/// At most `MAX_RANK` dimensions, without a list that could grow.
struct Shape {
    rank: usize,
    dimensions: [u64; MAX_RANK],
}

impl Shape {
    /// Bytes of a tensor of this shape; `None` when they overflow or are no whole number.
    fn bytes(&self, bits: u64) -> Option<u64> {
        let elements = self.dimensions[..self.rank]
            .iter()
            .try_fold(1_u64, |product, &dimension| product.checked_mul(dimension))?;
        let bits = elements.checked_mul(bits)?;
        bits.is_multiple_of(8).then_some(bits / 8)
    }

    /// OK to cast: a shape whose bytes fit a file has dimensions that fit its address space, or a zero among them.
    fn to_vec(&self) -> Vec<usize> {
        self.dimensions[..self.rank].iter().map(|&dimension| usize::try_from(dimension).unwrap_or(usize::MAX)).collect()
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct ShapeVisitor;
        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                write!(formatter, "a list of at most {MAX_RANK} dimensions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
                let mut shape = Shape { rank: 0, dimensions: [0; MAX_RANK] };
                while let Some(dimension) = items.next_element()? {
                    if shape.rank == MAX_RANK {
                        return Err(A::Error::custom(format!("more than {MAX_RANK} dimensions")));
                    }
                    shape.dimensions[shape.rank] = dimension;
                    shape.rank += 1;
                }
                Ok(shape)
            }
        }
        reader.deserialize_seq(ShapeVisitor)
    }
}
