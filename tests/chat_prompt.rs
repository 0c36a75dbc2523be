//! Oracle: transformers' apply_chat_template, text and ids, by `tools/reference/chat_ids.py`; for prompts around a token,
//! the whole prompt encoded with the word in its place.

use std::collections::BTreeMap;

use crate::common::{fixture, now};
use glitchscope::checkpoint::source::MemorySource;
use glitchscope::tokenizer::{ChatMessage, ChatOptions, GgufTokenizer, PromptForm, Question, Tokenizer};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Clone, Deserialize)]
struct Case {
    tokenizer: String,
    files: BTreeMap<String, String>,
    messages: Vec<ChatMessage>,
    add_generation_prompt: bool,
    continue_final_message: bool,
    text: String,
    ids: Vec<u32>,
}

fn golden() -> Vec<Case> {
    let golden: Golden = serde_json::from_slice(&fixture("tests/golden/chat_template/ids.json")).expect("ids.json");
    golden.cases
}

fn tokenizer_json(name: &str) -> Vec<u8> {
    fixture(&format!("tests/golden/tokenizer/{name}/tokenizer.json"))
}

fn open(name: &str, files: &BTreeMap<String, String>) -> Tokenizer {
    let mut source = MemorySource::default();
    source.insert("tokenizer.json", tokenizer_json(name));
    for (file, text) in files {
        source.insert(file.clone(), text.as_bytes());
    }
    now(Tokenizer::from_source(&source)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn difference(case: &Case) -> Option<String> {
    let tokenizer = open(&case.tokenizer, &case.files);
    let options = ChatOptions {
        add_generation_prompt: case.add_generation_prompt,
        continue_final_message: case.continue_final_message,
        ..ChatOptions::default()
    };
    match tokenizer.encode_chat(None, &case.messages, &options) {
        Ok((text, encoding)) if text == case.text && encoding.ids == case.ids => None,
        got => Some(format!("{}: {got:?}\nfor {:?} {:?}", case.tokenizer, case.text, case.ids)),
    }
}

#[test]
fn conversations_have_transformers_ids() {
    let cases = golden();
    assert!(cases.len() > 50, "{} cases", cases.len());
    assert!(cases.iter().any(|case| case.continue_final_message));
    let found: Vec<String> = cases.iter().filter_map(difference).collect();
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), cases.len(), found.join("\n"));
}

/// Negative control of the comparer.
#[test]
fn a_wrong_id_is_found() {
    let mut case = golden().remove(0);
    assert_eq!(difference(&case), None);
    case.ids[1] += 1;
    assert!(difference(&case).is_some());
}

const QUESTION: Question<'static> = Question {
    system: None,
    before: "Please repeat the string '",
    after: "' and return it back to me.",
    prefill: "Of course! Here it is:",
    plain_marks: ["Question: ", "\n\nAnswer: "],
    date: None,
};

/// Oracle: the definition. The word back in its hole gives the ids of the whole conversation.
#[test]
fn a_chat_model_is_asked_through_its_template() {
    for case in golden().iter().filter(|case| case.messages.len() == 1 && case.add_generation_prompt) {
        let tokenizer = open(&case.tokenizer, &case.files);
        assert_eq!(tokenizer.prompt_form(), PromptForm::Chat);
        for prefill in ["", QUESTION.prefill] {
            let splice = tokenizer.prompt(&Question { prefill, ..QUESTION }, PromptForm::Chat).unwrap();
            let user = format!("{}{}{}", QUESTION.before, splice.placeholder, QUESTION.after);
            let mut messages = vec![ChatMessage { role: "user".into(), content: user }];
            if !prefill.is_empty() {
                messages.push(ChatMessage { role: "assistant".into(), content: prefill.into() });
            }
            let options = ChatOptions {
                add_generation_prompt: prefill.is_empty(),
                continue_final_message: !prefill.is_empty(),
                ..ChatOptions::default()
            };
            let (text, whole) = tokenizer.encode_chat(None, &messages, &options).unwrap();
            let spliced = [&splice.ids_before[..], &[splice.placeholder_id], &splice.ids_after].concat();
            assert_eq!(spliced, whole.ids, "{}", case.tokenizer);
            assert!(text.ends_with(prefill), "{text:?}");
        }
    }
}

