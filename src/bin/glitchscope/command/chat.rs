//! A conversation on the command line.

use clap::Args;
use glitchscope::tokenizer::{ChatDate, ChatMessage, ChatOptions, Encoding, Tokenizer};

use super::failure::Failure;

/// A conversation, as the model's chat template writes it.
#[derive(Args)]
pub struct ChatArgs {
    /// Messages as JSON: [{"role": "user", "content": "…"}]
    #[arg(long, value_name = "JSON")]
    pub chat: Option<String>,
    /// A system message in front of the others
    #[arg(long, value_name = "TEXT", requires = "chat")]
    pub system: Option<String>,
    /// How the assistant's answer begins; the model goes on with it
    #[arg(long, value_name = "TEXT", requires = "chat")]
    pub prefill: Option<String>,
    /// Go on with the last message of --chat
    #[arg(long, requires = "chat", conflicts_with = "prefill")]
    pub continue_final_message: bool,
    /// Name of the template, where the model has several (default: `default`)
    #[arg(long, value_name = "NAME", requires = "chat")]
    pub template: Option<String>,
    /// The date that some templates print, YYYY-MM-DD
    #[arg(long, value_name = "DATE", requires = "chat")]
    pub date: Option<String>,
}

impl ChatArgs {
    pub fn is_given(&self) -> bool {
        self.chat.is_some()
    }
}

/// The conversation's text and ids. `answers` ends it where an answer begins, unless it goes on with a message.
pub fn chat(tokenizer: &Tokenizer, args: &ChatArgs, answers: bool) -> Result<(String, Encoding), Failure> {
    let json = args.chat.as_deref().unwrap_or_default();
    let said: Vec<ChatMessage> = serde_json::from_str(json).map_err(|error| {
        Failure::Usage(format!(
            "--chat cannot be read ({error}); expected [{{\"role\": \"user\", \"content\": \"…\"}}]"
        ))
    })?;
    let message = |role: &str, content: &String| ChatMessage { role: role.into(), content: content.clone() };
    let mut messages: Vec<ChatMessage> = args.system.iter().map(|system| message("system", system)).collect();
    messages.extend(said);
    messages.extend(args.prefill.iter().map(|prefill| message("assistant", prefill)));
    let continue_final_message = args.continue_final_message || args.prefill.is_some();
    let options = ChatOptions {
        add_generation_prompt: answers && !continue_final_message,
        continue_final_message,
        date: args.date.as_deref().map(date).transpose()?,
        ..ChatOptions::default()
    };
    Ok(tokenizer.encode_chat(args.template.as_deref(), &messages, &options)?)
}

/// `2024-07-26`
fn date(text: &str) -> Result<ChatDate, Failure> {
    let parts: Vec<&str> = text.split('-').collect();
    let read = match parts[..] {
        [year, month, day] => year.parse().ok().zip(month.parse().ok()).zip(day.parse().ok()),
        _ => None,
    };
    match read {
        Some(((year, month @ 1..=12), day @ 1..=31)) => Ok(ChatDate { year, month, day }),
        _ => Err(Failure::Usage(format!("--date is {text:?}, expected YYYY-MM-DD"))),
    }
}
