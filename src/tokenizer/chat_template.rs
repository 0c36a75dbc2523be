//! Chat templates: a conversation as the text that a model was tuned on, by a Jinja template from the model's files.
//!
//! Source   transformers, utils/chat_template_utils.py: which filters, functions and tags there are, `tojson` as
//!          Python's json.dumps, blocks trimmed; string methods as in Python
//! Differs  a template is a stranger's program, so what it may do is bounded: see `rewrite`
//!
//! Not done  tools and documents, multiplication, blocks of `call`, `filter`, `include`, `raw` and `with`

mod named;
mod rewrite;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Rest, ValueKind, from_args};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Value, context};

use super::TokenizerError;
use rewrite::Rewritten;

pub use named::{ChatTemplates, NamedTemplate};
pub(super) use named::{DEFAULT, JINJA_FILE, JSON_FILE, MAX_TEMPLATE_FILE_BYTES, TemplateField, WrittenTemplate};

/// Longest template. The longest published ones have 20 KB.
pub const MAX_TEMPLATE_BYTES: usize = 64 << 10;

/// Longest conversation, all messages together.
pub const MAX_CONVERSATION_BYTES: usize = 1 << 20;

/// Largest value that a template may keep, and the most that it may print.
const MAX_VALUE_BYTES: usize = 4 << 20;

/// Most steps of a template. A message takes some tens.
const MAX_STEPS: usize = 200_000;

/// Depth of loops and macros; a macro counts for five.
const MAX_DEPTH: usize = 64;

/// Who says what.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChatMessage {
    /// `system`, `user` or `assistant` as a rule; which ones a template knows is its own affair.
    pub role: String,
    pub content: String,
}

/// What a template is told besides the messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatOptions {
    /// Ends the text where the model's answer begins.
    pub add_generation_prompt: bool,
    /// Ends the text inside the last message, so that the model goes on with it. Not together with the other.
    pub continue_final_message: bool,
    pub bos_token: Option<String>,
    pub eos_token: Option<String>,
    /// Today, for templates that print it; nothing here reads a clock.
    pub date: Option<ChatDate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatDate {
    pub year: u16,
    /// 1 to 12
    pub month: u8,
    /// 1 to 31
    pub day: u8,
}

/// A template that has been checked.
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    source: String,
    steps: usize,
}

impl ChatTemplate {
    /// Errors: `ChatTemplate` with a template that is too long, that Jinja cannot read, or that asks for what is not done.
    pub fn new(source: &str) -> Result<ChatTemplate, TokenizerError> {
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err(TokenizerError::TooLarge {
                what: "bytes of the chat template",
                found: source.len(),
                limit: MAX_TEMPLATE_BYTES,
            });
        }
        let Rewritten { source, longest_text } = rewrite::rewrite(source).map_err(failed)?;
        // Text between the tags is printed without being counted, once a step at most.
        let steps = MAX_STEPS.min(8 * MAX_VALUE_BYTES / longest_text.max(1));
        let template = ChatTemplate { source, steps };
        environment(None).template_from_str(&template.source).map_err(|error| failed(message(&error)))?;
        Ok(template)
    }

    /// The text of a conversation.
    ///
    /// Errors: `ChatTemplate` with what the template itself objects to (`raise_exception`), or what stopped it.
    pub fn render(&self, messages: &[ChatMessage], options: &ChatOptions) -> Result<String, TokenizerError> {
        let bytes: usize = messages.iter().map(|message| message.role.len() + message.content.len()).sum();
        if bytes > MAX_CONVERSATION_BYTES {
            return Err(TokenizerError::TextTooLong { bytes, limit_bytes: MAX_CONVERSATION_BYTES });
        }
        let mut environment = environment(options.date);
        environment.set_fuel(Some(self.steps as u64));
        let named =
            |token: &Option<String>| token.as_ref().map_or(Value::UNDEFINED, |token| Value::from(token.as_str()));
        let mut said: Vec<(&str, String)> =
            messages.iter().map(|message| (message.role.as_str(), message.content.clone())).collect();
        if options.continue_final_message {
            if options.add_generation_prompt {
                return Err(failed("a generation prompt and a continued final message exclude each other".into()));
            }
            let Some((_, content)) = said.last_mut() else {
                return Err(failed("there is no message to continue".into()));
            };
            content.push_str(CONTINUE_TAG);
        }
        let said: Vec<Value> = said
            .iter()
            .map(|(role, content)| Value::from_pairs([("role", *role), ("content", content.as_str())]))
            .collect();
        let rendered = environment.template_from_str(&self.source).and_then(|template| {
            template.render(context! {
                messages => said,
                add_generation_prompt => options.add_generation_prompt,
                bos_token => named(&options.bos_token),
                eos_token => named(&options.eos_token),
                tools => (),
                documents => (),
            })
        });
        let rendered = rendered.map_err(|error| match error.kind() {
            ErrorKind::OutOfFuel => failed(format!("it was stopped after {} steps", self.steps)),
            _ => failed(message(&error)),
        })?;
        match messages.last() {
            Some(last) if options.continue_final_message => cut_behind(rendered, &last.content),
            _ => Ok(rendered),
        }
    }
}

