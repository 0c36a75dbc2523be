//! Oracle: the command's own contract. With `--json` standard output holds one JSON value and nothing else; errors exit
//! non-zero with one clear message on standard error and nothing on standard output.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::common::compare::attentions_agree;
use glitchscope::checkpoint::TensorFile;
use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_glitchscope"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = run(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

/// The message on standard error of a command that must fail.
fn refusal(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success(), "{arguments:?} must fail");
    assert!(output.stdout.is_empty(), "{arguments:?} wrote to standard output");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr
}

const TINY: &str = "tests/golden/models/llama-biased-tied";

#[test]
fn logits_have_a_shape_and_as_many_numbers() {
    let value = json(&["logits", "--model", TINY, "--device", "cpu", "--ids", "5,6,7", "--json"]);
    assert_eq!(value["shape"], serde_json::json!([3, 64]));
    assert_eq!(value["logits"].as_array().unwrap().len(), 3 * 64);
    assert!(value["logits"].as_array().unwrap().iter().all(Value::is_f64));
}

#[test]
fn generate_gives_new_ids_and_their_text() {
    let value = json(&["generate", "--device", "cpu", "--ids", "0,423,455", "--max-new", "5", "--json"]);
    let ids = value["ids"].as_array().unwrap();
    assert!((1..=5).contains(&ids.len()));
    assert!(!value["text"].as_str().unwrap().is_empty());
    // A folder without a tokenizer has no text, and says nothing wrong.
    let value = json(&["generate", "--model", TINY, "--device", "cpu", "--ids", "5", "--max-new", "3", "--json"]);
    assert_eq!(value["text"], "");
}

