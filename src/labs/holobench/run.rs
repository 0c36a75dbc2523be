//! A grid answered by a loaded model, one instance after another.
//!
//! What is kept of a run is its responses.jsonl: whoever goes on with it skips the instances that have a line.

use std::collections::HashSet;

use super::HoloError;
use super::bench::Bench;
use super::context::{Candidates, Context, ContextRequest, Instance, Measure, SentenceTokens};
use super::io::{ResponseLine, Usage};
use super::prompt::{self, PromptStyle, PromptTemplate};
use crate::error::Result;
use crate::progress::{Event, Monitor, pause};
use crate::session::{GenerateOptions, Session};
use crate::tokenizer::TokenizerError;

/// How a model is asked.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    pub style: PromptStyle,
    pub template: Option<PromptTemplate>,
    pub max_new: usize,
    /// Write the prompt as a conversation, by the model's chat template.
    pub chat: bool,
}

/// An instance's prompt, and where it came from.
pub struct Asked {
    pub context: Context,
    pub prompt: String,
}

/// The context and the prompt of an instance. `session` counts tokens where the instance wants them counted.
pub fn asked(bench: &Bench, instance: &Instance, options: &RunOptions, session: Option<&Session>) -> Result<Asked> {
    let counted = match instance.options.measure {
        Measure::Estimate => Vec::new(),
        Measure::Counted => {
            let tokenizer = session.and_then(|session| session.tokenizer.as_ref()).ok_or(TokenizerError::Absent)?;
            let mut counted = Vec::new();
            for Candidates { table, sentences } in bench.candidates(instance)? {
                let mut tokens = Vec::with_capacity(sentences.len());
                for sentence in sentences {
                    tokens.push(tokenizer.encode(&(sentence + "\n"), false)?.ids.len() as u32);
                }
                counted.push(SentenceTokens { table, tokens });
            }
            counted
        }
    };
    let context = bench.context(&ContextRequest { instance: instance.clone(), counted })?;
    let question = &bench.question(&instance.question)?.text;
    let prompt = prompt::prompt(options.template.as_ref(), options.style, &context.text, question)?;
    Ok(Asked { context, prompt })
}

/// Answers every instance that `answered` does not hold. Each response is handed over as soon as it is there; an instance
/// that cannot be asked is reported and passed over. A cancel keeps what was handed over.
pub async fn run(
    bench: &Bench,
    session: &mut Session,
    instances: &[Instance],
    answered: &HashSet<String>,
    options: &RunOptions,
    monitor: &mut dyn Monitor,
    on: &mut dyn FnMut(Asked, ResponseLine) -> std::result::Result<(), HoloError>,
) -> Result<()> {
    let open: Vec<&Instance> = instances.iter().filter(|instance| !answered.contains(&instance.instance_id)).collect();
    let total = open.len();
    for (i, instance) in open.into_iter().enumerate() {
        pause(monitor).await?;
        let detail = format!(
            "{} of {total}: {}, {} tokens, {}",
            i + 1,
            instance.question,
            instance.length,
            instance.placement.name()
        );
        monitor.event(Event::Stage { stage: "answering", detail });
        let asked = match asked(bench, instance, options, Some(&*session)) {
            Ok(asked) => asked,
            Err(error) => {
                let text = format!("{} was not asked: {error}", instance.instance_id);
                monitor.event(Event::Note { text });
                continue;
            }
        };
        let generate = GenerateOptions { max_new: options.max_new, chat: options.chat };
        let generated = match session.generate_text(&asked.prompt, &generate, monitor).await {
            Ok(generated) => generated,
            Err(error) if error.is_cancelled() || error.is_device() => return Err(error),
            Err(error) => {
                let text = format!("{} was not asked: {error}", instance.instance_id);
                monitor.event(Event::Note { text });
                continue;
            }
        };
        let line = ResponseLine {
            instance_id: instance.instance_id.clone(),
            response: generated.text,
            model: Some(session.info.model.name.clone()),
            usage: Some(Usage {
                prompt_tokens: generated.prompt_tokens,
                completion_tokens: generated.ids.len() as u32,
            }),
        };
        on(asked, line)?;
    }
    Ok(())
}
