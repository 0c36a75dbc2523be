//! Oracle: the definitions. A value put back where it was read changes nothing; the residual stream is the sum of what
//! the branches add; the gradient at a place is what the loss does when something is added there.

use std::path::Path;
use std::rc::Rc;

use crate::common::devices;
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::compute::DevicePreference;
use glitchscope::engine::hooks::{Action, Hook, HookedRun, run};
use glitchscope::engine::training::{Batch, loss_and_site_gradients};
use glitchscope::progress::Silent;
use glitchscope::session::Session;
use pollster::block_on;

const IDS: [u32; 8] = [3, 9, 27, 11, 60, 2, 33, 14];

fn open(model: &str, device: DevicePreference) -> Session {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models").join(model);
    block_on(Session::open(Rc::new(FolderSource::new(folder)), device, &mut Silent)).unwrap()
}

fn hook(site: &str, action: Action) -> Hook {
    Hook { site: site.into(), action }
}

fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    // `max` would lose NaN.
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |max, d| if d <= max { max } else { d })
}

fn sites(layer: usize) -> Vec<String> {
    ["attended", "attention_out", "mlp_in", "activated", "mlp_out", "hidden_states"]
        .map(|name| format!("layers.{layer}.{name}"))
        .to_vec()
}

#[test]
fn what_is_read_can_be_put_back() {
    for device in devices("what_is_read_can_be_put_back") {
        for model in ["gpt2-tanh-tied", "qwen3", "gemma2", "gptj", "olmo2"] {
            let mut session = open(model, device);
            let plain = block_on(session.model.logits(&IDS)).unwrap();
            let names: Vec<String> =
                ["embedding".to_owned(), "logits".to_owned()].into_iter().chain(sites(0)).chain(sites(1)).collect();
            let reads: Vec<Hook> = names.iter().map(|name| hook(name, Action::Read)).collect();
            let HookedRun { logits, readings } = block_on(run(&mut session.model, &IDS, &reads)).unwrap();
            assert!(
                apart(&logits, &plain) <= 1e-4,
                "{model} on {device:?}: reading changes {}",
                apart(&logits, &plain)
            );
            assert_eq!(readings.len(), names.len());
            let of = |name: &str| &readings.iter().find(|reading| reading.site == name).unwrap().values;
            // Where the stream is a sum, it is this one.
            if model != "olmo2" && model != "gptj" {
                let sum: Vec<f32> = of("layers.0.hidden_states")
                    .iter()
                    .zip(of("layers.1.attention_out"))
                    .zip(of("layers.1.mlp_out"))
                    .map(|((a, b), c)| a + b + c)
                    .collect();
                assert!(apart(&sum, of("layers.1.hidden_states")) <= 1e-4, "{model} on {device:?}");
            }
            for reading in &readings {
                let back = Action::Replace { row: 0, values: reading.values.clone() };
                let same = block_on(run(&mut session.model, &IDS, &[hook(&reading.site, back)])).unwrap();
                assert!(apart(&same.logits, &plain) <= 1e-4, "{model} on {device:?}, {}", reading.site);
                // Negative control: something else there is something else in the end, from its row on only.
                // Not one number for all channels, which layer normalisation would take out again.
                let values = (0..reading.shape[1]).map(|c| if c % 2 == 0 { 1.0 } else { -0.5 }).collect();
                let other = Action::Add { row: 5, values, scale: 0.5 };
                let changed = block_on(run(&mut session.model, &IDS, &[hook(&reading.site, other)])).unwrap();
                let from = 5 * plain.len() / IDS.len();
                assert!(apart(&changed.logits[..from], &plain[..from]) <= 1e-4, "{model}, {}", reading.site);
                assert!(apart(&changed.logits[from..], &plain[from..]) > 1e-3, "{model}, {}", reading.site);
            }
        }
    }
}

/// Oracle: differences of the loss, in f32, along a random direction.
#[test]
fn the_gradient_at_a_place_is_what_adding_does() {
    for model in ["gpt2-tanh-tied", "gemma2"] {
        let mut session = open(model, DevicePreference::Cpu);
        let batch = Batch::next_token(&[IDS.to_vec()]).unwrap();
        let names: Vec<String> = ["embedding".to_owned()].into_iter().chain(sites(0)).chain(sites(1)).collect();
        let refs: Vec<&str> = names.iter().map(String::as_str).collect();
        let (_, gradients) = block_on(loss_and_site_gradients(&mut session.model, &batch, &refs)).unwrap();
        let vocabulary = session.model.architecture.n_vocabulary;
        let mut loss_with = |site: &str, values: &[f32], scale: f32| -> f64 {
            let add = hook(site, Action::Add { row: 0, values: values.to_vec(), scale });
            let logits = block_on(run(&mut session.model, &IDS, &[add])).unwrap().logits;
            let nll = |(t, row): (usize, &[f32])| {
                let max = row.iter().copied().fold(f32::MIN, f32::max);
                let sum: f64 = row.iter().map(|&logit| f64::from(logit - max).exp()).sum();
                sum.ln() - f64::from(row[IDS[t + 1] as usize] - max)
            };
            logits.chunks_exact(vocabulary).take(IDS.len() - 1).enumerate().map(nll).sum::<f64>()
                / (IDS.len() - 1) as f64
        };
        for gradient in &gradients {
            let direction: Vec<f32> = (0..gradient.values.len()).map(|i| ((i * 37 % 19) as f32 - 9.0) / 9.0).collect();
            let expected: f64 = gradient.values.iter().zip(&direction).map(|(a, b)| f64::from(a * b)).sum();
            let h = 2e-3;
            let got = (loss_with(&gradient.name, &direction, h) - loss_with(&gradient.name, &direction, -h))
                / f64::from(2.0 * h);
            let within = (got - expected).abs() <= 0.02 * expected.abs().max(0.05);
            assert!(within, "{model}, {}: {expected}, by differences {got}", gradient.name);
        }
    }
}

/// Oracle: the error enum, which names what there is.
#[test]
fn wrong_hooks_say_what_is_wrong() {
    let mut session = open("gpt2-tanh-tied", DevicePreference::Cpu);
    let mut refused = |site: &str, action: Action| {
        block_on(run(&mut session.model, &IDS, &[hook(site, action)])).unwrap_err().to_string()
    };
    assert!(refused("layers.7.mlp_out", Action::Read).contains("layers.1.mlp_out"));
    assert!(refused("embedding", Action::Replace { row: 8, values: vec![0.0; 32] }).contains("row 8"));
    assert!(refused("embedding", Action::Replace { row: 0, values: vec![0.0; 31] }).contains("31"));
    assert!(refused("embedding", Action::Add { row: usize::MAX, values: vec![0.0; 32], scale: 1.0 }).contains("32"));
}
