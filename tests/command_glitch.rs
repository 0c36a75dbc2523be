//! Oracle: the command on the CPU, the repaired files themselves, and counting by hand. Everything the glitch scan offers,
//! by command, on either device: every oracle, every detector, prevalence, both repairs, and two precisions compared.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::common::device_names;
use serde_json::Value;

const SPECIMEN: &str = "www/public/specimen";

fn json(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_glitchscope"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("glitchscope-glitch-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    })
}

fn path(name: &str) -> String {
    folder().join(name).to_str().unwrap().to_owned()
}

/// Repetition of every token on the CPU, once for the whole file: the saved report and what is in it.
fn truth() -> (String, &'static Value) {
    static TRUTH: OnceLock<Value> = OnceLock::new();
    let file = path("truth.json");
    let report =
        TRUTH.get_or_init(|| json(&["scan", "--device", "cpu", "--method", "exhaustive", "--out", &file, "--json"]));
    (file.clone(), report)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn device_of(report: &Value) -> &str {
    report["provenance"]["device"]["kind"].as_str().unwrap()
}

/// Verdicts that are not the same in two panels of the same questions, as oracle and token, and values that are further
/// apart than sums in another order explain.
fn differences(a: &Value, b: &Value) -> Vec<String> {
    let (a, b) = (&a["panel"], &b["panel"]);
    assert_eq!(a["ids"], b["ids"]);
    let mut found = Vec::new();
    for (a, b) in list(&a["verdicts"]).iter().zip(list(&b["verdicts"])) {
        assert_eq!(a["oracle"], b["oracle"]);
        for key in ["passed", "passed_strict", "value"] {
            let (of_a, of_b) = (list(&a[key]), list(&b[key]));
            assert!(of_a.len() == of_b.len() && !of_a.is_empty());
            for (row, (x, y)) in of_a.iter().zip(of_b).enumerate() {
                let close = match (x.as_f64(), y.as_f64()) {
                    (Some(x), Some(y)) => (x - y).abs() <= 1e-3 * x.abs().max(1.0),
                    _ => x == y,
                };
                if !close {
                    found.push(format!("{} {key} of row {row}: {x} and {y}", a["oracle"]));
                }
            }
        }
    }
    found
}

#[test]
fn every_oracle_gives_the_same_verdicts_on_either_device() {
    let offered = json(&["oracles", "--device", "cpu", "--json"]);
    let ids: Vec<&str> = list(&offered).iter().map(|oracle| oracle["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 11);
    let ids = ids.join(",");
    let mut reports = Vec::new();
    for device in device_names("every_oracle_gives_the_same_verdicts_on_either_device") {
        let scan = [
            "scan",
            "--device",
            device,
            "--method",
            "exhaustive",
            "--shard",
            "1/120",
            "--oracle",
            &ids,
            "--attempts",
            "3",
            "--json",
        ];
        let report = json(&scan);
        assert_eq!(device_of(&report), device);
        let n = list(&report["panel"]["ids"]).len();
        assert!(n >= 20 && list(&report["panel"]["verdicts"]).len() == 11);
        let pair = &list(&report["panel"]["agreement"])[0];
        let cells = ["both_fail", "only_a_fails", "only_b_fails", "both_pass"];
        assert_eq!(cells.iter().map(|cell| pair[cell].as_u64().unwrap()).sum::<u64>(), n as u64);
        assert_eq!(list(&report["labels"]).len(), list(&report["glitch_tokens"]).len());
        reports.push(report);
    }
    for report in &reports {
        assert_eq!(differences(&reports[0], report), Vec::<String>::new(), "{}", device_of(report));
    }
    // Negative control.
    let mut turned = reports[0].clone();
    let verdict = &mut turned["panel"]["verdicts"][3]["passed"][0];
    *verdict = Value::Bool(*verdict == false);
    assert_eq!(differences(&reports[0], &turned).len(), 1);
}

#[test]
fn every_detector_is_measured_on_either_device() {
    let (truth, report) = truth();
    for device in device_names("every_detector_is_measured_on_either_device") {
        let csv = path(&format!("detectors-{device}.csv"));
        let table = json(&[
            "compare",
            "--device",
            device,
            "--truth",
            &truth,
            "--seeds",
            "1",
            "--budget",
            "40",
            "--resolution",
            "7.2",
            "--csv",
            &csv,
            "--json",
        ]);
        assert_eq!(table["status"], "complete");
        // The head has no bias, which the notes say.
        assert_eq!((list(&table["rows"]).len(), list(&table["notes"]).len()), (12, 1));
        for row in list(&table["rows"]) {
            let name = &row["info"]["name"];
            let (queries, recall) = (row["queries"]["mean"].as_f64().unwrap(), row["recall"]["mean"].as_f64().unwrap());
            assert_eq!(row["info"]["is_verified"] == true, queries > 0.0, "{name}");
            assert!((0.0..=1.0).contains(&recall), "{name}");
            if *name == "glitchhunter" {
                assert!(recall > 0.8 && row["precision"]["mean"] == 1.0, "{row}");
            }
        }
        assert_eq!(table["glitch_tokens"], list(&report["glitch_tokens"]).len());
        assert_eq!(std::fs::read_to_string(&csv).unwrap().lines().count(), 1 + 12 + 12);
    }
}

#[test]
fn glitch_tokens_are_counted_in_a_file() {
    let (truth, report) = truth();
    let id = report["glitch_tokens"][0].as_u64().unwrap();
    let text = &report["tokens"]["text"][id as usize];
    let file = path("texts.jsonl");
    std::fs::write(&file, format!("{}\n", serde_json::json!({"instruction": text, "output": text})).repeat(20))
        .unwrap();
    let csv = path("tokens.csv");
    let counts = json(&["prevalence", "--report", &truth, &file, "--tokens-csv", &csv, "--json"]);
    assert_eq!((&counts["status"], &counts["all"]["documents"]), (&"complete".into(), &20.into()));
    let counted = list(&counts["tokens"]).iter().find(|token| token["id"] == id).expect("the token that was written");
    assert!(counted["count"].as_u64().unwrap() >= 20 && counted["documents"] == 20, "{counted}");
    assert!(std::fs::read_to_string(&csv).unwrap().starts_with("id,token,count"));
}

/// Ids of glitch tokens that merges made, the latest: nothing is built from most of them.
fn chosen(report: &Value) -> (Vec<u64>, String) {
    let glitch = list(&report["glitch_tokens"]);
    let ids: Vec<u64> = glitch[glitch.len() - 3..].iter().map(|id| id.as_u64().unwrap()).collect();
    let text = ids.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    (ids, text)
}

#[test]
fn both_repairs_write_files_that_differ_where_they_should() {
    let (truth, report) = truth();
    let (ids, tokens) = chosen(report);
    let read = |path: &str| std::fs::read(path).unwrap();
    for device in device_names("both_repairs_write_files_that_differ_where_they_should") {
        let out = path(&format!("tokenizer-{device}.json"));
        let common = ["--device", device, "--report", &truth, "--tokens", &tokens, "--json"];
        let proof = json(&[&["repair", "merges", "--out", &out][..], &common].concat());
        assert_eq!(list(&proof["tokens"]).len() + list(&proof["refused"]).len(), 3);
        assert!(!list(&proof["tokens"]).is_empty() && proof["others_before"] == proof["others_after"]);
        for token in list(&proof["tokens"]) {
            assert!(token["before"][0]["passed"] == false && !list(&token["ids_after"]).is_empty(), "{token}");
        }
        let parse = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
        let (original, patched) = (parse(read(&format!("{SPECIMEN}/tokenizer.json"))), parse(read(&out)));
        let merges = |file: &Value| list(&file["model"]["merges"]).len() as u64;
        assert_eq!(merges(&patched), merges(&original) - proof["merges_removed"].as_u64().unwrap());

        let out = path(&format!("model-{device}.safetensors"));
        let proof = json(&[&["repair", "rows", "--allowed-rise", "1", "--out", &out][..], &common].concat());
        let rows: Vec<u64> = list(&proof["rows"]).iter().map(|row| row["id"].as_u64().unwrap()).collect();
        assert_eq!(rows, ids);
        assert!(proof["failed_before"] == 3 && proof["loss"]["is_within"] == true, "{proof}");
        let (original, patched) = (read(&format!("{SPECIMEN}/model.safetensors")), read(&out));
        assert_eq!(original.len(), patched.len());
        let changed = original.iter().zip(&patched).filter(|(a, b)| a != b).count();
        assert!((1..=3 * 256).contains(&changed), "{changed} bytes");
    }
}

/// The other scan is on the device, with rounded weights: what flips is a handful of verdicts.
#[test]
fn two_precisions_are_compared_on_either_device() {
    for device in device_names("two_precisions_are_compared_on_either_device") {
        let csv = path(&format!("precisions-{device}.csv"));
        let other = ["--other-weights", "int8", "--other-device", device];
        let compared = json(&[&["compare-models", "--device", "cpu", "--csv", &csv, "--json"][..], &other].concat());
        let n = list(&compared["tokens"]["id_a"]).len();
        assert!(n > 2900 && list(&compared["flips"]).len() < n / 20, "{n}");
        assert!(!list(&compared["indicators"]).is_empty());
        assert_eq!(std::fs::read_to_string(&csv).unwrap().lines().count(), 1 + n);
    }
}
