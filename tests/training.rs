//! Oracle: PyTorch (tests/golden/training, written by tools/reference/training.py): losses, gradient norms and parameters
//! over 25 steps of torch.optim.AdamW with clipping; and the definitions of accumulation, resuming and determinism.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::common::{devices, read_json};
use glitchscope::checkpoint::TensorFile;
use glitchscope::checkpoint::source::{FolderSource, MemorySource};
use glitchscope::compute::DevicePreference;
use glitchscope::compute::quant::Quantised;
use glitchscope::engine::Model;
use glitchscope::engine::training::{
    AdamWSettings, AttentionMask, Batch, Group, Rows, Schedule, Shape, StepReport, Trainer, TrainingSettings, loss,
    loss_and_gradients,
};
use glitchscope::progress::{Event, Monitor, Silent};
use glitchscope::session::{OpenOptions, Session};
use pollster::block_on;
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    peak: f64,
    warmup: u64,
    end: f64,
    betas: [f64; 2],
    eps: f64,
    weight_decay: f64,
    clip: f64,
    sha256: BTreeMap<String, String>,
    steps: Vec<Steps>,
    masks: Masks,
}

#[derive(Deserialize)]
struct Steps {
    model: String,
    rows: Vec<Vec<Vec<u32>>>,
    losses: Vec<f64>,
    norms: Vec<f64>,
    /// The first six numbers of each parameter after the last step, and its norm.
    r#final: BTreeMap<String, Vec<f64>>,
    one_dimensional: Vec<String>,
}

/// Loss and global gradient norm under each mask.
#[derive(Deserialize)]
struct Masks {
    model: String,
    rows: Vec<Vec<u32>>,
    prefix: usize,
    given: Vec<u32>,
    causal: [f64; 2],
    full: [f64; 2],
    prefix_loss: [f64; 2],
    given_loss: [f64; 2],
}

fn golden() -> Expected {
    read_json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/training/expected.json"))
}

fn folder(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models").join(model)
}

fn open(model: &str, device: DevicePreference) -> Session {
    block_on(Session::open(Rc::new(FolderSource::new(folder(model))), device, &mut Silent)).unwrap()
}

/// Written as "not within", so that NaN fails.
fn close(what: &str, got: f64, expected: f64, relative: f64) -> Result<(), String> {
    let within = (got - expected).abs() <= relative * expected.abs().max(1.0);
    if within { Ok(()) } else { Err(format!("{what}: {got}, expected {expected}")) }
}

fn settings(expected: &Expected, steps: u64, groups: Vec<Group>) -> TrainingSettings {
    TrainingSettings {
        schedule: Schedule {
            peak: expected.peak,
            warmup: expected.warmup,
            steps,
            shape: Shape::Cosine,
            end: expected.end,
        },
        adamw: AdamWSettings {
            beta1: expected.betas[0],
            beta2: expected.betas[1],
            eps: expected.eps,
            weight_decay: expected.weight_decay,
        },
        groups,
        clip: Some(expected.clip),
    }
}

fn simple(learning_rate: f64) -> TrainingSettings {
    TrainingSettings {
        schedule: Schedule::constant(learning_rate),
        adamw: AdamWSettings::default(),
        groups: Vec::new(),
        clip: None,
    }
}

