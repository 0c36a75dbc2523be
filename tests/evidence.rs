//! Oracle: the whole and uninterrupted scan. Parts of it joined, and a scan that was killed and resumed, give its report byte
//! for byte, timings aside. Exports are read back by readers of their formats; reports are held to the published schema by
//! the crate `jsonschema`.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::device_names;
use crate::hunter_support::{FakeModel, Trouble, World, coarse};
use glitchscope::glitch::{Part, ScanState, merge, scan_part};
use glitchscope::progress::Silent;
use glitchscope::report::{
    AnswerColumn, ClusterTest, ExportFormat, IndicatorColumn, IndicatorTable, KeepRule, Method, OracleInfo, Panel,
    Report, ScanOptions, Status, VerdictColumn, diff,
};
use glitchscope::tokenizer::TokenClass;
use serde_json::Value;

/// Texts that try to leave the document they stand in.
const HOSTILE: [&str; 8] = [
    "</script><img src=x onerror=\"alert(1)\">",
    " \"quoted\" and \\ `ticks` | pipe",
    "\u{202e}gnp.exe",
    "#comment",
    "a\r\nb\t",
    "[x](javascript:alert(1)) &amp; <b>",
    "trailing ",
    "\u{0}\u{200b}",
];

/// A world whose glitch tokens are hostile.
fn hostile() -> World {
    let mut world = World::new(4, 15).with_classes([(7, TokenClass::Byte), (8, TokenClass::Unused)]);
    for (id, text) in (40..).zip(HOSTILE) {
        world.tokens.text[id] = text.into();
    }
    world.tokens.bytes_hex[7] = "c3".into();
    world
}

fn failing() -> HashSet<u32> {
    (40..48).chain([3, 9]).collect()
}

fn exhaustive() -> ScanOptions {
    ScanOptions { method: Method::Exhaustive, ..coarse() }
}

