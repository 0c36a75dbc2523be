//! JSON values with a limit on their number: a value takes up to 16 times the room of its text (`[1,1,…`), so the
//! size of a file alone is no bound on what parsing it takes.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one value while at least as many as it and its parts are left.
pub(crate) struct Bounded<'a> {
    pub left: &'a mut usize,
}

/// An object counts as this many values more: its tree reserves room for eleven entries, however few it has.
const OBJECT_VALUES: usize = 11;

impl Bounded<'_> {
    fn take<E: Error>(&mut self, values: usize) -> Result<(), E> {
        if *self.left < values {
            *self.left = 0;
            return Err(E::custom("it holds more values than the limit"));
        }
        *self.left -= values;
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(mut self, reader: D) -> Result<Value, D::Error> {
        self.take(1)?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        self.take(OBJECT_VALUES)?;
        let mut values = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(Bounded { left: &mut *self.left })?;
            if values.contains_key(&key) {
                return Err(A::Error::custom(format!("{:?} is given twice", key.chars().take(60).collect::<String>())));
            }
            values.insert(key, value);
        }
        Ok(Value::Object(values))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Bounded { left: &mut *self.left })? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

/// Reads a whole document that must be an object of at most `limit` values.
pub(crate) fn object(bytes: &[u8], limit: usize) -> Result<Map<String, Value>, String> {
    let mut left = limit;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Bounded { left: &mut left }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| match left {
            0 => format!("{error}; the limit is {limit}"),
            _ => error.to_string(),
        })?;
    match value {
        Value::Object(values) => Ok(values),
        _ => Err("it is no JSON object".into()),
    }
}
