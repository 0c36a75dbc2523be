//! Writes `docs/report.schema.json` from the Rust types, and fails when the committed file is another.
//!
//! `UPDATE=1 cargo test --lib report::schema` rewrites it.

use std::path::Path;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::report::Report;

const FILE: &str = "docs/report.schema.json";

/// JSON Schema, draft 2020-12, of what [`Report::to_json`] writes: also of an older report once it has been opened.
fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.root_schema_for::<Report>().to_value();
    schema["title"] = "Report of a Glitchscope scan".into();
    schema["properties"]["schema"]["const"] = Report::SCHEMA.into();
    schema["properties"]["schema_version"]["const"] = json!(Report::SCHEMA_VERSION);
    close(&mut schema);
    schema
}

/// Objects hold the fields of their type and no others; a field that a program does not know may change what the others
/// mean.
fn close(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("type").is_some_and(|kind| kind == "object") && fields.contains_key("properties") {
                fields.insert("additionalProperties".into(), false.into());
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Oracle: the Rust types themselves.
#[test]
fn the_published_schema_is_that_of_the_types() {
    let expected = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{FILE} is not what the Rust types say; rewrite it with UPDATE=1 cargo test --lib report::schema"
    );
}

/// Oracle: issue and design. What a report must say of its origin is required, so that none of it can be left out.
#[test]
fn the_schema_asks_for_every_origin() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for (of, fields) in [
        ("Provenance", &["glitchscope", "model", "device", "oracle", "options"][..]),
        ("ModelInfo", &["files", "stored_types"]),
        ("FileInfo", &["name", "bytes", "sha256"]),
        ("DeviceInfo", &["kind", "name", "precision", "reason"]),
        ("OracleInfo", &["id", "prompts", "rules", "source"]),
        ("PromptInfo", &["text", "ids", "placeholder", "decoding"]),
        ("ScanOptions", &["seed", "method", "oracles"]),
        ("Probe", &["p_target", "entropy", "value", "answer", "answer_text"]),
        ("Skipped", &["class", "reason", "ids"]),
    ] {
        let required = schema["$defs"][of]["required"].as_array().unwrap_or_else(|| panic!("{of} is no definition"));
        for field in fields {
            assert!(required.contains(&json!(field)), "{of}.{field} may be left out");
        }
    }
}
