//! Oracle: numpy and transformers for rows and losses (tools/reference/repair.py), the `tokenizers` crate for patched
//! tokenizers, and the files themselves, byte for byte.

use std::collections::HashMap;
use std::rc::Rc;

use crate::common::{Impatient, devices, fixture};
use glitchscope::Error;
use glitchscope::checkpoint::source::{FolderSource, MemorySource};
use glitchscope::compute::DevicePreference;
use glitchscope::compute::quant::Quantised;
use glitchscope::progress::Silent;
use glitchscope::repair::RepairError;
use glitchscope::repair::merges::{self, MergeOptions};
use glitchscope::repair::rows::{self, RowOptions};
use glitchscope::report::{Probe, Report, ScanOptions};
use glitchscope::rng::Rng;
use glitchscope::session::{OpenOptions, Session};
use glitchscope::tokenizer::{TokenClass, Tokenizer};
use pollster::block_on;
use serde_json::Value;
use sha2::{Digest, Sha256};

const SPECIMEN: &str = "www/public/specimen";

fn specimen(device: DevicePreference) -> Session {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/www/public/specimen");
    block_on(Session::open(Rc::new(FolderSource::new(folder)), device, &mut Silent)).unwrap()
}

/// A report of the specimen that calls `glitch` glitch tokens and says that `passed` passed.
fn report(session: &Session, glitch: &[u32], passed: impl Iterator<Item = u32>) -> Report {
    let json = String::from_utf8(fixture("tests/golden/report_version_1.json")).unwrap();
    let mut report = Report::from_json(&json).unwrap();
    report.tokens = session.tokens.clone();
    report.glitch_tokens = glitch.to_vec();
    let some = report.probes[0].clone();
    report.probes = passed.map(|id| Probe { id, passed: true, ..some.clone() }).collect();
    report
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn rows_and_losses_are_those_of_the_reference() {
    for device in devices("rows_and_losses_are_those_of_the_reference") {
        rows_and_losses(specimen(device));
    }
}

fn rows_and_losses(mut session: Session) {
    let golden: Value = serde_json::from_slice(&fixture("tests/golden/repair.json")).unwrap();
    let ids: Vec<u32> = serde_json::from_value(golden["chosen"].clone()).unwrap();
    let report = report(&session, &ids, (300..3072).filter(|id| !ids.contains(id)));
    let before = block_on(session.model.embedding()).unwrap();
    let original = fixture(&format!("{SPECIMEN}/model.safetensors"));
    for case in golden["cases"].as_array().unwrap() {
        let options: RowOptions = serde_json::from_value(serde_json::json!({
            "method": case["method"], "alpha": case["alpha"], "k": case["k"], "unit_length": case["unit_length"]
        }))
        .unwrap();
        let (repair, patches) =
            block_on(rows::repair(&mut session, &report, &ids, None, &options, &mut Silent)).unwrap();
        assert_eq!(repair.trained_rows, 3072 - 300 - ids.len() as u32);
        assert_eq!(repair.tensors, [("model.embed_tokens.weight".to_owned(), "F16".to_owned())]);
        for (row, expected) in repair.rows.iter().zip(case["rows"].as_array().unwrap()) {
            assert_eq!(row.id, expected["id"].as_u64().unwrap() as u32);
            let made_of: Vec<(u32, f64)> = serde_json::from_value(expected["made_of"].clone()).unwrap();
            assert_eq!(row.made_of.len(), made_of.len(), "{}", row.id);
            for (found, expected) in row.made_of.iter().zip(&made_of) {
                assert!(found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-12, "{found:?}, {expected:?}");
            }
            let patch = patches.iter().find(|patch| patch.offset == offset(&original, row.id)).expect("its patch");
            let digest: String = Sha256::digest(&patch.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(digest, expected["f16"].as_str().unwrap(), "{options:?}: {}", row.id);
        }
        // Transformers computes with weights widened to f32 as well; sums differ in their order.
        for (found, expected) in
            [(repair.loss.before, &golden["loss_before"]), (repair.loss.after, &case["loss_after"])]
        {
            assert!((found - expected.as_f64().unwrap()).abs() < 2e-4, "{options:?}: {found} and {expected}");
        }
        assert_eq!(u64::from(repair.loss.tokens), golden["targets"].as_u64().unwrap());
        assert_eq!(repair.loss.is_within, repair.loss.after - repair.loss.before <= 0.01);
        // The model is as it was.
        assert_eq!(bits(&block_on(session.model.embedding()).unwrap()), bits(&before));
    }
}

/// Where a row of the embedding lies in the file, by reading its header here.
fn offset(file: &[u8], id: u32) -> u64 {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap());
    let header: Value = serde_json::from_slice(&file[8..8 + length as usize]).unwrap();
    let entry = &header["model.embed_tokens.weight"];
    let row_bytes = 2 * entry["shape"][1].as_u64().unwrap();
    8 + length + entry["data_offsets"][0].as_u64().unwrap() + u64::from(id) * row_bytes
}

/// Oracle: the patched file opened as a model. Its rows are the new ones, and no other byte is another.
#[test]
fn the_patched_file_has_the_new_rows_and_nothing_else() {
    let ids = [700, 3000];
    let mut session = specimen(DevicePreference::Cpu);
    let report = report(&session, &ids, 300..300);
    let options = RowOptions { keep: true, ..RowOptions::default() };
    let text = "the garden and the question";
    let before = block_on(session.model.embedding()).unwrap();
    let (repair, patches) =
        block_on(rows::repair(&mut session, &report, &ids, Some(text), &options, &mut Silent)).unwrap();
    assert!(!repair.loss.built_in && repair.rows.iter().all(|row| row.norm_before != row.norm_after));
    let kept = block_on(session.model.embedding()).unwrap();
    // A second repair would take the new rows for the originals.
    let again = block_on(rows::repair(&mut session, &report, &ids, Some(text), &options, &mut Silent));
    assert!(matches!(again.unwrap_err(), Error::Repair(RepairError::Repaired)));
    assert!(rows::restore(&mut session).unwrap() && !rows::restore(&mut session).unwrap());
    assert_eq!(bits(&block_on(session.model.embedding()).unwrap()), bits(&before));

    let original = fixture(&format!("{SPECIMEN}/model.safetensors"));
    let mut patched = original.clone();
    for patch in &patches {
        assert_eq!(patch.file, "model.safetensors");
        let at = patch.offset as usize;
        patched[at..at + patch.bytes.len()].copy_from_slice(&patch.bytes);
    }
    let changed: Vec<usize> = (0..original.len()).filter(|&at| original[at] != patched[at]).collect();
    let row_bytes = patches[0].bytes.len();
    let inside =
        |at: &usize| ids.iter().any(|&id| (0..row_bytes).contains(&at.wrapping_sub(offset(&original, id) as usize)));
    assert!(!changed.is_empty() && changed.iter().all(inside));
    let mut files = HashMap::from([("model.safetensors".to_owned(), patched)]);
    for name in ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"] {
        files.insert(name.into(), fixture(&format!("{SPECIMEN}/{name}")));
    }
    let source = Rc::new(MemorySource::new("patched", files));
    let mut opened = block_on(Session::open(source, DevicePreference::Cpu, &mut Silent)).unwrap();
    assert_eq!(bits(&block_on(opened.model.embedding()).unwrap()), bits(&kept));
}

