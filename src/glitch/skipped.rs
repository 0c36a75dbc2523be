//! What was not asked about, and why. Together with the verdicts it accounts for every id once.

use super::scope::Scope;
use super::verdicts::Verdicts;
use crate::report::{Report, Skipped, Status, TokenTable};
use crate::tokenizer::TokenClass;

/// Why a part of a scan did not ask about a token.
pub const OTHER_PART: &str = "another part of the scan asks about it";

/// Ids without a verdict, grouped by class and reason, both in a fixed order.
pub fn skipped(scope: &Scope, tokens: &TokenTable, verdicts: &Verdicts, report: &Report) -> Vec<Skipped> {
    const CLASSES: [TokenClass; 6] = [
        TokenClass::Ok,
        TokenClass::Special,
        TokenClass::Byte,
        TokenClass::PartialUtf8,
        TokenClass::Unreachable,
        TokenClass::Unused,
    ];
    let mut groups = Vec::new();
    for class in CLASSES {
        let (with_row, without_row): (Vec<u32>, Vec<u32>) = (0..scope.len() as u32)
            .filter(|&id| tokens.class[id as usize] == class && verdicts.is_unknown(id))
            .partition(|&id| scope.has_row(id));
        for (reason, ids) in [(reason(class, report), with_row), ("the model has no embedding row for it", without_row)]
        {
            if !ids.is_empty() {
                groups.push(Skipped { class, reason: reason.into(), ids });
            }
        }
    }
    groups
}

fn reason(class: TokenClass, report: &Report) -> &'static str {
    match class {
        TokenClass::Ok => match report.status {
            Status::Complete if report.shard.is_some() => OTHER_PART,
            Status::Complete => "the search dropped its cluster: no failure in the sample",
            Status::Cancelled => "the scan was cancelled before its turn",
            Status::NotTestable => "the model fails ordinary words, so nothing was asked",
            Status::Failed => "the scan ended with an error before its turn",
        },
        TokenClass::Special => "a special token: part of the model's protocol, not of text",
        TokenClass::Byte => "a single byte of the byte alphabet, not a character of its own",
        TokenClass::PartialUtf8 => "a piece of a character: not text by itself",
        TokenClass::Unreachable => "its text encodes to other tokens, so no text produces it",
        TokenClass::Unused => "an embedding row that the tokenizer has no entry for",
    }
}
