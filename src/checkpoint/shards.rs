//! `model.safetensors.index.json`: which shard holds which tensor.
//!
//! The index is read twice and never kept: first for the names of the shards, then, when their headers are known, to
//! check every line against them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};

use super::CheckpointError;
use super::safetensors::shown;
use super::source::is_plain_name;

/// Largest index that is read. The largest published ones, with 100,000 tensors, have 10 MB.
pub const MAX_INDEX_BYTES: u64 = 64 << 20;

/// Most shards of one model. The largest published models have fewer than 300.
pub const MAX_SHARDS: usize = 1024;

/// Calls `entry(tensor, shard)` for every line of `weight_map`.
fn walk(
    file: &str,
    json: &[u8],
    entry: &mut dyn FnMut(&str, &str) -> Result<(), CheckpointError>,
) -> Result<(), CheckpointError> {
    let mut problem = None;
    let mut maps = 0;
    let mut reader = serde_json::Deserializer::from_slice(json);
    let walked =
        Top { entry, problem: &mut problem, maps: &mut maps }.deserialize(&mut reader).and_then(|()| reader.end());
    if let Some(problem) = problem {
        return Err(problem);
    }
    walked.map_err(|error| CheckpointError::Json {
        file: file.into(),
        reason: format!("it is no shard index ({error})"),
    })?;
    if maps == 1 {
        Ok(())
    } else {
        Err(CheckpointError::Json {
            file: file.into(),
            reason: format!("it has {maps} entries named weight_map, expected one"),
        })
    }
}

/// The shards' names, sorted, each once and each a plain file name.
pub(super) fn shard_names(file: &str, json: &[u8]) -> Result<Vec<String>, CheckpointError> {
    let mut names: Vec<String> = Vec::new();
    walk(file, json, &mut |_, shard| {
        if let Err(place) = names.binary_search_by(|name| name.as_str().cmp(shard)) {
            if !is_plain_name(shard) {
                return Err(CheckpointError::ShardName { file: file.into(), shard: shard.chars().take(100).collect() });
            }
            if names.len() == MAX_SHARDS {
                return Err(CheckpointError::TooManyShards { file: file.into(), limit: MAX_SHARDS });
            }
            names.insert(place, shard.into());
        }
        Ok(())
    })?;
    if names.is_empty() {
        return Err(CheckpointError::Json { file: file.into(), reason: "its weight_map is empty".into() });
    }
    Ok(names)
}

/// Checks every line against the shards: `shard_of(tensor)` says where a tensor really is. Returns the number of lines.
pub(super) fn check_index<'a>(
    file: &str,
    json: &[u8],
    shard_of: &dyn Fn(&str) -> Option<&'a str>,
) -> Result<usize, CheckpointError> {
    let mut lines = 0;
    walk(file, json, &mut |tensor, shard| {
        lines += 1;
        let found = match shard_of(tensor) {
            Some(actual) if actual == shard => return Ok(()),
            Some(actual) => format!("it is in {actual}"),
            None => "no shard has it".into(),
        };
        Err(CheckpointError::ShardIndex { file: file.into(), tensor: shown(tensor), shard: shown(shard), found })
    })?;
    Ok(lines)
}

struct Top<'a> {
    entry: &'a mut dyn FnMut(&str, &str) -> Result<(), CheckpointError>,
    problem: &'a mut Option<CheckpointError>,
    maps: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object with a weight_map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<str>>()? {
            if key == "weight_map" {
                *self.maps += 1;
                map.next_value_seed(WeightMap { entry: &mut *self.entry, problem: &mut *self.problem })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct WeightMap<'a> {
    entry: &'a mut dyn FnMut(&str, &str) -> Result<(), CheckpointError>,
    problem: &'a mut Option<CheckpointError>,
}

impl<'de> DeserializeSeed<'de> for WeightMap<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for WeightMap<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object from tensors to files")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((tensor, shard)) = map.next_entry::<Cow<str>, Cow<str>>()? {
            if let Err(problem) = (self.entry)(&tensor, &shard) {
                *self.problem = Some(problem);
                return Err(A::Error::custom("an entry was refused"));
            }
        }
        Ok(())
    }
}
