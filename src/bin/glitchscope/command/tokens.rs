//! `glitchscope tokens`

use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;
use glitchscope::checkpoint::Checkpoint;
use glitchscope::checkpoint::source::{FolderSource, Source};
use glitchscope::session::open_tokenizer;
use glitchscope::tokenizer::{Encoding, Tokenizer, TokenizerError};

use super::chat::{ChatArgs, chat};
use super::failure::Failure;
use super::terminal::{print, read, visible};

#[derive(Args)]
pub struct Tokens {
    /// Folder with tokenizer.json, or a .gguf file
    #[arg(long, value_name = "DIR", default_value = "www/public/specimen")]
    model: PathBuf,
    /// A tokenizer.json of its own
    #[arg(long, value_name = "FILE", conflicts_with = "model")]
    tokenizer: Option<PathBuf>,
    /// The text; read from standard input when left out
    #[arg(long)]
    text: Option<String>,
    /// Add the special tokens the tokenizer puts around a text
    #[arg(long, conflicts_with = "chat")]
    special: bool,
    #[command(flatten)]
    chat: ChatArgs,
    /// End the conversation where the model's answer begins
    #[arg(long, requires = "chat")]
    generation_prompt: bool,
    /// One JSON value on standard output and nothing else
    #[arg(long)]
    json: bool,
}

pub fn tokens(args: &Tokens) -> Result<i32, Failure> {
    let source = FolderSource::new(&args.model);
    let tokenizer = if args.tokenizer.is_none() && source.model_file().is_some() {
        let checkpoint = pollster::block_on(Checkpoint::open(Rc::new(source)))?;
        pollster::block_on(open_tokenizer(&checkpoint))?.ok_or(TokenizerError::Absent)?
    } else {
        let folder = args.tokenizer.as_deref().and_then(Path::parent).unwrap_or(&args.model);
        let file = args.tokenizer.clone().unwrap_or_else(|| args.model.join("tokenizer.json"));
        let beside = |name: &str| std::fs::read(folder.join(name)).ok();
        let [config, jinja, json] = ["tokenizer_config.json", "chat_template.jinja", "chat_template.json"].map(beside);
        Tokenizer::from_files(&read(&file)?, config.as_deref(), jinja.as_deref(), json.as_deref())?
    };
    if args.chat.is_given() {
        let (text, encoding) = chat(&tokenizer, &args.chat, args.generation_prompt)?;
        return print_tokens(args, &encoding, Some(&text));
    }
    let text = match &args.text {
        Some(text) => text.clone(),
        None => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::Io { what: "standard input is not UTF-8 text".into(), error })?;
            text
        }
    };
    print_tokens(args, &tokenizer.encode(&text, args.special)?, None)
}

/// `text` is what a conversation was written as.
fn print_tokens(args: &Tokens, encoding: &Encoding, text: Option<&str>) -> Result<i32, Failure> {
    if args.json {
        let offsets: Vec<[usize; 2]> = encoding.offsets.iter().map(|&(start, end)| [start, end]).collect();
        let mut json = serde_json::json!({ "ids": encoding.ids, "tokens": encoding.tokens, "offsets": offsets });
        if let Some(text) = text {
            json["text"] = text.into();
        }
        print(&json.to_string())?;
    } else {
        let mut out = String::new();
        for ((id, token), (start, end)) in encoding.ids.iter().zip(&encoding.tokens).zip(&encoding.offsets) {
            out += &format!("{id:>7}  {start:>6}..{end:<6}  {}\n", visible(token, 60));
        }
        out += &format!("{} tokens\n", encoding.ids.len());
        print(&out)?;
    }
    Ok(0)
}
