//! A report as a short document, for people: headings, sentences and tables. Markdown and HTML are two prints of it.

use std::collections::HashMap;

use crate::report::{Method, Probe, Report, Status, Symptom, TokenType};

/// Glitch tokens that the document lists with their answers.
const LISTED: usize = 200;
/// Glitch tokens that it names without; the rest is counted.
const NAMED: usize = 1_000;

pub struct Document {
    pub title: String,
    /// A warning that comes before the summary.
    pub caution: Option<String>,
    pub summary: Vec<String>,
    /// Names and values that stand out.
    pub numbers: Vec<(&'static str, String)>,
    pub sections: Vec<Section>,
}

pub struct Section {
    pub heading: String,
    pub blocks: Vec<Block>,
}

pub enum Block {
    Text(String),
    /// Token texts side by side.
    Tokens(Vec<String>),
    Table(Table),
    /// Sentences from the report.
    List(Vec<String>),
}

pub struct Table {
    /// What the table is, for people who cannot see it.
    pub caption: String,
    pub header: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
}

#[derive(Clone)]
pub enum Cell {
    Text(String),
    /// Aligned to the end.
    Number(String),
    /// Text of a token or of an answer: data from strangers, shown by its own rules.
    Token(String),
    /// Names of this program's making, hashes.
    Code(String),
}

/// The document of a report.
pub fn document(report: &Report) -> Document {
    let provenance = &report.provenance;
    let asked = report.probes.len();
    let caution = report.caution();
    let mut numbers = vec![
        ("glitch tokens", report.glitch_tokens.len().to_string()),
        ("tokens asked about", asked.to_string()),
        ("tokens of the vocabulary", report.tokens.text.len().to_string()),
    ];
    if let Some(controls) = &report.controls {
        numbers.push(("ordinary words passed", format!("{} of {}", controls.passed, controls.asked)));
    }
    let mut sections = vec![glitch_tokens(report)];
    sections.extend(labels(report));
    sections.push(oracles(report));
    sections.extend(panel(report));
    sections.extend(rounds(report));
    sections.extend(skipped(report));
    sections.push(origin(report));
    if !report.notes.is_empty() {
        sections.push(Section { heading: "Notes".into(), blocks: vec![Block::List(report.notes.clone())] });
    }
    Document {
        title: format!("Glitch tokens of {}", provenance.model.name),
        summary: report.summary.iter().filter(|&sentence| Some(sentence) != caution.as_ref()).cloned().collect(),
        caution,
        numbers,
        sections,
    }
}

fn glitch_tokens(report: &Report) -> Section {
    let tokens = &report.tokens;
    let text = |id: u32| tokens.text.get(id as usize).cloned().unwrap_or_default();
    let by_id: HashMap<u32, &Probe> = report.probes.iter().map(|probe| (probe.id, probe)).collect();
    let n = report.glitch_tokens.len();
    let mut blocks = Vec::new();
    if n == 0 {
        blocks.push(Block::Text("No token that was asked about failed.".into()));
        return Section { heading: "Glitch tokens".into(), blocks };
    }
    blocks.push(Block::Tokens(report.glitch_tokens.iter().take(NAMED).map(|&id| text(id)).collect()));
    if n > NAMED {
        blocks.push(Block::Text(format!("{} more are in the report itself.", n - NAMED)));
    }
    let rows: Vec<Vec<Cell>> = report
        .glitch_tokens
        .iter()
        .take(LISTED)
        .filter_map(|id| by_id.get(id))
        .map(|probe| {
            vec![
                Cell::Number(probe.id.to_string()),
                Cell::Token(text(probe.id)),
                Cell::Number(format!("{:.2e}", probe.p_target)),
                Cell::Number(format!("{:.3}", probe.entropy)),
                Cell::Token(probe.answer_text.clone()),
            ]
        })
        .collect();
    let caption = match n > LISTED {
        true => format!("The first {LISTED} of {n} glitch tokens by id, with the answers"),
        false => format!("All {n} glitch tokens, with the answers"),
    };
    let header = vec!["id", "token", "p(token)", "entropy in nats", "answer"];
    blocks.push(Block::Table(Table { caption, header, rows }));
    Section { heading: "Glitch tokens".into(), blocks }
}

fn labels(report: &Report) -> Option<Section> {
    let counts = &report.label_counts;
    let types: Vec<Vec<Cell>> = counts
        .types
        .iter()
        .map(|(kind, n)| vec![Cell::Text(type_name(*kind).into()), Cell::Number(n.to_string())])
        .collect();
    let symptoms: Vec<Vec<Cell>> = counts
        .symptoms
        .iter()
        .map(|((question, symptom), n)| {
            vec![Cell::Code(question.clone()), Cell::Text(symptom_name(*symptom).into()), Cell::Number(n.to_string())]
        })
        .collect();
    let mut blocks = Vec::new();
    if !types.is_empty() {
        let caption = "What the glitch tokens are, by rules".into();
        blocks.push(Block::Table(Table { caption, header: vec!["type", "tokens"], rows: types }));
    }
    if !symptoms.is_empty() {
        let caption = "What they do to the model, by rules".into();
        blocks.push(Block::Table(Table { caption, header: vec!["question", "symptom", "tokens"], rows: symptoms }));
    }
    (!blocks.is_empty()).then(|| Section { heading: "Types and symptoms".into(), blocks })
}

fn type_name(kind: TokenType) -> &'static str {
    match kind {
        TokenType::Word => "A: words",
        TokenType::Letter => "B: letters",
        TokenType::Character => "C: no letters",
        TokenType::LetterCharacter => "D: letters and others",
        TokenType::Special => "E: beyond ASCII",
    }
}

