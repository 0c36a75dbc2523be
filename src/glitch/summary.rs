//! The result in sentences a person could quote. Every number comes with the oracle that produced it.

use crate::report::{Method, Report, Status};

/// One to four sentences, made from the report alone. What has to be known before the others comes first.
pub fn summary(report: &Report) -> Vec<String> {
    let oracle = &report.provenance.oracle.id;
    let (found, asked) = (report.glitch_tokens.len(), report.probes.len());
    let vocabulary = report.tokens.text.len();
    let mut sentences: Vec<String> = report.caution().into_iter().collect();
    match report.status {
        Status::NotTestable => {
            let (passed, asked) = report.controls.as_ref().map_or((0, 0), |controls| (controls.passed, controls.asked));
            sentences.push(format!(
                "This model cannot be tested with the oracle {oracle}: it passed {} of {} ordinary words.",
                number(passed as usize),
                number(asked as usize)
            ));
            return sentences;
        }
        Status::Cancelled => sentences.push(format!(
            "Cancelled. Until then {} of the {} tokens asked about failed the oracle {oracle}.",
            number(found),
            number(asked)
        )),
        Status::Failed => sentences.push(format!(
            "Ended by an error. Until then {} of the {} tokens asked about failed the oracle {oracle}.",
            number(found),
            number(asked)
        )),
        Status::Complete => {}
    }
    match (&report.comparison, report.provenance.options.method) {
        (Some(comparison), _) => {
            let truth = comparison.true_positives + comparison.false_negatives;
            sentences.push(format!(
                "{} of {} tokens fail the oracle {oracle}; the search found {} of them with {} of the questions.",
                number(truth as usize),
                number(vocabulary),
                number(comparison.true_positives as usize),
                percent(comparison.query_share)
            ));
            if comparison.false_positives > 0 {
                sentences.push(format!(
                    "{} tokens failed the oracle {oracle} in the search but passed it in the exhaustive scan.",
                    number(comparison.false_positives as usize)
                ));
            }
        }
        (None, _) if report.status != Status::Complete => {}
        (None, Method::Exhaustive) if report.shard.is_some() => {
            let shard = report.shard.as_ref().map_or((0, 0), |shard| (shard.index, shard.count));
            sentences.push(format!(
                "Part {} of {}: {} of the {} tokens asked about fail the oracle {oracle}.",
                shard.0,
                shard.1,
                number(found),
                number(asked)
            ));
        }
        (None, Method::Exhaustive) => sentences.push(format!(
            "{} of {} tokens fail the oracle {oracle}; all {} that text can produce were asked about.",
            number(found),
            number(vocabulary),
            number(asked)
        )),
        (None, Method::Glitchhunter) => {
            let skipped = report
                .skipped
                .iter()
                .filter(|skipped| skipped.class == crate::tokenizer::TokenClass::Ok)
                .map(|skipped| skipped.ids.len())
                .sum::<usize>();
            let askable = asked + skipped;
            sentences.push(format!(
                "The search found {} tokens that fail the oracle {oracle}, asking about {} of the {} that \
                 text can produce ({}).",
                number(found),
                number(asked),
                number(askable),
                percent(asked as f64 / askable.max(1) as f64)
            ));
        }
    }
    sentences
}

/// 1234567 → `1,234,567`
pub fn number(value: usize) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// 0.407 → `41 %`; below one percent with one more digit, so that a small share is not shown as none.
pub fn percent(share: f64) -> String {
    let value = 100.0 * share;
    if value > 0.0 && value < 1.0 { format!("{value:.1} %") } else { format!("{value:.0} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand.
    #[test]
    fn numbers_are_grouped_and_shares_rounded() {
        assert_eq!([0, 999, 1_000, 32_000, 1_234_567].map(number), ["0", "999", "1,000", "32,000", "1,234,567"]);
        assert_eq!([0.0, 0.004, 0.407, 1.0].map(percent), ["0 %", "0.4 %", "41 %", "100 %"]);
    }
}
