// tanh to f32 rounding. WGSL lets the built-in one go through exp, which overflows for large numbers and cancels for
// small ones. Cephes' tanhf (Moshier): a polynomial below 0.625, exp above.

fn tanh_exact(x: f32) -> f32 {
    let z = x * x;
    if z < 0.390625 {
        let p = -0.333332819422 + z * (0.133314422036 + z * (-0.0537397155531 + z * (0.0206390887954 - z * 0.00570498872745)));
        return x + x * z * p;
    }
    // tanh(10) is 1 in f32.
    let magnitude = 1.0 - 2.0 / (exp(2.0 * min(abs(x), 10.0)) + 1.0);
    return select(magnitude, -magnitude, x < 0.0);
}