#[test]
fn tokens_come_with_byte_offsets() {
    let text = "A café by the sea.";
    let value = json(&["tokens", "--text", text, "--json"]);
    let (ids, tokens) = (value["ids"].as_array().unwrap(), value["tokens"].as_array().unwrap());
    let offsets: Vec<[usize; 2]> = serde_json::from_value(value["offsets"].clone()).unwrap();
    assert!(ids.len() == tokens.len() && ids.len() == offsets.len() && !ids.is_empty());
    assert_eq!(offsets.first().unwrap()[0], 0);
    assert_eq!(offsets.last().unwrap()[1], text.len());
    let special = json(&["tokens", "--text", text, "--special", "--json"]);
    assert_eq!(special["ids"].as_array().unwrap().len(), ids.len() + 1, "the specimen's tokenizer adds <s>");

    let from_file = json(&["tokens", "--tokenizer", "www/public/specimen/tokenizer.json", "--text", text, "--json"]);
    assert_eq!(from_file, value);

    let mut child = Command::new(env!("CARGO_BIN_EXE_glitchscope"))
        .args(["tokens", "--json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), value);
}

#[test]
fn info_names_what_the_folder_holds() {
    let value = json(&["info", "--device", "cpu", "--json"]);
    assert_eq!(value["model"]["family"], "llama");
    assert_eq!(value["model"]["parameters"], 1_131_648);
    assert_eq!(value["model"]["stored_types"][0][0], "F16");
    let counted: u64 = value["classes"].as_array().unwrap().iter().map(|class| class["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, 3072);
}

#[test]
fn scan_prints_the_report_and_writes_the_files() {
    let folder = std::env::temp_dir().join(format!("glitchscope-command-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (out, csv) = (folder.join("report.json"), folder.join("report.csv"));
    let report = json(&[
        "scan",
        "--device",
        "cpu",
        "--method",
        "glitchhunter",
        "--resolution",
        "2",
        "--seed",
        "3",
        "--keep-rule",
        "hypergeometric",
        "--json",
        "--out",
        out.to_str().unwrap(),
        "--csv",
        csv.to_str().unwrap(),
    ]);
    assert_eq!(report["status"], "complete");
    assert_eq!(report["provenance"]["options"]["seed"], 3);
    assert_eq!(report["provenance"]["device"]["kind"], "cpu");
    assert_eq!(report["provenance"]["options"]["keep_rule"], "hypergeometric");
    let tests = report["hunt"]["rounds"][0]["tests"].as_array().unwrap();
    assert!(tests.iter().all(|test| test["q_value"].is_f64() && test["miss_probability"].is_f64()));
    let clusters = run(&["export", out.to_str().unwrap(), "--format", "clusters-csv"]);
    assert!(String::from_utf8(clusters.stdout).unwrap().lines().count() > tests.len());
    assert!(!report["glitch_tokens"].as_array().unwrap().is_empty());
    assert!(!report["timings"].as_array().unwrap().is_empty());
    assert_eq!(serde_json::from_slice::<Value>(&std::fs::read(&out).unwrap()).unwrap(), report);
    assert!(std::fs::read_to_string(&csv).unwrap().starts_with("id,"));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Oracle: the catalogue. The list has every oracle's bytes, and one that is not there is refused with the names.
#[test]
fn oracles_are_listed_and_asked() {
    let listed = json(&["oracles", "--device", "cpu", "--json"]);
    let ids: Vec<&str> = listed.as_array().unwrap().iter().map(|oracle| oracle["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 11);
    let prompt = &listed[0]["prompts"][0];
    assert_eq!(prompt["text"][0], "Question: Please can you repeat the string '");
    assert_eq!(prompt["ids"].as_array().unwrap().len(), 2);
    let unknown = refusal(&["scan", "--device", "cpu", "--oracle", "repetition", "--json"]);
    assert!(unknown.contains("repetition-zero-shot") && unknown.contains("hint:"), "{unknown}");
}

/// Oracle: arithmetic. Two detectors against a stored truth, as JSON and as CSV.
#[test]
fn compare_measures_detectors() {
    let folder = std::env::temp_dir().join(format!("glitchscope-compare-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (truth, csv) = (path("truth.json"), path("table.csv"));
    let oracles = "repetition-zero-shot,length-zero-shot";
    let scan = ["scan", "--device", "cpu", "--method", "exhaustive", "--oracle", oracles, "--out", &truth, "--json"];
    let scanned = json(&scan);
    let pair = &scanned["panel"]["agreement"][0];
    let total: u64 =
        ["both_fail", "only_a_fails", "only_b_fails", "both_pass"].iter().map(|key| pair[key].as_u64().unwrap()).sum();
    assert_eq!(total as usize, scanned["probes"].as_array().unwrap().len());
    let labelled = scanned["labels"].as_array().unwrap().len();
    assert!(labelled > 300 && labelled == scanned["glitch_tokens"].as_array().unwrap().len());
    let names = "random,magikarp-cosine";
    let table = json(&[
        "compare",
        "--device",
        "cpu",
        "--truth",
        &truth,
        "--detector",
        names,
        "--seeds",
        "3",
        "--csv",
        &csv,
        "--json",
    ]);
    assert_eq!(table["runs"].as_array().unwrap().len(), 4);
    assert_eq!(table["rows"][1]["precision"]["mean"], 1.0);
    assert_eq!(std::fs::read_to_string(&csv).unwrap().lines().count(), 1 + 2 + 4);
    let unknown = refusal(&["compare", "--device", "cpu", "--truth", &truth, "--detector", "magic", "--json"]);
    assert!(unknown.contains("magic") && unknown.contains("glitchminer"), "{unknown}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Oracle: PyTorch's maps of the tiny model (tests/golden/models, written by tools/reference/tiny_models.py).
#[test]
fn attention_writes_the_maps() {
    let folder = std::env::temp_dir().join(format!("glitchscope-attention-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (model, name, shape) in
        [(TINY, "attentions", vec![2, 4, 12, 12]), ("tests/golden/models/openelm", "attentions.0", vec![2, 12, 12])]
    {
        let out = folder.join("maps.safetensors");
        let expected: Value =
            serde_json::from_slice(&std::fs::read(Path::new(model).join("expected.json")).unwrap()).unwrap();
        let ids: Vec<String> = expected["rows"][0].as_array().unwrap().iter().map(Value::to_string).collect();
        let (ids, path) = (ids.join(","), out.to_str().unwrap());
        let value = json(&["attention", "--model", model, "--device", "cpu", "--ids", &ids, "--out", path, "--json"]);
        assert_eq!(value["tokens"], 12);
        let read = |path: &Path| TensorFile::from_bytes("maps", &std::fs::read(path).unwrap()).unwrap();
        let (got, golden) = (read(&out), read(&Path::new(model).join("attentions.safetensors")));
        assert_eq!(got.f32s(name).unwrap().0, shape);
        attentions_agree(got.f32s(name).unwrap().1, golden.f32s(name).unwrap().1).unwrap();
        assert_eq!(got.tensors.len(), golden.tensors.len());
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_wrong_request_says_what_is_wrong() {
    let missing = refusal(&["info", "--model", "no/such/folder", "--json"]);
    assert!(missing.contains("no/such/folder") && missing.contains("hint:"), "{missing}");

    let outside = refusal(&["logits", "--model", TINY, "--device", "cpu", "--ids", "5,64", "--json"]);
    assert!(outside.contains("64"), "{outside}");

    let long: Vec<String> = (0..65).map(|_| "5".to_owned()).collect();
    let long = refusal(&["logits", "--model", TINY, "--device", "cpu", "--ids", &long.join(","), "--json"]);
    assert!(long.contains("65") && long.contains("64"), "{long}");

    let ids = refusal(&["logits", "--model", TINY, "--ids", "1,x", "--json"]);
    assert!(ids.contains("'x'"), "{ids}");

    let resolution = refusal(&["scan", "--device", "cpu", "--resolution", "fine", "--json"]);
    assert!(resolution.contains("fine") && resolution.contains("scaled"), "{resolution}");

    let options = refusal(&["scan", "--device", "cpu", "--n-neighbors", "1", "--json"]);
    assert!(options.contains("n_neighbors") && options.contains('1'), "{options}");

    let tokenizer = refusal(&["scan", "--model", TINY, "--device", "cpu", "--json"]);
    assert!(tokenizer.contains("tokenizer.json"), "{tokenizer}");
}

/// A checkpoint that lost its end, as an interrupted download does.
#[test]
fn a_truncated_checkpoint_is_refused_with_the_numbers() {
    let folder = std::env::temp_dir().join(format!("glitchscope-truncated-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join(TINY);
    std::fs::copy(tiny.join("config.json"), folder.join("config.json")).unwrap();
    let whole = std::fs::read(tiny.join("model.safetensors")).unwrap();
    let cut = whole.len() - 1000;
    std::fs::write(folder.join("model.safetensors"), &whole[..cut]).unwrap();
    let message = refusal(&["logits", "--model", folder.to_str().unwrap(), "--device", "cpu", "--ids", "1", "--json"]);
    assert!(message.contains("model.safetensors") && message.contains("hint:"), "{message}");
    assert!(message.contains(&cut.to_string()) || message.contains(&whole.len().to_string()), "{message}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Every command takes a GGUF file where it takes a folder, and rounds weights while it loads them.
#[test]
fn a_gguf_file_stands_where_a_folder_does() {
    let file = "tests/golden/gguf/llama-grouped-untied.gguf";
    let value = json(&["logits", "--model", file, "--device", "cpu", "--ids", "3,9,27", "--json"]);
    assert_eq!(value["shape"], serde_json::json!([3, 64]));
    let value = json(&["generate", "--model", file, "--device", "cpu", "--ids", "3,9", "--max-new", "2", "--json"]);
    assert!(value["ids"].as_array().unwrap().len() <= 2);
    let value = json(&["info", "--model", file, "--weights", "int4", "--device", "cpu", "--json"]);
    let types = value["model"]["stored_types"].as_array().unwrap();
    assert!(types.iter().any(|stored| stored[0] == "Q4_0"), "{types:?}");
    assert!(value["notes"].as_array().unwrap().iter().any(|note| note.as_str().unwrap().contains("int4")));
    assert_eq!(value["model"]["files"][0]["name"], "llama-grouped-untied.gguf");
    let message = refusal(&["info", "--model", "tests/golden/gguf/absent.gguf", "--device", "cpu", "--json"]);
    assert!(message.contains("absent.gguf is missing"), "{message}");
}

/// Weights of a type that is not read yet are named with their type, not called missing.
/// Oracle: the folder as it is made here. Which files there are is said, with what to give instead; parts count as one.
#[test]
fn a_folder_of_gguf_files_lists_them() {
    let folder = std::env::temp_dir().join(format!("glitchscope-gguf-only-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let model = std::fs::read("tests/golden/gguf/llama-grouped-untied-Q8_0.gguf").unwrap();
    for name in ["tiny-Q8_0.gguf", "big-00001-of-00002.gguf", "big-00002-of-00002.gguf"] {
        std::fs::write(folder.join(name), &model).unwrap();
    }
    let path = folder.to_str().unwrap();
    let stderr = refusal(&["info", "--model", path]);
    let (one, two) = (model.len(), 2 * model.len());
    for words in [
        format!("big-00001-of-00002.gguf ({two} bytes), tiny-Q8_0.gguf ({one} bytes)"),
        format!("{path}/big-00001-of-00002.gguf"),
    ] {
        assert!(stderr.contains(&words), "{stderr}");
    }
    // Negative control: what is named opens.
    json(&["info", "--model", &format!("{path}/tiny-Q8_0.gguf"), "--json"]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn an_unreadable_type_is_named() {
    let folder = std::env::temp_dir().join(format!("glitchscope-type-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join(TINY);
    std::fs::copy(tiny.join("config.json"), folder.join("config.json")).unwrap();
    let header = r#"{"model.embed_tokens.weight":{"dtype":"I8","shape":[64,32],"data_offsets":[0,2048]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.resize(file.len() + 2048, 0);
    std::fs::write(folder.join("model.safetensors"), file).unwrap();
    let message = refusal(&["logits", "--model", folder.to_str().unwrap(), "--device", "cpu", "--ids", "1", "--json"]);
    assert!(message.contains("embed_tokens") && message.contains("I8"), "{message}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Oracle: tests/golden/models, whose numbers tests/gradients_models.rs holds the engine to; here the surface counts.
#[test]
fn loss_prints_one_number_and_writes_every_gradient() {
    let file = std::env::temp_dir().join(format!("glitchscope-gradient-{}.safetensors", std::process::id()));
    let gradient = file.to_str().unwrap();
    let value = json(&["loss", "--model", TINY, "--device", "cpu", "--ids", "5,6,7;8,9", "--json", "--grad", gradient]);
    assert!(value["loss"].as_f64().is_some_and(|loss| loss > 0.0));
    let bytes = std::fs::read(&file).unwrap();
    let header: Value =
        serde_json::from_slice(&bytes[8..8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize]).unwrap();
    assert_eq!(header["model.embed_tokens.weight"]["dtype"], "F32");
    assert!(header.get("lm_head.weight").is_none(), "tied weights stand once");
    std::fs::remove_file(&file).unwrap();

    assert!(refusal(&["loss", "--model", TINY, "--device", "cpu", "--ids", "5;6", "--json"]).contains("error"));
    assert!(refusal(&["loss", "--model", TINY, "--device", "cpu", "--ids", "5,x", "--json"]).contains("\"x\""));
    assert!(refusal(&["loss", "--model", TINY, "--device", "cpu", "--ids", "5,64", "--json"]).contains("64"));
}

/// Oracle: the run in one piece. A training that was left and taken up ends with the same file, byte for byte.
#[test]
fn train_resumes_where_it_was_left() {
    let folder = std::env::temp_dir().join(format!("glitchscope-train-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let rows: String = (0..9).map(|b| format!("{},{},{},{}\n", 2 + b, 9 + b, 30 + b, 50 - b)).collect();
    std::fs::write(folder.join("rows.txt"), rows).unwrap();
    let train = |more: &[&str]| {
        let rows = path("rows.txt");
        let common = ["train", "--model", TINY, "--device", "cpu", "--json", "--rows", &rows, "--steps", "6"];
        let settings = ["--batch", "4", "--seed", "3", "--learning-rate", "0.01", "--freeze", "*norm*"];
        json(&[&common[..], &settings, more].concat())
    };
    let whole = train(&["--out", &path("whole")]);
    assert_eq!(whole["curve"].as_array().unwrap().len(), 6);
    train(&["--checkpoint", &path("state"), "--stop-at", "2"]);
    let rest = train(&["--checkpoint", &path("state"), "--out", &path("parts")]);
    assert_eq!(rest["curve"].as_array().unwrap()[..], whole["curve"].as_array().unwrap()[2..]);
    let weights = |name: &str| std::fs::read(folder.join(name).join("model.safetensors")).unwrap();
    assert!(weights("whole") == weights("parts"));
    // What was written is a model.
    json(&["logits", "--model", &path("parts"), "--device", "cpu", "--ids", "5,6", "--json"]);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Oracle: the same conversation by hand.
#[test]
fn conversations_are_written_by_the_models_template() {
    let folder = std::env::temp_dir().join(format!("glitchscope-chat-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("www/public/specimen").join(file), folder.join(file))
            .unwrap();
    }
    let template = "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}\
                    {% if add_generation_prompt %}assistant:{% endif %}";
    std::fs::write(folder.join("chat_template.jinja"), template).unwrap();
    let model = folder.to_str().unwrap();
    let said = r#"[{"role": "user", "content": "How long is a garden?"}]"#;
    let tokens = |more: &[&str]| json(&[&["tokens", "--model", model, "--json", "--chat", said], more].concat());
    for (more, text) in [
        (&[][..], "<s>user: How long is a garden?\n"),
        (&["--generation-prompt"], "<s>user: How long is a garden?\nassistant:"),
        (&["--system", "Be brief."], "<s>system: Be brief.\nuser: How long is a garden?\n"),
        (&["--prefill", "It is"], "<s>user: How long is a garden?\nassistant: It is"),
    ] {
        let value = tokens(more);
        assert_eq!(value["text"], text);
        assert_eq!(value["ids"], json(&["tokens", "--text", text, "--json"])["ids"]);
    }
    let generate = ["generate", "--model", model, "--device", "cpu", "--max-new", "4", "--json"];
    let ids: Vec<String> =
        tokens(&["--generation-prompt"])["ids"].as_array().unwrap().iter().map(Value::to_string).collect();
    let by_ids = json(&[&generate[..], &["--ids", &ids.join(",")]].concat());
    assert_eq!(json(&[&generate[..], &["--chat", said]].concat()), by_ids);
    let info = json(&["info", "--model", model, "--device", "cpu", "--json"]);
    assert_eq!(info["chat_templates"], serde_json::json!(["default"]));

    // Negative controls.
    assert!(refusal(&["tokens", "--chat", said]).contains("no chat template"));
    assert!(refusal(&["tokens", "--model", model, "--chat", "[{]"]).contains("--chat"));
    assert!(refusal(&["tokens", "--model", model, "--chat", said, "--template", "rag"]).contains("default"));
    assert!(refusal(&["tokens", "--model", model, "--chat", said, "--date", "tomorrow"]).contains("YYYY-MM-DD"));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The specimen, asked over the built-in database; a second run asks nothing again, and its table is the same.
#[test]
fn holobench_runs_resumes_and_scores() {
    for device in crate::common::device_names("holobench_runs_resumes_and_scores") {
        let folder = std::env::temp_dir().join(format!("glitchscope-holobench-command-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let responses = file("responses.jsonl");
        let grid = ["--question", "g1-01,g1-02", "--length", "96", "--amount", "60", "--placement", "begin,end"];
        let mut arguments =
            vec!["holobench", "run", "--device", device, "--direct", "--max-new", "3", "--out", &responses];
        arguments.extend(grid);
        arguments.push("--json");
        let table = json(&arguments);
        let rows = table["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 3, "{table}");
        assert!(rows.iter().all(|row| row["answers"] == 4 && row["queries"] == 2), "{table}");
        assert!(table["differences"].as_array().unwrap().iter().all(|one| one["verdict"] == "within noise"));
        let kept = std::fs::read_to_string(&responses).unwrap();
        assert_eq!(kept.lines().count(), 4);
        assert_eq!(json(&arguments), table);
        assert_eq!(std::fs::read_to_string(&responses).unwrap(), kept, "what is answered was asked again");
        let mut scored = vec!["holobench", "score", "--responses", &responses];
        scored.extend(grid);
        scored.push("--json");
        assert_eq!(json(&scored)["rows"], table["rows"]);

        let (prompts, gold) = (file("prompts.jsonl"), file("gold.jsonl"));
        let mut exported = vec!["holobench", "export", "--prompts", &prompts, "--gold", &gold];
        exported.extend(grid);
        assert!(run(&exported).status.success());
        assert!(!std::fs::read_to_string(&prompts).unwrap().contains("SELECT"));
        assert_eq!(std::fs::read_to_string(&gold).unwrap().lines().count(), 4);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    assert_eq!(json(&["holobench", "questions", "--json"])["questions"].as_array().unwrap().len(), 18);
    assert!(
        json(&["holobench", "info", "--count", "0", "--json"])["database"]["tables"].as_array().unwrap().len() >= 6
    );
    assert!(refusal(&["holobench", "questions", "--sql", "DELETE FROM sales"]).contains("no SELECT"));
    assert!(refusal(&["holobench", "context", "--length", "100", "--amount", "half"]).contains("50%"));
}
