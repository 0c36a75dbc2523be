//! Score tables as CSV and Markdown.

use super::aggregate::{Estimate, ScoreTable};

fn cell(text: &str) -> String {
    // A spreadsheet would run what begins like this.
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// One line for each row of the table.
pub fn to_csv(table: &ScoreTable) -> String {
    let mut out = String::from(
        "answerer,group,queries,answers,recall,recall_low,recall_high,recall_strict,recall_strict_low,recall_strict_high,\
         precision,precision_low,precision_high,f1,f1_low,f1_high\r\n",
    );
    let numbers = |estimate: Option<Estimate>| match estimate {
        Some(Estimate { mean, low, high }) => format!("{mean},{low},{high}"),
        None => ",,".into(),
    };
    for row in &table.rows {
        let estimates = [Some(row.recall), Some(row.recall_strict), row.precision, row.f1].map(numbers);
        let (answerer, group) = (cell(&row.answerer), cell(&row.group));
        out += &format!("{answerer},{group},{},{},{}\r\n", row.queries, row.answers, estimates.join(","));
    }
    out
}

/// Both tables, and how they were made.
pub fn to_markdown(table: &ScoreTable) -> String {
    let text = |text: &str| text.replace('|', "\\|");
    let percent = |estimate: Option<Estimate>| match estimate {
        Some(Estimate { mean, low, high }) => {
            format!("{:.1} ({:.1} to {:.1})", 100.0 * mean, 100.0 * low, 100.0 * high)
        }
        None => "–".into(),
    };
    let mut out = String::from(
        "| answerer | group | queries | answers | recall, w = 0.5 (%) | recall, w = 0 (%) | precision (%) | F1 (%) |\n\
         | --- | --- | ---: | ---: | --- | --- | --- | --- |\n",
    );
    for row in &table.rows {
        let estimates = [Some(row.recall), Some(row.recall_strict), row.precision, row.f1].map(percent);
        let (answerer, group) = (text(&row.answerer), text(&row.group));
        out += &format!("| {answerer} | {group} | {} | {} | {} |\n", row.queries, row.answers, estimates.join(" | "));
    }
    if !table.differences.is_empty() {
        out += "\n| answerer | against | group | queries | difference of recall (points) | verdict |\n\
                | --- | --- | --- | ---: | --- | --- |\n";
    }
    for difference in &table.differences {
        out += &format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            text(&difference.answerer),
            text(&difference.other),
            text(&difference.group),
            difference.queries,
            percent(Some(difference.recall)),
            difference.verdict.name()
        );
    }
    out += &format!(
        "\nMeans over queries; in brackets the 95 % bootstrap interval over queries ({} resamples, seed {}). A difference whose \
         interval holds 0 is within noise.\n",
        table.resamples, table.seed
    );
    for note in &table.notes {
        out += &format!("\n{note}\n");
    }
    out
}