#[test]
fn steps_are_torch_s() {
    let expected = golden();
    for device in devices("steps_are_torch_s") {
        for run in &expected.steps {
            let mut session = open(&run.model, device);
            let file = session.info.model.files.iter().find(|file| file.name == "model.safetensors").unwrap();
            assert_eq!(
                file.sha256.as_ref(),
                Some(&expected.sha256[&run.model]),
                "run tools/reference/training.py again, which read other weights of {}",
                run.model
            );
            let groups = run.one_dimensional.iter().map(|name| Group::with_weight_decay(name, 0.0)).collect();
            let settings = settings(&expected, run.rows.len() as u64, groups);
            let mut trainer = block_on(Trainer::new(&mut session.model, settings)).unwrap();
            let mut failures = Vec::new();
            for (i, rows) in run.rows.iter().enumerate() {
                let batch = Batch::next_token(rows).unwrap();
                let report = block_on(trainer.step(&mut session.model, &[batch])).unwrap();
                let name = format!("{} on {device:?}, step {}", run.model, report.step);
                // AdamW divides by the root of small numbers, so what differs in the last digits grows with the steps.
                failures.extend(close(&name, report.loss, run.losses[i], 1e-4).err());
                failures.extend(close(&format!("{name}, norm"), report.gradient_norm, run.norms[i], 1e-3).err());
            }
            let exported = block_on(trainer.export(&mut session.model)).unwrap();
            assert_eq!(exported.tensors.len(), run.r#final.len());
            for (name, expected) in &run.r#final {
                let (_, values) = exported.f32s(name).unwrap();
                let norm = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
                // GPT-2's fused bias holds that of the keys, whose gradient is zero but for rounding: adding the same
                // to all keys changes no softmax. Adam goes by the sign of it, which is noise on either side.
                let allowed = if name.ends_with("c_attn.bias") { 2e-3 } else { 1e-4 };
                failures.extend(close(&format!("norm of {name}"), norm, *expected.last().unwrap(), allowed).err());
                for (got, expected) in values.iter().zip(&expected[..expected.len() - 1]) {
                    failures.extend(close(name, (*got).into(), *expected, 1e-3).err());
                }
            }
            assert!(failures.is_empty(), "{} on {device:?}:\n{}", run.model, failures.join("\n"));
            let (first, last) = (run.losses[0], *run.losses.last().unwrap());
            assert!((first - last).abs() > 0.05, "the steps do something: {first} to {last}");
            trainer.free(&mut session.model.device);
        }
    }
}

#[test]
fn losses_and_gradients_under_masks_are_torch_s() {
    let masks = golden().masks;
    for device in devices("losses_and_gradients_under_masks_are_torch_s") {
        let mut session = open(&masks.model, device);
        for (mask, [loss, norm]) in [
            (AttentionMask::Causal, masks.causal),
            (AttentionMask::Full, masks.full),
            (AttentionMask::Prefix(masks.prefix), masks.prefix_loss),
            (AttentionMask::Given(masks.given.clone()), masks.given_loss),
        ] {
            let mut batch = Batch::next_token(&masks.rows).unwrap();
            batch.mask = mask;
            let (got, gradients) = block_on(loss_and_gradients(&mut session.model, &batch, &|_| true)).unwrap();
            let squares = gradients.iter().flat_map(|gradient| &gradient.values).map(|&v| f64::from(v).powi(2));
            close(&format!("{:?}", batch.mask), got.mean, loss, 1e-5).unwrap();
            close(&format!("{:?}, norm", batch.mask), squares.sum::<f64>().sqrt(), norm, 1e-4).unwrap();
        }
    }
}

fn rows(n: u32, tokens: u32) -> Vec<Vec<u32>> {
    (0..n).map(|b| (0..tokens).map(|t| 2 + (b * 17 + t * (b + 3) * 5) % 60).collect()).collect()
}

fn bits(file: &TensorFile) -> Vec<u8> {
    file.to_bytes()
}

fn train(model: &mut Model, trainer: &mut Trainer, dealt: &mut Rows, steps: usize) -> Vec<StepReport> {
    (0..steps)
        .map(|_| {
            let batch = dealt.next_batch().unwrap();
            block_on(trainer.step(model, &[batch])).unwrap()
        })
        .collect()
}