fn symptom_name(symptom: Symptom) -> &'static str {
    match symptom {
        Symptom::SpellingMistake => "spelling mistake",
        Symptom::Incapability => "incapability",
        Symptom::HallucinatoryCompletion => "hallucinatory completion",
        Symptom::QuestionRepetition => "question repetition",
        Symptom::RandomCharacters => "random characters",
    }
}

fn oracles(report: &Report) -> Section {
    let own = std::slice::from_ref(&report.provenance.oracle);
    let all = report.panel.as_ref().map_or(own, |panel| &panel.oracles[..]);
    let mut blocks = Vec::new();
    for oracle in all {
        blocks.push(Block::Text(format!("{}: {} ({})", oracle.id, oracle.title, oracle.source)));
        blocks.push(Block::List(oracle.rules.clone()));
        let rows = oracle
            .prompts
            .iter()
            .map(|prompt| {
                vec![
                    Cell::Code(prompt.name.clone()),
                    Cell::Token(prompt.text.join("⟨token⟩")),
                    Cell::Number(prompt.max_new_tokens.to_string()),
                    Cell::Text(prompt.decoding.clone()),
                ]
            })
            .collect();
        let header = vec!["question", "text", "answer tokens at most", "decoding"];
        blocks.push(Block::Table(Table { caption: format!("Questions of {}", oracle.id), header, rows }));
    }
    Section { heading: if all.len() == 1 { "The oracle" } else { "The oracles" }.into(), blocks }
}

fn panel(report: &Report) -> Option<Section> {
    let panel = report.panel.as_ref()?;
    let failed = |passed: &[bool]| passed.iter().filter(|passed| !**passed).count().to_string();
    let rows = panel
        .verdicts
        .iter()
        .map(|column| {
            vec![
                Cell::Code(column.oracle.clone()),
                Cell::Number(failed(&column.passed)),
                Cell::Number(failed(&column.passed_strict)),
                Cell::Text(format!("{} of {}", column.controls_passed, column.controls_asked)),
            ]
        })
        .collect();
    let caption = format!("Verdicts of every oracle on the {} tokens all were asked about", panel.ids.len());
    let header = vec!["oracle", "fail", "fail strictly", "ordinary words passed"];
    let mut blocks = vec![Block::Table(Table { caption, header, rows })];
    if !panel.agreement.is_empty() {
        let share = |value: Option<f64>| Cell::Number(value.map_or("none".into(), |value| format!("{value:.3}")));
        let rows = panel
            .agreement
            .iter()
            .map(|pair| {
                let mut row = vec![Cell::Code(pair.a.clone()), Cell::Code(pair.b.clone())];
                let counts = [pair.both_fail, pair.only_a_fails, pair.only_b_fails, pair.both_pass];
                row.extend(counts.map(|count| Cell::Number(count.to_string())));
                row.extend([share(pair.jaccard), share(pair.kappa)]);
                row
            })
            .collect();
        let header = vec!["a", "b", "both fail", "only a fails", "only b fails", "both pass", "Jaccard", "kappa"];
        blocks.push(Block::Table(Table { caption: "How far each pair of oracles agrees".into(), header, rows }));
    }
    Some(Section { heading: "Oracles side by side".into(), blocks })
}

