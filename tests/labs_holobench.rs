//! Oracles: the fact sheet's fixtures, measured with the study's code (A1, A2); DuckDB's Python package (A5); Python's own
//! print (A9); written cases labelled by hand after the study's rubric (A7); closed forms (A6, A12).

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use crate::common::devices;
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::labs::holobench::aggregate::{Answered, EMPTY, EMPTY_ANSWER, GroupBy, RANDOM, Verdict, aggregate};
use glitchscope::labs::holobench::bench::{Bench, GridSettings};
use glitchscope::labs::holobench::context::{
    Amount, Context, ContextOptions, ContextRequest, Instance, Measure, Mode, Placement, SentenceTokens,
};
use glitchscope::labs::holobench::database::{Kind, Value};
use glitchscope::labs::holobench::gold::{Engine, Gold};
use glitchscope::labs::holobench::io::{self, GoldLine, LabelLine, PromptLine, ReferenceRow, ResponseLine};
use glitchscope::labs::holobench::judge::{self, JudgeSettings};
use glitchscope::labs::holobench::prompt::{self, PromptStyle};
use glitchscope::labs::holobench::run::{Asked, RunOptions, run};
use glitchscope::labs::holobench::score::{Label, LabelSource, ScoreRequest, recall, score};
use glitchscope::labs::holobench::synthetic::synthetic;
use glitchscope::labs::holobench::{HoloError, python, report, rule};
use glitchscope::progress::{Event, Monitor, Silent};
use glitchscope::rng::Rng;
use glitchscope::session::Session;

/// The fact sheet's fixture: three tables, rows in a closed form, one sentence each.
fn fixture() -> Bench {
    let files: Vec<(String, Vec<u8>)> = [("alpha", 40), ("beta", 25), ("gamma", 60)]
        .into_iter()
        .map(|(name, rows)| {
            let mut text = String::from("id,val,colour\n");
            for i in 0..rows {
                text += &format!("{i},{},{}\n", i * i % 13, ["red", "green", "blue"][i % 3]);
            }
            (format!("{name}.csv"), text.into_bytes())
        })
        .collect();
    let mut bench = Bench::csv(&files).unwrap();
    for (table, capital) in [("alpha", "Alpha"), ("beta", "Beta"), ("gamma", "Gamma")] {
        let text = format!("{capital} item {{id}} has value {{val}} and colour {{colour}}.");
        assert_eq!(bench.set_template(table, Some(&text)).unwrap().problem, None);
    }
    let q1 = "SELECT colour, COUNT(*) AS n, SUM(val) AS s FROM alpha GROUP BY colour ORDER BY colour";
    for (id, sql) in [("Q1", q1), ("Q2", "SELECT MAX(val) AS m FROM beta")] {
        let check = bench.add_question(id, sql, id);
        assert_eq!(check.problem, None);
    }
    bench
}

fn instance(question: &str, length: u32, amount: Amount, placement: Placement, options: ContextOptions) -> Instance {
    Instance {
        instance_id: String::new(),
        question: question.into(),
        length,
        amount,
        placement,
        options,
        problem: None,
    }
}

fn built(bench: &Bench, instance: Instance) -> Result<Context, HoloError> {
    bench.context(&ContextRequest { instance, counted: Vec::new() })
}

fn mode(mode: Mode) -> ContextOptions {
    ContextOptions { mode, ..ContextOptions::default() }
}

fn ints(rows: &[&[i64]]) -> Vec<Vec<Value>> {
    rows.iter().map(|row| row.iter().map(|n| Value::Integer(*n)).collect()).collect()
}

/// What both this test and the one of the wasm file (tests/web/database.test.mjs) expect.
#[derive(serde::Deserialize)]
struct Golden {
    contexts: Vec<GoldenContext>,
    synthetic_7_sha256: String,
}

#[derive(serde::Deserialize)]
struct GoldenContext {
    question: String,
    length: u32,
    info: u32,
    placement: Placement,
    lines: usize,
    relevant: u32,
    duplicates: u32,
    characters: u32,
    sha256_12: String,
    gold: Vec<Vec<Value>>,
}

/// A2. Oracle: the study's code, as the fact sheet measured it: lines, relevant ones, repeats, characters, hash, gold.
#[test]
fn contexts_are_those_of_the_reference() {
    let golden: Golden = serde_json::from_str(include_str!("golden/holobench/contexts.json")).unwrap();
    let bench = fixture();
    assert_eq!(golden.contexts.len(), 10);
    for want in &golden.contexts {
        let instance =
            instance(&want.question, want.length, Amount::Tokens(want.info), want.placement, mode(Mode::Ref2025));
        let context = built(&bench, instance).unwrap();
        let found = (context.lines.len(), context.relevant, context.duplicates, context.characters);
        assert_eq!(found, (want.lines, want.relevant, want.duplicates, want.characters), "{}", want.sha256_12);
        assert_eq!(context.sha256[..12], want.sha256_12);
        assert_eq!(context.gold.rows, want.gold);
        let repeated = context.lines.iter().filter(|line| line.duplicate).count();
        assert_eq!(repeated, want.duplicates as usize);
    }
    // Negative control: the other reference mode places the middle elsewhere.
    let older = instance("Q1", 512, Amount::Tokens(128), Placement::Middle, mode(Mode::Ref2024));
    assert_ne!(&built(&bench, older).unwrap().sha256[..12], "1c441131197e");
    // The built-in database is the same everywhere.
    assert_eq!(Bench::synthetic(7).unwrap().sha256(), golden.synthetic_7_sha256);
    assert_ne!(Bench::synthetic(8).unwrap().sha256(), golden.synthetic_7_sha256);
}

