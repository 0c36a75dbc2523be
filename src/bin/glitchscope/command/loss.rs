//! `glitchscope loss`

use std::path::PathBuf;

use clap::Args;
use glitchscope::checkpoint::TensorFile;
use glitchscope::engine::training;
use glitchscope::engine::training::Batch;

use super::failure::Failure;
use super::model_args::{ModelArgs, open};
use super::terminal::{Terminal, print, write_bytes};

#[derive(Args)]
pub struct Loss {
    #[command(flatten)]
    model: ModelArgs,
    /// Rows of token ids: ids separated by commas, rows by semicolons; rows may differ in length
    #[arg(long, required = true)]
    ids: String,
    /// Write the gradient of every parameter, under the checkpoint's own names, to this safetensors file
    #[arg(long, value_name = "FILE")]
    grad: Option<PathBuf>,
}

pub fn loss(args: &Loss) -> Result<i32, Failure> {
    let batch = Batch::next_token(&rows(&args.ids)?)?;
    let mut monitor = Terminal::new();
    let mut session = open(&args.model, &mut monitor)?;
    let wanted = |_: &str| args.grad.is_some();
    let (loss, gradients) = pollster::block_on(training::loss_and_gradients(&mut session.model, &batch, &wanted))?;
    monitor.finish();
    if let Some(path) = &args.grad {
        let mut file = TensorFile::default();
        for gradient in gradients {
            file.insert_f32(gradient.name, &gradient.shape, gradient.values);
        }
        write_bytes(path, &file.to_bytes())?;
    }
    if args.model.json {
        print(&serde_json::json!({ "loss": loss.mean }).to_string())?;
    } else {
        let targets = batch.targets.len();
        print(&format!("{:.6} nats a token over {targets} tokens of {} rows\n", loss.mean, batch.rows))?;
    }
    Ok(0)
}

/// `1,2,3;4,5,6`
pub fn rows(text: &str) -> Result<Vec<Vec<u32>>, Failure> {
    let id = |id: &str| {
        let id = id.trim();
        id.parse().map_err(|_| Failure::Usage(format!("--ids has {id:?} where a token id is expected")))
    };
    text.split(';').map(|row| row.split(',').map(id).collect()).collect()
}
