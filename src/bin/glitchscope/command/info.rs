//! `glitchscope info`

use clap::Args;

use super::failure::Failure;
use super::model_args::{ModelArgs, open};
use super::terminal::{Terminal, print, visible};

#[derive(Args)]
pub struct Info {
    #[command(flatten)]
    model: ModelArgs,
}

pub fn info(args: &Info) -> Result<i32, Failure> {
    let mut monitor = Terminal::new();
    let session = open(&args.model, &mut monitor)?;
    monitor.finish();
    if args.model.json {
        print(&serde_json::to_string_pretty(&session.info).expect("OK because plain data serialises"))?;
        return Ok(0);
    }
    let model = &session.info.model;
    let mut out = format!(
        "{}\n  family      {}\n  parameters  {}\n  layers      {} of width {}, {} heads, {} key/value heads\n  context     {} tokens\n  embedding   {} rows, tied: {}\n  vocabulary  {} entries\n",
        model.name,
        model.family,
        model.parameters,
        model.n_layers,
        model.n_channels,
        model.n_heads,
        model.n_kv_heads,
        model.context,
        model.embedding_rows,
        model.tied_embeddings,
        model.vocabulary,
    );
    for (name, bytes) in &model.stored_types {
        out += &format!("  stored      {bytes} bytes as {name}\n");
    }
    for count in &session.info.classes {
        out += &format!("  tokens      {:>7} {:?}\n", count.count, count.class);
    }
    if let Some(tokenizer) = &session.tokenizer {
        for template in tokenizer.chat_templates().iter() {
            out += &format!("  chat        {}, in {}\n", visible(&template.name, 40), template.file);
        }
    }
    for note in &session.info.notes {
        out += &format!("  note        {note}\n");
    }
    let device = &session.info.device;
    out += &format!("  device      {} ({}); {}\n", device.name, device.precision, device.reason);
    print(&out)?;
    Ok(0)
}
