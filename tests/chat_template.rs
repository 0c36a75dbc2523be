//! Oracle: transformers with Jinja2, by `tools/reference/chat_template.py`, byte for byte; limits by the contract.

use std::collections::BTreeMap;

use crate::common::fixture;
use glitchscope::tokenizer::{
    ChatDate, ChatMessage, ChatOptions, ChatTemplate, MAX_CONVERSATION_BYTES, MAX_TEMPLATE_BYTES, TokenizerError,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    templates: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    template: String,
    messages: Vec<Message>,
    add_generation_prompt: bool,
    rendered: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: String,
}

fn golden() -> Golden {
    serde_json::from_slice(&fixture("tests/golden/chat_template/golden.json")).expect("golden.json")
}

fn options(add_generation_prompt: bool) -> ChatOptions {
    ChatOptions {
        add_generation_prompt,
        continue_final_message: false,
        bos_token: Some("<s>".into()),
        eos_token: Some("</s>".into()),
        date: Some(ChatDate { year: 2024, month: 7, day: 26 }),
    }
}

fn message(role: &str, content: &str) -> ChatMessage {
    ChatMessage { role: role.into(), content: content.into() }
}

/// What differs, in words; empty when nothing does.
fn differences(golden: &Golden) -> Vec<String> {
    let mut found = Vec::new();
    for case in &golden.cases {
        let template = ChatTemplate::new(&golden.templates[&case.template])
            .unwrap_or_else(|error| panic!("{}: {error}", case.template));
        let messages: Vec<ChatMessage> = case.messages.iter().map(|m| message(&m.role, &m.content)).collect();
        match (template.render(&messages, &options(case.add_generation_prompt)), &case.rendered, &case.error) {
            (Ok(text), Some(expected), _) if text == *expected => {}
            (Err(error), None, Some(expected)) if error.to_string().contains(expected.as_str()) => {}
            (got, expected, error) => found.push(format!("{}: {got:?}\nfor {expected:?} {error:?}", case.template)),
        }
    }
    found
}

#[test]
fn conversations_equal_the_reference() {
    let golden = golden();
    assert!(golden.cases.len() >= 80, "{} cases", golden.cases.len());
    assert!(golden.cases.iter().any(|case| case.error.is_some()));
    let found = differences(&golden);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Negative control: a byte more, and an error with another reason, are reported.
#[test]
fn a_wrong_case_is_reported() {
    let mut golden = golden();
    golden.cases.truncate(1);
    golden.cases[0].rendered.as_mut().expect("a text").push('x');
    assert_eq!(differences(&golden).len(), 1);
    golden.cases[0].rendered = None;
    golden.cases[0].error = Some("another".into());
    assert_eq!(differences(&golden).len(), 1);
}

#[test]
fn a_date_is_asked_for_only_where_it_is_printed() {
    let golden = golden();
    let without = ChatOptions { date: None, ..options(true) };
    let template = ChatTemplate::new(&golden.templates["llama3"]).expect("a template");
    let error = template.render(&[message("user", "x")], &without).expect_err("no date");
    assert!(error.to_string().contains("date"), "{error}");
    let template = ChatTemplate::new(&golden.templates["chatml"]).expect("a template");
    assert!(template.render(&[message("user", "x")], &without).is_ok());
}

/// Templates that would run for hours, or fill the memory in a few steps.
#[test]
fn hostile_templates_are_stopped() {
    let hostile = [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "steps"),
        (
            "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s|length }}",
            "bytes",
        ),
        (
            "{% set ns = namespace(s=['ab']) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s|length }}",
            "bytes",
        ),
        (
            "{% macro f(s, n) %}{% if n %}{{ f(s ~ s ~ s ~ s ~ s ~ s ~ s ~ s, n - 1) }}{% endif %}{% endmacro %}{{ f('abcdefgh' ~ 'abcdefgh', 99) }}",
            "",
        ),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", ""),
        (
            "{% for i in range(99999) %}{{ 'a long text that is printed again and again, some eighty bytes of it or more' }}{% endfor %}",
            "",
        ),
        ("{% set a %}{% for i in range(50000) %}{{ messages }}{{ messages }}{% endfor %}{% endset %}", ""),
        (
            "{% for a in ['x' ~ 'y'] %}{{ a | replace('', 'yyyyyyyyyyyyyyyyyy' | replace('', 'yyyyyyyyyyyyyyyyyyyy' | replace('', 'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz' | replace('', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' | replace('', 'bbbbbbbbbbbbbbbbbbbbbbb'))))) }}{% endfor %}",
            "bytes",
        ),
        ("{{ 'a' | indent(99999999999) ~ '\n' | indent(99999999999) }}", "bytes"),
    ];
    for (source, part) in hostile {
        let template = ChatTemplate::new(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        let error = template.render(&[message("user", "hello")], &options(true)).expect_err(source);
        assert!(error.to_string().contains(part), "{source}: {error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn what_is_not_run_is_named() {
    for (source, part) in [
        ("{{ 'a' * 100000000 }}", "multiplies"),
        ("{% include 'x' %}", "include"),
        ("{% with a = 1 %}{% endwith %}", "with"),
        ("{% for a in b recursive %}{% endfor %}", "recursive"),
        ("{% if %}", ""),
        ("{% if x", "does not end"),
        ("{{ '}}", "does not end"),
        ("{# ", "does not end"),
        ("{{", "does not end"),
        ("{% macro f %}", "parameters"),
        ("{% for x %}", "no list"),
        ("{{ x | nothing }}", ""),
    ] {
        match ChatTemplate::new(source) {
            Err(error @ TokenizerError::ChatTemplate { .. }) => assert!(error.to_string().contains(part), "{error}"),
            // Filters are looked up when they are used.
            Ok(template) => assert!(template.render(&[], &options(false)).is_err(), "{source}"),
            Err(error) => panic!("{source}: {error}"),
        }
    }
    assert!(matches!(ChatTemplate::new(&"x".repeat(MAX_TEMPLATE_BYTES + 1)), Err(TokenizerError::TooLarge { .. })));
    let template = ChatTemplate::new("{{ messages[0].content }}").expect("a template");
    let long = message("user", &"x".repeat(MAX_CONVERSATION_BYTES));
    assert!(matches!(template.render(&[long], &options(false)), Err(TokenizerError::TextTooLong { .. })));
}

/// Any bytes, and templates with bytes changed, are run or refused.
#[test]
fn mutated_templates_do_not_panic() {
    let golden = golden();
    let mut rng = glitchscope::rng::Rng::new(5);
    let mut rendered = 0;
    for round in 0..600 {
        let source = golden.templates.values().nth(round % golden.templates.len()).expect("a template");
        let mut bytes: Vec<char> = source.chars().collect();
        for _ in 0..=rng.below(3) {
            let place = rng.below(bytes.len() as u32) as usize;
            let other = bytes[rng.below(bytes.len() as u32) as usize];
            match rng.below(3) {
                0 => bytes[place] = other,
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, other),
            }
        }
        let source: String = bytes.into_iter().collect();
        if let Ok(template) = ChatTemplate::new(&source) {
            rendered += u32::from(template.render(&[message("user", "Hello")], &options(true)).is_ok());
        }
    }
    assert!(rendered > 50, "{rendered} rendered");
}
