//! Every named tolerance, with its reason. `|a − b| ≤ absolute + relative · |b|`, written so that NaN fails.

/// How far two results may be apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    pub absolute: f32,
    pub relative: f32,
}

impl Tolerance {
    pub const fn new(absolute: f32, relative: f32) -> Self {
        Tolerance { absolute, relative }
    }

    /// False for NaN on either side, because every comparison with NaN is false.
    pub fn accepts(self, got: f32, expected: f32) -> bool {
        (got - expected).abs() <= self.absolute + self.relative * expected.abs()
    }
}

/// The same numbers moved about: nothing may change.
pub const EXACT: Tolerance = Tolerance::new(0.0, 0.0);
/// One transcendental function per element; GPU `exp` and `tanh` are allowed a few units in the last place.
pub const ELEMENTWISE: Tolerance = Tolerance::new(1e-6, 1e-5);
/// Sums over at most a few thousand f32 terms in another order: error grows like sqrt(terms) · 6e-8.
pub const REDUCTION: Tolerance = Tolerance::new(1e-5, 1e-4);
