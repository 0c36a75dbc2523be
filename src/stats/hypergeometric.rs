//! Whether a draw holds more successes than chance would give: the upper tail of the hypergeometric distribution.
//!
//! P(X ≥ x), X ~ draws without replacement from a population with a known number of successes
//!
//! Exact    Fisher's one-sided test; no approximation. Terms are summed relative to the largest one by the recurrence
//!          p(i+1)/p(i) = (K−i)(n−i) / ((i+1)(N−K−n+i+1)), so that no factorial is ever rounded
//! Agrees   SciPy's hypergeom.sf(x − 1, N, K, n), relative 1e-9; below 1e-300 the answer may be 0

use super::{StatsError, at_most};

/// Probability of at least `observed` successes among `draws` from `population` items of which `successes` are.
///
/// Errors   `PartExceedsWhole` when successes or draws exceed the population, or observed exceeds the draws
pub fn hypergeometric_upper_tail(
    observed: u64,
    population: u64,
    successes: u64,
    draws: u64,
) -> Result<f64, StatsError> {
    at_most("the number of successes", successes, "the population", population)?;
    at_most("the number of draws", draws, "the population", population)?;
    at_most("the number observed", observed, "the number of draws", draws)?;
    let least = (successes + draws).saturating_sub(population);
    let most = successes.min(draws);
    if observed <= least {
        return Ok(1.0);
    }
    if observed > most {
        return Ok(0.0);
    }
    let ratio = |i: u64| {
        let (taken, missing) = ((successes - i) as f64, (draws - i) as f64);
        let failures_left = (population - successes + i + 1 - draws) as f64;
        taken * missing / ((i + 1) as f64 * failures_left)
    };
    // Near the mean, so that every other term is smaller and only the far tails underflow.
    let mode = ((draws + 1) as f64 * (successes + 1) as f64 / (population + 2) as f64) as u64;
    let mode = mode.clamp(least, most);
    let (mut below, mut above) = (0.0, 0.0);
    let mut add = |i: u64, term: f64| {
        if i >= observed {
            above += term;
        } else {
            below += term;
        }
    };
    add(mode, 1.0);
    let mut term = 1.0;
    for i in mode..most {
        term *= ratio(i);
        if term == 0.0 {
            break;
        }
        add(i + 1, term);
    }
    term = 1.0;
    for i in (least..mode).rev() {
        term /= ratio(i);
        if term == 0.0 {
            break;
        }
        add(i, term);
    }
    Ok(above / (above + below))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: counting by hand. The lady tasting tea: four cups of eight, all four right: 1/70.
    #[test]
    fn the_lady_tasting_tea() {
        let p = hypergeometric_upper_tail(4, 8, 4, 4).unwrap();
        assert!((p - 1.0 / 70.0).abs() < 1e-15);
        let p = hypergeometric_upper_tail(3, 8, 4, 4).unwrap();
        assert!((p - 17.0 / 70.0).abs() < 1e-15);
    }

    #[test]
    fn certain_and_impossible_draws() {
        assert_eq!(hypergeometric_upper_tail(0, 10, 3, 4), Ok(1.0));
        assert_eq!(hypergeometric_upper_tail(1, 10, 8, 3), Ok(1.0));
        assert_eq!(hypergeometric_upper_tail(4, 10, 3, 4), Ok(0.0));
        assert_eq!(hypergeometric_upper_tail(0, 0, 0, 0), Ok(1.0));
        assert!(hypergeometric_upper_tail(1, 10, 11, 4).is_err());
        assert!(hypergeometric_upper_tail(1, 10, 3, 11).is_err());
        assert!(hypergeometric_upper_tail(5, 10, 3, 4).is_err());
    }
}
