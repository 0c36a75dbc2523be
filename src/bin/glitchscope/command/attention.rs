//! `glitchscope attention`

use std::path::PathBuf;

use clap::Args;
use glitchscope::checkpoint::TensorFile;

use super::failure::Failure;
use super::model_args::{ModelArgs, open};
use super::terminal::{Terminal, print, write_bytes};

#[derive(Args)]
pub struct Attention {
    #[command(flatten)]
    model: ModelArgs,
    /// Token ids, separated by commas
    #[arg(long, value_delimiter = ',', required = true)]
    ids: Vec<u32>,
    /// Write `attentions` (layers, heads, T, T) to this safetensors file; `attentions.<layer>` (heads, T, T) where
    /// layers differ in their heads
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub fn attention(args: &Attention) -> Result<i32, Failure> {
    let mut monitor = Terminal::new();
    let mut session = open(&args.model, &mut monitor)?;
    let maps = pollster::block_on(session.model.attentions(&args.ids))?;
    monitor.finish();
    let heads: Vec<usize> = maps.iter().map(|maps| maps.n_heads).collect();
    let (layers, tokens) = (maps.len(), args.ids.len());
    let mut file = TensorFile::default();
    if heads.windows(2).all(|pair| pair[0] == pair[1]) {
        let weights: Vec<f32> = maps.into_iter().flat_map(|maps| maps.weights).collect();
        file.insert_f32("attentions", &[layers, heads[0], tokens, tokens], weights);
    } else {
        for (layer, maps) in maps.into_iter().enumerate() {
            file.insert_f32(format!("attentions.{layer}"), &[maps.n_heads, tokens, tokens], maps.weights);
        }
    }
    write_bytes(&args.out, &file.to_bytes())?;
    if args.model.json {
        print(&serde_json::json!({ "layers": layers, "heads": heads, "tokens": tokens }).to_string())?;
    } else {
        print(&format!("{layers} layers, {tokens} by {tokens} tokens, in {}\n", args.out.display()))?;
    }
    Ok(0)
}
