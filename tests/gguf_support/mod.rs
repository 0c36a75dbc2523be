//! A writer of GGUF files for tests, and the weights of one as safetensors.

#![allow(dead_code, reason = "every test binary uses its own part of this module")]

use std::collections::HashMap;

use glitchscope::checkpoint::{Checkpoint, TensorFile};
use glitchscope::compute::{DType, quant};
use glitchscope::progress::Silent;

use super::common::now;

/// A metadata value with its type's number.
#[derive(Clone)]
pub enum Value {
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(u8),
    Text(Vec<u8>),
    U64(u64),
    Texts(Vec<&'static str>),
    F32s(Vec<f32>),
    I32s(Vec<i32>),
    /// Anything else: the type's number and the bytes.
    Raw(u32, Vec<u8>),
}

/// Name, dimensions as the file has them (columns first), type number, bytes.
pub type Tensor = (String, Vec<u64>, u32, Vec<u8>);

#[derive(Clone)]
pub struct Gguf {
    pub version: u32,
    pub values: Vec<(String, Value)>,
    pub tensors: Vec<Tensor>,
    pub alignment: usize,
}

pub fn text(text: &str) -> Value {
    Value::Text(text.as_bytes().to_vec())
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text);
}

impl Gguf {
    pub fn new(values: Vec<(&str, Value)>, tensors: Vec<Tensor>) -> Self {
        let values = values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Gguf { version: 3, values, tensors, alignment: 32 }
    }

    pub fn set(mut self, key: &str, value: Value) -> Self {
        self.values.retain(|(other, _)| other != key);
        self.values.push((key.into(), value));
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.values.len() as u64).to_le_bytes());
        for (key, value) in &self.values {
            string(&mut out, key.as_bytes());
            let list = |out: &mut Vec<u8>, kind: u32, count: usize| {
                out.extend(9_u32.to_le_bytes());
                out.extend(kind.to_le_bytes());
                out.extend((count as u64).to_le_bytes());
            };
            let mut scalar = |kind: u32, bytes: &[u8]| {
                out.extend(kind.to_le_bytes());
                out.extend(bytes);
            };
            match value {
                Value::U32(number) => scalar(4, &number.to_le_bytes()),
                Value::I32(number) => scalar(5, &number.to_le_bytes()),
                Value::F32(number) => scalar(6, &number.to_le_bytes()),
                Value::Bool(value) => scalar(7, &[*value]),
                Value::U64(number) => scalar(10, &number.to_le_bytes()),
                Value::Raw(kind, bytes) => scalar(*kind, bytes),
                Value::Text(text) => {
                    scalar(8, &[]);
                    string(&mut out, text);
                }
                Value::Texts(texts) => {
                    list(&mut out, 8, texts.len());
                    texts.iter().for_each(|text| string(&mut out, text.as_bytes()));
                }
                Value::F32s(numbers) => {
                    list(&mut out, 6, numbers.len());
                    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
                }
                Value::I32s(numbers) => {
                    list(&mut out, 5, numbers.len());
                    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
                }
            }
        }
        let mut offset = 0;
        for (name, dimensions, kind, bytes) in &self.tensors {
            string(&mut out, name.as_bytes());
            out.extend((dimensions.len() as u32).to_le_bytes());
            dimensions.iter().for_each(|dimension| out.extend(dimension.to_le_bytes()));
            out.extend(kind.to_le_bytes());
            out.extend((offset as u64).to_le_bytes());
            offset = (offset + bytes.len()).next_multiple_of(self.alignment);
        }
        for (_, _, _, bytes) in &self.tensors {
            out.resize(out.len().next_multiple_of(self.alignment), 0);
            out.extend(bytes);
        }
        out
    }
}

/// ggml's number of a type.
pub fn number(dtype: DType) -> u32 {
    match dtype {
        DType::F32 => 0,
        DType::F16 => 1,
        DType::Q4_0 => 2,
        DType::Q4_1 => 3,
        DType::Q5_0 => 6,
        DType::Q5_1 => 7,
        DType::Q8_0 => 8,
        DType::Q4K => 12,
        DType::Q5K => 13,
        DType::Q6K => 14,
        DType::BF16 => 30,
        other => panic!("{other:?} is no type of GGUF"),
    }
}

/// Every tensor as it is delivered: shape, type, bytes.
pub fn delivered(checkpoint: &Checkpoint) -> HashMap<String, (Vec<usize>, DType, Vec<u8>)> {
    let mut tensors: HashMap<String, (Vec<usize>, DType, Vec<u8>)> = HashMap::new();
    now(checkpoint.load(
        &|_| true,
        &mut |entry, offset, bytes| {
            let place =
                tensors.entry(entry.name.clone()).or_insert_with(|| (entry.shape.clone(), entry.dtype, Vec::new()));
            assert_eq!(place.2.len(), offset, "{}: chunks in order and without gaps", entry.name);
            assert_eq!(offset % 4, 0, "{}: a chunk starts at a multiple of four", entry.name);
            place.2.extend_from_slice(bytes);
            Ok(())
        },
        &mut Silent,
    ))
    .expect("loading");
    tensors
}

/// Names of GPT-2's dense weights, which its own checkpoint stores as (inputs, outputs).
pub fn is_conv1d(name: &str) -> bool {
    ["c_attn.weight", "c_proj.weight", "c_fc.weight"].iter().any(|end| name.ends_with(end))
}

/// The same weights, widened, as the safetensors file of the checkpoint they came from.
pub fn as_safetensors(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut file = TensorFile::default();
    for (name, (shape, dtype, bytes)) in delivered(checkpoint) {
        let values = quant::widen_all(dtype, &bytes);
        if is_conv1d(&name) {
            let (values, shape) = transposed(&values, &shape);
            file.insert_f32(name, &shape, values);
        } else {
            file.insert_f32(name, &shape, values);
        }
    }
    file.to_bytes()
}

pub fn transposed(values: &[f32], shape: &[usize]) -> (Vec<f32>, Vec<usize>) {
    let (rows, columns) = (shape[0], shape[1]);
    let values = (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c])).collect();
    (values, vec![columns, rows])
}