/// Oracle: the run that was not interrupted. Same seed, same bits; a checkpoint goes through bytes and a new model.
#[test]
fn a_resumed_training_is_the_uninterrupted_one_bit_for_bit() {
    for name in ["gpt2-tanh-tied", "llama-grouped-untied"] {
        let deal = || Rows::new(rows(11, 8), 3, Some(4)).unwrap();
        let fresh = || {
            let mut session = open(name, DevicePreference::Cpu);
            let trainer = block_on(Trainer::new(&mut session.model, simple(1e-2))).unwrap();
            (session, trainer)
        };
        let (mut session, mut trainer) = fresh();
        let mut dealt = deal();
        let whole = train(&mut session.model, &mut trainer, &mut dealt, 9);
        let finished = block_on(trainer.checkpoint(&mut session.model, dealt.position)).unwrap();

        let (mut session, mut trainer) = fresh();
        let mut dealt = deal();
        let first = train(&mut session.model, &mut trainer, &mut dealt, 4);
        let saved = bits(&block_on(trainer.checkpoint(&mut session.model, dealt.position)).unwrap());

        let (mut session, mut trainer) = fresh();
        let mut dealt = deal();
        let saved = TensorFile::from_bytes("saved", &saved).unwrap();
        dealt.position = trainer.resume(&mut session.model, &saved).unwrap();
        let second = train(&mut session.model, &mut trainer, &mut dealt, 5);
        assert_eq!([first, second].concat(), whole, "{name}");
        let resumed = block_on(trainer.checkpoint(&mut session.model, dealt.position)).unwrap();
        assert!(bits(&resumed) == bits(&finished), "{name}: the bits differ");

        // Negative control: another order of the rows ends elsewhere.
        let (mut session, mut trainer) = fresh();
        let mut dealt = Rows::new(rows(11, 8), 3, Some(5)).unwrap();
        train(&mut session.model, &mut trainer, &mut dealt, 9);
        let other = block_on(trainer.checkpoint(&mut session.model, dealt.position)).unwrap();
        assert!(bits(&other) != bits(&finished));

        // A file of another training changes nothing and says why.
        let mut wrong = saved.clone();
        let first = wrong.tensors.keys().next().unwrap().clone();
        wrong.tensors.remove(&first);
        let before = bits(&block_on(trainer.checkpoint(&mut session.model, 0)).unwrap());
        let error = trainer.resume(&mut session.model, &wrong).unwrap_err().to_string();
        assert!(error.contains(&first), "{error}");
        assert!(bits(&block_on(trainer.checkpoint(&mut session.model, 0)).unwrap()) == before);
    }
}

/// Oracle: the big batch. Parts of it, of unlike sizes, add up to the same step.
#[test]
fn accumulated_gradients_are_those_of_the_big_batch() {
    for device in devices("accumulated_gradients_are_those_of_the_big_batch") {
        let rows = rows(5, 7);
        let step = |parts: &[&[Vec<u32>]]| {
            let mut session = open("qwen3", device);
            let mut trainer = block_on(Trainer::new(&mut session.model, simple(1e-3))).unwrap();
            let batches: Vec<Batch> = parts.iter().map(|rows| Batch::next_token(rows).unwrap()).collect();
            let report = block_on(trainer.step(&mut session.model, &batches)).unwrap();
            (report, block_on(trainer.export(&mut session.model)).unwrap())
        };
        let (whole, after_whole) = step(&[&rows]);
        let (parts, after_parts) = step(&[&rows[..3], &rows[3..]]);
        close("loss", parts.loss, whole.loss, 1e-6).unwrap();
        close("norm", parts.gradient_norm, whole.gradient_norm, 1e-5).unwrap();
        // The first step of Adam goes by the sign of the gradient, so only what is all but zero may differ.
        let moved = |name: &str, a: &TensorFile, b: &TensorFile| {
            let (a, b) = (a.f32s(name).unwrap().1, b.f32s(name).unwrap().1);
            a.iter().zip(b).filter(|(a, b)| (*a - *b).abs() > 1e-5).count() as f64 / a.len() as f64
        };
        for name in after_whole.tensors.keys() {
            let share = moved(name, &after_parts, &after_whole);
            assert!(share < 0.02, "{share} of {name} differ on {device:?}");
        }
        // Negative control: a part alone is another step.
        let (half, _) = step(&[&rows[..3]]);
        assert!((half.loss - whole.loss).abs() > 1e-3);
    }
}