/// A3. Oracle: the fact sheet: where the study's code never ends, an error comes at once. The bound is generous: a hang
/// is what it is there to tell from.
#[test]
fn what_would_never_end_is_an_error() {
    let mut bench = fixture();
    let all = "SELECT COUNT(*) AS n FROM alpha JOIN beta ON alpha.id = beta.id JOIN gamma ON gamma.id = beta.id";
    assert_eq!(bench.add_question("all", all, "How many?").problem, None);
    for mode_name in Mode::ALL {
        let instance = instance("all", 512, Amount::Tokens(128), Placement::Uniform, mode(mode_name));
        let error = built(&bench, instance).unwrap_err();
        assert!(matches!(error, HoloError::CannotGrow { side: "irrelevant", .. }), "{error}");
    }
    let filler = ContextOptions { filler: true, ..ContextOptions::default() };
    let context = built(&bench, instance("all", 512, Amount::Tokens(128), Placement::End, filler)).unwrap();
    assert!(context.lines.iter().any(|line| line.filler) && context.duplicates == 0 && context.tokens <= 512);
    let check = bench.check_question("case", "SELECT MAX(val) AS m FROM Beta", "Which?");
    let problem = check.problem.unwrap();
    assert!(problem.contains("Beta") && problem.contains("letter by letter"), "{problem}");
    // A density of 1 leaves nothing for the others, which is no error.
    let whole = instance("all", 200, Amount::Density(1.0), Placement::Uniform, ContextOptions::default());
    assert!(built(&bench, whole).unwrap().relevant > 0);
}

/// A4. Oracle: the settings themselves, 1,000 random ones.
#[test]
fn corrected_contexts_keep_to_what_was_asked() {
    let mut bench = Bench::synthetic(7).unwrap();
    bench.generate(3, 18, 1024).unwrap();
    let mut rng = Rng::new(11);
    let mut longest = 0;
    for table in &bench.database.tables {
        longest =
            longest.max(table.rows.iter().map(|row| row.iter().map(|v| v.plain().len()).sum::<usize>()).max().unwrap());
    }
    let most = (longest + 200) as u32;
    for _ in 0..1_000 {
        let question = &bench.questions[rng.below(bench.questions.len() as u32) as usize].id;
        let length = 64 + rng.below(3_000);
        let relevant = 1 + rng.below(length);
        let amount = match rng.below(2) {
            0 => Amount::Tokens(relevant),
            _ => Amount::Density(f64::from(relevant) / f64::from(length)),
        };
        let options = ContextOptions {
            filler: rng.below(2) == 0,
            closure: rng.below(4) == 0,
            shuffle: (rng.below(2) == 0).then(|| rng.below(1_000)),
            ..ContextOptions::default()
        };
        let placement = Placement::ALL[rng.below(5) as usize];
        let context = built(&bench, instance(question, length, amount, placement, options)).unwrap();
        let wanted = match amount {
            Amount::Tokens(tokens) => tokens,
            Amount::Density(density) => (f64::from(length) * density) as u32,
        };
        assert!(context.tokens <= length && context.relevant_tokens <= wanted.max(1));
        assert_eq!(context.duplicates, 0);
        // What was pulled in along keys is dropped together with the row that needs it.
        let slack = if options.closure { 3 * most } else { most };
        match context.shortfall {
            None => assert!(context.relevant_tokens + slack > wanted, "{} of {wanted}", context.relevant_tokens),
            Some(s) => assert!(s.relevant < s.relevant_wanted || s.irrelevant < s.irrelevant_wanted),
        }
        let cost: u32 = context.text.lines().map(glitchscope::labs::holobench::context::estimate).sum();
        assert_eq!(cost, context.tokens);
    }
}

/// Oracle: the counts that were given instead of the estimate.
#[test]
fn a_tokenizers_counts_take_the_estimates_place() {
    let bench = fixture();
    let options = ContextOptions { measure: Measure::Counted, ..ContextOptions::default() };
    let instance = instance("Q2", 100, Amount::Tokens(50), Placement::Begin, options);
    let candidates = bench.candidates(&instance).unwrap();
    let counted: Vec<SentenceTokens> = candidates
        .into_iter()
        .map(|one| SentenceTokens { table: one.table, tokens: vec![5; one.sentences.len()] })
        .collect();
    let context = bench.context(&ContextRequest { instance: instance.clone(), counted }).unwrap();
    assert_eq!((context.relevant, context.irrelevant, context.tokens), (10, 10, 100));
    let missing = bench.context(&ContextRequest { instance, counted: Vec::new() });
    assert!(matches!(missing, Err(HoloError::TooFewCounts { .. })));
}

