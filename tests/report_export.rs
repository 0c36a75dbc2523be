//! Oracle: round trip, and the checks that `Report::from_json` promises. Damaged and hostile files are refused with an
//! error; none of them may panic.

use std::sync::OnceLock;

use crate::hunter_support::{FakeModel, World, coarse};
use glitchscope::progress::Silent;
use glitchscope::report::{REPORT_BYTES_MAX, Report, ReportError, ScanOptions, Symptom, Timing, TokenType};
use glitchscope::tokenizer::TokenClass;
use proptest::prelude::*;
use serde_json::Value;

/// A hunt over 60 tokens, some of them hostile.
fn report() -> Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT
        .get_or_init(|| {
            let mut world = World::new(4, 15).with_classes([(7, TokenClass::Byte), (8, TokenClass::Unused)]);
            for (id, text) in [
                (40, "=HYPERLINK(\"http://x\")"),
                (41, "<script>alert(1)</script>"),
                (42, "\u{202e}gnp.exe"),
                (43, "a\r\nb,\"c\"\t"),
                (7, "\u{fffd}"),
            ] {
                world.tokens.text[id] = text.into();
            }
            world.tokens.bytes_hex[7] = "c3".into();
            let options = ScanOptions { resolution: 0.1 + 0.2, ..coarse() };
            let mut model = FakeModel::new(world.members(1));
            let mut report = world.scan(&mut model, &options, None, &mut Silent).unwrap();
            report.timings.push(Timing { stage: "scan".into(), seconds: 1.0 / 3.0 });
            report
        })
        .clone()
}

#[test]
fn json_reopens_as_it_was() {
    let report = report();
    assert!(report.graph.is_some() && report.hunt.is_some() && !report.glitch_tokens.is_empty());
    let json = report.to_json().unwrap();
    let again = Report::from_json(&json).unwrap();
    assert_eq!(again.to_json().unwrap(), json);
    assert_eq!(again.timings[0].seconds.to_bits(), (1.0f64 / 3.0).to_bits());
    assert_eq!(again.tokens, report.tokens);
    assert!(json.starts_with("{\"schema\":\"glitchscope.scan\",\"schema_version\":2,\"provenance\":"));
}

/// Control: each change breaks one promise and must be refused with the words that name it.
#[test]
fn broken_reports_are_refused() {
    let changes: [(&str, Value, &str); 22] = [
        ("/schema", "other".into(), "its schema is \"other\""),
        ("/schema", Value::Null, "no field `schema`"),
        ("/schema_version", 3.into(), "schema version 3, this program reads 2"),
        ("/schema_version", 0.into(), "schema version 0"),
        ("/schema_version", "1".into(), "no field `schema_version`"),
        ("/tokens/class", Value::Array(vec![]), "tokens.class has 0 entries, expected 60"),
        ("/tokens/bytes_hex/3", "c".into(), "tokens.bytes_hex is \"c\" at place 3"),
        ("/tokens/bytes_hex/3", "zz".into(), "tokens.bytes_hex"),
        ("/graph/x", Value::Array(vec![]), "graph.x has 0 entries, expected 60"),
        ("/graph/x/5", 1e39.into(), "number out of range"),
        ("/graph/neighbours/0", 60.into(), "graph.neighbours names id 60 at place 0, but ids end at 60"),
        ("/graph/neighbours_per_token", u32::MAX.into(), "graph.neighbours has 600 entries"),
        ("/graph/cluster/0", 4_000.into(), "graph.cluster is 4000 at place 0"),
        ("/graph/ids/1", 0.into(), "graph.ids is 0 at place 1"),
        ("/probes/0/argmax", 60.into(), "argmax"),
        ("/probes/0/id", 59.into(), "probes is"),
        ("/probes/0/answer/0", 1_000_000.into(), "answer"),
        ("/probes/0/entropy", Value::Null, "cannot be read at line 1"),
        ("/glitch_tokens/0", 0.into(), "expected an id whose probe failed"),
        ("/skipped/0/ids/0", 999.into(), "skipped names id 999"),
        ("/hunt/surviving/0", 999.into(), "hunt.surviving names id 999"),
        ("/controls/passed", 0.into(), "controls.probes"),
    ];
    let sound: Value = serde_json::from_str(&report().to_json().unwrap()).unwrap();
    Report::from_json(&sound.to_string()).unwrap();
    for (pointer, value, words) in changes {
        let mut broken = sound.clone();
        *broken.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        let error = Report::from_json(&broken.to_string()).expect_err(pointer);
        assert!(error.to_string().contains(words), "{pointer}: {error}");
        assert!(error.hint().is_some());
    }
    let endless = sound.to_string().replace("\"resolution\":0.30000000000000004", "\"resolution\":1e999");
    let error = Report::from_json(&endless).expect_err("a number without end");
    assert!(error.to_string().contains("number out of range"), "{error}");
    for text in ["", "null", "[]", "{}", "\"glitchscope.scan\"", "id,token\r\n", "\u{feff}{}"] {
        assert!(Report::from_json(text).is_err(), "{text}");
    }
    // A long nesting must not overflow the stack.
    assert!(Report::from_json(&"[".repeat(1 << 20)).is_err());
    assert!(Report::from_json(&format!("{{\"schema\":{}", "[".repeat(1 << 20))).is_err());
}

#[test]
fn a_file_beyond_the_limit_is_refused_by_its_length() {
    let text = String::from_utf8(vec![0; REPORT_BYTES_MAX + 1]).unwrap();
    let error = Report::from_json(&text).expect_err("too long");
    assert!(matches!(error, ReportError::TooLarge { bytes, limit } if bytes == limit + 1), "{error}");
}

