//! The texts of a record: the fields that are encoded, each by itself.

use serde_json::{Map, Value};

/// How the texts of a record lie in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// A file or line of text.
    Text,
    /// `instruction`, `input`, `output`: Alpaca.
    Alpaca,
    /// `conversations[].value`: ShareGPT; `messages[].content` likewise.
    Conversation,
    /// A text by itself.
    Strings,
    /// The fields that were asked for.
    Fields,
    /// Nothing known: every text in it, names of fields aside.
    EveryString,
}

impl Layout {
    pub fn name(self) -> &'static str {
        match self {
            Layout::Text => "plain text",
            Layout::Alpaca => "Alpaca (instruction, input, output)",
            Layout::Conversation => "ShareGPT (conversations[].value)",
            Layout::Strings => "strings",
            Layout::Fields => "the chosen fields",
            Layout::EveryString => "no known layout: every string value",
        }
    }
}

const ALPACA: [&str; 3] = ["instruction", "input", "output"];

/// Lists of turns, and the field of a turn that holds its text.
const CONVERSATIONS: [(&str, &[&str]); 3] =
    [("conversations", &["value", "content"]), ("messages", &["content"]), ("conversation", &["value", "content"])];

/// The record's texts in order, and how they were found. `fields` are names of fields of the record; empty for all.
pub fn texts<'a>(record: &'a Value, fields: &[String]) -> (Layout, Vec<&'a str>) {
    let mut texts = Vec::new();
    match record {
        Value::String(text) => return (Layout::Strings, vec![text]),
        Value::Object(object) if !fields.is_empty() => {
            fields.iter().filter_map(|field| object.get(field)).for_each(|value| every_string(value, &mut texts));
            return (Layout::Fields, texts);
        }
        Value::Object(object) => {
            if let Some(layout) = known(object, &mut texts) {
                return (layout, texts);
            }
        }
        _ => {}
    }
    every_string(record, &mut texts);
    (Layout::EveryString, texts)
}

fn known<'a>(object: &'a Map<String, Value>, texts: &mut Vec<&'a str>) -> Option<Layout> {
    let text = |field: &str| object.get(field).and_then(Value::as_str);
    if text("instruction").is_some() && text("output").is_some() {
        texts.extend(ALPACA.iter().filter_map(|field| text(field)));
        return Some(Layout::Alpaca);
    }
    let turns_of = |field: &str| object.get(field).and_then(Value::as_array).filter(|turns| !turns.is_empty());
    for (list, names) in CONVERSATIONS {
        let Some(turns) = turns_of(list) else { continue };
        let of_turn = |turn: &'a Value| names.iter().find_map(|name| turn.get(name).and_then(Value::as_str));
        if turns.iter().all(|turn| of_turn(turn).is_some()) {
            texts.extend(turns.iter().filter_map(of_turn));
            return Some(Layout::Conversation);
        }
    }
    None
}

/// Depth is bounded by the reader of JSON.
fn every_string<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|value| every_string(value, texts)),
        Value::Object(object) => object.values().for_each(|value| every_string(value, texts)),
        _ => {}
    }
}

/// The records in one JSON value of a file: usually itself; those of its lists, where it is no record of a known layout
/// and holds lists of records, as `{"version": "1.1", "data": [{…}, …]}` does.
pub fn records(value: Value, fields: &[String]) -> Vec<Value> {
    let Value::Object(object) = value else { return vec![value] };
    let holds_records = |value: &Value| {
        value
            .as_array()
            .is_some_and(|list| !list.is_empty() && list.iter().all(|item| item.is_object() || item.is_string()))
    };
    let is_record = known(&object, &mut Vec::new()).is_some() || fields.iter().any(|field| object.contains_key(field));
    if is_record || !object.values().any(holds_records) {
        return vec![Value::Object(object)];
    }
    let (mut records, mut rest) = (Vec::new(), Map::new());
    for (name, value) in object {
        match value {
            Value::Array(list) if list.iter().all(|item| item.is_object() || item.is_string()) => records.extend(list),
            other => {
                rest.insert(name, other);
            }
        }
    }
    let rest = Value::Object(rest);
    if !texts(&rest, &[]).1.is_empty() {
        records.insert(0, rest);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Oracle: by hand, after the files that gave the layouts their names.
    #[test]
    fn texts_are_found_where_they_lie() {
        let found = |value: &Value| {
            let (layout, texts) = texts(value, &[]);
            (layout, texts.into_iter().map(String::from).collect::<Vec<_>>())
        };
        let alpaca = json!({"instruction": "a", "input": "", "output": "c", "text": "whole prompt"});
        assert_eq!(found(&alpaca), (Layout::Alpaca, vec!["a".into(), String::new(), "c".into()]));
        let sharegpt =
            json!({"id": "x1", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]});
        assert_eq!(found(&sharegpt), (Layout::Conversation, vec!["a".into(), "b".into()]));
        let messages = json!({"messages": [{"role": "user", "content": "a"}]});
        assert_eq!(found(&messages), (Layout::Conversation, vec!["a".into()]));
        let parts = json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]});
        assert_eq!(found(&parts).0, Layout::EveryString);
        assert_eq!(found(&json!("a")), (Layout::Strings, vec!["a".into()]));
        assert_eq!(
            found(&json!([1, null, {"x": ["a", {"y": "b"}]}])),
            (Layout::EveryString, vec!["a".into(), "b".into()])
        );
        assert_eq!(texts(&alpaca, &["text".into()]), (Layout::Fields, vec!["whole prompt"]));
        assert_eq!(texts(&alpaca, &["none".into()]), (Layout::Fields, vec![]));
    }

    /// Oracle: by hand.
    #[test]
    fn lists_of_records_are_taken_apart() {
        let of = |value: Value| records(value, &[]).len();
        assert_eq!(of(json!({"version": "1.1", "data": [{"a": "x"}, {"a": "y"}]})), 3);
        assert_eq!(of(json!({"size": 2, "data": [{"a": "x"}, {"a": "y"}]})), 2);
        assert_eq!(of(json!({"a": "x", "b": {"c": ["y"]}})), 1);
        assert_eq!(of(json!({"instruction": "a", "output": "b", "tags": ["x", "y"]})), 1);
        assert_eq!(of(json!({"conversations": [{"from": "human", "value": "a"}]})), 1);
        assert_eq!(of(json!(["x", "y"])), 1);
        assert_eq!(records(json!({"data": ["x", "y"]}), &["data".into()]).len(), 1);
    }
}
