//! The exhaustive scan: every token is asked about. Its report is the truth that searches are measured against.

use super::scope::Scope;
use super::summary::number;
use super::verdicts::Verdicts;
use super::{Part, Subject, stages};
use crate::error::Result;
use crate::progress::{Event, Monitor};

/// Asks about every askable id, or those of one part, in the order of ids.
pub async fn ask_all(
    subject: &mut dyn Subject,
    scope: &Scope,
    part: Option<Part>,
    verdicts: &mut Verdicts,
    monitor: &mut dyn Monitor,
) -> Result<()> {
    let all = scope.askable();
    let n_all = number(all.len());
    let (ids, detail) = match part {
        None => (all, format!("asking about all {n_all} tokens that text can produce")),
        Some(part) => {
            let ids = part.of(&all);
            let detail =
                format!("part {part}: asking about {} of the {n_all} tokens that text can produce", number(ids.len()));
            (ids, detail)
        }
    };
    monitor.event(Event::Stage { stage: stages::PROBING, detail });
    verdicts.ask(subject, &ids, monitor).await
}