/// Oracle: the definition. What is frozen keeps its bits, the rest moves; a pattern that matches nothing is an error.
#[test]
fn frozen_parameters_stay() {
    let mut session = open("llama-grouped-untied", DevicePreference::Cpu);
    let groups = vec![Group::frozen("*norm*"), Group::frozen("model.layers.0.*")];
    let settings = TrainingSettings { groups, ..simple(1e-2) };
    let mut trainer = block_on(Trainer::new(&mut session.model, settings)).unwrap();
    let before = block_on(trainer.export(&mut session.model)).unwrap();
    block_on(trainer.step(&mut session.model, &[Batch::next_token(&rows(3, 9)).unwrap()])).unwrap();
    let after = block_on(trainer.export(&mut session.model)).unwrap();
    let mut moved = 0;
    for (name, value) in &before.tensors {
        let is_frozen = name.contains("norm") || name.starts_with("model.layers.0.");
        assert_eq!(*value == after.tensors[name], is_frozen, "{name}");
        moved += usize::from(!is_frozen);
    }
    assert!(moved >= 5);

    let nothing = TrainingSettings { groups: vec![Group::frozen("*nowhere*")], ..simple(1e-2) };
    let error = block_on(Trainer::new(&mut session.model, nothing)).err().unwrap().to_string();
    assert!(error.contains("nowhere"), "{error}");
    let all = TrainingSettings { groups: vec![Group::frozen("*")], ..simple(1e-2) };
    assert!(block_on(Trainer::new(&mut session.model, all)).is_err());
    assert!(block_on(Trainer::new(&mut session.model, simple(f64::NAN))).is_err());
}

/// Oracle: the model itself. Weights stored in bf16 train as f32 masters; stored again, the model gives their loss.
#[test]
fn trained_weights_are_stored_in_their_own_type() {
    for device in devices("trained_weights_are_stored_in_their_own_type") {
        let mut session = open("llama-grouped-untied", device);
        let batch = Batch::next_token(&rows(4, 10)).unwrap();
        let mut trainer = block_on(Trainer::new(&mut session.model, simple(5e-3))).unwrap();
        let first = block_on(trainer.loss(&mut session.model, &batch)).unwrap().mean;
        for _ in 0..20 {
            block_on(trainer.step(&mut session.model, std::slice::from_ref(&batch))).unwrap();
        }
        let last = block_on(trainer.loss(&mut session.model, &batch)).unwrap().mean;
        assert!(last < first - 1.0, "{first} to {last}");
        block_on(trainer.store(&mut session.model)).unwrap();
        let stored = block_on(loss(&mut session.model, &batch)).unwrap().mean;
        // bf16 keeps eight bits.
        close("stored", stored, last, 0.05).unwrap();
        trainer.free(&mut session.model.device);
        // The tensors that inference needs are still there.
        assert_eq!(block_on(session.model.logits(&[5, 6])).unwrap().len(), 2 * 64);
    }
}

/// Oracle: the segments as rows of their own. LongRoPE's frequencies go by how long a sequence is, by its positions, and not
/// by how many sequences are packed into a row.
#[test]
fn packed_sequences_have_the_frequencies_of_their_length() {
    let model = "phi3-longrope"; // other frequencies above 8 tokens
    let rows: Vec<Vec<u32>> = (0..3).map(|b| (0..7).map(|t| 2 + (b * 13 + t * 5) % 50).collect()).collect();
    for device in devices("packed_sequences_have_the_frequencies_of_their_length") {
        let mut session = open(model, device);
        let alone = block_on(loss(&mut session.model, &Batch::next_token(&rows).unwrap())).unwrap();
        let segments: Vec<u32> = (1..=3).flat_map(|segment| [segment; 7]).collect();
        let mask = AttentionMask::of_segments(&segments, 21);
        let mut packed = Batch::packed(rows.concat(), 1, None, mask).unwrap();
        packed.targets.retain(|target| target.at % 7 != 6);
        packed.positions = (0..3).flat_map(|_| 0..7).collect();
        let together = block_on(loss(&mut session.model, &packed)).unwrap();
        for (together, alone) in together.nll.iter().zip(&alone.nll) {
            close(&format!("{device:?}"), (*together).into(), (*alone).into(), 1e-4).unwrap();
        }
        assert_eq!(together.nll.len(), 18);
        // Negative control: a longer sequence in the same batch turns all of them otherwise, as in transformers.
        packed.positions[20] = 8;
        let longer = block_on(loss(&mut session.model, &packed)).unwrap();
        assert!(close("", longer.nll[0].into(), alone.nll[0].into(), 1e-4).is_ok(), "one token turns nothing");
        assert!(longer.nll[1..6].iter().zip(&alone.nll[1..6]).any(|(a, b)| (a - b).abs() > 1e-3));
    }
}