fn hostile_report() -> Report {
    hostile().scan(&mut FakeModel::new(failing()), &exhaustive(), None, &mut Silent).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Oracle: the scan itself. A saved report of today's version, which later versions have to open, and which
/// `www/test/schema.test.ts` holds to the published schema. `UPDATE=1 cargo test --test suite golden_report` rewrites it.
#[test]
fn the_golden_report_is_what_a_scan_writes() {
    let world = hostile();
    let report = world.scan(&mut FakeModel::new(failing()), &coarse(), None, &mut Silent).unwrap();
    assert!(report.hunt.is_some() && report.graph.is_some() && !report.labels.is_empty());
    let expected = report.to_json().unwrap() + "\n";
    let file = root().join("tests/golden/report_version_2.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &expected).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap();
    assert_eq!(Report::from_json(&golden).unwrap().to_json().unwrap() + "\n", golden);
    // The map is f32 arithmetic in an order of the machine's own; everything else has to be the same on every machine.
    let without_map = |text: &str| {
        let mut value: Value = serde_json::from_str(text).unwrap();
        for key in ["x", "y", "distances", "explained_variance", "quality"] {
            value["graph"][key] = Value::Null;
        }
        value["hunt"]["rounds"] = Value::Null;
        value["provenance"]["device"] = Value::Null;
        value["provenance"]["glitchscope"] = Value::Null;
        value
    };
    assert_eq!(without_map(&golden), without_map(&expected));
}

// ---- exports ----

#[test]
fn strings_read_back_as_the_tokens() {
    let report = hostile_report();
    let texts: Vec<&str> = report.glitch_tokens.iter().map(|&id| report.tokens.text[id as usize].as_str()).collect();
    assert!(texts.len() == 10 && texts.contains(&HOSTILE[0]));
    let array: Vec<String> = serde_json::from_str(&report.export(ExportFormat::StringsJson).unwrap()).unwrap();
    assert_eq!(array, texts);
    let text = report.export(ExportFormat::Strings).unwrap();
    let lines: Vec<String> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| serde_json::from_str(&format!("\"{line}\"")).unwrap())
        .collect();
    assert_eq!(lines, texts);
}

#[test]
fn the_page_has_no_markup_of_a_tokens() {
    let html = hostile_report().export(ExportFormat::Html).unwrap();
    assert!(html.starts_with("<!doctype html>") && html.contains("default-src 'none'"));
    assert!(html.contains("&lt;/script&gt;&lt;img␣src=x␣onerror=&quot;"), "the hostile token is shown");
    for markup in
        ["<script", "<img", "<link", "<iframe", "javascript:alert(1))\"", "http://", "https://", "\u{202e}", "\0"]
    {
        assert!(!html.contains(markup), "{markup:?}");
    }
    // Every tag is one that this program writes.
    let known = "html head meta title style body main h1 h2 p dl div dt dd figure svg path figcaption span bdi section ul li \
                 table caption thead tbody tr th td footer";
    for tag in html.split('<').skip(1) {
        let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        assert!(known.split_whitespace().any(|known| known == name) || tag.starts_with("!doctype"), "<{name}");
    }
    assert!(html.contains(&"00".repeat(32)), "the hash of the weights is shown");
}

#[test]
fn markdown_has_a_row_for_every_glitch_token() {
    let report = hostile_report();
    let markdown = report.export(ExportFormat::Markdown).unwrap();
    let table = markdown.split("with the answers:").nth(1).unwrap();
    let rows: Vec<&str> = table
        .lines()
        .skip_while(|line| !line.starts_with("| ---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert_eq!(rows.len(), report.glitch_tokens.len());
    for (row, id) in rows.iter().zip(&report.glitch_tokens) {
        assert!(row.starts_with(&format!("| {id} |")), "{row}");
        assert_eq!(row.matches('|').count(), 6, "five cells: {row}");
    }
    assert!(!markdown.contains("\n<img") && !markdown.contains('\u{202e}') && !markdown.contains('\0'));
    assert_eq!(report.export(ExportFormat::Csv).unwrap(), report.to_csv());
    assert_eq!(report.export(ExportFormat::Json).unwrap(), report.to_json().unwrap());
}

/// Oracle: the report itself. A row for every cluster, and what is dropped with what it may hide in the summary.
#[test]
fn clusters_are_rows_of_their_rounds() {
    let world = hostile();
    let options = ScanOptions { keep_rule: KeepRule::Hypergeometric, ..coarse() };
    let report = world.scan(&mut FakeModel::new(failing()), &options, None, &mut Silent).unwrap();
    let csv = report.export(ExportFormat::ClustersCsv).unwrap();
    let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let rounds = &report.hunt.as_ref().unwrap().rounds;
    let tests: Vec<(u32, usize, &ClusterTest)> = rounds
        .iter()
        .flat_map(|round| round.tests.iter().enumerate().map(|(cluster, test)| (round.round, cluster, test)))
        .collect();
    assert!(!tests.is_empty() && tests.iter().any(|(_, _, test)| !test.kept && test.miss_probability > 0.0));
    assert_eq!(rows.len(), tests.len());
    for (row, (round, cluster, test)) in rows.iter().zip(&tests) {
        assert_eq!(row[..3], [round.to_string(), cluster.to_string(), test.size.to_string()]);
        assert_eq!(row[6].parse().ok(), test.p_value);
        assert_eq!(row[7].parse().ok(), test.q_value);
        assert_eq!(row[8].parse::<f64>().unwrap(), test.miss_probability);
        assert_eq!(row[9], test.kept.to_string());
    }
    assert!(report.export(ExportFormat::Markdown).unwrap().contains("goes unnoticed with a probability of"));
    let exhaustive = hostile_report().export(ExportFormat::ClustersCsv).unwrap();
    assert_eq!(exhaustive.lines().count(), 1, "a report without a search has no clusters to speak of");
}

// ---- comparisons ----

#[test]
fn a_report_does_not_differ_from_itself_and_a_flip_is_found() {
    let report = hostile_report();
    let same = diff(&report, &report);
    assert!(same.flips.is_empty() && same.differences.is_empty() && same.only_a.is_empty() && same.only_b.is_empty());
    assert_eq!(same.oracles[0].both_fail as usize, report.glitch_tokens.len());
    assert_eq!((same.p_target_change.largest, same.matching.by.as_str()), (0.0, "id"));

    let mut other = report.clone();
    let fixed = other.glitch_tokens.remove(0);
    let at = other.probes.iter().position(|probe| probe.id == fixed).unwrap();
    other.probes[at].passed = true;
    other.probes[at].p_target += 0.5;
    other.provenance.model.files[0].sha256 = Some("11".repeat(32));
    other.provenance.options.seed = 7;
    let changed = diff(&report, &other);
    assert_eq!(changed.flips.len(), 1);
    let place = changed.flips[0] as usize;
    assert_eq!(
        (changed.tokens.id_a[place], changed.tokens.passed_a[place], changed.tokens.passed_b[place]),
        (fixed, false, true)
    );
    assert_eq!((changed.oracles[0].only_a_fails, changed.oracles[0].only_b_fails), (1, 0));
    let answer = other.probes[at].answer_text.clone();
    assert_eq!(changed.flip_answers, [(answer.clone(), answer)]);
    assert!((changed.p_target_change.largest - 0.5).abs() < 1e-6);
    let said = changed.differences.join("; ");
    assert!(said.contains("SHA-256 of model.safetensors: 000000000000 and 111111111111"), "{said}");
    assert!(said.contains("option seed: 42 and 7"), "{said}");
    let csv = changed.to_csv();
    assert_eq!(csv.matches(",fixed,").count(), 1);
    assert_eq!(csv.lines().count(), report.probes.len() + 1);

    // Indicators go with the tokens' own ids; what only one model has is left out, and so is what is no number.
    let column = |name: &str, scale: f32| IndicatorColumn {
        name: name.into(),
        what: String::new(),
        values: (0..report.tokens.text.len()).map(|id| scale * id as f32).collect(),
    };
    let table = |columns: Vec<IndicatorColumn>| IndicatorTable { references: None, columns };
    let mut theirs = table(vec![column("norm", 2.0), column("cosine", 1.0)]);
    let (id, n) = (changed.tokens.id_a[3], changed.tokens.id_a.len());
    theirs.columns[0].values[id as usize] = f32::NAN;
    let with = changed.with_indicators(&table(vec![column("bias", 1.0), column("norm", 1.0)]), &theirs);
    assert_eq!(with.indicators.len(), 1);
    let norm = &with.indicators[0];
    assert_eq!((norm.name.as_str(), norm.a.len(), norm.a[3], norm.b[3]), ("norm", n, Some(id as f32), None));
    let other = with.tokens.id_a[5] as f32;
    assert_eq!((norm.a[5], norm.b[5]), (Some(other), Some(2.0 * other)));
    let largest = f64::from(*with.tokens.id_a.iter().max().unwrap());
    assert_eq!(norm.change.largest, largest);
    let csv = with.to_csv();
    assert!(csv.lines().next().unwrap().ends_with(",norm_a,norm_b"));
    assert!(csv.lines().nth(6).unwrap().ends_with(&format!(",{other},{}", 2.0 * other)));
}

/// Oracle: by hand. The other vocabulary has the ids reversed, a token of its own, and one text twice.
#[test]
fn tokens_of_two_vocabularies_are_matched_by_their_bytes() {
    let a = World::new(2, 10);
    let mut b = World::new(2, 10);
    b.tokens.text.reverse();
    b.tokens.text[0] = "only here".into();
    b.tokens.text[1] = b.tokens.text[2].clone();
    let reversed = |id: u32| 19 - id;
    let scan = |world: &World, failing: Vec<u32>| {
        let options = ScanOptions { with_graph: false, n_controls: 0, ..exhaustive() };
        world.scan(&mut FakeModel::new(failing), &options, None, &mut Silent).unwrap()
    };
    // Token 5 fails in both; 6 only in a; 7 only in b; 18 in a, where b has lost it; b's own fails too.
    let first = scan(&a, vec![5, 6, 18]);
    let second = scan(&b, vec![reversed(5), reversed(7), 0]);
    let found = diff(&first, &second);
    assert_eq!(found.matching.by, "bytes");
    // 19 and 18 are gone from b, 17 stands there twice.
    assert_eq!((found.matching.matched, found.matching.only_a, found.matching.only_b), (17, 2, 1));
    assert_eq!((found.matching.ambiguous_a, found.matching.ambiguous_b), (1, 2));
    let own = &found.oracles[0];
    assert_eq!((own.both_fail, own.only_a_fails, own.only_b_fails, own.both_pass), (1, 1, 1, 14));
    assert!(found.tokens.id_a.iter().zip(&found.tokens.id_b).all(|(&a, &b)| b == reversed(a)));
    let flipped: Vec<u32> = found.flips.iter().map(|&at| found.tokens.id_a[at as usize]).collect();
    assert_eq!(flipped, [6, 7]);
    assert_eq!(found.only_a.iter().map(|lost| lost.id).collect::<Vec<_>>(), [18]);
    assert_eq!(found.only_b.iter().map(|lost| lost.id).collect::<Vec<_>>(), [0]);
}

// ---- parts ----

/// Every report of a scan in `count` parts.
fn parts(world: &World, options: &ScanOptions, count: u32, trouble: Trouble) -> Vec<Report> {
    let part = |index| {
        pollster::block_on(scan_part(
            &mut FakeModel::new(failing()).with(trouble),
            &world.embedding,
            &world.tokens,
            world.model(),
            vec!["a note of the model".into()],
            options,
            Some(Part { index, count }),
            None,
            &mut Silent,
        ))
        .unwrap()
    };
    (1..=count).map(part).collect()
}

fn whole(world: &World, options: &ScanOptions, trouble: Trouble) -> Report {
    pollster::block_on(scan_part(
        &mut FakeModel::new(failing()).with(trouble),
        &world.embedding,
        &world.tokens,
        world.model(),
        vec!["a note of the model".into()],
        options,
        None,
        None,
        &mut Silent,
    ))
    .unwrap()
}

#[test]
fn parts_join_to_the_whole() {
    let world = hostile();
    for options in [
        exhaustive(),
        ScanOptions { n_controls: 0, with_graph: false, ..exhaustive() },
        // Too many controls fail: no part is testable.
        ScanOptions { controls_pass_ratio: 1.0, n_controls: 60, ..exhaustive() },
    ] {
        for trouble in [Trouble::None, Trouble::NotFinite(12)] {
            let whole = whole(&world, &options, trouble).to_json().unwrap();
            for count in [1, 2, 7, 80] {
                let mut all = parts(&world, &options, count, trouble);
                all.reverse();
                assert_eq!(merge(all).unwrap().to_json().unwrap(), whole, "{count} parts");
            }
        }
    }
}

/// Two oracles' columns about `ids`, whose every number names its token.
fn panel(report: &Report, ids: Vec<u32>) -> Panel {
    let oracle = |id: &str| OracleInfo { id: id.into(), ..report.provenance.oracle.clone() };
    let numbers = |scale: f32| ids.iter().map(|&id| scale * id as f32).collect::<Vec<f32>>();
    let verdicts = |name: &str, every: u32, interval: bool| VerdictColumn {
        oracle: name.into(),
        controls_asked: 4,
        controls_passed: 4,
        passed: ids.iter().map(|id| id % every != 0).collect(),
        passed_strict: ids.iter().map(|id| id % every > 1).collect(),
        value: numbers(0.5),
        interval: if interval { ids.iter().map(|&id| (id as f32, id as f32 + 1.0)).collect() } else { Vec::new() },
    };
    let answers = |prompt: &str, graded: bool| AnswerColumn {
        prompt: prompt.into(),
        p_target: numbers(0.001),
        p_max: numbers(0.002),
        argmax: ids.clone(),
        entropy: numbers(0.1),
        failed: if graded { ids.iter().map(|id| id % 3 == 0).collect() } else { Vec::new() },
        failures: if graded { Vec::new() } else { ids.clone() },
        ids: ids.iter().map(|&id| vec![id; (id % 3) as usize]).collect(),
        text: ids.iter().map(|id| format!("answer {id}")).collect(),
    };
    Panel {
        oracles: vec![oracle("fake"), oracle("other")],
        verdicts: vec![verdicts("fake", 2, false), verdicts("other", 3, true)],
        answers: vec![answers("fake", true), answers("other", false)],
        agreement: Vec::new(),
        ids,
    }
}

/// Oracle: the columns of the whole, and counts by hand.
#[test]
fn panels_join_row_by_row() {
    let world = hostile();
    let mut all = parts(&world, &exhaustive(), 3, Trouble::None);
    for part in &mut all {
        let ids = part.probes.iter().map(|probe| probe.id).collect();
        part.panel = Some(panel(part, ids));
    }
    let merged = merge(all.clone()).unwrap();
    let joined = merged.panel.clone().unwrap();
    let ids: Vec<u32> = merged.probes.iter().map(|probe| probe.id).collect();
    let whole = panel(&merged, ids.clone());
    assert_eq!((&joined.ids, &joined.verdicts, &joined.answers), (&ids, &whole.verdicts, &whole.answers));
    let both = ids.iter().filter(|&id| id % 2 == 0 && id % 3 == 0).count() as u32;
    assert_eq!((joined.agreement.len(), joined.agreement[0].both_fail), (1, both));
    // Negative control: a part without one of the oracles.
    all[1].panel.as_mut().unwrap().oracles.pop();
    assert!(merge(all.clone()).is_err());
    all[1].panel = None;
    assert!(merge(all).is_err());
}

/// Negative control: what is not every part of one scan once is refused, with the numbers.
#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let world = hostile();
    let all = parts(&world, &exhaustive(), 3, Trouble::None);
    merge(all.clone()).unwrap();
    let refused = |parts: Vec<Report>| merge(parts).expect_err("must be refused").to_string();
    let changed = |change: &dyn Fn(&mut Report)| {
        let mut parts = all.clone();
        change(&mut parts[1]);
        refused(parts)
    };
    assert!(refused(Vec::new()).contains("none was given"));
    assert!(refused(vec![all[0].clone(), all[2].clone()]).contains("2 of 3 parts were given; missing: 2"));
    assert!(refused(vec![all[0].clone(), all[1].clone(), all[1].clone()]).contains("part 2/3 was given twice"));
    assert!(refused(vec![all[0].clone(), hostile_report()]).contains("a whole scan, not a part"));
    let four = parts(&world, &exhaustive(), 4, Trouble::None);
    assert!(refused(vec![all[0].clone(), four[1].clone()]).contains("part 2/4 stands beside parts of a scan in 3"));
    assert!(changed(&|part| part.status = Status::Cancelled).contains("part 2/3 did not end"));
    assert!(changed(&|part| part.provenance.glitchscope = "0.0.1".into()).contains("version 0.0.1"));
    assert!(changed(&|part| part.provenance.options.seed = 7).contains("options"));
    assert!(changed(&|part| part.provenance.device.name = "another".into()).contains("it ran on another"));
    assert!(changed(&|part| part.provenance.oracle.id = "other".into()).contains("it asked other"));
    assert!(changed(&|part| part.provenance.model.files[0].sha256 = Some("22".repeat(32))).contains("hashes"));
    assert!(changed(&|part| part.tokens.text[0] = "x".into()).contains("vocabulary of 60 entries"));
    assert!(changed(&|part| part.controls.as_mut().unwrap().probes[0].entropy += 1.0).contains("ordinary words"));
    // One verdict less, one verdict of another part.
    assert!(changed(&|part| drop(part.probes.pop())).contains("other tokens"));
    assert!(changed(&|part| part.probes[0].id = all[0].probes[0].id).contains("other tokens"));
    let search = pollster::block_on(scan_part(
        &mut FakeModel::new(failing()),
        &world.embedding,
        &world.tokens,
        world.model(),
        Vec::new(),
        &coarse(),
        Some(Part { index: 1, count: 2 }),
        None,
        &mut Silent,
    ));
    assert!(search.expect_err("a search has no parts").to_string().contains("exhaustive"));
}

// ---- the command: parts, and a process that is killed ----

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("glitchscope-evidence-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glitchscope"));
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    let output = command(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    output
}

fn refusal(arguments: &[&str]) -> String {
    let output = command(arguments).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?} must fail");
    String::from_utf8(output.stderr).unwrap()
}

