//! A question about a token, as a model is asked: a base model in plain text, a chat model in a conversation whose answer
//! is begun for it (prefill). Either way the token is spliced in as an id.
//!
//! Source   the plain form is the zero-shot prompt of GlitchHunter (Li et al. 2024, Table 1)

use super::chat_template::{ChatMessage, ChatOptions};
use super::splice::Splice;
use super::{ChatDate, Tokenizer, TokenizerError};

/// How a model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptForm {
    /// One text, which a base model goes on with.
    Plain,
    /// Through the chat template.
    Chat,
}

/// A question with a hole for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// What the system says; a plain prompt begins with it and a blank line.
    pub system: Option<&'a str>,
    /// What the user says before the token.
    pub before: &'a str,
    /// What the user says after it.
    pub after: &'a str,
    /// How the answer begins; may be empty.
    pub prefill: &'a str,
    /// In plain prompts only: before the user's words, and between these and the answer.
    pub plain_marks: [&'a str; 2],
    /// Today, for templates that print it.
    pub date: Option<ChatDate>,
}

impl Default for Question<'_> {
    fn default() -> Self {
        Question {
            system: None,
            before: "",
            after: "",
            prefill: "",
            plain_marks: ["Question: ", "\n\nAnswer: "],
            date: None,
        }
    }
}

impl Tokenizer {
    /// How this model is asked: through its chat template, where it has one.
    pub fn prompt_form(&self) -> PromptForm {
        match self.chat_templates.get(None) {
            Ok(_) => PromptForm::Chat,
            Err(_) => PromptForm::Plain,
        }
    }

    /// The ids on both sides of a token about which the question is asked.
    ///
    /// Errors: `NoChatTemplate` and `ChatTemplate` in the form of a conversation (a template may know no system, for
    /// example); `Unspellable`, `NoPlaceholder` as [`splice`](Tokenizer::splice) has them.
    pub fn prompt(&self, question: &Question<'_>, form: PromptForm) -> Result<Splice, TokenizerError> {
        let Question { system, before, after, prefill, plain_marks: [opening, answer], date } = *question;
        match form {
            PromptForm::Plain => {
                let system = system.map_or(String::new(), |system| format!("{system}\n\n"));
                self.splice(&format!("{system}{opening}{before}"), &format!("{after}{answer}{prefill}"))
            }
            PromptForm::Chat => {
                self.chat_templates.get(None)?;
                let options = ChatOptions {
                    add_generation_prompt: prefill.is_empty(),
                    continue_final_message: !prefill.is_empty(),
                    date,
                    ..ChatOptions::default()
                };
                self.check_spelling(&[system.unwrap_or_default(), before, after, prefill])?;
                self.splice_into(|word| {
                    let said = |role: &str, content: &str| ChatMessage { role: role.into(), content: content.into() };
                    let mut messages: Vec<ChatMessage> =
                        system.map(|system| said("system", system)).into_iter().collect();
                    messages.push(said("user", &format!("{before}{word}{after}")));
                    if !prefill.is_empty() {
                        messages.push(said("assistant", prefill));
                    }
                    let (_, encoding) = self.encode_chat(None, &messages, &options)?;
                    Ok(encoding.ids)
                })
            }
        }
    }

    /// A conversation as its text and its ids. The special tokens are the template's own; none are added. `bos_token`
    /// and `eos_token` are the tokenizer's where `options` has none.
    ///
    /// Errors: `NoChatTemplate`, `ChatTemplate`, and what `encode` has.
    pub fn encode_chat(
        &self,
        template: Option<&str>,
        messages: &[ChatMessage],
        options: &ChatOptions,
    ) -> Result<(String, super::Encoding), TokenizerError> {
        let template = self.chat_templates.get(template)?;
        let options = ChatOptions {
            bos_token: options.bos_token.clone().or_else(|| self.written_bos.clone()),
            eos_token: options.eos_token.clone().or_else(|| self.written_eos.clone()),
            ..options.clone()
        };
        let text = template.render(messages, &options)?;
        let encoding = self.encode(&text, false)?;
        Ok((text, encoding))
    }
}
