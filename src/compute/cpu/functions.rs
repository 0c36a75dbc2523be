//! Elementary functions without branches, which compilers turn into vector code, and sums in a fixed order of eight lanes.

/// e^x, within 2e-7 of itself; from about e^-87 on down it stays there, and above e^88 as well.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // x = n ln 2 + r with |r| ≤ ln 2 / 2; the nearest integer stands in the lower bits after the addition. ln 2 is cut in
    // two so that n ln 2 is exact (Cody & Waite 1980), and the polynomial is that of Cephes' expf (Moshier).
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = 1.987_569_2e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_6e-1;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0f32.to_bits()))
}

/// tanh x, within 3e-7.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    // 1 - 2 / (e^2x + 1) loses digits near zero, where x itself is the better answer's leading term: a few terms of the
    // series take over there.
    let square = x * x;
    let near = x * (1.0 + square * (-1.0 / 3.0 + square * (2.0 / 15.0 - square * (17.0 / 315.0))));
    let far = 1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0);
    if square < 0.04 { near } else { far.copysign(x) }
}

/// The eight lanes of a sum.
#[inline(always)]
pub fn total(sums: [f32; 8]) -> f32 {
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the functions in f64. Written as "within", so that NaN fails.
    #[test]
    fn functions_are_within_their_bounds() {
        let points = |reach: f32| (-20_000..=20_000).map(move |i| reach * i as f32 / 20_000.0);
        let apart = |got: f32, expected: f64, bound: f64| (f64::from(got) - expected).abs() <= bound;
        assert!(!apart(f32::NAN, 1.0, 1.0) && !apart(1.1, 1.0, 0.09));
        for x in points(87.0) {
            let expected = f64::from(x).exp();
            assert!(apart(exp(x), expected, 2e-7 * expected), "exp({x}) is {}, expected {expected}", exp(x));
        }
        for x in points(0.25).chain(points(12.0)).chain([-1e30, 1e30, f32::INFINITY, f32::NEG_INFINITY]) {
            let expected = f64::from(x).tanh();
            assert!(apart(tanh(x), expected, 3e-7), "tanh({x}) is {}, expected {expected}", tanh(x));
        }
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
        assert!(exp(f32::NEG_INFINITY) < 2e-38 && exp(0.0) == 1.0 && tanh(0.0) == 0.0);
    }
}
