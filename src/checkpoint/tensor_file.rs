//! Tensors in memory as a safetensors file, and back: gradients, training checkpoints, rows of token ids.
//!
//! Source   the safetensors format: eight bytes of header length, a JSON header, the bytes of the tensors
//! Limits   F32 and U32, whole in memory; models are read by [`Checkpoint`](super::Checkpoint), in parts

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CheckpointError, MAX_HEADER_BYTES};

/// The values of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorValues {
    F32(Vec<f32>),
    U32(Vec<u32>),
}

impl TensorValues {
    fn dtype(&self) -> &'static str {
        match self {
            TensorValues::F32(_) => "F32",
            TensorValues::U32(_) => "U32",
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            TensorValues::F32(values) => bytemuck::cast_slice(values),
            TensorValues::U32(values) => bytemuck::cast_slice(values),
        }
    }
}

/// Named tensors and text about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorFile {
    pub tensors: BTreeMap<String, (Vec<usize>, TensorValues)>,
    pub metadata: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

const METADATA: &str = "__metadata__";

impl TensorFile {
    pub fn insert_f32(&mut self, name: impl Into<String>, shape: &[usize], values: Vec<f32>) {
        self.tensors.insert(name.into(), (shape.to_vec(), TensorValues::F32(values)));
    }

    /// The file. Tensors follow one another by name, each at a multiple of four bytes; the header is padded with blanks
    /// so that the first begins at a multiple of eight, as the format asks.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut header = serde_json::Map::new();
        if !self.metadata.is_empty() {
            header.insert(METADATA.into(), serde_json::json!(self.metadata));
        }
        let mut end = 0;
        for (name, (shape, values)) in &self.tensors {
            let start = end;
            end += values.bytes().len();
            let entry = Entry { dtype: values.dtype().into(), shape: shape.clone(), data_offsets: [start, end] };
            header.insert(name.clone(), serde_json::json!(entry));
        }
        let mut text = serde_json::Value::Object(header).to_string().into_bytes();
        text.resize(text.len().next_multiple_of(8), b' ');
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(&text);
        for (_, values) in self.tensors.values() {
            bytes.extend_from_slice(values.bytes());
        }
        bytes
    }

    /// `file` is what errors call it. Tensors of other types are refused by name.
    pub fn from_bytes(file: &str, bytes: &[u8]) -> Result<TensorFile, CheckpointError> {
        let broken = |found: String| CheckpointError::NotSafetensors { file: file.into(), found };
        let (length, rest) =
            bytes.split_at_checked(8).ok_or_else(|| broken(format!("{} bytes hold no header length", bytes.len())))?;
        let length = u64::from_le_bytes(length.try_into().expect("OK because split at eight"));
        if length > MAX_HEADER_BYTES || length > rest.len() as u64 {
            return Err(broken(format!("a header of {length} bytes in a file of {}", bytes.len())));
        }
        let (header, data) = rest.split_at(length as usize);
        let header: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(header).map_err(|error| broken(error.to_string()))?;
        let mut read = TensorFile::default();
        for (name, value) in header {
            if name == METADATA {
                read.metadata = serde_json::from_value(value).map_err(|error| broken(error.to_string()))?;
                continue;
            }
            let entry: Entry = serde_json::from_value(value).map_err(|error| broken(format!("{name}: {error}")))?;
            let [start, end] = entry.data_offsets;
            let bytes = data
                .get(start..end)
                .ok_or_else(|| broken(format!("{name} at {start}..{end} of {} bytes", data.len())))?;
            let elements = entry.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
            if elements.and_then(|elements| elements.checked_mul(4)) != Some(bytes.len()) {
                return Err(broken(format!("{name} of shape {:?} in {} bytes", entry.shape, bytes.len())));
            }
            let values = match entry.dtype.as_str() {
                "F32" => TensorValues::F32(bytemuck::pod_collect_to_vec(bytes)),
                "U32" => TensorValues::U32(bytemuck::pod_collect_to_vec(bytes)),
                other => return Err(broken(format!("{name} is stored as {other}, expected F32 or U32"))),
            };
            read.tensors.insert(name, (entry.shape, values));
        }
        Ok(read)
    }

    /// A tensor of floats and its shape.
    pub fn f32s(&self, name: &str) -> Option<(&[usize], &[f32])> {
        match self.tensors.get(name) {
            Some((shape, TensorValues::F32(values))) => Some((shape, values)),
            _ => None,
        }
    }

    /// A tensor of indices and its shape.
    pub fn u32s(&self, name: &str) -> Option<(&[usize], &[u32])> {
        match self.tensors.get(name) {
            Some((shape, TensorValues::U32(values))) => Some((shape, values)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> TensorFile {
        let mut file = TensorFile::default();
        file.insert_f32("b", &[2, 2], vec![1.0, -0.0, f32::MIN_POSITIVE, f32::NAN]);
        file.tensors.insert("a".into(), (vec![3], TensorValues::U32(vec![7, 0, u32::MAX])));
        file.metadata.insert("step".into(), "12".into());
        file
    }

    /// Oracle: what was written, to the bit.
    #[test]
    fn what_is_written_is_read_back() {
        let bytes = sample().to_bytes();
        let read = TensorFile::from_bytes("sample", &bytes).unwrap();
        assert_eq!(read.to_bytes(), bytes);
        assert_eq!(read.u32s("a").unwrap(), (&[3][..], &[7, 0, u32::MAX][..]));
        assert_eq!(read.f32s("b").unwrap().1[1].to_bits(), (-0.0f32).to_bits());
        assert_eq!(read.metadata["step"], "12");
        assert!(read.f32s("a").is_none() && read.u32s("c").is_none());
    }

    /// Negative control: every cut and a few lies are errors, and none panics.
    #[test]
    fn broken_files_are_refused() {
        let bytes = sample().to_bytes();
        for cut in 0..bytes.len() {
            assert!(TensorFile::from_bytes("cut", &bytes[..cut]).is_err(), "{cut} of {}", bytes.len());
        }
        let text = String::from_utf8_lossy(&bytes[8..]).into_owned();
        for (from, to) in [("[2,2]", "[2,3]"), ("\"U32\"", "\"I64\""), ("[0,12]", "[9,12]")] {
            assert!(text.contains(from));
            let mut changed = bytes.clone();
            let at = 8 + text.find(from).unwrap();
            changed[at..at + to.len()].copy_from_slice(to.as_bytes());
            assert!(TensorFile::from_bytes("changed", &changed).is_err(), "{from} became {to} unnoticed");
        }
        let huge = [u64::MAX.to_le_bytes().to_vec(), vec![b'{', b'}']].concat();
        assert!(TensorFile::from_bytes("huge", &huge).is_err());
    }
}