/// Oracle: a small reader of RFC 4180, written here.
fn read_csv(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut characters = text.chars().peekable();
    let mut in_quotes = false;
    while let Some(character) = characters.next() {
        let row = rows.last_mut().unwrap();
        match character {
            '"' if in_quotes && characters.peek() == Some(&'"') => {
                characters.next();
                row.last_mut().unwrap().push('"');
            }
            '"' => in_quotes = !in_quotes,
            ',' if !in_quotes => row.push(String::new()),
            '\r' if !in_quotes => {
                assert_eq!(characters.next(), Some('\n'), "rows end in CRLF");
                rows.push(vec![String::new()]);
            }
            character => row.last_mut().unwrap().push(character),
        }
    }
    assert!(!in_quotes, "quotes are closed");
    assert_eq!(rows.pop().unwrap(), [String::new()], "the last row ends too");
    rows
}

#[test]
fn csv_has_a_row_for_every_token() {
    let mut report = report();
    assert!(report.labels.len() > 1);
    report.labels[0].corrected_type = Some(TokenType::Word);
    report.labels[0].corrected_symptoms = vec![("=repetition".into(), Symptom::Incapability)];
    let csv = report.to_csv();
    assert_eq!(csv.matches('\n').count(), 61, "one line per token and the header");
    let rows = read_csv(&csv);
    assert_eq!(
        rows[0],
        [
            "id",
            "token",
            "bytes_hex",
            "class",
            "passed",
            "passed_strict",
            "p_target",
            "entropy",
            "argmax",
            "argmax_token",
            "answer",
            "answer_text",
            "type",
            "corrected_type",
            "symptoms",
            "corrected_symptoms"
        ]
    );
    assert_eq!(rows.len(), 61);
    assert!(rows.iter().all(|row| row.len() == 16), "{rows:?}");
    assert_eq!(rows[41][1], "'=HYPERLINK(\"http://x\")");
    assert_eq!(rows[42][1], "<script>alert(1)</script>");
    assert_eq!(rows[43][1], "\\u{202e}gnp.exe");
    assert_eq!(rows[44][1], "a\\r\\nb,\"c\"\\t");
    assert_eq!(rows[8][1..4], ["\\u{fffd}", "c3", "byte"]);
    for (place, label) in report.labels.iter().enumerate() {
        let row = &rows[label.id as usize + 1];
        assert!(!row[12].is_empty() && row[14].len() == row[14].trim().len());
        let corrected = if place == 0 { ["word", "'=repetition:incapability"] } else { ["", ""] };
        assert_eq!([&row[13], &row[15]], corrected);
    }
    for probe in &report.probes {
        let row = &rows[probe.id as usize + 1];
        assert_eq!(row[0], probe.id.to_string());
        assert_eq!(row[4], probe.passed.to_string());
        assert_eq!(row[6].parse::<f32>().unwrap(), probe.p_target);
        assert_eq!(row[7].parse::<f32>().unwrap(), probe.entropy);
        assert_eq!(row[8], probe.argmax.to_string());
    }
    for skipped in &report.skipped {
        for &id in &skipped.ids {
            assert!(rows[id as usize + 1][4..].iter().all(String::is_empty));
        }
    }
    // Nothing a spreadsheet would run, in any cell that holds text.
    for row in &rows[1..] {
        for cell in [1, 2, 9, 11, 14, 15] {
            assert!(!row[cell].trim_start().starts_with(['=', '+', '-', '@']), "{row:?}");
        }
    }
}

/// Every number, text, list or object of a value, by its pointer.
fn pointers(value: &Value, at: String, all: &mut Vec<String>) {
    all.push(at.clone());
    match value {
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate().take(8) {
                pointers(item, format!("{at}/{i}"), all);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                pointers(field, format!("{at}/{name}"), all);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Oracle: no panic. A file cut short is never a report.
    #[test]
    fn truncated_files_are_refused(share in 0.0f64..1.0) {
        let json = report().to_json().unwrap();
        let mut end = (json.len() as f64 * share) as usize;
        while !json.is_char_boundary(end) {
            end -= 1;
        }
        prop_assert!(Report::from_json(&json[..end]).is_err());
    }

    /// Oracle: no panic, neither while reading nor while using what was read.
    #[test]
    fn mutated_files_do_not_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = report().to_json().unwrap().into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(text) = String::from_utf8(bytes)
            && let Ok(report) = Report::from_json(&text)
        {
            read_csv(&report.to_csv());
            prop_assert!(report.to_json().is_ok());
        }
    }

    /// Oracle: no panic, for files that are well-formed JSON and strange in one place.
    #[test]
    fn strange_values_do_not_panic(
        place in any::<prop::sample::Index>(),
        value in prop_oneof![
            Just(Value::Null),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
            Just(Value::Array(vec![])),
            Just(serde_json::json!({})),
            proptest::collection::vec(any::<u32>(), 0..80).prop_map(Value::from),
        ],
    ) {
        let mut json: Value = serde_json::from_str(&report().to_json().unwrap()).unwrap();
        let mut all = Vec::new();
        pointers(&json, String::new(), &mut all);
        *json.pointer_mut(&all[place.index(all.len())]).unwrap() = value;
        if let Ok(report) = Report::from_json(&json.to_string()) {
            read_csv(&report.to_csv());
            prop_assert!(report.to_json().is_ok());
        }
    }
}
