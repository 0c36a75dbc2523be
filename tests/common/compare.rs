//! The comparers. Each is written as "not within", so that NaN fails; tests/golden_engine.rs holds their negative
//! controls.

/// Largest difference allowed, as a share of the largest logit.
const LOGITS_TOLERANCE: f32 = 1e-4;

/// Logits agree when max |difference| ≤ 1e-4 · max |logit|; the error says where they differ most.
pub fn logits_agree(got: &[f32], expected: &[f32]) -> Result<(), String> {
    if got.len() != expected.len() || expected.is_empty() {
        return Err(format!("{} numbers against {}", got.len(), expected.len()));
    }
    let largest = expected.iter().fold(0.0f32, |max, logit| max.max(logit.abs()));
    let allowed = LOGITS_TOLERANCE * largest;
    match got.iter().zip(expected).position(|(got, expected)| {
        let within = (got - expected).abs() <= allowed;
        !within
    }) {
        None => Ok(()),
        Some(i) => Err(format!("element {i} is {}, expected {} within {allowed:e}", got[i], expected[i])),
    }
}

/// Largest difference allowed between attention weights, which lie between 0 and 1.
const ATTENTION_TOLERANCE: f32 = 1e-5;

pub fn attentions_agree(got: &[f32], expected: &[f32]) -> Result<(), String> {
    if got.len() != expected.len() || expected.is_empty() {
        return Err(format!("{} numbers against {}", got.len(), expected.len()));
    }
    let within = |(got, expected): (&f32, &f32)| (got - expected).abs() <= ATTENTION_TOLERANCE;
    match got.iter().zip(expected).position(|pair| !within(pair)) {
        None => Ok(()),
        Some(i) => Err(format!("element {i} is {}, expected {}", got[i], expected[i])),
    }
}

pub fn assert_logits(name: &str, got: &[f32], expected: &[f32]) {
    if let Err(error) = logits_agree(got, expected) {
        panic!("{name}: {error}");
    }
}
