//! Oracle: gguf-py's dequantisation and quantisation, PyTorch's 8-bit floats (tools/reference/quant.py). Bit for bit.

use crate::common::fixture;
use glitchscope::compute::DType;
use glitchscope::compute::quant::{self, Quantised};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    widen: Vec<Case>,
    quantise: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    r#type: String,
    bytes: String,
    f32: String,
}

fn golden() -> Golden {
    serde_json::from_slice(&fixture("tests/golden/quant/blocks.json")).expect("the golden blocks")
}

fn from_hex(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks_exact(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).expect("ASCII"), 16).expect("hex"))
        .collect()
}

/// The numbers are the same bits, signs of zero included.
fn same_bits(got: &[f32], expected: &[u8]) -> Result<(), String> {
    let expected: Vec<f32> = bytemuck::pod_collect_to_vec(expected);
    if got.len() != expected.len() || got.is_empty() {
        return Err(format!("{} numbers against {}", got.len(), expected.len()));
    }
    match got.iter().zip(&expected).position(|(got, expected)| got.to_bits() != expected.to_bits()) {
        None => Ok(()),
        Some(i) => Err(format!("element {i} is {}, expected {}", got[i], expected[i])),
    }
}

#[test]
fn every_block_type_widens_to_the_reference_bits() {
    let cases = golden().widen;
    for &dtype in DType::WEIGHTS.iter().filter(|dtype| dtype.is_block() || dtype.block_bytes() == 1) {
        let case = cases.iter().find(|case| case.r#type == dtype.name()).expect("a case of every type");
        let got = quant::widen_all(dtype, &from_hex(&case.bytes));
        // A zero times a negative scale is −0 here and there alike.
        same_bits(&got, &from_hex(&case.f32)).unwrap_or_else(|error| panic!("{}: {error}", case.r#type));
    }
}

#[test]
fn rounding_gives_the_reference_blocks() {
    let cases = golden().quantise;
    for to in [Quantised::Int8, Quantised::Int4] {
        let case = cases.iter().find(|case| case.r#type == to.dtype().name()).expect("a case of every type");
        let mut got = Vec::new();
        quant::quantise(to, &bytemuck::pod_collect_to_vec::<u8, f32>(&from_hex(&case.f32)), &mut got);
        let expected = from_hex(&case.bytes);
        let size = to.dtype().block_bytes();
        for (i, (got, expected)) in got.chunks(size).zip(expected.chunks(size)).enumerate() {
            assert_eq!(got, expected, "{} block {i}", case.r#type);
        }
        assert_eq!(got.len(), expected.len());
    }
}

/// Negative control: a changed bit of a block, one unit in the last place, a missing number.
#[test]
fn the_comparer_finds_what_is_wrong() {
    let case = &golden().widen[0];
    let (bytes, expected) = (from_hex(&case.bytes), from_hex(&case.f32));
    let good = quant::widen_all(DType::Q4_0, &bytes);
    same_bits(&good, &expected).unwrap();
    let mut changed = bytes.clone();
    changed[5] ^= 1;
    assert!(same_bits(&quant::widen_all(DType::Q4_0, &changed), &expected).is_err());
    let mut moved = good.clone();
    moved[7] = f32::from_bits(moved[7].to_bits() + 1);
    assert!(same_bits(&moved, &expected).is_err());
    assert!(same_bits(&good[1..], &expected).is_err());
    assert!(same_bits(&[f32::NAN], &1.0_f32.to_le_bytes()).is_err());
}