/// Oracle: the plain splice, and the zero-shot prompt of GlitchHunter to the byte.
#[test]
fn a_base_model_is_asked_in_plain_text() {
    let tokenizer = open("qwen2", &BTreeMap::new());
    assert_eq!(tokenizer.prompt_form(), PromptForm::Plain);
    let plain = tokenizer.prompt(&QUESTION, PromptForm::Plain).unwrap();
    let expected = tokenizer
        .splice("Question: Please repeat the string '", "' and return it back to me.\n\nAnswer: Of course! Here it is:")
        .unwrap();
    assert_eq!(plain, expected);
    let error = tokenizer.prompt(&QUESTION, PromptForm::Chat).unwrap_err();
    assert!(error.to_string().contains("none") && error.hint().is_some(), "{error}");
}

/// Oracle: the contract. A template that knows no system says so, and what cannot be continued is refused.
#[test]
fn what_a_template_does_not_do_is_an_error() {
    let case = golden().into_iter().find(|case| case.tokenizer == "gemma").unwrap();
    let tokenizer = open(&case.tokenizer, &case.files);
    let with_system = Question { system: Some("Be brief."), ..QUESTION };
    let error = tokenizer.prompt(&with_system, PromptForm::Chat).unwrap_err().to_string();
    assert!(error.contains("System role not supported"), "{error}");
    assert!(tokenizer.prompt(&with_system, PromptForm::Plain).is_ok());
    assert_eq!(tokenizer.chat_templates().iter().count(), 2);

    let continues = ChatOptions { continue_final_message: true, ..ChatOptions::default() };
    let said = [ChatMessage { role: "user".into(), content: "hm".into() }];
    let silent: BTreeMap<String, String> = [("chat_template.jinja".into(), "nothing".into())].into();
    let silent = open("qwen2", &silent);
    let error = silent.encode_chat(None, &said, &continues).unwrap_err().to_string();
    assert!(error.contains("cannot be continued"), "{error}");
    assert!(silent.encode_chat(None, &[], &continues).is_err());
    let both = ChatOptions { add_generation_prompt: true, ..continues };
    assert!(silent.encode_chat(None, &said, &both).is_err());
}

/// Oracle: the same template in a file of its own. A GGUF file's templates are found, the named ones too.
#[test]
fn gguf_templates_are_read() {
    let text =
        |marks: &str| format!("{{% for m in messages %}}{marks}{{{{ m.content }}}}{{% endfor %}}{{{{ eos_token }}}}");
    let gguf = GgufTokenizer {
        model: "gpt2".into(),
        pre: Some("gpt-2".into()),
        tokens: ["a", "b", "ab", "</s>"].map(String::from).to_vec(),
        token_types: vec![1, 1, 1, 3],
        merges: vec!["a b".into()],
        eos: Some(3),
        chat_template: Some(text("a")),
        named_chat_templates: vec![("twice".into(), text("bb"))],
        ..GgufTokenizer::default()
    };
    let tokenizer = Tokenizer::from_gguf(&gguf).unwrap();
    let said = [ChatMessage { role: "user".into(), content: "b".into() }];
    let ids = |name: Option<&str>| tokenizer.encode_chat(name, &said, &ChatOptions::default()).unwrap().1.ids;
    assert_eq!(ids(None), [2, 3]);
    assert_eq!(ids(Some("twice")), [1, 1, 1, 3]);
    assert!(tokenizer.encode_chat(Some("thrice"), &said, &ChatOptions::default()).is_err());
}
