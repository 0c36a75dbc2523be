//! How far oracles agree. One model has as many counts of glitch tokens as it has oracles; this says how they differ.

use crate::report::{Agreement, VerdictColumn};
use crate::stats::cohen_kappa;

/// Every pair of columns, which are about the same tokens.
pub fn agreement(columns: &[VerdictColumn]) -> Vec<Agreement> {
    let pairs = columns.iter().enumerate().flat_map(|(i, a)| columns[i + 1..].iter().map(move |b| (a, b)));
    pairs.map(|(a, b)| pair(a, b)).collect()
}

fn pair(a: &VerdictColumn, b: &VerdictColumn) -> Agreement {
    let count = |a_passes: bool, b_passes: bool| {
        a.passed.iter().zip(&b.passed).filter(|pair| *pair == (&a_passes, &b_passes)).count() as u32
    };
    let (both_fail, only_a, only_b, both_pass) =
        (count(false, false), count(false, true), count(true, false), count(true, true));
    let either = both_fail + only_a + only_b;
    Agreement {
        a: a.oracle.clone(),
        b: b.oracle.clone(),
        both_fail,
        only_a_fails: only_a,
        only_b_fails: only_b,
        both_pass,
        jaccard: (either > 0).then(|| f64::from(both_fail) / f64::from(either)),
        kappa: cohen_kappa(both_fail.into(), only_a.into(), only_b.into(), both_pass.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand.
    #[test]
    fn pairs_are_counted() {
        let column = |oracle: &str, passed: [bool; 5]| VerdictColumn {
            oracle: oracle.into(),
            passed: passed.into(),
            ..VerdictColumn::default()
        };
        let columns = [
            column("a", [true, true, false, false, false]),
            column("b", [true, false, false, false, true]),
            column("c", [true; 5]),
        ];
        let pairs = agreement(&columns);
        assert_eq!(pairs.len(), 3);
        let first = &pairs[0];
        let counts = (first.both_fail, first.only_a_fails, first.only_b_fails, first.both_pass);
        assert_eq!((counts, first.jaccard), ((2, 1, 1, 1), Some(0.5)));
        // p_o = 3/5, p_e = 3/5·3/5 + 2/5·2/5 = 13/25
        assert!((first.kappa.unwrap() - (0.6 - 0.52) / 0.48).abs() < 1e-12);
        assert_eq!((pairs[1].jaccard, pairs[1].kappa), (Some(0.0), Some(0.0)));
    }
}
