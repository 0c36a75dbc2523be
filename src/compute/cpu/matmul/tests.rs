//! Oracle: the defining sum in f64. All instruction sets that this processor has, both layouts, every stored type that has
//! code of its own.

use half::{bf16, f16};

use super::*;
use crate::compute::cpu::values::Values;
use crate::compute::quant::{Quantised, quantise};
use crate::rng::Rng;

struct Case {
    op: MatMul,
    shape: Shape,
    x: Vec<f32>,
    weight: Values,
    bias: Option<Vec<f32>>,
    out: Vec<f32>,
}

impl Case {
    fn new(rng: &mut Rng, (m, n, k): (usize, usize, usize), layout: WeightLayout, dtype: usize) -> Case {
        let mut floats = |count: usize| -> Vec<f32> { (0..count).map(|_| rng.normal()).collect() };
        let weight = floats(n * k);
        let row = if layout == WeightLayout::OutIn { k } else { n };
        let weight = match dtype {
            3 | 4 if row % 32 == 0 => quantised([Quantised::Int8, Quantised::Int4][dtype - 3], &weight),
            0 => Values::F32(weight),
            1 => Values::F16(weight.iter().map(|value| f16::from_f32(*value)).collect()),
            _ => Values::BF16(weight.iter().map(|value| bf16::from_f32(*value)).collect()),
        };
        let (column_offset, extra) = ((m + k) % 3, n % 2);
        let shape = Shape { m, n, k, out_columns: column_offset + n + extra };
        Case {
            op: MatMul { layout, column_offset, accumulate: (m + n) % 2 == 0 },
            shape,
            x: floats(m * k),
            weight,
            bias: (n % 3 != 0).then(|| floats(n)),
            out: floats(m * shape.out_columns),
        }
    }

    fn run(&self, kernels: &Kernels, rows: std::ops::Range<usize>) -> Vec<f32> {
        let (k, columns) = (self.shape.k, self.shape.out_columns);
        let mut out = self.out[rows.start * columns..rows.end * columns].to_vec();
        let shape = Shape { m: rows.len(), ..self.shape };
        let x = &self.x[rows.start * k..rows.end * k];
        forward_with(kernels, &self.op, shape, x, self.weight.weights(), self.bias.as_deref(), &mut out);
        out
    }

    /// The value of every element, and the sum of the sizes of its terms.
    fn expected(&self) -> Vec<(f64, f64)> {
        let (Shape { m, n, k, out_columns }, weight) = (self.shape, self.weight.weights().to_f32());
        let mut out: Vec<_> = self.out.iter().map(|value| (f64::from(*value), 0.0)).collect();
        for row in 0..m {
            for column in 0..n {
                let element = &mut out[row * out_columns + self.op.column_offset + column];
                let mut terms = vec![if self.op.accumulate { element.0 } else { 0.0 }];
                terms.extend(self.bias.as_ref().map(|bias| f64::from(bias[column])));
                terms.extend((0..k).map(|i| {
                    let at = if self.op.layout == WeightLayout::OutIn { column * k + i } else { i * n + column };
                    f64::from(self.x[row * k + i]) * f64::from(weight[at])
                }));
                *element = (terms.iter().sum(), terms.iter().map(|term| term.abs()).sum());
            }
        }
        out
    }
}

fn quantised(to: Quantised, weight: &[f32]) -> Values {
    let mut bytes = Vec::new();
    quantise(to, weight, &mut bytes);
    let mut values = Values::zeros(to.dtype(), weight.len()).unwrap();
    values.bytes_mut().copy_from_slice(&bytes);
    values
}

/// Within the bound of a sum of `k` terms taken in any order (Higham 2002, section 4.2); false for NaN.
fn agrees(got: &[f32], expected: &[(f64, f64)], k: usize) -> bool {
    let bound = (k as f64 + 4.0) * f64::from(f32::EPSILON) / 2.0;
    got.len() == expected.len()
        && got.iter().zip(expected).all(|(got, (value, size))| (f64::from(*got) - value).abs() <= bound * size)
}

