//! Every file of integration tests in one program: built and linked one by one they took longer than they run.
//!
//! A test of one file is `cargo test --test suite FILE::NAME`. `checkpoint_fuzz` stays apart, because it counts what is
//! allocated.

mod common;
mod gguf_support;
mod hunter_support;
#[path = "common/reference64.rs"]
mod reference64;

mod chat_prompt;
mod chat_template;
mod checkpoint_gguf;
mod checkpoint_hostile;
mod checkpoint_load;
mod command;
mod command_glitch;
mod corpus;
mod detectors;
mod device_limits;
mod device_loss;
mod device_work;
mod evidence;
mod families;
mod golden_detectors;
mod golden_engine;
mod golden_gguf;
mod golden_graph;
mod golden_oracles;
mod golden_quant;
mod golden_tokenizer;
mod gradients;
mod gradients_models;
mod graph_properties;
mod hooks;
mod hunter_comparison;
mod hunter_invariants;
mod labs_attention;
mod labs_holobench;
mod repair;
mod report_export;
mod shape_defaults;
mod shape_documents;
mod shape_shaders;
mod specimen;
mod tokenizer_models;
mod training;
mod twins;

/// Closed form: the files of this folder are those named above, and the one apart.
#[test]
fn no_file_of_tests_is_left_out() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut left_out: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder of tests")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in ASCII"))
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| !["suite", "checkpoint_fuzz"].contains(&name.as_str()))
        .filter(|name| !include_str!("suite.rs").lines().any(|line| line == format!("mod {name};")))
        .collect();
    left_out.sort();
    assert!(left_out.is_empty(), "not in tests/suite.rs, so never run: {}", left_out.join(", "));
}