/// The queries of the fact sheet's table of dialect differences, on rows that show them.
fn dialect() -> (Bench, Vec<String>) {
    let text = "id,name,Half,amount,day\n1,ash,7,2.5,2021-05-03\n2,Ash,2,,2020-02-29\n3,birch,,1.25,2019-12-31\n\
                4,elm,9,10.5,2021-05-03\n5,oak,-3,0.5,2018-01-01\n";
    let mut bench = Bench::csv(&[("trees.csv".into(), text.as_bytes().to_vec())]).unwrap();
    let queries = [
        "SELECT id / 2 AS half FROM trees WHERE id = 5",
        "SELECT SUM(id) / COUNT(*) AS mean FROM trees",
        "SELECT (id + 2) / 2 / 2 AS q FROM trees ORDER BY q",
        "SELECT name, Half FROM trees ORDER BY Half",
        "SELECT name, Half FROM trees ORDER BY Half DESC",
        "SELECT name FROM trees WHERE name LIKE 'a%'",
        "SELECT name FROM trees WHERE name LIKE 'A%'",
        "SELECT SUM(Half) AS s, AVG(amount) AS a, COUNT(Half) AS n FROM trees WHERE id > 100",
        "SELECT SUM(Half) AS s FROM trees",
        "SELECT NAME FROM TREES WHERE ID = 1",
        "SELECT name FROM trees WHERE name > 'B' ORDER BY name",
        "SELECT name FROM trees WHERE id = '3'",
        "SELECT COUNT(DISTINCT day) AS n FROM trees",
        "SELECT day, COUNT(*) AS n FROM trees GROUP BY day HAVING COUNT(*) > 1",
        "SELECT ROUND(amount, 1) AS r FROM trees WHERE amount IS NOT NULL ORDER BY r",
        "SELECT ROUND(AVG(Half), 2) AS r FROM trees",
        "SELECT MIN(day) AS first, MAX(name) AS last FROM trees",
        "SELECT name FROM trees WHERE day BETWEEN '2019-01-01' AND '2020-12-31' ORDER BY day",
        "SELECT COALESCE(Half, 0) AS h FROM trees ORDER BY h, id",
        "SELECT CASE WHEN Half > 5 THEN 'much' ELSE 'little' END AS size, COUNT(*) AS n FROM trees GROUP BY size ORDER BY size",
        "SELECT name FROM trees WHERE Half = (SELECT MAX(Half) FROM trees)",
        "SELECT name FROM trees WHERE id IN (SELECT id FROM trees WHERE amount > 1) ORDER BY id DESC LIMIT 2",
        "SELECT LENGTH(name) AS n FROM trees ORDER BY n, id LIMIT 3",
        "SELECT a.name FROM trees a LEFT JOIN trees b ON a.Half = b.id WHERE b.id IS NULL ORDER BY a.id",
    ];
    let mut kept = Vec::new();
    for (i, sql) in queries.iter().enumerate() {
        let exact = sql.replace("TREES", "trees");
        let check = bench.add_question(&format!("d{i}"), &exact, "Which?");
        assert_eq!(check.problem, None, "{sql}");
        kept.push(exact);
    }
    (bench, kept)
}

/// A number is a number, whole or not; what has no order is sorted.
fn canonical(mut rows: Vec<Vec<Value>>, ordered: bool) -> Vec<Vec<Value>> {
    for value in rows.iter_mut().flatten() {
        if let Some(x) = value.number() {
            *value = Value::Real(x);
        }
    }
    if !ordered {
        rows.sort_by_key(|row| format!("{row:?}"));
    }
    rows
}

fn same(a: &[Vec<Value>], b: &[Vec<Value>]) -> bool {
    let equal = |(a, b): (&Value, &Value)| match (a.number(), b.number()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        _ => a == b,
    };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.len() == b.len() && a.iter().zip(b).all(equal))
}

