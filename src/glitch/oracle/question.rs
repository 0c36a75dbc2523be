//! A question as data: its words with a hole where the token goes, how the answer is drawn, how it is graded.
//!
//! A base model gets the plain words. A model with a chat template gets the same question as a conversation whose last
//! turn, the assistant's, has been begun; the template makes the text of both turns.

use super::graders::Grade;
use crate::report::{PromptForm, PromptInfo};
use crate::tokenizer::{self, ChatMessage, ChatOptions, Tokenizer, TokenizerError};

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

/// Whether this model's questions are put as conversations.
pub fn is_chat(tokenizer: &Tokenizer, form: PromptForm) -> bool {
    match form {
        PromptForm::Plain => false,
        PromptForm::Auto => tokenizer.prompt_form() == tokenizer::PromptForm::Chat,
        PromptForm::Chat => true,
    }
}

impl Question {
    /// The question as ids around the token, for one tokenizer; as a conversation, if it can be one and `is_chat`.
    ///
    /// Errors   what the tokenizer says of a text it cannot encode, and of a template that is missing or refuses the turns
    pub fn prepare(&self, tokenizer: &Tokenizer, is_chat: bool) -> Result<PromptInfo, TokenizerError> {
        let is_chat = is_chat && !self.turns.is_empty();
        let text = if is_chat { self.conversation(tokenizer)? } else { self.plain.clone() };
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

impl Question {
    /// The text of the turns and of the answer's beginning, as the model's template has it. A template that knows no system
    /// gets what the system says at the head of the user's turn.
    fn conversation(&self, tokenizer: &Tokenizer) -> Result<String, TokenizerError> {
        let options = ChatOptions { continue_final_message: true, ..ChatOptions::default() };
        let render = |mut turns: Vec<ChatMessage>| {
            turns.push(ChatMessage { role: "assistant".into(), content: self.prefill.clone() });
            Ok(tokenizer.encode_chat(None, &turns, &options)?.0)
        };
        match (render(self.turns.clone()), &self.turns[..]) {
            (Err(TokenizerError::ChatTemplate { .. }), [system, first, rest @ ..]) if system.role == "system" => {
                let mut turns = vec![user(format!("{}\n\n{}", system.content, first.content))];
                turns.extend_from_slice(rest);
                render(turns)
            }
            (rendered, _) => rendered,
        }
    }
}

/// Tokens before the first hole, and of everything from it on.
pub fn lengths(prompt: &PromptInfo) -> (usize, usize) {
    let before = prompt.ids.first().map_or(0, Vec::len);
    let after: usize = prompt.ids.iter().skip(1).map(|piece| 1 + piece.len()).sum();
    (before, after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glitch::oracle::task::Task;
    use crate::report::TaskName;

    fn tokenizer(template: &str) -> Tokenizer {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("www/public/specimen");
        let json = std::fs::read(folder.join("tokenizer.json")).unwrap();
        let config = serde_json::json!({ "chat_template": template }).to_string();
        Tokenizer::from_bytes(&json, Some(config.as_bytes())).unwrap()
    }

    /// Oracle: the template worked out by hand. The token stands in the user's turn, the assistant's is begun, and the form
    /// follows from the template unless it is chosen.
    #[test]
    fn a_conversation_is_what_the_template_makes_of_it() {
        let said = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}";
        let tokenizer = tokenizer(said);
        assert!(is_chat(&tokenizer, PromptForm::Auto) && !is_chat(&tokenizer, PromptForm::Plain));
        let question = Task::named(TaskName::Repetition).zero_shot();
        let prompt = question.prepare(&tokenizer, true).unwrap();
        assert_eq!(prompt.form, "chat");
        assert_eq!(prompt.text[0], "[user] Please can you repeat the string '");
        assert_eq!(prompt.text[1], "' and return back to me?\n[assistant] Of course! Here is the repeated string:");
        assert_eq!(tokenizer.decode(&prompt.ids[0], false), prompt.text[0]);
        assert_eq!(question.prepare(&tokenizer, false).unwrap().form, "plain");
    }

    /// Oracle: by hand. A template that refuses a system turn gets its words from the user.
    #[test]
    fn a_template_without_a_system_gets_one_turn() {
        let refusing = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}\
                        [{{ m.role }}] {{ m.content }}\n{% endfor %}";
        let question = Question {
            turns: vec![
                ChatMessage { role: "system".into(), content: "Be brief.".into() },
                user(format!("What is '{HOLE}'?")),
            ],
            prefill: "It is".into(),
            ..Task::named(TaskName::Repetition).zero_shot()
        };
        let prompt = question.prepare(&tokenizer(refusing), true).unwrap();
        assert_eq!(prompt.text.concat(), "[user] Be brief.\n\nWhat is ''?\n[assistant] It is");
        let refused = Question { turns: vec![question.turns[0].clone()], ..question };
        assert!(refused.prepare(&tokenizer(refusing), true).is_err());
    }
}