/// A report without its timings, as text.
fn timeless(path: &str) -> String {
    let mut report = Report::from_json(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(!report.timings.is_empty());
    report.timings.clear();
    report.to_json().unwrap()
}

/// Starts a scan and kills it as soon as some answers are kept.
fn killed(arguments: &[&str], state: &Path) {
    let mut child: Child = command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    let kept = || std::fs::read(state).map_or(0, |bytes| bytes.iter().filter(|&&byte| byte == b'\n').count());
    // The first line names the scan, the second holds the controls.
    while kept() < 4 {
        if let Some(status) = child.try_wait().unwrap() {
            let mut stderr = String::new();
            child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            panic!("{arguments:?} ended before it could be killed, with {status}: {stderr}");
        }
        assert!(started.elapsed() < Duration::from_secs(300), "nothing was kept in five minutes");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Oracle: the same scan, uninterrupted and in one piece; SIGKILL leaves a process no time for anything.
#[test]
fn an_exhaustive_scan_survives_a_kill_and_can_be_shared_out() {
    let folder = folder("exhaustive");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let scan = ["scan", "--device", "cpu", "--method", "exhaustive", "--batch-size", "16", "--json"];
    let (out, state, resumed) = (path("whole.json"), path("scan.state"), path("resumed.json"));
    run(&[&scan[..], &["--out", &out]].concat());
    let whole = timeless(&out);

    let keeping = [&scan[..], &["--state", &state, "--out", &resumed]].concat();
    killed(&keeping, Path::new(&state));
    assert!(!Path::new(&resumed).exists());
    let kept = ScanState::read(&std::fs::read(&state).unwrap()).unwrap();
    assert!(kept.answered > 24 && kept.answered < 3000, "{} answers", kept.answered);

    // Of another scan: refused, and not touched.
    let before = std::fs::read(&state).unwrap();
    for (option, value, words) in
        [("--seed", "7", "option seed is 42"), ("--task", "length", "option task"), ("--weights", "int8", "weights")]
    {
        let refused = refusal(&[&keeping[..], &[option, value]].concat());
        assert!(refused.contains(words) && refused.contains("hint:"), "{refused}");
    }
    let foreign = path("foreign.state");
    std::fs::write(&foreign, "{}\n").unwrap();
    assert!(refusal(&["scan", "--device", "cpu", "--state", &foreign, "--json"]).contains("not the state of a scan"));
    assert_eq!(std::fs::read(&state).unwrap(), before);

    // A line that was torn when the power went.
    std::fs::write(&state, [&before[..], b"[[17,[{\"f\":[1,"].concat()).unwrap();
    let again = run(&keeping);
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("resuming from") && said.contains("14 bytes"), "{said}");
    assert_eq!(timeless(&resumed), whole, "the resumed scan's report is another");
    assert!(!Path::new(&state).exists(), "there is nothing to resume any more");

    let parts: Vec<String> = (1..=3).map(|index| path(&format!("part{index}.json"))).collect();
    for (index, part) in parts.iter().enumerate() {
        run(&[&scan[..], &["--shard", &format!("{}/3", index + 1), "--out", part]].concat());
    }
    let joined = path("joined.json");
    run(&["merge", &parts[2], &parts[0], &parts[1], "--out", &joined, "--json"]);
    assert_eq!(timeless(&joined), whole, "the joined report is another");
    let missing = refusal(&["merge", &parts[0], &parts[2], "--out", &joined]);
    assert!(
        missing.contains("2 of 3 parts") && missing.contains("missing: 2") && missing.contains("hint:"),
        "{missing}"
    );
    assert!(refusal(&["scan", "--shard", "1/3", "--json"]).contains("exhaustive"));

    // What is saved can be compared and exported.
    let difference: Value = serde_json::from_slice(&run(&["diff", &out, &parts[0], "--json"]).stdout).unwrap();
    assert_eq!(difference["flips"], serde_json::json!([]));
    assert!(!difference["only_a"].as_array().unwrap().is_empty());
    let page = run(&["export", &out, "--format", "html"]);
    assert!(String::from_utf8(page.stdout).unwrap().starts_with("<!doctype html>"));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_search_survives_a_kill() {
    for device in device_names("a_search_survives_a_kill") {
        let folder = folder(&format!("search-{device}"));
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        // A round over a few large clusters is enough for a software GPU.
        let options: &[&str] = match device {
            "cpu" => &["--resolution", "4", "--oracle", "repetition-zero-shot,length-zero-shot"],
            _ => &["--resolution", "1", "--max-rounds", "1", "--no-verify"],
        };
        let scan = [&["scan", "--device", device, "--batch-size", "8", "--json"][..], options].concat();
        let (out, state, resumed) = (path("whole.json"), path("scan.state"), path("resumed.json"));
        run(&[&scan[..], &["--out", &out]].concat());
        let keeping = [&scan[..], &["--state", &state, "--out", &resumed]].concat();
        killed(&keeping, Path::new(&state));
        run(&keeping);
        let whole = timeless(&out);
        assert_eq!(timeless(&resumed), whole, "the resumed search's report is another");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

/// Oracle: the scan itself. What the fuzzer of `fuzz/` begins with: a scan in two parts, and its state.
/// `UPDATE=1 cargo test --test evidence seeds` rewrites them.
#[test]
fn the_fuzzers_seeds_are_what_scans_write() {
    let world = World::new(2, 8);
    let options = ScanOptions { n_controls: 2, ..exhaustive() };
    let both = parts(&world, &options, 2, Trouble::None);
    let json: Vec<String> = both.iter().map(|part| part.to_json().unwrap()).collect();
    let report = &both[0];
    let identity = glitchscope::glitch::state::ScanIdentity::new(
        report.provenance.model.clone(),
        &report.tokens,
        report.provenance.device.clone(),
        vec![report.provenance.oracle.clone()],
        report.provenance.options.clone(),
        Some(Part { index: 1, count: 2 }),
    );
    let answer = r#"{"f":[4286578688,0,0,0],"argmax":1,"v":[true,false],"n":[1,0],"cost":9,"ids":[1],"text":"x"}"#;
    let state = format!("{}[[3,[{answer}]],[5,[{answer}]]]\n[[3,[{answer}]]]\n", identity.line());
    let folder = root().join("fuzz/seeds");
    let (parts_file, state_file) = (folder.join("parts"), folder.join("scan.state"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&parts_file, json.join("\0")).unwrap();
        std::fs::write(&state_file, &state).unwrap();
    }
    // They may be of an older version, but not one that is no longer read.
    let seed = std::fs::read_to_string(&parts_file).unwrap();
    let read: Vec<Report> = seed.split('\0').map(|part| Report::from_json(part).unwrap()).collect();
    assert_eq!(merge(read).unwrap().probes.len(), merge(both).unwrap().probes.len());
    let read = ScanState::read(&std::fs::read(&state_file).unwrap()).unwrap();
    assert_eq!((read.answered, read.scan.part), (3, Some((1, 2))));
}

/// Oracle: by hand. A state ends at its first line that is not sound.
#[test]
fn a_state_is_read_up_to_where_it_is_whole() {
    let report = hostile_report();
    let identity = glitchscope::glitch::state::ScanIdentity::new(
        report.provenance.model.clone(),
        &report.tokens,
        report.provenance.device.clone(),
        vec![report.provenance.oracle.clone()],
        report.provenance.options.clone(),
        None,
    );
    let answer = r#"{"f":[4286578688,0,0,0],"argmax":1,"v":[true,false],"n":[1,0],"cost":9,"ids":[1],"text":"x"}"#;
    let good = format!("[[3,[{answer}]],[4,[{answer}]]]\n");
    let header = identity.line();
    let read = |rest: &str| ScanState::read(format!("{header}{rest}").as_bytes()).unwrap();
    assert_eq!((read("").answered, read("").whole_bytes), (0, header.len()));
    assert_eq!((read(&good).answered, read(&good).whole_bytes), (2, header.len() + good.len()));
    for torn in [
        good.trim_end().to_owned(),
        "\n".into(),
        "\0\0\0\n".into(),
        format!("[[60,[{answer}]]]\n"),
        "[[3,[]]]\n".into(),
        format!("[[3,[{answer},{answer}]]]\n"),
        format!("[[3,[{}]]]\n", answer.replace("\"argmax\":1", "\"argmax\":60")),
        format!("[[3,[{}]]]\n", answer.replace("\"n\":[1,0]", "\"n\":[1,2]")),
    ] {
        let state = read(&format!("{good}{torn}{good}"));
        assert_eq!((state.answered, state.whole_bytes), (2, header.len() + good.len()), "{torn}");
    }
    for not_a_state in ["", "{}", "{}\n", "\n", "id,token\n", &header.replace("scan_state", "scan"), header.trim_end()]
    {
        assert!(ScanState::read(not_a_state.as_bytes()).is_err(), "{not_a_state}");
    }
}
