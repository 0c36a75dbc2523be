//! Ranges of a scan's options.

use super::ScanError;
use crate::report::ScanOptions;

/// Neighbours a vertex may have, and the vertex itself: the search keeps a sorted list of them for every row.
const NEIGHBORS_MAX: u32 = 128 + 1;

/// Answers drawn of one token: more would take longer than every other oracle together.
const ATTEMPTS_MAX: u32 = 1000;

/// Fails on the first option out of range.
pub fn check(options: &ScanOptions) -> Result<(), ScanError> {
    let ScanOptions {
        method: _,
        task: _,
        oracles,
        form: _,
        attempts,
        temperature,
        top_p,
        seed: _,
        n_neighbors,
        neighbours: _,
        resolution,
        n_components,
        keep_rule: _,
        keep_ratio,
        alpha,
        sample_min,
        sample_fraction,
        sample_max: _,
        max_rounds,
        stop_below: _,
        verify_final: _,
        leiden_iterations,
        batch_size: _,
        n_controls,
        controls_pass_ratio,
        despite_controls: _,
        with_graph: _,
    } = options.clone();
    if let Some((place, id)) = oracles.iter().enumerate().find(|(place, id)| oracles[..*place].contains(id)) {
        return Err(ScanError::Option {
            option: "oracles",
            got: format!("{id} a second time, as number {}", place + 1),
            expected: "each oracle once".into(),
        });
    }
    integer("attempts", attempts, 1, ATTEMPTS_MAX)?;
    number("temperature", temperature, (0.01..=100.0).contains(&temperature), "from 0.01 to 100")?;
    number("top_p", top_p, top_p > 0.0 && top_p <= 1.0, "above 0, at most 1")?;
    integer("n_neighbors", n_neighbors, 2, NEIGHBORS_MAX)?;
    number("resolution", resolution, resolution > 0.0 && resolution <= 1e6, "above 0, at most 1,000,000")?;
    integer("n_components", n_components, 1, 4096)?;
    number("keep_ratio", keep_ratio, (0.0..1.0).contains(&keep_ratio), "from 0 to below 1")?;
    number("alpha", alpha, alpha > 0.0 && alpha < 1.0, "between 0 and 1")?;
    integer("sample_min", sample_min, 1, u32::MAX)?;
    number("sample_fraction", sample_fraction, (0.0..=1.0).contains(&sample_fraction), "from 0 to 1")?;
    integer("max_rounds", max_rounds, 1, 1000)?;
    integer("leiden_iterations", leiden_iterations, 1, 1000)?;
    integer("n_controls", n_controls, 0, 10_000)?;
    number("controls_pass_ratio", controls_pass_ratio, (0.0..=1.0).contains(&controls_pass_ratio), "from 0 to 1")
}

fn integer(option: &'static str, got: u32, least: u32, most: u32) -> Result<(), ScanError> {
    if (least..=most).contains(&got) {
        return Ok(());
    }
    Err(ScanError::Option { option, got: got.to_string(), expected: format!("from {least} to {most}") })
}

/// `fits` is a comparison with `got`, so that NaN never fits.
fn number(option: &'static str, got: f64, fits: bool, expected: &str) -> Result<(), ScanError> {
    if fits {
        return Ok(());
    }
    Err(ScanError::Option { option, got: got.to_string(), expected: expected.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the defaults must do; each of these must not.
    #[test]
    fn defaults_pass_and_nonsense_fails() {
        check(&ScanOptions::default()).unwrap();
        let changes: [fn(&mut ScanOptions); 15] = [
            |options| options.alpha = 0.0,
            |options| options.oracles = vec!["a".into(), "a".into()],
            |options| options.attempts = 0,
            |options| options.temperature = 0.0,
            |options| options.top_p = f64::NAN,
            |options| options.n_neighbors = 1,
            |options| options.n_neighbors = 130,
            |options| options.resolution = f64::NAN,
            |options| options.resolution = 0.0,
            |options| options.resolution = f64::INFINITY,
            |options| options.keep_ratio = 1.0,
            |options| options.sample_min = 0,
            |options| options.sample_fraction = f64::NAN,
            |options| options.max_rounds = 0,
            |options| options.controls_pass_ratio = -0.1,
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut options = ScanOptions::default();
            change(&mut options);
            let error = check(&options).expect_err(&format!("change {i} passed"));
            assert!(error.hint().is_some(), "{error}");
        }
    }
}