fn rounds(report: &Report) -> Option<Section> {
    let hunt = report.hunt.as_ref().filter(|hunt| !hunt.rounds.is_empty())?;
    let rows = hunt
        .rounds
        .iter()
        .map(|round| {
            let counts = [
                round.round,
                round.tokens,
                round.clusters,
                round.queries,
                round.hits,
                round.kept_clusters,
                round.kept_tokens,
            ];
            counts.map(|count| Cell::Number(count.to_string())).into()
        })
        .collect();
    let header = vec!["round", "tokens", "clusters", "asked", "failed", "clusters kept", "tokens kept"];
    let mut blocks = vec![Block::Table(Table { caption: "GlitchHunter, round by round".into(), header, rows })];
    blocks
        .push(Block::Text(format!("{}; {} questions were for verification.", hunt.stopped, hunt.verification_queries)));
    for round in &hunt.rounds {
        if let Some([least, median, most]) = round.missed() {
            blocks.push(Block::Text(format!(
                "Round {}: a dropped cluster that fails as often as the tokens known so far goes unnoticed with a \
                 probability of {:.1} % to {:.1} %, {:.1} % in the median.",
                round.round,
                100.0 * least,
                100.0 * most,
                100.0 * median
            )));
        }
    }
    if let Some(comparison) = &report.comparison {
        blocks.push(Block::Text(format!(
            "Against the exhaustive scan: precision {:.3}, recall {:.3}, {} of {} questions.",
            comparison.precision, comparison.recall, hunt.queries, comparison.queries_exhaustive
        )));
    }
    Some(Section { heading: "The search".into(), blocks })
}

fn skipped(report: &Report) -> Option<Section> {
    if report.skipped.is_empty() {
        return None;
    }
    let rows = report
        .skipped
        .iter()
        .map(|group| {
            vec![
                Cell::Number(group.ids.len().to_string()),
                Cell::Code(super::name(&group.class)),
                Cell::Text(group.reason.clone()),
            ]
        })
        .collect();
    let caption = "Ids without a verdict, and why".into();
    let table = Table { caption, header: vec!["ids", "class", "reason"], rows };
    Some(Section { heading: "Not asked about".into(), blocks: vec![Block::Table(table)] })
}

/// Everything that a number of the report depends on.
fn origin(report: &Report) -> Section {
    let provenance = &report.provenance;
    let (model, device, options) = (&provenance.model, &provenance.device, &provenance.options);
    let stored: Vec<String> = model.stored_types.iter().map(|(kind, bytes)| format!("{kind} {bytes} bytes")).collect();
    let status = match report.status {
        Status::Complete => "complete",
        Status::Cancelled => "cancelled",
        Status::NotTestable => "not testable",
        Status::Failed => "failed",
    };
    let method = match options.method {
        Method::Glitchhunter => "GlitchHunter",
        Method::Exhaustive => "exhaustive",
    };
    let mut facts = vec![
        ("scan", format!("{method}, {status}")),
        ("seed", options.seed.to_string()),
        ("model", model.name.clone()),
        ("family", model.family.clone()),
        ("parameters", model.parameters.to_string()),
        ("weights", stored.join(", ")),
        ("device", [&device.name, &device.detail].map(String::as_str).join(" ").trim().to_owned()),
        ("precision", device.precision.clone()),
        ("why this device", device.reason.clone()),
        ("Glitchscope", provenance.glitchscope.clone()),
        ("report", format!("{} version {}", report.schema, report.schema_version)),
    ];
    if let Some(shard) = &report.shard {
        facts.push(("part", format!("{} of {}", shard.index, shard.count)));
    }
    let rows = facts.into_iter().map(|(name, value)| vec![Cell::Text(name.into()), Cell::Text(value)]).collect();
    let files = model
        .files
        .iter()
        .map(|file| {
            vec![
                Cell::Code(file.name.clone()),
                Cell::Number(file.bytes.to_string()),
                Cell::Code(file.sha256.clone().unwrap_or_else(|| "read in part".into())),
            ]
        })
        .collect();
    let caption = "Model, device and program".into();
    let blocks = vec![
        Block::Table(Table { caption, header: vec!["what", "value"], rows }),
        Block::Table(Table { caption: "Files".into(), header: vec!["file", "bytes", "SHA-256"], rows: files }),
    ];
    Section { heading: "Where it comes from".into(), blocks }
}
