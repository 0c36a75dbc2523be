//! `glitchscope generate`

use clap::Args;
use glitchscope::tokenizer::TokenizerError;

use super::chat::{ChatArgs, chat};
use super::failure::Failure;
use super::model_args::{ModelArgs, open};
use super::terminal::{Terminal, print, visible};

#[derive(Args)]
pub struct Generate {
    #[command(flatten)]
    model: ModelArgs,
    /// Token ids, separated by commas
    #[arg(long, value_delimiter = ',', required_unless_present = "chat", conflicts_with = "chat")]
    ids: Vec<u32>,
    #[command(flatten)]
    chat: ChatArgs,
    /// New tokens at most; fewer when the model ends its text
    #[arg(long, default_value_t = 20)]
    max_new: usize,
}

pub fn generate(args: &Generate) -> Result<i32, Failure> {
    let mut monitor = Terminal::new();
    let mut session = open(&args.model, &mut monitor)?;
    let prompt = match args.chat.is_given() {
        true => chat(session.tokenizer.as_ref().ok_or(TokenizerError::Absent)?, &args.chat, true)?.1.ids,
        false => args.ids.clone(),
    };
    let ids = pollster::block_on(session.generate(&prompt, args.max_new, &mut monitor))?;
    monitor.finish();
    let text = session.tokenizer.as_ref().map_or(String::new(), |tokenizer| tokenizer.decode(&ids, false));
    if args.model.json {
        print(&serde_json::json!({ "ids": ids, "text": text }).to_string())?;
    } else {
        let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
        print(&format!("{}\n{}\n", ids.join(","), visible(&text, usize::MAX)))?;
    }
    Ok(0)
}
