//! The exhaustive scan: every token is asked about. Its report is the truth that searches are measured against.

use super::scope::Scope;
use super::summary::number;
use super::verdicts::Verdicts;
use super::{Subject, stages};
use crate::error::Result;
use crate::progress::{Event, Monitor};

/// Asks about every askable id, in the order of ids.
pub async fn ask_all(
    subject: &mut dyn Subject,
    scope: &Scope,
    verdicts: &mut Verdicts,
    monitor: &mut dyn Monitor,
) -> Result<()> {
    let ids = scope.askable();
    monitor.event(Event::Stage {
        stage: stages::PROBING,
        detail: format!("asking about all {} tokens that text can produce", number(ids.len())),
    });
    verdicts.ask(subject, &ids, monitor).await
}
