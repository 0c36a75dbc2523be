//! `glitchscope logits`

use clap::Args;

use super::failure::Failure;
use super::model_args::{ModelArgs, open};
use super::terminal::{Terminal, print};

#[derive(Args)]
pub struct Logits {
    #[command(flatten)]
    model: ModelArgs,
    /// Token ids, separated by commas
    #[arg(long, value_delimiter = ',', required = true)]
    ids: Vec<u32>,
}

pub fn logits(args: &Logits) -> Result<i32, Failure> {
    let mut monitor = Terminal::new();
    let mut session = open(&args.model, &mut monitor)?;
    let logits = pollster::block_on(session.model.logits(&args.ids))?;
    monitor.finish();
    let vocabulary = session.model.architecture.n_vocabulary;
    if args.model.json {
        let json = serde_json::json!({ "shape": [args.ids.len(), vocabulary], "logits": logits });
        print(&json.to_string())?;
    } else {
        let mut out = String::new();
        for (t, logits) in logits.chunks_exact(vocabulary).enumerate() {
            let mut order: Vec<usize> = (0..vocabulary).collect();
            order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
            let best: Vec<String> = order.iter().take(5).map(|&id| format!("{id} {:.4}", logits[id])).collect();
            out += &format!("after {:>6}: {}\n", args.ids[t], best.join("  "));
        }
        print(&out)?;
    }
    Ok(0)
}
