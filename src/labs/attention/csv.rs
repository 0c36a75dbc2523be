//! Shares of all heads as a table, and back: so that published shares can be looked at without a model.
//!
//! Columns  experiment_id, layer_depth, head_idx; a column of shares for each model; then second minus first, third minus
//!          first, third minus second: those of the study's own table, in its order. A head without a share is empty
//! Format   RFC 4180; text in quotes where it needs them, and with an apostrophe in front where a spreadsheet would take it
//!          for a formula

use std::collections::HashMap;

use csv_core::{ReadRecordResult, Reader};

use super::AttentionError;
use super::comparison::{AttentionComparison, ComparedModel, ComparisonLevel, MODELS_MAX, of_shares};
use super::statistics::StatisticsOptions;

/// Largest file that is read. The study's own has a million bytes.
const BYTES_MAX: usize = 64 << 20;
/// Most layers, and heads of a layer.
const SIDE_MAX: usize = 1024;
/// How far a column of differences may be from the difference of its columns of shares: both were printed.
const DIFFERENCE_TOLERANCE: f64 = 1e-5;

/// Errors   `NotByHead`
pub fn write_csv(comparison: &AttentionComparison) -> Result<String, AttentionError> {
    if comparison.level != ComparisonLevel::Heads {
        return Err(AttentionError::NotByHead { why: comparison.notes.join("; ") });
    }
    let names: Vec<&str> = comparison.models.iter().map(|model| model.name.as_str()).collect();
    let mut header: Vec<String> = ["experiment_id", "layer_depth", "head_idx"].map(String::from).to_vec();
    header.extend(names.iter().map(|name| quoted(name)));
    header.extend(
        comparison
            .pairs
            .iter()
            .map(|pair| quoted(&format!("{} minus {}", names[pair.new as usize], names[pair.old as usize]))),
    );
    let mut out = header.join(",") + "\r\n";
    for (c, concept) in comparison.concepts.iter().enumerate() {
        let places =
            (0..).zip(&comparison.models[0].heads).flat_map(|(layer, &n)| (0..n).map(move |head| (layer, head)));
        for (i, (layer, head)) in places.enumerate() {
            let shares = concept.shares.iter().map(|shares| shares[i]);
            let differences = comparison.pairs.iter().map(|pair| pair.concepts[c].differences[i]);
            let mut row = vec![quoted(&concept.name), u32::to_string(&layer), u32::to_string(&head)];
            row.extend(shares.chain(differences).map(|value| value.map_or(String::new(), |value| value.to_string())));
            out += &(row.join(",") + "\r\n");
        }
    }
    Ok(out)
}

