//! A question as data: its words with a hole where the token goes, how the answer is drawn, how it is graded.
//!
//! A base model gets the plain words. A model with a chat template gets the same question as a conversation whose last
//! turn, the assistant's, has been begun; the template makes the text of both turns.

use super::graders::Grade;
use crate::report::PromptInfo;
use crate::tokenizer::{ChatMessage, Tokenizer, TokenizerError};

/// Where the token goes: a private-use character that no prompt contains.
pub const HOLE: char = '\u{e000}';

/// What is asked of a token.
#[derive(Clone, Debug)]
pub struct Question {
    /// Oracles that ask a question of the same name share its answers.
    pub name: String,
    /// The turns of a conversation up to the question; none for a text to be continued, which is never a conversation.
    pub turns: Vec<ChatMessage>,
    /// How the assistant's turn after them begins.
    pub prefill: String,
    /// The whole of it as plain text.
    pub plain: String,
    pub max_new_tokens: usize,
    pub decoding: Decoding,
    /// Ends an answer as soon as both rules are certain; without it an answer ends at its length or an end token.
    pub grading: Option<Grading>,
}

#[derive(Clone, Copy, Debug)]
pub struct Grading {
    pub verdict: fn(&str, &str, bool) -> Grade,
    pub strict: fn(&str, &str, bool) -> Grade,
}

/// A user's turn.
pub fn user(content: String) -> ChatMessage {
    ChatMessage { role: "user".into(), content }
}

/// How the tokens of an answer are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decoding {
    /// The most probable, the lower id in a tie.
    Greedy,
    /// Drawn: softmax at a temperature, cut to the smallest set of at least `top_p`.
    Sampled { attempts: u32, temperature: f64, top_p: f64, seed: u32 },
}

impl Decoding {
    pub fn attempts(&self) -> u32 {
        match self {
            Decoding::Greedy => 1,
            Decoding::Sampled { attempts, .. } => *attempts,
        }
    }

    fn describe(&self) -> String {
        match self {
            Decoding::Greedy => "greedy".into(),
            Decoding::Sampled { attempts, temperature, top_p, seed } => format!(
                "sampled {attempts} times at temperature {temperature}, top-p {top_p}, seed {seed}; every token and \
                 attempt has a stream of its own"
            ),
        }
    }
}

/// Makes a conversation the text that a chat model was tuned on.
pub trait ChatForm {
    /// The text of some turns and of the beginning of the assistant's next one, special tokens included.
    fn render(&self, turns: &[ChatMessage], prefill: &str) -> Result<String, TokenizerError>;
}

impl Question {
    /// The question as ids around the token, for one tokenizer. With `chat` it is asked as a conversation if it can be.
    pub fn prepare(&self, tokenizer: &Tokenizer, chat: Option<&dyn ChatForm>) -> Result<PromptInfo, TokenizerError> {
        let (text, is_chat) = match chat {
            Some(chat) if !self.turns.is_empty() => (chat.render(&self.turns, &self.prefill)?, true),
            _ => (self.plain.clone(), false),
        };
        let pieces: Vec<&str> = text.split(HOLE).collect();
        let spliced = tokenizer.splice_all(&pieces, !is_chat)?;
        Ok(PromptInfo {
            name: self.name.clone(),
            form: if is_chat { "chat" } else { "plain" }.into(),
            text: pieces.into_iter().map(str::to_owned).collect(),
            ids: spliced.ids,
            placeholder: spliced.placeholder,
            max_new_tokens: self.max_new_tokens as u32,
            decoding: self.decoding.describe(),
        })
    }
}

/// Tokens before the first hole, and of everything from it on.
pub fn lengths(prompt: &PromptInfo) -> (usize, usize) {
    let before = prompt.ids.first().map_or(0, Vec::len);
    let after: usize = prompt.ids.iter().skip(1).map(|piece| 1 + piece.len()).sum();
    (before, after)
}