/// Oracle: the same numbers stored in f32. Weights rounded while they are loaded cost what they cost, and their gradient is
/// taken at what they are rounded to.
#[test]
fn rounded_weights_have_a_loss_and_gradients() {
    for device in devices("rounded_weights_have_a_loss_and_gradients") {
        for weights in [Quantised::Int8, Quantised::Int4] {
            let options = OpenOptions { device, weights: Some(weights) };
            let source = Rc::new(FolderSource::new(folder("llama-grouped-untied")));
            let mut rounded = block_on(Session::open_with(source, options, &mut Silent)).unwrap();
            let types = rounded.model.stored_types();
            assert!(types.iter().any(|(name, _)| name.starts_with('Q')), "{types:?}");
            let trainer = block_on(Trainer::new(&mut rounded.model, simple(1e-2))).unwrap();
            let widened = block_on(trainer.export(&mut rounded.model)).unwrap().to_bytes();
            let error = block_on(trainer.store(&mut rounded.model)).unwrap_err().to_string();
            assert!(error.contains("export"), "{error}");
            trainer.free(&mut rounded.model.device);

            let mut files = MemorySource::default();
            files.insert("config.json", std::fs::read(folder("llama-grouped-untied").join("config.json")).unwrap());
            files.insert("model.safetensors", widened);
            let mut whole = block_on(Session::open(Rc::new(files), DevicePreference::Cpu, &mut Silent)).unwrap();
            let batch = Batch::next_token(&rows(3, 9)).unwrap();
            let (got, gradients) = block_on(loss_and_gradients(&mut rounded.model, &batch, &|_| true)).unwrap();
            let (expected, wanted) = block_on(loss_and_gradients(&mut whole.model, &batch, &|_| true)).unwrap();
            close(&format!("{weights:?} on {device:?}"), got.mean, expected.mean, 1e-5).unwrap();
            let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
            for (got, expected) in gradients.iter().zip(&wanted) {
                assert_eq!(got.name, expected.name);
                let apart =
                    norm(&mut got.values.iter().zip(&expected.values).map(|(a, b)| f64::from(*a) - f64::from(*b)));
                let own = norm(&mut expected.values.iter().map(|value| f64::from(*value)));
                let within = apart <= 1e-3 * own;
                assert!(within, "{}, {weights:?} on {device:?}: {apart} apart of {own}", got.name);
            }
            // Negative control: rounding has changed the loss.
            let mut stored = open("llama-grouped-untied", DevicePreference::Cpu);
            let unrounded = block_on(loss(&mut stored.model, &batch)).unwrap().mean;
            assert!(close("", got.mean, unrounded, 1e-5).is_err());
        }
    }
}