/// Control: whatever ends a repair early leaves the model as it was, and what cannot be done is refused by name.
#[test]
fn an_early_end_leaves_the_model_as_it_was() {
    let mut session = specimen(DevicePreference::Cpu);
    let report = report(&session, &[700, 3000], 300..300);
    let before = bits(&block_on(session.model.embedding()).unwrap());
    let options = RowOptions { keep: true, ..RowOptions::default() };
    let mut cancelled = 0;
    for pauses in 1..12 {
        let mut monitor = Impatient(std::cell::Cell::new(pauses));
        match block_on(rows::repair(&mut session, &report, &[700], Some("the garden"), &options, &mut monitor)) {
            Err(error) => {
                assert!(error.is_cancelled(), "{error}");
                cancelled += 1;
                assert_eq!(bits(&block_on(session.model.embedding()).unwrap()), before, "{pauses} pauses");
            }
            Ok(_) => assert!(rows::restore(&mut session).unwrap()),
        }
    }
    assert!(cancelled >= 4, "{cancelled}");
    let refused = |session: &mut Session, ids: &[u32], text, options: &RowOptions| {
        block_on(rows::repair(session, &report, ids, text, options, &mut Silent)).unwrap_err().to_string()
    };
    let plain = RowOptions::default();
    assert!(refused(&mut session, &[], None, &plain).contains("no token was chosen"));
    assert!(refused(&mut session, &[3072], None, &plain).contains("the vocabulary ends at 3072"));
    assert!(refused(&mut session, &[700], Some(""), &plain).contains("the text has 1 tokens"));
    for options in [
        RowOptions { alpha: f64::NAN, ..plain.clone() },
        RowOptions { alpha: 1.5, ..plain.clone() },
        RowOptions { k: 0, ..plain.clone() },
        RowOptions { allowed_rise: f64::NAN, ..plain.clone() },
    ] {
        assert!(refused(&mut session, &[700], None, &options).contains("expected"));
    }
    assert_eq!(bits(&block_on(session.model.embedding()).unwrap()), before);
    let source = Rc::new(FolderSource::new(concat!(env!("CARGO_MANIFEST_DIR"), "/www/public/specimen")));
    let rounded = OpenOptions { device: DevicePreference::Cpu, weights: Some(Quantised::Int8) };
    let mut rounded = block_on(Session::open_with(source, rounded, &mut Silent)).unwrap();
    let reason = refused(&mut rounded, &[700], None, &plain);
    assert!(reason.contains("Q8_0"), "{reason}");
}

