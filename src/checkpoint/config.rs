//! `config.json` as typed access: every getter's error names the file, the key, what was found and what was expected.

use serde_json::{Map, Value};

use super::{CheckpointError, json};

/// Largest configuration that is read. Published ones are below 300 KB, even with a thousand class labels.
pub const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// Most values, nested ones counted and objects for twelve: 4,096 stay below 1 MiB in memory. Published files have some hundreds, and some
/// thousands with a thousand class labels.
pub const MAX_CONFIG_VALUES: usize = 4096;

/// Largest whole number accepted: the ids, sizes and counts of a model are far below, and sums of two cannot wrap.
pub const MAX_CONFIG_NUMBER: u64 = 1 << 31;

/// A JSON object from a model's folder. Keys of nested objects are written with dots: `rope_scaling.factor`.
#[derive(Clone, Debug)]
pub struct Config {
    file: String,
    values: Map<String, Value>,
}

impl Config {
    /// `file` is the name that errors show.
    pub fn from_bytes(file: &str, bytes: &[u8]) -> Result<Config, CheckpointError> {
        let values = json::object(bytes, MAX_CONFIG_VALUES)
            .map_err(|reason| CheckpointError::Json { file: file.into(), reason })?;
        Ok(Config { file: file.into(), values })
    }

    /// The file's name, as errors show it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Names of the top level, in the order of the alphabet.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The key is there and not null.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The key is there and null: asked for nothing, where an absent key asks for the default.
    pub fn is_null(&self, key: &str) -> bool {
        self.find(key).is_some_and(Value::is_null)
    }

    /// The value, whatever it is.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.find(key)
    }

    /// Names inside a nested object, in the order of the alphabet; none when there is no such object.
    pub fn keys_of(&self, key: &str) -> Vec<&str> {
        let object = self.get(key).and_then(Value::as_object);
        object.map_or(Vec::new(), |object| object.keys().map(String::as_str).collect())
    }

    /// The family of the model, for example `gpt2` or `llama`.
    pub fn model_type(&self) -> Result<&str, CheckpointError> {
        self.str("model_type")
    }

    /// A whole number from 0 to 2^31.
    pub fn usize(&self, key: &str) -> Result<usize, CheckpointError> {
        self.opt_usize(key)?.ok_or_else(|| self.missing(key, "a whole number"))
    }

    pub fn usize_or(&self, key: &str, default: usize) -> Result<usize, CheckpointError> {
        Ok(self.opt_usize(key)?.unwrap_or(default))
    }

    pub fn opt_usize(&self, key: &str) -> Result<Option<usize>, CheckpointError> {
        self.get(key).map(|value| self.whole(key, value)).transpose()
    }

    /// A finite number.
    pub fn f64(&self, key: &str) -> Result<f64, CheckpointError> {
        self.opt_f64(key)?.ok_or_else(|| self.missing(key, "a number"))
    }

    pub fn f64_or(&self, key: &str, default: f64) -> Result<f64, CheckpointError> {
        Ok(self.opt_f64(key)?.unwrap_or(default))
    }

    pub fn opt_f64(&self, key: &str) -> Result<Option<f64>, CheckpointError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match value.as_f64() {
            Some(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(self.unexpected(key, value, "a finite number")),
        }
    }

    pub fn bool_or(&self, key: &str, default: bool) -> Result<bool, CheckpointError> {
        Ok(self.opt_bool(key)?.unwrap_or(default))
    }

    pub fn opt_bool(&self, key: &str) -> Result<Option<bool>, CheckpointError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        value.as_bool().map(Some).ok_or_else(|| self.unexpected(key, value, "true or false"))
    }

    pub fn str(&self, key: &str) -> Result<&str, CheckpointError> {
        self.opt_str(key)?.ok_or_else(|| self.missing(key, "a string"))
    }

    pub fn str_or<'a>(&'a self, key: &str, default: &'a str) -> Result<&'a str, CheckpointError> {
        Ok(self.opt_str(key)?.unwrap_or(default))
    }

    pub fn opt_str(&self, key: &str) -> Result<Option<&str>, CheckpointError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        value.as_str().map(Some).ok_or_else(|| self.unexpected(key, value, "a string"))
    }

    /// A list of strings, for example `architectures`; empty when the key is absent.
    pub fn strings(&self, key: &str) -> Result<Vec<&str>, CheckpointError> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        value
            .as_array()
            .and_then(|items| items.iter().map(Value::as_str).collect())
            .ok_or_else(|| self.unexpected(key, value, "a list of strings"))
    }

    /// A list of whole numbers, where the key is there.
    pub fn opt_usizes(&self, key: &str) -> Result<Option<Vec<usize>>, CheckpointError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let items = value.as_array().ok_or_else(|| self.unexpected(key, value, "a list of whole numbers"))?;
        items.iter().map(|item| self.whole(key, item)).collect::<Result<_, _>>().map(Some)
    }

    /// A list of finite numbers, where the key is there.
    pub fn opt_f64s(&self, key: &str) -> Result<Option<Vec<f64>>, CheckpointError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let numbers = value.as_array().and_then(|items| items.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>());
        match numbers {
            Some(numbers) if numbers.iter().all(|number| number.is_finite()) => Ok(Some(numbers)),
            _ => Err(self.unexpected(key, value, "a list of finite numbers")),
        }
    }

    /// Token ids: one number or a list of them, as `eos_token_id` is written; empty when the key is absent.
    pub fn ids(&self, key: &str) -> Result<Vec<usize>, CheckpointError> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(|item| self.whole(key, item)).collect(),
            Some(value) => Ok(vec![self.whole(key, value)?]),
        }
    }

    /// An error about a key whose value is well formed but cannot be used; `expected` says what can.
    pub fn refuse(&self, key: &str, expected: impl Into<String>) -> CheckpointError {
        match self.get(key) {
            Some(value) => self.unexpected(key, value, expected),
            None => self.missing(key, expected),
        }
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.find(key).filter(|value| !value.is_null())
    }

    fn find(&self, key: &str) -> Option<&Value> {
        // Some published names have a dot in them.
        if let Some(value) = self.values.get(key) {
            return Some(value);
        }
        let mut parts = key.split('.');
        let mut value = self.values.get(parts.next()?)?;
        for part in parts {
            value = value.as_object()?.get(part)?;
        }
        Some(value)
    }

    fn whole(&self, key: &str, value: &Value) -> Result<usize, CheckpointError> {
        // Some exporters write 12.0 for 12.
        let number = value.as_u64().or_else(|| {
            let float = value.as_f64()?;
            (float.fract() == 0.0 && (0.0..=MAX_CONFIG_NUMBER as f64).contains(&float)).then_some(float as u64)
        });
        number
            .filter(|&number| number <= MAX_CONFIG_NUMBER)
            .map(|number| number as usize) // OK because 2^31 fits the 32 bits of wasm's usize.
            .ok_or_else(|| self.unexpected(key, value, format!("a whole number from 0 to {MAX_CONFIG_NUMBER}")))
    }

    fn missing(&self, key: &str, expected: impl Into<String>) -> CheckpointError {
        CheckpointError::Key {
            file: self.file.clone(),
            key: key.into(),
            found: "absent".into(),
            expected: expected.into(),
        }
    }

    fn unexpected(&self, key: &str, value: &Value, expected: impl Into<String>) -> CheckpointError {
        let mut found = value.to_string();
        if found.chars().count() > 60 {
            found = found.chars().take(57).chain("...".chars()).collect();
        }
        CheckpointError::Key { file: self.file.clone(), key: key.into(), found, expected: expected.into() }
    }
}