/// A5. Oracle: DuckDB. `DUCKDB` names a Python that has it; `make test` makes one.
#[test]
fn answers_are_duckdbs() {
    let Some(python) = std::env::var_os("DUCKDB") else {
        crate::common::skipped("the same queries in DuckDB", "DUCKDB names no Python with duckdb==1.0.0");
        return;
    };
    let mut databases = Vec::new();
    let mut ours = Vec::new();
    let mut n_generated = 0;
    let (dialect_bench, dialect_queries) = dialect();
    let mut benches = vec![(dialect_bench, dialect_queries)];
    for seed in [1, 2, 3] {
        // Every row is among those that the candidates are tried on, so no order hangs on a tie.
        let mut database = synthetic(seed);
        database.tables.iter_mut().for_each(|table| table.rows.truncate(150));
        let mut bench = Bench::new(database).unwrap();
        let set = bench.generate(seed as u32, 80, 131_072).unwrap();
        n_generated += set.questions.len();
        let queries = set.questions.iter().map(|question| question.sql.clone()).collect();
        benches.push((bench, queries));
    }
    assert!(n_generated >= 200, "{n_generated}");
    for (bench, queries) in &benches {
        let tables: Vec<serde_json::Value> = bench
            .database
            .tables
            .iter()
            .map(|table| {
                let columns: Vec<(&str, Kind)> = table.columns.iter().map(|c| (c.name.as_str(), c.kind)).collect();
                serde_json::json!({ "name": table.name, "columns": columns, "rows": table.rows })
            })
            .collect();
        databases.push(serde_json::json!({ "tables": tables, "queries": queries }));
        let all: Vec<usize> = (0..bench.database.tables.len()).collect();
        let engine = Engine::whole(&bench.database, &all).unwrap();
        for sql in queries {
            let checked = bench.check(sql).unwrap();
            ours.push((sql.clone(), checked.ordered, engine.answer(&checked).unwrap().1));
        }
    }
    let folder = std::env::temp_dir().join(format!("glitchscope-duckdb-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (asked, answered) = (folder.join("asked.json"), folder.join("answered.json"));
    std::fs::write(&asked, serde_json::json!({ "databases": databases }).to_string()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/reference/holobench_duckdb.py");
    let status = std::process::Command::new(python).arg(script).arg(&asked).arg(&answered).status().unwrap();
    assert!(status.success());
    #[derive(serde::Deserialize)]
    struct Theirs {
        duckdb: String,
        answers: Vec<Vec<serde_json::Value>>,
    }
    let theirs: Theirs = serde_json::from_slice(&std::fs::read(&answered).unwrap()).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let mut differing = Vec::new();
    for ((sql, ordered, rows), answer) in ours.iter().zip(theirs.answers.iter().flatten()) {
        let Ok(found) = serde_json::from_value::<Vec<Vec<Value>>>(answer["rows"].clone()) else {
            differing.push(format!("{sql}\n  {answer}"));
            continue;
        };
        let (rows, found) = (canonical(rows.clone(), *ordered), canonical(found, *ordered));
        if !same(&rows, &found) {
            differing.push(format!("{sql}\n  SQLite {rows:?}\n  DuckDB {found:?}"));
        }
    }
    assert_eq!(ours.len(), theirs.answers.iter().map(Vec::len).sum::<usize>());
    println!("{} queries in DuckDB {}", ours.len(), theirs.duckdb);
    assert!(differing.is_empty(), "{} of {}:\n{}", differing.len(), ours.len(), differing.join("\n"));
    // Negative control: the comparison sees another number.
    let mut other = canonical(ours[0].2.clone(), true);
    other[0][0] = Value::Real(other[0][0].number().unwrap() * (1.0 + 1e-8));
    assert!(!same(&canonical(ours[0].2.clone(), true), &other));
}

/// A6. Oracle: the fact sheet's arithmetic over the study's eight worked examples.
#[test]
fn labels_give_the_studys_scores() {
    use Label::{Exact, No, Partial};
    // Eight sets with 13 exact, 5 partial and 14 unmatched rows in all, and the scores that the sheet gives for them.
    let sets: [(&[Label], f64, f64); 8] = [
        (&[Exact, Exact, Partial, No], 0.625, 0.5),
        (&[Exact, Exact, Partial, Partial, No, No], 0.5, 1.0 / 3.0),
        (&[Partial, Partial, No], 1.0 / 3.0, 0.0),
        (&[Exact], 1.0, 1.0),
        (&[No], 0.0, 0.0),
        (&[Exact, Exact], 1.0, 1.0),
        (&[Exact, Exact, Exact, Exact, Exact, Exact, No, No, No, No, No, No], 0.5, 0.5),
        (&[No, No, No], 0.0, 0.0),
    ];
    let count = |wanted: Label| sets.iter().flat_map(|(labels, _, _)| *labels).filter(|l| **l == wanted).count();
    assert_eq!((count(Exact), count(Partial), count(No)), (13, 5, 14));
    let mut means = [0.0, 0.0];
    for (labels, half, strict) in sets {
        assert!((recall(labels, 0.5) - half).abs() < 1e-12 && (recall(labels, 0.0) - strict).abs() < 1e-12);
        means[0] += recall(labels, 0.5) / 8.0;
        means[1] += recall(labels, 0.0) / 8.0;
    }
    assert!((means[0] - 0.4948).abs() < 5e-5 && (means[1] - 0.4167).abs() < 5e-5, "{means:?}");
    assert_eq!(recall(&[], 0.5), 0.0);
}

fn gold(columns: &[&str], rows: Vec<Vec<Value>>, ordered: bool) -> Gold {
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    Gold { columns, rows, ordered, truncated_at: None }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// A7. Oracle: labels by hand, of eight written cases for the eight situations of the study's rubric: a value that is wrong
/// or a row that is missing, an order, dates, a refusal, nothing to find, rows too many, a number's form, a table.
#[test]
fn the_rule_labels_written_cases_as_a_person_does() {
    use Label::{Exact, No, Partial};
    let row = |cells: &[&str]| -> Vec<Value> {
        cells.iter().map(|cell| cell.parse().map_or_else(|_| text(cell), Value::Integer)).collect()
    };
    let names =
        ["Amber Queen", "Dawn Keeper", "Fen Glory", "Golden Hob", "Ivory Bell", "Nutmeg", "Quiet Rose", "Umber Star"];
    let cases: [(Gold, &str, Vec<Label>); 8] = [
        (
            gold(
                &["town", "trees"],
                vec![row(&["Ayr", "12"]), row(&["Eld", "7"]), row(&["Moss End", "31"]), row(&["Wick", "5"])],
                false,
            ),
            "Reasoning: I looked at every town. Wick may have 5, but I left it out.\n\nAnswer:\n- Ayr has 12 trees\n- Eld: seven\n\
             - In Moss End there are 30 trees",
            vec![Exact, Exact, Partial, No],
        ),
        (
            gold(
                &["grower", "hectares"],
                vec![row(&["Ada Frost", "30"]), row(&["Nils Kemp", "28"]), row(&["Orla Wick", "21"])],
                true,
            ),
            "**Final answer:** 1. Ada Frost (30 ha)\n2. Orla Wick (21 ha)\n3. Nils Kemp (28 ha)",
            vec![Exact, Partial, Partial],
        ),
        (
            gold(
                &["orchard", "certified_on"],
                vec![
                    row(&["Mill Bank", "2021-05-03"]),
                    row(&["Old Acre", "2019-12-31"]),
                    row(&["Far Row", "2020-02-29"]),
                ],
                false,
            ),
            "Answer: Mill Bank was certified on 3 May 2021; Old Acre on December 31, 2019; Far Row on 29th of February 2020.",
            vec![Exact, Exact, Exact],
        ),
        (
            gold(
                &["buyer"],
                ["Rook Bakery", "Penn Press", "Gale Stores", "Ives Market", "Lund Pantry", "Vane Cellars"]
                    .iter()
                    .map(|n| row(&[n]))
                    .collect(),
                false,
            ),
            "The facts do not contain enough information about buyers. Answer: No answer",
            vec![No; 6],
        ),
        (
            gold(&["variety"], Vec::new(), false),
            "Reasoning: none of the varieties is blue.\nAnswer: There are no such varieties.",
            vec![Exact],
        ),
        (
            gold(&["variety"], names.iter().map(|n| row(&[n])).collect(), false),
            "The varieties are: amber queen, Fen Glory, Blushing Tom, Golden Hob, Quiet Rose and Umber Star, and Winter Friend.",
            vec![Exact, No, Exact, Exact, No, No, Exact, Exact],
        ),
        (
            gold(&["total_price"], vec![vec![Value::Real(1234.5)]], false),
            "Answer: In all they paid \u{20ac}1,234.50.",
            vec![Exact],
        ),
        (
            gold(
                &["fruit", "n", "weeks"],
                vec![
                    row(&["apple", "9", "12"]),
                    row(&["pear", "7", "8"]),
                    row(&["plum", "4", "3"]),
                    row(&["cherry", "2", "2"]),
                    row(&["quince", "1", "20"]),
                    row(&["medlar", "6", "15"]),
                ],
                false,
            ),
            "Answer:\n| fruit | n | weeks |\n|---|---|---|\n| Apple | 9 | 12 |\n| Pear | 7 | 8 |\n| Plum | 4 | 5 |\n| Cherry | 3 | 11 |\n\
             | Medlar | 6 | 15 |",
            vec![Exact, Exact, Partial, Partial, No, Exact],
        ),
    ];
    let (mut agreed, mut all, mut differing) = (0, 0, Vec::new());
    for (i, (gold, response, expected)) in cases.iter().enumerate() {
        let found: Vec<Label> = rule::score(gold, response).rows.iter().map(|row| row.label).collect();
        assert_eq!(found.len(), expected.len());
        all += found.len();
        agreed += found.iter().zip(expected).filter(|(a, b)| a == b).count();
        if found != *expected {
            differing.push(format!("case {}: {found:?}, by hand {expected:?}", i + 1));
        }
    }
    println!("the rule agrees on {agreed} of {all} labels");
    assert!(all == 32 && agreed >= 31, "{agreed} of {all}: {differing:#?}");
    // Negative controls: another answer's labels, and an answer that lists everything pays in precision.
    let (gold, _, _) = &cases[0];
    assert!(rule::score(gold, cases[5].1).rows.iter().all(|row| row.label == No));
    let long: String = (0..40).map(|i| format!("- Town {i}: {i}\n")).collect::<String>()
        + "- Ayr: 12\n- Eld: 7\n- Moss End: 31\n- Wick: 5";
    let request = ScoreRequest {
        instance_id: "x".into(),
        gold: gold.clone(),
        response: long,
        labels: None,
        source: LabelSource::Rule,
    };
    let all = score(&request).unwrap();
    assert!(all.recall == 1.0 && all.precision.unwrap() < 0.1 && all.f1.unwrap() < 0.2, "{all:?}");
}

/// A sum over no rows is NULL in SQL, and a person says that there is none.
#[test]
fn a_row_of_nulls_is_met_by_saying_that_there_is_nothing() {
    let of = |rows: Vec<Vec<Value>>, response: &str| rule::score(&gold(&["n", "s"], rows, false), response);
    let nulls = || vec![vec![Value::Null, Value::Null]];
    let found = of(nulls(), "No answer.");
    assert!(
        found.rows.len() == 1 && found.rows[0].label == Label::Exact && found.rows[0].matched == [true; 2],
        "{found:?}"
    );
    assert_eq!(found.precision, Some(1.0));
    assert_eq!(of(nulls(), "17").rows[0].label, Label::No);
    // A number among the NULLs has to be said.
    assert_eq!(of(vec![vec![Value::Integer(0), Value::Null]], "No answer.").rows[0].label, Label::No);
}

/// A year is no other year, a mean may be rounded.
#[test]
fn numbers_are_compared_as_what_they_are() {
    let label =
        |value: Value, response: &str| rule::score(&gold(&["x"], vec![vec![value]], false), response).rows[0].label;
    assert_eq!(label(Value::Integer(2000), "2001"), Label::No);
    assert_eq!(label(Value::Integer(2000), "2,000"), Label::Exact);
    assert_eq!(label(Value::Real(3.666_666), "3.67"), Label::Exact);
    assert_eq!(label(Value::Real(3.666_666), "4"), Label::No);
    assert_eq!(label(Value::Real(3.666_666), "3.6"), Label::No);
    assert_eq!(label(Value::Real(42.0), "forty-two, that is 42"), Label::Exact);
    assert_eq!(label(Value::Integer(-4), "it is -4"), Label::Exact);
    assert_eq!(label(Value::Integer(4), "it is -4"), Label::No);
}

/// A9. Oracle: CPython's own print, tests/golden/holobench/python.json.
#[test]
fn the_judges_prompt_is_what_python_prints() {
    #[derive(serde::Deserialize)]
    struct Case {
        columns: Vec<String>,
        rows: Vec<Vec<serde_json::Value>>,
        template: String,
        pred: String,
        prompt: String,
    }
    #[derive(serde::Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }
    let golden: Golden = serde_json::from_str(include_str!("golden/holobench/python.json")).unwrap();
    assert!(golden.cases.len() >= 50);
    for case in golden.cases {
        let value = |value: &serde_json::Value| match value {
            serde_json::Value::Object(_) => Value::Real(f64::NAN),
            value => serde_json::from_value(value.clone()).unwrap(),
        };
        let rows: Vec<Vec<Value>> = case.rows.iter().map(|row| row.iter().map(value).collect()).collect();
        let settings = JudgeSettings { model: "m".into(), extraction: None, evaluation: Some(case.template) };
        let gold = Gold { columns: case.columns, rows, ordered: false, truncated_at: None };
        assert_eq!(judge::evaluation_prompt(&settings, "Which?", &case.pred, &gold).unwrap(), case.prompt);
    }
    for bad in ["{unknown}", "a { b", "a } b"] {
        assert!(python::format(bad, &[("x", "y")]).is_err(), "{bad}");
    }
    // The project's own templates have all their places.
    let own = prompt::templates();
    assert_eq!(own.len(), 4);
    assert_eq!(prompt::recognise(&own[0].text).unwrap().name, "reasoning");
    assert_eq!(prompt::recognise(&own[3].text).unwrap().name, "evaluation");
    assert!(prompt::recognise("nothing").is_err());
}

/// Bodies are what the API asks for, and answers are read whatever the judge leaves out.
#[test]
fn a_judges_answers_come_back_in_the_order_of_the_rows() {
    let settings = JudgeSettings { model: "m".into(), ..JudgeSettings::default() };
    let gold = gold(&["town"], vec![vec![text("Ayr")], vec![text("Eld")], vec![text("Wick")]], false);
    let body: serde_json::Value =
        serde_json::from_str(&judge::evaluation_body(&settings, "Which {towns}?", "Ayr", &gold).unwrap()).unwrap();
    assert!(body["temperature"] == 0 && body["response_format"]["type"] == "json_schema");
    let content = body["messages"][0]["content"].as_str().unwrap();
    assert!(content.contains("Which {towns}?") && content.contains("[{'id': 1, 'town': 'Ayr'}"), "{content}");
    assert!(judge::extraction_body(&settings, "Answer: {x}").unwrap().contains("Answer: {x}"));
    let answer = r#"```json
        {"evaluations": [{"id": 3, "label": "No Match"}, {"id": 1, "label": "Exact Match"}, {"id": 9, "label": "No Match"}]}
        ```"#;
    let read = judge::read_evaluation(answer, &gold).unwrap();
    assert_eq!(read.labels, [Label::Exact, Label::No, Label::No]);
    assert_eq!(read.problems, ["no label for id 2", "a label for id 9 that no row has"]);
    assert!(judge::read_evaluation("Sure! Exact.", &gold).is_err());
    assert_eq!(judge::read_extraction(r#"{"reasoning": "r", "final_answer": "a"}"#).unwrap().final_answer, "a");
}

fn contexts(bench: &Bench, lengths: &[u32]) -> Vec<Context> {
    let settings = GridSettings {
        questions: bench.questions.iter().map(|question| question.id.clone()).collect(),
        lengths: lengths.to_vec(),
        amounts: vec![Amount::Density(0.5)],
        placements: vec![Placement::Uniform],
        options: ContextOptions::default(),
    };
    bench.grid(&settings).unwrap().into_iter().map(|instance| built(bench, instance).unwrap()).collect()
}

/// A10. Oracle: what was written. Ids that are unknown, repeated or broken are told.
#[test]
fn files_come_back_as_they_went() {
    let mut bench = Bench::synthetic(7).unwrap();
    bench.generate(1, 18, 1024).unwrap();
    let contexts = contexts(&bench, &[400]);
    let mut prompts = Vec::new();
    let mut golds = Vec::new();
    for context in &contexts {
        let question = bench.question(&context.instance.question).unwrap();
        let prompt = prompt::prompt(None, PromptStyle::Reasoning, &context.text, &question.text).unwrap();
        assert!(prompt.contains(&context.text) && prompt.contains(&question.text));
        prompts.push(io::prompt_line(&bench, context, prompt, 256).unwrap());
        golds.push(io::gold_line(question, context));
    }
    let text = io::write_lines(&prompts);
    assert_eq!(io::read_lines::<PromptLine>(&text, None).lines, prompts);
    assert!(!text.contains("SELECT"), "a prompt must not carry the query");
    assert_eq!(io::read_lines::<GoldLine>(&io::write_lines(&golds), None).lines, golds);
    let known: HashSet<String> = prompts.iter().map(|line| line.instance_id.clone()).collect();
    assert_eq!(known.len(), prompts.len());
    let response = |id: &str, response: &str| ResponseLine {
        instance_id: id.into(),
        response: response.into(),
        model: None,
        usage: None,
    };
    let first = &prompts[0].instance_id;
    let lines = [response(first, "a\nb\u{1f600}\""), response("0000", "x"), response(first, "again")];
    let file = io::write_lines(&lines) + "{\"instance_id\": 3}\n\nnot json\n";
    let read = io::read_lines::<ResponseLine>(&file, Some(&known));
    assert_eq!(read.lines, lines[..1]);
    assert_eq!((read.unknown, read.duplicate), (vec!["0000".to_owned()], vec![first.clone()]));
    assert_eq!(read.broken.iter().map(|broken| broken.line).collect::<Vec<_>>(), [4, 6]);
    let labels = [LabelLine { instance_id: first.clone(), labels: vec![Label::Partial], source: LabelSource::Human }];
    assert_eq!(io::read_lines::<LabelLine>(&io::write_lines(&labels), Some(&known)).lines, labels);
    // The study's CSV and its output file.
    let rows: Vec<ReferenceRow> = contexts
        .iter()
        .map(|context| ReferenceRow {
            question: "a \"b\", c".into(),
            prediction: "line\nline".into(),
            gold: Gold { ordered: false, ..context.gold.clone() },
        })
        .filter(|row| !row.gold.rows.is_empty())
        .collect();
    assert_eq!(io::read_reference_csv(&io::write_reference_csv(&rows)).unwrap(), rows);
    assert!(io::read_reference_csv("question,gold\n").is_err());
    let output = r#"[{"question": "q", "prediction": "p", "gold": [{"id": 1, "town": "Ayr"}, {"id": 2, "town": "Eld"}],
        "evaluations": [{"id": 2, "label": "Partial Match"}, {"id": 1, "label": "Exact Match"}], "reasoning": "", "final_answer": "p"}]"#;
    let judged = io::read_reference_output(output).unwrap();
    assert_eq!(judged[0].labels, [Label::Exact, Label::Partial]);
    assert_eq!(recall(&judged[0].labels, 0.5), 0.75);
}

fn answered(bench: &Bench, context: &Context, answerer: &str, response: &str) -> Answered {
    let request = ScoreRequest {
        instance_id: context.instance.instance_id.clone(),
        gold: context.gold.clone(),
        response: response.into(),
        labels: None,
        source: LabelSource::Rule,
    };
    Answered {
        answerer: answerer.into(),
        instance: context.instance.clone(),
        question: bench.question(&context.instance.question).unwrap().clone(),
        database: bench.database.name.clone(),
        score: score(&request).unwrap(),
    }
}

/// A12. Oracle: an answerer that says the gold wins, one that says it half the time at random does not against its twin.
#[test]
fn a_table_has_intervals_and_calls_nothing_below_the_noise_a_win() {
    let mut bench = Bench::synthetic(7).unwrap();
    bench.generate(1, 18, 1024).unwrap();
    let mut rng = Rng::new(5);
    let mut answers = Vec::new();
    for context in contexts(&bench, &[512, 1024]) {
        let cell = |value: &Value| if value.is_null() { "null".into() } else { value.plain() };
        let said: Vec<String> =
            context.gold.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<String>>().join(" | ")).collect();
        let right = if said.is_empty() { EMPTY_ANSWER.to_owned() } else { said.join("\n") };
        let scored = answered(&bench, &context, "right", &right);
        assert_eq!((scored.score.recall, scored.score.precision), (1.0, Some(1.0)), "{right}\n{:?}", context.gold);
        answers.push(scored);
        for name in ["coin", "another coin"] {
            let response = if rng.below(2) == 0 { right.as_str() } else { EMPTY_ANSWER };
            answers.push(answered(&bench, &context, name, response));
        }
        answers.push(answered(&bench, &context, RANDOM, &context.random_answer));
        answers.push(answered(&bench, &context, EMPTY, EMPTY_ANSWER));
    }
    let table = aggregate(&answers, GroupBy::All);
    assert_eq!((table.resamples, table.rows.len()), (2_000, 5));
    let verdict = |answerer: &str, other: &str| {
        let found = table.differences.iter().find(|d| d.answerer == answerer && d.other == other);
        found.unwrap_or_else(|| panic!("{answerer} {other}")).verdict
    };
    assert_eq!(verdict("right", RANDOM), Verdict::Win);
    assert_eq!(verdict("right", EMPTY), Verdict::Win);
    assert_eq!(verdict("coin", "another coin"), Verdict::WithinNoise);
    for row in &table.rows {
        assert!(
            row.queries == 18
                && row.answers == 36
                && row.recall.low <= row.recall.mean
                && row.recall.mean <= row.recall.high
        );
    }
    let random = table.rows.iter().find(|row| row.answerer == RANDOM).unwrap();
    assert!(random.recall.mean < 0.6 && random.recall_strict.mean < 0.2, "{random:?}");
    for by in GroupBy::ALL {
        let table = aggregate(&answers, by);
        let (csv, markdown) = (report::to_csv(&table), report::to_markdown(&table));
        assert!(csv.lines().count() == table.rows.len() + 1 && markdown.contains("bootstrap"));
    }
    // One question has no noise to be told from.
    let one = aggregate(&answers, GroupBy::Question);
    assert!(one.differences.iter().all(|difference| difference.verdict == Verdict::WithinNoise));
    assert!(one.notes.iter().any(|note| note.contains("fewer than 6")));
}

/// Oracle: an SQLite file that this test writes.
#[test]
fn an_sqlite_file_is_read_with_its_keys_and_oddities() {
    let path = std::env::temp_dir().join(format!("glitchscope-holobench-{}.sqlite", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE towns (id INTEGER PRIMARY KEY, name TEXT, photo BLOB);
             CREATE TABLE trees (id INTEGER PRIMARY KEY, town INTEGER REFERENCES towns(id), height REAL, felled TEXT, mixed);
             CREATE VIEW tall AS SELECT * FROM trees WHERE height > 10;
             INSERT INTO towns VALUES (1, 'Ayr', x'00ff'), (2, 'Eld' || char(10) || 'Bridge', NULL);
             INSERT INTO trees VALUES (1, 1, 3, '2021-05-03', 5), (2, 2, 12.5, '2020-01-01', 'five'), (3, 1, NULL, NULL, 2.5);",
        )
        .unwrap();
    drop(connection);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let bench = Bench::sqlite("towns.sqlite", &bytes).unwrap();
    let info = bench.info();
    assert_eq!(info.tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["towns", "trees"]);
    let kinds: Vec<Kind> = info.tables[1].columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [Kind::Integer, Kind::Integer, Kind::Real, Kind::Date, Kind::Text]);
    assert_eq!(info.tables[0].columns.len(), 2);
    assert!(info.keys.len() == 1 && info.keys[0].confirmed && info.keys[0].parent == "towns");
    for word in ["blobs", "line breaks", "texts among"] {
        assert!(info.notes.iter().any(|note| note.contains(word)), "{word}: {:?}", info.notes);
    }
    assert!(bench.templates().iter().all(|template| template.problem.is_none()), "{:?}", bench.templates());
    let checked = bench.check("SELECT name, COUNT(*) AS n FROM towns t JOIN trees ON trees.town = t.id GROUP BY name ORDER BY n DESC LIMIT 1").unwrap();
    let gold = Engine::whole(&bench.database, &checked.tables).unwrap().gold(&checked).unwrap();
    assert_eq!(gold.rows, [[text("Ayr"), Value::Integer(2)]]);
    // Files that are none.
    for bytes in [&b"SQLite format 3\0"[..], b"", b"id,name\n1,2\n", &bytes[..1000]] {
        assert!(Bench::sqlite("x", bytes).is_err());
    }
    let mut torn = bytes.clone();
    torn[100..2000].fill(0xff);
    assert!(Bench::sqlite("x", &torn).is_err());
}

/// Oracle: by hand.
#[test]
fn csv_columns_have_the_narrowest_type_and_say_what_did_not_fit() {
    let mut text = String::from("\u{feff}code;n;price;day;zip\n");
    for i in 0..30 {
        let n = if i == 17 { "n/a".into() } else { i.to_string() };
        text += &format!("\"c;{i}\";{n};{}.5;2021-01-{:02};0{i}\n", i % 4, i % 28 + 1);
    }
    let bench = Bench::csv(&[("a/stock list.csv".into(), text.into_bytes())]).unwrap();
    let info = bench.info();
    assert_eq!(info.tables[0].name, "stock_list");
    let kinds: Vec<Kind> = info.tables[0].columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [Kind::Text, Kind::Text, Kind::Real, Kind::Date, Kind::Text]);
    assert!(info.notes.iter().any(|note| note.contains("n/a") && note.contains("row 18")), "{:?}", info.notes);
    for (bad, word) in
        [("a,b\n1\n", "line 2"), ("a,a\n1,2\n", "twice"), ("", "empty"), ("a,\n1,2\n", "named"), ("a\n", "no table")]
    {
        let error = Bench::csv(&[("x.csv".into(), bad.as_bytes().to_vec())]).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(word), "{bad:?}: {error}");
    }
    assert!(Bench::csv(&[("x.csv".into(), vec![b'a', b'\n', 0xff])]).is_err());
    // A key is proposed, and joined along only when it was confirmed.
    let files = [("p.csv", "pid,name\n1,a\n2,b\n3,c\n"), ("q.csv", "pid,v\n1,5\n1,6\n3,7\n")];
    let files: Vec<(String, Vec<u8>)> = files.iter().map(|(n, t)| ((*n).into(), t.as_bytes().to_vec())).collect();
    let bench = Bench::csv(&files).unwrap();
    assert!(bench.info().keys.len() == 1 && !bench.info().keys[0].confirmed && bench.info().keys[0].containment == 1.0);
}

/// Oracle: the columns that the template carries.
#[test]
fn a_question_cannot_ask_for_what_no_sentence_tells() {
    let mut bench = fixture();
    assert_eq!(bench.set_template("beta", Some("Beta item {id} is {colour}.")).unwrap().problem, None);
    let check = bench.check_question("x", "SELECT MAX(val) AS m FROM beta", "Which?");
    assert!(check.problem.unwrap().contains("\"val\""));
    let refused = bench.set_template("beta", Some("Beta is {colour}.[ {id}")).unwrap();
    assert!(refused.problem.is_some() && !refused.is_default);
    assert!(bench.templates()[1].text.contains("item"), "a refused template changes nothing");
    let before = bench.sha256();
    bench.set_template("beta", None).unwrap();
    assert_ne!(bench.sha256(), before);
}

/// Stops when another instance begins after so many.
struct Patience {
    instances: usize,
    text: String,
}

impl Monitor for Patience {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Text { text } => self.text += &text,
            Event::Stage { stage: "answering", .. } => self.instances = self.instances.saturating_sub(1),
            _ => {}
        }
    }

    fn is_cancelled(&self) -> bool {
        self.instances == 0
    }
}

/// Oracle: the same run without a stop. The specimen answers, what was answered is kept, and going on asks the rest only.
#[test]
fn a_run_streams_stops_and_goes_on() {
    let mut bench = Bench::synthetic(7).unwrap();
    bench.generate(1, 18, 512).unwrap();
    let settings = GridSettings {
        questions: bench.questions.iter().take(3).map(|question| question.id.clone()).collect(),
        lengths: vec![64],
        amounts: vec![Amount::Tokens(40)],
        placements: vec![Placement::Begin],
        options: ContextOptions::default(),
    };
    let instances = bench.grid(&settings).unwrap();
    for device in devices("a_run_streams_stops_and_goes_on") {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/www/public/specimen");
        let source = std::rc::Rc::new(FolderSource::new(Path::new(folder)));
        let mut session = pollster::block_on(Session::open(source, device, &mut Silent)).unwrap();
        let template = prompt::recognise("{context}\n{question}").unwrap();
        let options = RunOptions { template: Some(template), max_new: 6, ..RunOptions::default() };
        let run_with = |session: &mut _, answered: &HashSet<String>, monitor: &mut dyn Monitor| {
            let mut lines: Vec<ResponseLine> = Vec::new();
            let mut on = |_: Asked, line: ResponseLine| {
                lines.push(line);
                Ok(())
            };
            let result = pollster::block_on(run(&bench, session, &instances, answered, &options, monitor, &mut on));
            (lines, result)
        };
        let (whole, result) = run_with(&mut session, &HashSet::new(), &mut Silent);
        result.unwrap();
        assert_eq!(whole.len(), 3);
        assert!(
            whole
                .iter()
                .all(|line| line.usage.is_some_and(|usage| usage.prompt_tokens > 10 && usage.completion_tokens <= 6))
        );
        let mut patience = Patience { instances: 2, text: String::new() };
        let (first, result) = run_with(&mut session, &HashSet::new(), &mut patience);
        assert!(result.unwrap_err().is_cancelled() && first.len() == 1 && first[0] == whole[0], "{}", first.len());
        assert!(patience.text.starts_with(&whole[0].response));
        let done = first.iter().map(|line| line.instance_id.clone()).collect();
        let (rest, result) = run_with(&mut session, &done, &mut Silent);
        result.unwrap();
        assert_eq!(rest, whole[1..]);
    }
}

/// A11, natively. Oracle: the length. Time is printed, memory is the browser test's.
#[test]
fn a_long_context_from_a_large_table() {
    let mut text = String::from("id,name,val\n");
    for i in 0..200_000 {
        text += &format!("{i},item number {i},{}\n", i * 7 % 1000);
    }
    let other = "id,word\n".to_owned() + &(0..20_000).map(|i| format!("{i},word{i}\n")).collect::<String>();
    let files = [("items.csv".to_owned(), text.into_bytes()), ("words.csv".to_owned(), other.into_bytes())];
    let mut bench = Bench::csv(&files).unwrap();
    assert_eq!(bench.add_question("q", "SELECT COUNT(*) AS n FROM items WHERE val > 500", "How many?").problem, None);
    let instance = instance("q", 65_536, Amount::Density(0.5), Placement::Uniform, ContextOptions::default());
    let since = Instant::now();
    let context = built(&bench, instance).unwrap();
    println!("{} lines of {} rows in {:?}", context.lines.len(), 220_000, since.elapsed());
    assert!(context.tokens <= 65_536 && context.tokens > 65_000 && context.shortfall.is_none());
    let n = context.lines.iter().filter(|line| line.evidence == Some(true)).count() as i64;
    assert_eq!(context.gold.rows, ints(&[&[n]]));
}
