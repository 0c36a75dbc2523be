//! Ordinary words, asked about first: a model that cannot repeat `the` says nothing about `SolidGoldMagikarp`.

use super::scope::Scope;
use super::{ScanError, Subject, stages, verdicts};
use crate::error::Result;
use crate::progress::{Event, Monitor};
use crate::report::{Controls, Report, ScanOptions, TokenTable};

/// Letters of a control word. Shorter ones are fragments more often than words, longer ones are rare words.
const LETTERS: std::ops::RangeInclusive<usize> = 3..=10;

/// Ids of up to `count` ordinary words: class `ok`, lower-case ASCII letters after at most one blank. Words that bring
/// their blank come first (without it, byte-level vocabularies hold fragments), then lower ids first, since merges and
/// pieces are numbered by frequency.
pub fn choose(scope: &Scope, tokens: &TokenTable, count: usize) -> Vec<u32> {
    let is_word = |text: &str| LETTERS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase());
    let mut candidates: Vec<(bool, u32)> = scope
        .vertices()
        .iter()
        .filter(|&&id| scope.is_askable(id))
        .filter_map(|&id| {
            let text = &tokens.text[id as usize];
            match text.strip_prefix(' ') {
                Some(word) => is_word(word).then_some((false, id)),
                None => is_word(text).then_some((true, id)),
            }
        })
        .collect();
    candidates.sort_unstable();
    candidates.truncate(count);
    candidates.into_iter().map(|(_, id)| id).collect()
}

/// Asks the controls and says whether the model is to be scanned: it can be tested, or is to be scanned all the same. Their answers stay apart from the scan's own: a search
/// must not profit from questions it did not ask.
pub async fn ask(
    subject: &mut dyn Subject,
    scope: &Scope,
    options: &ScanOptions,
    report: &mut Report,
    monitor: &mut dyn Monitor,
) -> Result<bool> {
    let ids = choose(scope, &report.tokens, options.n_controls as usize);
    if ids.is_empty() {
        super::note(
            report,
            monitor,
            format!(
                "No ordinary words were asked about first ({} wanted): a model \
                 that fails every token would not be noticed.",
                options.n_controls
            ),
        );
        return Ok(true);
    }
    monitor
        .event(Event::Stage { stage: stages::CONTROLS, detail: format!("asking about {} ordinary words", ids.len()) });
    let mut probes = Vec::with_capacity(ids.len());
    let outcome = subject.probe(&ids, &mut probes, monitor).await;
    for (&asked, probe) in ids.iter().zip(&mut probes) {
        verdicts::sanitise(probe);
        if probe.id != asked {
            return Err(ScanError::WrongAnswer { asked, answered: probe.id }.into());
        }
    }
    let passed = probes.iter().filter(|probe| probe.passed).count();
    let complete = probes.len() == ids.len();
    let answered = probes.len();
    let testable = complete && passed as f64 >= options.controls_pass_ratio * ids.len() as f64;
    let overridden = complete && !testable && options.despite_controls;
    report.controls = Some(Controls { asked: answered as u32, passed: passed as u32, testable, overridden, probes });
    outcome?;
    if !complete {
        return Err(ScanError::Unanswered { asked: ids.len(), answered }.into());
    }
    Ok(testable || overridden)
}

/// The oracles besides the leading one that ordinary words fail too: of them a report must say that they say nothing.
pub fn untestable(report: &Report) -> Vec<String> {
    let ratio = report.provenance.options.controls_pass_ratio;
    let columns = report.panel.iter().flat_map(|panel| panel.verdicts.iter().skip(1));
    columns
        .filter(|column| f64::from(column.controls_passed) < ratio * f64::from(column.controls_asked))
        .map(|column| {
            format!(
                "The oracle {} passes {} of {} ordinary words: its verdicts on this model say nothing about tokens.",
                column.oracle, column.controls_passed, column.controls_asked
            )
        })
        .collect()
}