/// Texts that hold the tokens, and random ones.
fn texts(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<String> {
    let mut rng = Rng::new(3);
    let rows = tokenizer.vocab_size() as u32;
    let mut texts: Vec<String> = ids.iter().map(|&id| format!("a {} b", tokenizer.token_text(id))).collect();
    texts.extend(
        (0..300).map(|_| (0..rng.below(12)).map(|_| tokenizer.token_text(rng.below(rows))).collect::<String>()),
    );
    texts
}

/// Oracle: the `tokenizers` crate on the patched file, which gives the ids that ours gives; and ours over the whole
/// vocabulary. Byte-level BPE of three kinds and BPE as Llama has it.
#[test]
fn patched_tokenizers_agree_with_the_library_and_lose_only_the_chosen_tokens() {
    for name in ["byte_level", "llama3", "qwen2", "smollm", "metaspace", "mistral", "phi3"] {
        let json = fixture(&format!("tests/golden/tokenizer/{name}/tokenizer.json"));
        let ours = Tokenizer::from_bytes(&json, None).unwrap();
        let rows = ours.vocab_size() as u32;
        let merged: Vec<u32> = (0..rows)
            .filter(|&id| {
                ours.class(id) == TokenClass::Ok && ours.derivation(id).last() == Some(&id) && !ours.is_added(id)
            })
            .collect();
        let chosen: Vec<u32> = merged.iter().rev().step_by(merged.len() / 12).copied().collect();
        let options = MergeOptions::default();
        let (repair, patched) = block_on(merges::prune(&ours, &json, &chosen, &options, &mut Silent)).unwrap();
        assert_eq!(repair.tokens.len() + repair.refused.len(), chosen.len(), "{name}");
        if name == "llama3" {
            // This one has entries that merges do not make: with `ignore_merges` off they would be lost.
            assert!(repair.refused.iter().any(|token| token.reason.contains("ignore_merges")), "{:?}", repair.refused);
        } else {
            assert!(!repair.tokens.is_empty(), "{name}");
        }
        assert_eq!((repair.others_before, repair.lost.len()), (repair.others_after, 0), "{name}");
        assert!(repair.refused.iter().all(|token| !token.dependents.is_empty() && !token.reason.is_empty()));
        let gone: Vec<u32> = repair.tokens.iter().map(|token| token.id).collect();
        let after = Tokenizer::from_bytes(&patched, None).unwrap();
        let theirs = tokenizers::Tokenizer::from_bytes(&patched).unwrap();
        assert_eq!(after.vocab_size() as u32, rows);
        let mut differing = 0;
        for text in texts(&ours, &gone) {
            let mut ids = Vec::new();
            after.encode_ids(&text, &mut ids).unwrap();
            assert_eq!(ids, theirs.encode(text.as_str(), false).unwrap().get_ids(), "{name}: {text:?}");
            assert!(!ids.iter().any(|id| gone.contains(id)), "{name}: {text:?}");
            let before = ours.encode(&text, false).unwrap().ids;
            let held = before.iter().any(|id| gone.contains(id));
            differing += usize::from(held);
            // A text without the tokens is encoded as before, unless they were met and left on the way.
            assert!(held || ids.len() >= before.len() || ids == before, "{name}: {text:?}");
            assert!(!held || ids != before, "{name}: {text:?}");
        }
        assert!(differing >= gone.len(), "{name}: {differing}");
        for token in &repair.tokens {
            assert!(token.ids_after.len() > 1, "{name}: {token:?}");
        }
        // Nothing but merges is another: without them, and the flag, both files are one.
        let without = |json: &[u8]| {
            let mut value: Value = serde_json::from_slice(json).unwrap();
            value["model"]["merges"] = Value::Null;
            value["model"]["ignore_merges"] = Value::Null;
            value
        };
        assert_eq!(without(&json), without(&patched), "{name}");
        // Dependents are named, and lost only when that was agreed to.
        if let Some(refused) = repair.refused.first() {
            let options = MergeOptions { with_dependents: true, ..MergeOptions::default() };
            let (all, _) = block_on(merges::prune(&ours, &json, &[refused.id], &options, &mut Silent)).unwrap();
            assert_eq!(all.tokens.len(), 1, "{name}");
            assert!(refused.dependents.iter().all(|id| all.lost.contains(id)), "{name}: {:?} {:?}", refused, all.lost);
            assert_eq!(all.others_before - all.others_after, all.lost.len() as u32);
        }
    }
}

/// Control: models without merges, and tokens that no merge makes.
#[test]
fn what_cannot_be_pruned_is_refused() {
    let json = fixture("tests/golden/tokenizer/byte_level/tokenizer.json");
    let tokenizer = Tokenizer::from_bytes(&json, None).unwrap();
    let options = MergeOptions::default();
    let (repair, patched) = block_on(merges::prune(&tokenizer, &json, &[0, 65, 514], &options, &mut Silent)).unwrap();
    assert!(patched == json && repair.tokens.is_empty() && repair.refused.len() == 3);
    let reasons: Vec<&str> = repair.refused.iter().map(|token| token.reason.as_str()).collect();
    assert!(
        reasons[0].contains("added") && reasons[1].contains("of its own") && reasons[2].contains("added"),
        "{reasons:?}"
    );
    assert!(block_on(merges::prune(&tokenizer, &json, &[], &options, &mut Silent)).is_err());
    assert!(block_on(merges::prune(&tokenizer, &json, &[9999], &options, &mut Silent)).is_err());
    for (model, name) in [
        (
            r#"{"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -1.0], ["b", -1.0], ["ab", -1.0]]}"#,
            "Unigram",
        ),
        (
            r###"{"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 1, "##b": 2, "ab": 3}, "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9}"###,
            "WordPiece",
        ),
    ] {
        let json = format!(r#"{{"version": "1.0", "model": {model}}}"#);
        let tokenizer = Tokenizer::from_bytes(json.as_bytes(), None).unwrap();
        let (repair, _) = match block_on(merges::prune(&tokenizer, json.as_bytes(), &[3], &options, &mut Silent)) {
            Ok(done) => done,
            Err(error) => {
                assert!(error.to_string().contains(name), "{error}");
                continue;
            }
        };
        panic!("{name}: {repair:?}");
    }
}

/// Oracle: the model itself, prompt by prompt without any cache. The specimen is asked before and after by several oracles, and
/// the token's new ids make its text.
#[test]
fn the_model_is_asked_by_the_new_ids() {
    let mut session = specimen(DevicePreference::Cpu);
    let json = fixture(&format!("{SPECIMEN}/tokenizer.json"));
    let ids = [2222, 3000];
    let report = report(&session, &ids, 300..300);
    let oracles = ["repetition-zero-shot", "magikarp-max-prob", "glitchminer-argmax", "repetition-sampled"];
    let options = MergeOptions { oracles: oracles.map(str::to_owned).into(), ..MergeOptions::default() };
    let mut silent = Silent;
    let work = merges::prune_and_ask(&mut session, Some(&report), &json, &ids, &options, &mut silent);
    let (repair, _) = block_on(work).unwrap();
    assert_eq!(repair.oracles.len(), oracles.len(), "{:?}", repair.notes);
    assert!(repair.oracles.iter().zip(oracles).all(|(asked, id)| asked.oracle.starts_with(id)), "{:?}", repair.oracles);
    assert!(!repair.tokens.is_empty());
    let longest = repair.tokens.iter().map(|token| token.ids_after.len()).max().unwrap();
    let scan = ScanOptions { oracles: options.oracles.clone(), ..ScanOptions::default() };
    let infos = session.panel_for_texts(&scan, longest).unwrap().infos();
    for token in &repair.tokens {
        assert_eq!((token.before.len(), token.after.len()), (oracles.len(), oracles.len()));
        assert_eq!(session.tokenizer.as_ref().unwrap().decode(&token.ids_after, false), token.text);
        // The first oracle's answer is the greedy one to the question with the new ids in it.
        let prompt = infos[0].prompts[0].ids.join(&token.ids_after[..]);
        let greedy = block_on(session.generate(&prompt, 10, &mut Silent)).unwrap();
        let greedy = session.tokenizer.as_ref().unwrap().decode(&greedy, true);
        assert!(greedy.starts_with(&token.after[0].answer), "{greedy:?} {:?}", token.after[0].answer);
        // Magikarp's value is the largest probability of the whole text, over prompts and places.
        let mut largest = 0.0_f64;
        for prompt in &infos[1].prompts {
            let prompt = prompt.ids.join(&token.ids_after[..]);
            let answer = block_on(session.generate(&prompt, 3, &mut Silent)).unwrap();
            for place in 0..3.min(answer.len()) {
                let mut said = [&prompt[..], &answer[..place]].concat();
                let mut p = 1.0;
                for &next in &token.ids_after {
                    let (told, _) = block_on(session.model.last_logits(&said, next)).unwrap();
                    p *= f64::from(told.log_p_target.exp());
                    said.push(next);
                }
                largest = largest.max(p);
            }
        }
        let value = f64::from(token.after[1].value.unwrap());
        assert!((value - largest).abs() <= 1e-4 * largest + 1e-9, "{value} {largest}");
        // GlitchMiner's: one of the templates is continued greedily by the text.
        let continued = infos[2].prompts.iter().any(|prompt| {
            let prompt = prompt.ids.join(&token.ids_after[..]);
            let next = block_on(session.generate(&prompt, token.ids_after.len(), &mut Silent)).unwrap();
            next == token.ids_after || next[0] == token.id
        });
        assert_eq!(token.after[2].passed, continued);
    }
    for (place, asked) in repair.oracles.iter().enumerate() {
        let failed = repair.tokens.iter().filter(|token| !token.before[place].passed).count();
        assert_eq!(asked.failed_before as usize, failed);
    }
}