/// Stands behind the message that is continued while the template is rendered; what follows it is cut off. A template
/// that trims messages takes the blank at its end away, and then the blanks of the message itself are gone too. As in
/// transformers.
const CONTINUE_TAG: &str = "CONTINUE_FINAL_MESSAGE_TAG ";

fn cut_behind(rendered: String, last: &str) -> Result<String, TokenizerError> {
    match rendered.rfind(CONTINUE_TAG.trim_end()) {
        Some(at) if rendered.contains(last.trim()) => {
            let kept = &rendered[..at];
            Ok(if rendered[at..].starts_with(CONTINUE_TAG) { kept } else { kept.trim_end() }.into())
        }
        _ => Err(failed("it leaves the final message out, or changes it, so that it cannot be continued".into())),
    }
}

fn failed(reason: String) -> TokenizerError {
    TokenizerError::ChatTemplate { reason }
}

fn message(error: &Error) -> String {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), String::from);
    let detail: String = detail.chars().take(300).collect();
    error.line().map_or_else(|| detail.clone(), |line| format!("{detail} (line {line})"))
}

fn too_large() -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("a value has more than {MAX_VALUE_BYTES} bytes"))
}

fn environment<'source>(date: Option<ChatDate>) -> Environment<'source> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().unwrap_or_default());
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_recursion_limit(MAX_DEPTH);
    let printed = Arc::new(AtomicUsize::new(0));
    environment.set_formatter(move |out, _, value| {
        // As Python prints them.
        let text = match value.kind() {
            ValueKind::Undefined => return Ok(()),
            ValueKind::None => "None".into(),
            ValueKind::Bool => if value.is_true() { "True" } else { "False" }.into(),
            _ => {
                weigh(value, &mut 0)?;
                value.to_string()
            }
        };
        if printed.fetch_add(text.len(), Ordering::Relaxed) + text.len() > MAX_VALUE_BYTES {
            return Err(too_large());
        }
        out.write_str(&text).map_err(Error::from)
    });
    // Those that make much of little and that templates of conversations do without.
    for filter in ["format", "center", "pprint", "batch", "slice", "zip", "chain", "groupby", "sum", "wordwrap"] {
        environment.remove_filter(filter);
    }
    environment.add_filter("join", join);
    environment.add_filter("replace", |text: &str, old: &str, new: &str| replace(text, old, new, usize::MAX));
    environment.add_filter("indent", indent);
    environment.add_filter("tojson", tojson);
    environment.add_filter(rewrite::BOUNDED, bounded);
    environment.add_function(rewrite::BOUNDED, bounded);
    environment.add_function("raise_exception", |reason: &str| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, reason.to_string()))
    });
    environment.add_function("strftime_now", move |format: &str| match date {
        Some(date) => strftime(date, format),
        None => Err(Error::new(ErrorKind::InvalidOperation, "the template prints today's date, and none was given")),
    });
    environment.set_unknown_method_callback(|state, value, method, args| match (value.kind(), method) {
        (ValueKind::String, "replace") => {
            let (old, new, count): (&str, &str, Option<usize>) = from_args(args)?;
            replace(value.as_str().unwrap_or_default(), old, new, count.unwrap_or(usize::MAX)).map(Value::from)
        }
        (ValueKind::String, "join") => {
            let (items,): (Value,) = from_args(args)?;
            join(items, value.as_str(), Rest(Vec::new())).map(Value::from)
        }
        (ValueKind::String, "title") => Ok(Value::from(title(value.as_str().unwrap_or_default()))),
        (ValueKind::String, "format") => Err(Error::from(ErrorKind::UnknownMethod)),
        _ => minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args),
    });
    environment
}

/// Adds up the bytes of a value and all that is in it; fails above the limit.
fn weigh(value: &Value, total: &mut usize) -> Result<(), Error> {
    *total += 1 + value.as_str().map_or(0, str::len);
    if matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable) {
        for item in value.try_iter()? {
            weigh(&item, total)?;
            if value.kind() == ValueKind::Map {
                weigh(&value.get_item(&item)?, total)?;
            }
        }
    }
    match *total > MAX_VALUE_BYTES {
        true => Err(too_large()),
        false => Ok(()),
    }
}

/// A value that is not too large, unchanged; what can be walked but once becomes a list.
fn bounded(value: Value) -> Result<Value, Error> {
    let mut total = 0;
    if value.kind() == ValueKind::Iterable {
        let mut items = Vec::new();
        for item in value.try_iter()? {
            weigh(&item, &mut total)?;
            items.push(item);
        }
        return Ok(Value::from(items));
    }
    weigh(&value, &mut total)?;
    Ok(value)
}

