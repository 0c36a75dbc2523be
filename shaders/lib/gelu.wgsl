// The Gaussian error linear unit of one number: x · Φ(x), exact or in GPT-2's tanh form.
//
// Source   Hendrycks & Gimpel 2016; erfc by Abramowitz & Stegun 7.1.26, |error| ≤ 1.5e-7

// erfc(z) for z ≥ 0.
fn erfc(z: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.3275911 * z);
    let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return series * exp(-z * z);
}

fn gelu(value: f32, use_tanh: u32) -> f32 {
    if use_tanh != 0u {
        // tanh is 1 to f32 precision from 9.02 on; beyond, drivers that use exp(2u) would overflow.
        let u = clamp(0.7978846 * (value + 0.044715 * value * value * value), -15.0, 15.0);
        return 0.5 * value * (1.0 + tanh(u));
    }
    // Through erfc the negative tail keeps its digits. exp(−13²) is 0 in f32, so larger z add nothing.
    let tail = 0.5 * value * erfc(min(abs(value) * 0.70710678, 13.0));
    return select(value - tail, tail, value < 0.0);
}

// gelu′ of one number.
fn gelu_slope(value: f32, use_tanh: u32) -> f32 {
    if use_tanh != 0u {
        // Beyond ±9.02 tanh is ±1 to f32 precision, and what multiplies 1 − tanh² must stay finite.
        let held = clamp(value, -20.0, 20.0);
        let u = clamp(0.7978846 * (held + 0.044715 * held * held * held), -15.0, 15.0);
        let hyperbolic = tanh(u);
        let slope = 0.7978846 * (1.0 + 0.134145 * held * held);
        return 0.5 * (1.0 + hyperbolic) + 0.5 * held * (1.0 - hyperbolic * hyperbolic) * slope;
    }
    // exp(−13²) is 0 in f32, so larger values add nothing.
    let z = min(abs(value) * 0.70710678, 13.0);
    let tail = 0.5 * erfc(z);
    let density = 0.3989423 * exp(-z * z);
    let held = clamp(value, -20.0, 20.0);
    if value < 0.0 {
        return tail + held * density;
    }
    return 1.0 - tail + held * density;
}