/// A name as a cell.
fn quoted(text: &str) -> String {
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let guard = if text.trim_start().starts_with(['=', '+', '-', '@', '\'']) { "'" } else { "" };
    match text.contains([',', '"']) || !guard.is_empty() {
        true => format!("\"{guard}{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// A table of shares as a comparison. Columns of differences are not believed: they are computed again, and must agree.
///
/// Errors   `File` with the line
pub fn read_csv(file: &str, bytes: &[u8], options: &StatisticsOptions) -> Result<AttentionComparison, AttentionError> {
    let wrong = |what: String| AttentionError::File { file: file.into(), what };
    if bytes.len() > BYTES_MAX {
        return Err(wrong(format!("{} bytes are more than the {BYTES_MAX} that are read", bytes.len())));
    }
    let records = records(bytes).map_err(&wrong)?;
    let (header, rows) = records.split_first().ok_or_else(|| wrong("it has no header row".into()))?;
    let column = |name: &str| {
        header
            .iter()
            .position(|cell| cell.trim() == name)
            .ok_or_else(|| wrong(format!("there is no column {name}; it has {}", header.join(", "))))
    };
    let (experiment, layer, head) = (column("experiment_id")?, column("layer_depth")?, column("head_idx")?);
    // A table that R or pandas wrote may begin with a column of row numbers without a name.
    let values: Vec<usize> =
        (0..header.len()).filter(|i| ![experiment, layer, head].contains(i) && !is_row_number(&header[*i])).collect();
    let n_models = (1..=MODELS_MAX)
        .find(|n| n + n * (n - 1) / 2 == values.len())
        .ok_or_else(|| wrong(format!("{} columns of numbers are not one, three or six", values.len())))?;
    let names: Vec<String> = values[..n_models].iter().map(|&i| header[i].trim().to_owned()).collect();

    let mut order: Vec<String> = Vec::new();
    let mut found: HashMap<(usize, usize, usize), Vec<Option<f64>>> = HashMap::new();
    let (mut layers, mut heads) = (0, 0);
    for (r, row) in rows.iter().enumerate() {
        let line = r + 2;
        if row.len() != header.len() {
            return Err(wrong(format!("row {line} has {} cells, the header {}", row.len(), header.len())));
        }
        let index = |i: usize| {
            let cell = row[i].trim();
            cell.parse::<usize>()
                .ok()
                .filter(|index| *index < SIDE_MAX)
                .ok_or_else(|| wrong(format!("row {line}: {} is {cell:?}, not a number below {SIDE_MAX}", header[i])))
        };
        let number = |i: usize| match row[i].trim() {
            "" | "NA" | "nan" => Ok(None),
            cell => match cell.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(Some(value)),
                _ => Err(wrong(format!("row {line}: {} is {cell:?}, not a number", header[i]))),
            },
        };
        let (at_layer, at_head) = (index(layer)?, index(head)?);
        (layers, heads) = (layers.max(at_layer + 1), heads.max(at_head + 1));
        let name = &row[experiment];
        let at = order.iter().position(|known| known == name).unwrap_or_else(|| {
            order.push(name.clone());
            order.len() - 1
        });
        let numbers = values.iter().map(|&i| number(i)).collect::<Result<Vec<_>, _>>()?;
        check_differences(&numbers, n_models).map_err(|what| wrong(format!("row {line}: {what}")))?;
        if found.insert((at, at_layer, at_head), numbers[..n_models].to_vec()).is_some() {
            return Err(wrong(format!("row {line}: layer {at_layer}, head {at_head} of {name} was there before")));
        }
    }
    if found.is_empty() {
        return Err(wrong("it has no rows".into()));
    }
    let mut concepts = Vec::new();
    for (at, name) in order.into_iter().enumerate() {
        let mut shares = vec![Vec::with_capacity(layers * heads); n_models];
        for (layer, head) in (0..layers).flat_map(|layer| (0..heads).map(move |head| (layer, head))) {
            let row = found
                .get(&(at, layer, head))
                .ok_or_else(|| wrong(format!("layer {layer}, head {head} of {name} is missing")))?;
            for (shares, value) in shares.iter_mut().zip(row) {
                shares.push(*value);
            }
        }
        concepts.push((name, shares));
    }
    // OK because both are at most SIDE_MAX.
    let heads = vec![heads as u32; layers];
    let models = names.into_iter().map(|name| ComparedModel { name, heads: heads.clone() }).collect();
    of_shares(models, concepts, ComparisonLevel::Heads, options)
}

fn is_row_number(name: &str) -> bool {
    matches!(name.trim(), "" | "Unnamed: 0" | "...1")
}

/// Second minus first, third minus first, third minus second.
fn check_differences(numbers: &[Option<f64>], n_models: usize) -> Result<(), String> {
    let pairs = (0..n_models).flat_map(|new| (0..new).map(move |old| (old, new)));
    for ((old, new), told) in pairs.zip(&numbers[n_models..]) {
        if let (Some(old), Some(new), Some(told)) = (numbers[old], numbers[new], told)
            && (new - old - told).abs() > DIFFERENCE_TOLERANCE
        {
            return Err(format!("{new} - {old} is not {told}: the columns are not in the order that is expected"));
        }
    }
    Ok(())
}

fn records(bytes: &[u8]) -> Result<Vec<Vec<String>>, String> {
    let mut text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).to_vec();
    // The reader would hand over a last row without a line end in two parts.
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    let mut rest = &text[..];
    let mut reader = Reader::new();
    let (mut cells, mut ends) = (vec![0; 1 << 16], vec![0; 64]);
    let mut records = Vec::new();
    loop {
        let (result, taken, _, n_ends) = reader.read_record(rest, &mut cells, &mut ends);
        rest = &rest[taken..];
        match result {
            // No bytes at all is how the crate is told of the end.
            ReadRecordResult::InputEmpty if rest.is_empty() => {
                let (result, _, _, n_ends) = reader.read_record(&[], &mut cells, &mut ends);
                if !matches!(result, ReadRecordResult::Record) {
                    return Ok(records);
                }
                records.push(strings(&cells, &ends[..n_ends], records.len() + 1)?);
            }
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                return Err(format!(
                    "row {} has more than {} cells, or more than {} bytes",
                    records.len() + 1,
                    ends.len(),
                    cells.len()
                ));
            }
            ReadRecordResult::Record => records.push(strings(&cells, &ends[..n_ends], records.len() + 1)?),
            ReadRecordResult::End => return Ok(records),
        }
    }
}

fn strings(cells: &[u8], ends: &[usize], row: usize) -> Result<Vec<String>, String> {
    let mut start = 0;
    ends.iter()
        .map(|&end| {
            let cell = std::str::from_utf8(&cells[start..end]).map_err(|_| format!("row {row} is not UTF-8"))?;
            start = end;
            Ok(cell.strip_prefix('\'').unwrap_or(cell).to_owned())
        })
        .collect()
}