fn join(items: Value, separator: Option<&str>, attribute: Rest<Value>) -> Result<String, Error> {
    let mut joined = String::new();
    for (place, item) in items.try_iter()?.enumerate() {
        if place > 0 {
            joined.push_str(separator.unwrap_or(""));
        }
        let item = match attribute.first() {
            Some(attribute) => item.get_item(attribute)?,
            None => item,
        };
        weigh(&item, &mut joined.len())?;
        joined.push_str(&item.to_string());
        if joined.len() > MAX_VALUE_BYTES {
            return Err(too_large());
        }
    }
    Ok(joined)
}

/// Python's `str.replace`.
fn replace(text: &str, old: &str, new: &str, count: usize) -> Result<String, Error> {
    let matches = text.matches(old).take(count).count();
    if matches.saturating_mul(new.len()).saturating_add(text.len()) > MAX_VALUE_BYTES {
        return Err(too_large());
    }
    Ok(text.replacen(old, new, count))
}

/// Python's `str.title`: a letter behind anything but a letter is a capital.
fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut in_word = false;
    for character in text.chars() {
        match in_word {
            true => titled.extend(character.to_lowercase()),
            false => titled.extend(character.to_uppercase()),
        }
        in_word = character.is_lowercase() || character.is_uppercase();
    }
    titled
}

/// Jinja's `indent`: every line but the first, and no blank ones unless asked for.
fn indent(text: &str, width: Option<usize>, first: Option<bool>, blank: Option<bool>) -> Result<String, Error> {
    let width = width.unwrap_or(4);
    if text.split('\n').count().saturating_mul(width).saturating_add(text.len()) > MAX_VALUE_BYTES {
        return Err(too_large());
    }
    let blanks = " ".repeat(width);
    let lines = text.split('\n').enumerate().map(|(place, line)| {
        let wanted = if place == 0 { first.unwrap_or(false) } else { blank.unwrap_or(false) || !line.is_empty() };
        if wanted { format!("{blanks}{line}") } else { line.into() }
    });
    Ok(lines.collect::<Vec<String>>().join("\n"))
}

/// Python's `json.dumps` without `ensure_ascii`.
fn tojson(value: Value, kwargs: Kwargs) -> Result<Value, Error> {
    weigh(&value, &mut 0)?;
    let indent: Option<usize> = kwargs.get("indent")?;
    if kwargs.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false) || indent.is_some_and(|indent| indent > 16) {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "tojson knows neither ensure_ascii nor an indent above 16",
        ));
    }
    kwargs.assert_all_used()?;
    let mut json = String::new();
    dump(&value, indent, 0, &mut json)?;
    Ok(Value::from_safe_string(json))
}

fn dump(value: &Value, indent: Option<usize>, level: usize, json: &mut String) -> Result<(), Error> {
    if json.len() > MAX_VALUE_BYTES || level > MAX_DEPTH {
        return Err(too_large());
    }
    let quoted = |text: &str| serde_json::to_string(text).map_err(|_| too_large());
    let is_map = value.kind() == ValueKind::Map;
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => json.push_str("null"),
        ValueKind::Bool => json.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => json.push_str(&value.to_string()),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
            let newline = |level: usize, json: &mut String| {
                if let Some(indent) = indent {
                    json.push('\n');
                    json.push_str(&" ".repeat(indent * level));
                }
            };
            json.push(if is_map { '{' } else { '[' });
            let mut any = false;
            for item in value.try_iter()? {
                if any {
                    json.push_str(if indent.is_some() { "," } else { ", " });
                }
                any = true;
                newline(level + 1, json);
                if is_map {
                    json.push_str(&quoted(&item.to_string())?);
                    json.push_str(": ");
                    dump(&value.get_item(&item)?, indent, level + 1, json)?;
                } else {
                    dump(&item, indent, level + 1, json)?;
                }
            }
            if any {
                newline(level, json);
            }
            json.push(if is_map { '}' } else { ']' });
        }
        _ => json.push_str(&quoted(value.as_str().unwrap_or(&value.to_string()))?),
    }
    Ok(())
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The directives for dates that templates use.
fn strftime(date: ChatDate, format: &str) -> Result<String, Error> {
    let month = MONTHS.get(usize::from(date.month).wrapping_sub(1)).ok_or_else(|| {
        Error::new(ErrorKind::InvalidOperation, format!("the date given has the month {}", date.month))
    })?;
    let mut text = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('Y') => text.push_str(&date.year.to_string()),
            Some('m') => text.push_str(&format!("{:02}", date.month)),
            Some('d') => text.push_str(&format!("{:02}", date.day)),
            Some('B') => text.push_str(month),
            Some('b') => text.push_str(&month[..3]),
            Some('%') => text.push('%'),
            other => {
                let directive = other.map(String::from).unwrap_or_default();
                return Err(Error::new(ErrorKind::InvalidOperation, format!("strftime_now knows no %{directive}")));
            }
        }
    }
    Ok(text)
}