const SHAPES: [(usize, usize, usize); 22] = [
    (1, 1, 1),
    (1, 131, 300),
    (2, 64, 513),
    (2, 600, 5),
    (3, 7, 1),
    (4, 8, 4),
    (5, 33, 67),
    (6, 16, 256),
    (11, 129, 255),
    (13, 65, 257),
    (19, 96, 40),
    (270, 37, 21),
    (7, 600, 40),
    // More than one block of rows and of inputs, and more rows than are packed at a time.
    (270, 100, 520),
    (270, 1, 16_400),
    // A few rows of blocks, more outputs than are taken at a time, and some left over.
    (1, 40, 96),
    (1, 64, 544),
    (3, 50, 64),
    (4, 96, 1056),
    (3, 48, 22),
    (3, 40, 0),
    (2, 40, 0),
];

fn cases(mut check: impl FnMut(&Case)) {
    let mut rng = Rng::new(17);
    for dimensions in SHAPES {
        for layout in [WeightLayout::OutIn, WeightLayout::InOut] {
            // How rows are cut into parts has nothing to do with how weights are stored.
            for dtype in 0..if dimensions.2 > 10_000 { 1 } else { 5 } {
                let mut case = Case::new(&mut rng, dimensions, layout, dtype);
                if dtype == 1 {
                    unusual_halves(&mut case, dimensions.2 % 2 == 0);
                }
                check(&case);
            }
        }
    }
}

/// Subnormal, largest and zero halves; and an input that cannot be scaled by what halves are too small by.
fn unusual_halves(case: &mut Case, is_large: bool) {
    let Values::F16(weight) = &mut case.weight else { unreachable!("asked for halves") };
    for (i, bits) in [0x0001, 0x83ff, 0x7bff, 0x8000, 0xfbff].into_iter().enumerate() {
        if let Some(value) = weight.iter_mut().rev().nth(3 * i) {
            *value = f16::from_bits(bits);
        }
    }
    if let (true, Some(x)) = (is_large, case.x.last_mut()) {
        *x = 1e6;
    }
}

#[test]
fn every_kernel_gives_the_sum() {
    cases(|case| {
        let Shape { m, n, k, .. } = case.shape;
        let expected = case.expected();
        for kernels in tile::available() {
            let got = case.run(kernels, 0..m);
            assert!(agrees(&got, &expected, k), "{} at ({m}, {n}, {k}), {:?}", kernels.name, case.op);
        }
    });
}

#[test]
fn a_row_gives_the_same_bits_alone_and_in_a_batch() {
    cases(|case| {
        for kernels in tile::available() {
            let columns = case.shape.out_columns;
            let whole = case.run(kernels, 0..case.shape.m);
            for rows in [0..1, case.shape.m - 1..case.shape.m, 0..case.shape.m.min(3)] {
                let part = case.run(kernels, rows.clone());
                let whole = &whole[rows.start * columns..rows.end * columns];
                let same = part.iter().zip(whole).all(|(part, whole)| part.to_bits() == whole.to_bits());
                assert!(same, "{}, rows {rows:?} of {}, {:?}", kernels.name, case.shape.m, case.op);
            }
        }
    });
}

#[test]
fn the_comparer_rejects_what_it_must() {
    let case = Case::new(&mut Rng::new(1), (5, 9, 30), WeightLayout::OutIn, 0);
    let (got, expected) = (case.run(kernels(), 0..5), case.expected());
    assert!(agrees(&got, &expected, 30));
    for wrong in [f32::NAN, f32::INFINITY, got[7] + 1e-3, -got[7]] {
        let mut got = got.clone();
        got[7] = wrong;
        assert!(!agrees(&got, &expected, 30), "{wrong}");
    }
    assert!(!agrees(&got[1..], &expected, 30));
}
