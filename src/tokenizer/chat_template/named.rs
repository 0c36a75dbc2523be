//! The chat templates of a model: where they are written, and which one counts.
//!
//! Source   transformers, tokenization_utils_base.py: `chat_template.jinja` stands above `tokenizer_config.json`, whose
//!          `chat_template` is a template or a list of named ones; llama.cpp's converter: `tokenizer.chat_template` and
//!          `tokenizer.chat_template.<name>`. `chat_template.json`, which only processors read there, comes last

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ChatTemplate, MAX_TEMPLATE_BYTES};
use crate::tokenizer::TokenizerError;

/// The name of the template that is taken when none is asked for.
pub const DEFAULT: &str = "default";

/// Most templates of one model. Published ones have up to four.
const MAX_TEMPLATES: usize = 16;

/// A template as it is written, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrittenTemplate {
    pub name: String,
    pub text: String,
    pub file: String,
}

impl WrittenTemplate {
    pub fn new(name: &str, text: impl Into<String>, file: &str) -> Self {
        WrittenTemplate { name: name.into(), text: text.into(), file: file.into() }
    }
}

/// `chat_template` in a JSON file: one text, or several with names.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum TemplateField {
    One(String),
    Several(Vec<NamedText>),
    ByName(BTreeMap<String, String>),
    Unknown(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
pub(crate) struct NamedText {
    name: String,
    template: String,
}

impl TemplateField {
    pub fn written(self, file: &str, notes: &mut Vec<String>) -> Vec<WrittenTemplate> {
        match self {
            TemplateField::One(text) => vec![WrittenTemplate::new(DEFAULT, text, file)],
            TemplateField::Several(named) => {
                named.into_iter().map(|named| WrittenTemplate::new(&named.name, named.template, file)).collect()
            }
            TemplateField::ByName(named) => {
                named.into_iter().map(|(name, text)| WrittenTemplate::new(&name, text, file)).collect()
            }
            TemplateField::Unknown(_) => {
                notes.push(format!(
                    "{file} has a chat_template that is neither a text nor a list of named ones; it is ignored."
                ));
                Vec::new()
            }
        }
    }
}

/// A template with its name and the file it was read from.
#[derive(Clone, Debug)]
pub struct NamedTemplate {
    pub name: String,
    pub file: String,
    pub template: ChatTemplate,
}

/// The templates of one model; none for a base model.
#[derive(Clone, Debug, Default)]
pub struct ChatTemplates {
    templates: Vec<NamedTemplate>,
}

impl ChatTemplates {
    /// Of two templates with one name the first counts. One that cannot be used is left out, with a note: a model runs
    /// without it.
    pub(crate) fn new(written: Vec<WrittenTemplate>, notes: &mut Vec<String>) -> Self {
        let mut templates: Vec<NamedTemplate> = Vec::new();
        for WrittenTemplate { name, text, file } in written {
            let shown: String = name.chars().take(40).collect();
            if templates.iter().any(|other| other.name == name) {
                continue;
            }
            if templates.len() == MAX_TEMPLATES {
                notes.push(format!("of {file}'s chat templates only the first {MAX_TEMPLATES} are used."));
                break;
            }
            match ChatTemplate::new(&text) {
                Ok(template) => templates.push(NamedTemplate { name, file, template }),
                Err(error) => notes.push(format!("{file}, template {shown:?}: {error}; it is ignored.")),
            }
        }
        ChatTemplates { templates }
    }

    /// Those of `chat_template.jinja` and `chat_template.json`, around those that `tokenizer_config.json` has.
    pub(crate) fn of_files(
        jinja: Option<&[u8]>,
        config: Vec<WrittenTemplate>,
        json: Option<&[u8]>,
        notes: &mut Vec<String>,
    ) -> Self {
        #[derive(Deserialize)]
        struct Legacy {
            chat_template: TemplateField,
        }
        let mut written = Vec::new();
        if let Some(jinja) = jinja {
            match std::str::from_utf8(jinja) {
                Ok(text) => written.push(WrittenTemplate::new(DEFAULT, text, JINJA_FILE)),
                Err(error) => notes.push(format!("{JINJA_FILE} is no UTF-8 text ({error}); it is ignored.")),
            }
        }
        written.extend(config);
        if let Some(json) = json {
            match serde_json::from_slice::<Legacy>(json) {
                Ok(legacy) => written.extend(legacy.chat_template.written(JSON_FILE, notes)),
                Err(error) => notes.push(format!("{JSON_FILE} cannot be read ({error}); it is ignored.")),
            }
        }
        Self::new(written, notes)
    }

    pub fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &NamedTemplate> {
        self.templates.iter()
    }

    /// The template of that name, or the default one.
    ///
    /// Errors: `NoChatTemplate` with the names there are.
    pub fn get(&self, name: Option<&str>) -> Result<&ChatTemplate, TokenizerError> {
        let wanted = name.unwrap_or(DEFAULT);
        let found = self.templates.iter().find(|template| template.name == wanted);
        found.map(|found| &found.template).ok_or_else(|| TokenizerError::NoChatTemplate {
            wanted: wanted.chars().take(60).collect(),
            known: self.templates.iter().map(|template| template.name.clone()).collect(),
        })
    }
}

/// Where transformers 4.50 and later write the default template.
pub(crate) const JINJA_FILE: &str = "chat_template.jinja";
/// Where a processor's template was written before.
pub(crate) const JSON_FILE: &str = "chat_template.json";
/// Largest such file: a template at its limit, with every character escaped.
pub(crate) const MAX_TEMPLATE_FILE_BYTES: u64 = 8 * MAX_TEMPLATE_BYTES as u64;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(templates: &ChatTemplates) -> Vec<(&str, &str)> {
        templates.iter().map(|template| (template.name.as_str(), template.file.as_str())).collect()
    }

    /// Oracle: transformers' order of files, by hand.
    #[test]
    fn the_file_of_its_own_counts_first() {
        let mut notes = Vec::new();
        let written = |json: &str| {
            let field: TemplateField = serde_json::from_str(json).unwrap();
            let mut notes = Vec::new();
            let written = field.written("tokenizer_config.json", &mut notes);
            assert_eq!(notes.len(), usize::from(written.is_empty()));
            written
        };
        let config = || written(r#"[{"name": "default", "template": "b"}, {"name": "rag", "template": "c"}]"#);
        assert_eq!(written(r#"{"default": "b", "rag": "c"}"#), config());
        assert_eq!(written("3"), []);
        let json = br#"{"chat_template": "d"}"#;
        let all = ChatTemplates::of_files(Some(b"a"), config(), Some(json), &mut notes);
        assert_eq!(names(&all), [("default", "chat_template.jinja"), ("rag", "tokenizer_config.json")]);
        let without = ChatTemplates::of_files(None, config(), Some(json), &mut notes);
        assert_eq!(names(&without)[0], ("default", "tokenizer_config.json"));
        let legacy = ChatTemplates::of_files(None, Vec::new(), Some(json), &mut notes);
        assert_eq!(names(&legacy), [("default", "chat_template.json")]);
        assert!(notes.is_empty(), "{notes:?}");
        assert!(all.get(None).is_ok() && all.get(Some("rag")).is_ok());
        let error = all.get(Some("tools")).unwrap_err().to_string();
        assert!(error.contains("\"tools\"") && error.contains("default, rag"), "{error}");
        assert!(ChatTemplates::default().get(None).is_err());
    }

    /// Negative control: what cannot be read costs a note, and what can be read stays.
    #[test]
    fn faults_cost_a_note() {
        let mut notes = Vec::new();
        let config = vec![WrittenTemplate::new("default", "{% if %}", "f"), WrittenTemplate::new("rag", "x", "f")];
        let templates = ChatTemplates::of_files(Some(b"\xff"), config, Some(b"{"), &mut notes);
        assert_eq!(names(&templates), [("rag", "f")]);
        assert_eq!(notes.len(), 3, "{notes:?}");
        let many = (0..40).map(|i| WrittenTemplate::new(&i.to_string(), "x", "f")).collect();
        assert_eq!(ChatTemplates::new(many, &mut notes).iter().count(), MAX_TEMPLATES);
        assert_eq!(notes.len(), 4);
    }
}
