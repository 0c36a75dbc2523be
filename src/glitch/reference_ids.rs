//! Ids of rows that no text ever trained, found instead of listed per model: what tied models need for Magikarp's
//! indicators.
//!
//! Groups   in this order: bytes that UTF-8 never uses (0xC0, 0xC1, 0xF5 to 0xFF), rows beyond the tokenizer, entries
//!          named unused or reserved
//! Check    untrained rows have drifted the same way, so they point in one direction: members whose cosine with the
//!          group's mean direction is below 0.8 are left out, and a group of fewer than two is no group
//! Choice   the groups and the check are this project's; Magikarp lists ids per model

use super::Embedding;
use crate::report::{References, TokenTable};
use crate::tokenizer::TokenClass;

const COSINE_MIN: f64 = 0.8;
const MEMBERS_MIN: usize = 2;

/// The first group that passes the check; `None` when none does.
pub fn reference_ids(tokens: &TokenTable, output: &Embedding) -> Option<References> {
    let groups: [(&str, &dyn Fn(usize) -> bool); 3] = [
        ("bytes that UTF-8 never uses", &|id| is_unused_byte(&tokens.bytes_hex[id])),
        ("rows beyond the tokenizer", &|id| tokens.class[id] == TokenClass::Unused),
        ("entries named unused or reserved", &|id| is_named_unused(&tokens.text[id])),
    ];
    let rows = output.rows.min(tokens.text.len());
    groups.into_iter().find_map(|(group, belongs)| {
        let members: Vec<u32> = (0..rows).filter(|&id| belongs(id)).map(|id| id as u32).collect();
        let ids = coherent(output, members);
        (ids.len() >= MEMBERS_MIN).then(|| References {
            group: group.into(),
            mutual_cosine: mutual_cosine(output, &ids),
            ids,
        })
    })
}

fn is_unused_byte(hex: &str) -> bool {
    hex.len() == 2 && u8::from_str_radix(hex, 16).is_ok_and(|byte| matches!(byte, 0xc0 | 0xc1 | 0xf5..=0xff))
}

fn is_named_unused(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_bracketed = lower.starts_with(['<', '[']) && lower.ends_with(['>', ']']);
    is_bracketed && (lower.contains("unused") || lower.contains("reserved"))
}

/// Members that point where the others point.
fn coherent(output: &Embedding, mut members: Vec<u32>) -> Vec<u32> {
    loop {
        let directions: Vec<Vec<f64>> = members.iter().map(|&id| direction(output.row(id))).collect();
        let mut mean = vec![0.0; output.columns];
        for direction in &directions {
            mean.iter_mut().zip(direction).for_each(|(sum, value)| *sum += value);
        }
        let length = mean.iter().map(|value| value * value).sum::<f64>().sqrt();
        let cosine = |direction: &[f64]| direction.iter().zip(&mean).map(|(a, b)| a * b).sum::<f64>() / length;
        // NaN, from a row of zeros or without members, is not above the bound.
        let kept: Vec<u32> = members
            .iter()
            .zip(&directions)
            .filter(|(_, direction)| cosine(direction) >= COSINE_MIN)
            .map(|(&id, _)| id)
            .collect();
        if kept.len() == members.len() {
            return kept;
        }
        members = kept;
    }
}

/// The mean cosine of two different members.
fn mutual_cosine(output: &Embedding, ids: &[u32]) -> f64 {
    let n = ids.len() as f64;
    let mut sum = vec![0.0; output.columns];
    for &id in ids {
        sum.iter_mut().zip(direction(output.row(id))).for_each(|(sum, value)| *sum += value);
    }
    let squared: f64 = sum.iter().map(|value| value * value).sum();
    (squared - n) / (n * (n - 1.0))
}

fn direction(row: &[f32]) -> Vec<f64> {
    let norm = row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    row.iter().map(|&value| f64::from(value) / norm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand. Three unused bytes, one of which points elsewhere; without them the named entries.
    #[test]
    fn members_that_point_elsewhere_are_left_out() {
        let mut tokens = TokenTable {
            text: ["a", "\u{fffd}", "\u{fffd}", "\u{fffd}", "<unused1>", "<unused2>"].map(String::from).into(),
            bytes_hex: ["", "f5", "ff", "c0", "", ""].map(String::from).into(),
            class: vec![TokenClass::Ok; 6],
        };
        let values = vec![0.0, 1.0, 1.0, 0.1, 2.0, -0.1, -1.0, 0.0, 1.0, 1.0, 3.0, 3.0];
        let output = Embedding { rows: 6, columns: 2, values };
        let found = reference_ids(&tokens, &output).unwrap();
        assert_eq!(found.ids, [1, 2]);
        assert!(found.mutual_cosine > 0.9 && found.group.contains("bytes"));
        tokens.bytes_hex = vec![String::new(); 6];
        let found = reference_ids(&tokens, &output).unwrap();
        assert_eq!((found.ids, found.group.contains("named")), (vec![4, 5], true));
        tokens.text = vec!["x".into(); 6];
        assert!(reference_ids(&tokens, &output).is_none());
    }
}
