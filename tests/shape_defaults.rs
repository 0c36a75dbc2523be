//! Oracle: `ScanOptions::default`. The page shows the same defaults, and limits that the core accepts.

use std::path::Path;

use glitchscope::report::ScanOptions;
use serde_json::Value;

fn page_options() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/src/state/options.ts");
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// `key: value,` lines of the object that `DEFAULTS` is.
fn defaults(source: &str) -> Vec<(String, Value)> {
    let body = source.split("DEFAULTS: ScanOptions = {").nth(1).and_then(|rest| rest.split('}').next());
    body.expect("www/src/state/options.ts declares DEFAULTS")
        .lines()
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(": "))
        .map(|(key, value)| (key.to_owned(), serde_json::from_str(value).unwrap_or(Value::Null)))
        .collect()
}

/// Where the page's defaults differ from the core's.
fn differences(page: &[(String, Value)]) -> Vec<String> {
    let core = serde_json::to_value(ScanOptions::default()).unwrap();
    let core = core.as_object().unwrap();
    let same = |a: &Value, b: &Value| a == b || a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a == b);
    let mut found: Vec<String> = core
        .iter()
        .filter(|(key, value)| !page.iter().any(|(other, shown)| other == *key && same(shown, value)))
        .map(|(key, value)| format!("{key} is {value} in the core"))
        .collect();
    found.extend(page.iter().filter(|(key, _)| !core.contains_key(key)).map(|(key, _)| format!("{key} is unknown")));
    found
}

#[test]
fn the_page_shows_the_cores_defaults() {
    let page = defaults(&page_options());
    assert!(page.len() > 10, "only {} defaults were found", page.len());
    assert_eq!(differences(&page), Vec::<String>::new());
}

/// Negative control.
#[test]
fn a_default_that_differs_is_found() {
    let changed = page_options().replace("resolution: 75,", "resolution: 74,");
    assert_eq!(differences(&defaults(&changed)), ["resolution is 75.0 in the core"]);
}