/// Oracle: the definition. One seed is one model, its numbers have the deviation config.json names, and it trains.
#[test]
fn untrained_models_are_drawn_by_their_seed() {
    for name in ["gpt2-tanh-tied", "gemma3", "gpt_neox-parallel", "glm"] {
        let fresh = |seed: u32| {
            let source = Rc::new(FolderSource::new(folder(name)));
            block_on(Session::fresh(source, seed, DevicePreference::Cpu, &mut Silent)).unwrap()
        };
        let weights = |session: &mut Session| {
            let trainer = block_on(Trainer::new(&mut session.model, simple(1e-2))).unwrap();
            let exported = block_on(trainer.export(&mut session.model)).unwrap();
            trainer.free(&mut session.model.device);
            exported
        };
        let mut session = fresh(3);
        let exported = weights(&mut session);
        assert!(exported.to_bytes() == weights(&mut fresh(3)).to_bytes(), "{name}");
        assert!(exported.to_bytes() != weights(&mut fresh(4)).to_bytes(), "{name}: negative control");
        // The names and shapes are those of the checkpoint.
        let loaded = weights(&mut open(name, DevicePreference::Cpu));
        let shapes = |file: &TensorFile| -> Vec<(String, Vec<usize>)> {
            // GPT-NeoX's head has two names; transformers 5 writes the second.
            let named =
                file.tensors.iter().map(|(name, (shape, _))| (name.replace("embed_out", "lm_head"), shape.clone()));
            let mut shapes: Vec<(String, Vec<usize>)> = named.collect();
            shapes.sort();
            shapes
        };
        assert_eq!(shapes(&exported), shapes(&loaded), "{name}");
        let largest = exported.tensors.keys().map(|name| exported.f32s(name).unwrap());
        let (_, values) = largest.filter(|(shape, _)| shape.len() == 2).max_by_key(|(_, values)| values.len()).unwrap();
        let deviation = (values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        let config: serde_json::Value = read_json(&folder(name).join("config.json"));
        let range = config["initializer_range"].as_f64().unwrap_or(0.02);
        close(&format!("{name}, deviation"), deviation, range, 0.1).unwrap();

        let batch = Batch::next_token(&rows(4, 10)).unwrap();
        let mut trainer = block_on(Trainer::new(&mut session.model, simple(1e-2))).unwrap();
        let first = block_on(trainer.step(&mut session.model, std::slice::from_ref(&batch))).unwrap().loss;
        let guess = (session.model.architecture.n_vocabulary as f64).ln();
        assert!((first - guess).abs() < 0.5, "{name}: {first} nats, {guess} for a guess");
        for _ in 0..15 {
            block_on(trainer.step(&mut session.model, std::slice::from_ref(&batch))).unwrap();
        }
        let last = block_on(trainer.loss(&mut session.model, &batch)).unwrap().mean;
        assert!(last < first - 0.5, "{name}: {first} to {last}");
    }
}

/// Cancels after a number of questions.
struct Impatient(Cell<usize>);

impl Monitor for Impatient {
    fn event(&mut self, _: Event<'_>) {}

    fn is_cancelled(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left == 0
    }
}

/// Oracle: the trainer that was not cancelled. A step that is cancelled anywhere changes nothing.
#[test]
fn a_cancelled_step_changes_nothing() {
    let batch = Batch::next_token(&rows(3, 9)).unwrap();
    let fresh = || {
        let mut session = open("llama-grouped-untied", DevicePreference::Cpu);
        let mut trainer = block_on(Trainer::new(&mut session.model, simple(1e-2))).unwrap();
        block_on(trainer.step(&mut session.model, std::slice::from_ref(&batch))).unwrap();
        (session, trainer)
    };
    let (mut session, mut trainer) = fresh();
    let before = bits(&block_on(trainer.checkpoint(&mut session.model, 0)).unwrap());
    let mut cancelled = 0;
    for patience in 0..1000 {
        let mut monitor = Impatient(Cell::new(patience));
        match block_on(trainer.step_under(&mut session.model, std::slice::from_ref(&batch), &mut monitor)) {
            Err(error) if error.is_cancelled() => cancelled += 1,
            Err(error) => panic!("{error}"),
            Ok(_) => break,
        }
        assert!(bits(&block_on(trainer.checkpoint(&mut session.model, 0)).unwrap()) == before, "after {patience}");
    }
    assert!(cancelled > 5, "a step has only {cancelled} pauses");
    // The step that was let through is the second of a trainer that nobody disturbed.
    let after = bits(&block_on(trainer.checkpoint(&mut session.model, 0)).unwrap());
    let (mut session, mut trainer) = fresh();
    block_on(trainer.step(&mut session.model, std::slice::from_ref(&batch))).unwrap();
    assert!(after == bits(&block_on(trainer.checkpoint(&mut session.model, 0)).unwrap()) && after != before);
}

/// Negative controls of the comparer.
#[test]
fn the_comparer_finds_what_is_wrong() {
    assert!(close("", 2.0, 2.000_1, 1e-4).is_ok());
    assert!(close("", 2.0, 2.01, 1e-4).is_err() && close("", f64::NAN, 2.0, 1e-4).is_err());
}
