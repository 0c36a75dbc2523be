//! Shares of one model and concept as a `.npy` array of layers by heads, and back.
//!
//! Format   NumPy's, version 1.0: magic, header as a Python literal, numbers in C order
//! Reads    `<f4` and `<f8`, versions 1 to 3; writes `<f8`
//! Source   numpy.lib.format

use super::AttentionError;
use super::comparison::{AttentionComparison, ComparedModel, ComparisonLevel, of_shares};
use super::statistics::StatisticsOptions;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Most layers, and heads of a layer, that a file may claim.
const SIDE_MAX: usize = 1024;

/// One file of several: whose shares, and of what.
#[derive(Clone, Debug)]
pub struct NpyFile<'a> {
    pub model: &'a str,
    pub concept: &'a str,
    pub bytes: &'a [u8],
}

/// Layers by heads; a head without a share is NaN, as NumPy has it.
///
/// Errors   `NotByHead` where layers differ in their heads; `Setting`
pub fn write_npy(comparison: &AttentionComparison, concept: usize, model: usize) -> Result<Vec<u8>, AttentionError> {
    let missing = |setting, got: usize, n: usize| AttentionError::Setting {
        setting,
        got: got.to_string(),
        expected: format!("less than {n}"),
    };
    let found =
        comparison.concepts.get(concept).ok_or_else(|| missing("concept", concept, comparison.concepts.len()))?;
    let heads = &comparison.models.get(model).ok_or_else(|| missing("model", model, comparison.models.len()))?.heads;
    if heads.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(AttentionError::NotByHead { why: "its layers have different numbers of heads".into() });
    }
    let shape = (heads.len(), heads.first().copied().unwrap_or(0));
    let dictionary = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}, {}), }}", shape.0, shape.1);
    // The numbers begin at a multiple of 64 bytes, behind a newline.
    let length = (MAGIC.len() + 4 + dictionary.len() + 1).next_multiple_of(64) - MAGIC.len() - 4;
    let mut out = MAGIC.to_vec();
    out.extend([1, 0]);
    out.extend((length as u16).to_le_bytes());
    out.extend(format!("{dictionary:<width$}\n", width = length - 1).bytes());
    for share in &found.shares[model] {
        out.extend(share.unwrap_or(f64::NAN).to_le_bytes());
    }
    Ok(out)
}

/// The place of a name in a list; a new name comes last.
fn place<'a>(list: &mut Vec<&'a str>, name: &'a str) -> usize {
    list.iter().position(|known| *known == name).unwrap_or_else(|| {
        list.push(name);
        list.len() - 1
    })
}

/// Files of shares as a comparison: every concept must have a file of every model, all of one shape.
///
/// Errors   `File`; what `of_shares` says
pub fn read_npy(files: &[NpyFile<'_>], options: &StatisticsOptions) -> Result<AttentionComparison, AttentionError> {
    let (mut models, mut concepts): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut found = Vec::new();
    for file in files {
        let wrong = |what: String| AttentionError::File { file: format!("{} of {}", file.concept, file.model), what };
        let (shape, values) = array(file.bytes).map_err(wrong)?;
        found.push((place(&mut models, file.model), place(&mut concepts, file.concept), shape, values));
    }
    let Some(&(_, _, shape, _)) = found.first() else { return Err(AttentionError::Models { got: 0, most: 3 }) };
    let mut shares: Vec<Vec<Option<Vec<Option<f64>>>>> = vec![vec![None; models.len()]; concepts.len()];
    for (model, concept, other, values) in found {
        let wrong =
            |what: String| AttentionError::File { file: format!("{} of {}", concepts[concept], models[model]), what };
        if other != shape {
            return Err(wrong(format!("its shape is {other:?}, that of the first file {shape:?}")));
        }
        if shares[concept][model].replace(values).is_some() {
            return Err(wrong("it is there twice".into()));
        }
    }
    let mut complete = Vec::new();
    for (name, shares) in concepts.iter().zip(shares) {
        let all: Option<Vec<Vec<Option<f64>>>> = shares.into_iter().collect();
        let what = "not every model has a file of it";
        let all = all.ok_or_else(|| AttentionError::File { file: (*name).into(), what: what.into() })?;
        complete.push(((*name).to_owned(), all));
    }
    // OK because both are at most SIDE_MAX.
    let heads = vec![shape.1 as u32; shape.0];
    let models = models.into_iter().map(|name| ComparedModel { name: name.into(), heads: heads.clone() }).collect();
    of_shares(models, complete, ComparisonLevel::Heads, options)
}

type Array = ((usize, usize), Vec<Option<f64>>);

fn array(bytes: &[u8]) -> Result<Array, String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("it does not begin as a .npy file")?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or("it ends inside its header")?;
    let (length, rest) = match version[0] {
        1 => rest.split_first_chunk::<2>().map(|(n, rest)| (usize::from(u16::from_le_bytes(*n)), rest)),
        2 | 3 => rest.split_first_chunk::<4>().map(|(n, rest)| (u32::from_le_bytes(*n) as usize, rest)),
        other => return Err(format!("its format has version {other}; 1 to 3 are read")),
    }
    .ok_or("it ends inside its header")?;
    if length > rest.len() {
        return Err(format!("its header claims {length} bytes, of which {} are there", rest.len()));
    }
    let (header, numbers) = rest.split_at(length);
    let header = std::str::from_utf8(header).map_err(|_| "its header is not text")?;
    let value = |key: &str| {
        let at = header.find(&format!("'{key}'"))?;
        header[at..].split_once(':').map(|(_, rest)| rest.trim_start())
    };
    let size = match value("descr") {
        Some(rest) if rest.starts_with("'<f4'") => 4,
        Some(rest) if rest.starts_with("'<f8'") => 8,
        _ => return Err(format!("its numbers are not <f4 or <f8: {}", header.trim())),
    };
    if !value("fortran_order").is_some_and(|rest| rest.starts_with("False")) {
        return Err("its numbers are in Fortran order; C order is read".into());
    }
    let shape = value("shape").and_then(|rest| rest.strip_prefix('(')?.split_once(')')).map(|(inside, _)| inside);
    let sides: Vec<usize> = shape
        .unwrap_or("")
        .split(',')
        .map(str::trim)
        .filter(|side| !side.is_empty())
        .map(|side| side.parse().unwrap_or(usize::MAX))
        .collect();
    let &[layers, heads] = &sides[..] else {
        return Err(format!("its shape is not layers by heads: {}", header.trim()));
    };
    if layers == 0 || heads == 0 || layers > SIDE_MAX || heads > SIDE_MAX {
        return Err(format!("{layers} layers of {heads} heads are not 1 to {SIDE_MAX}"));
    }
    if numbers.len() != layers * heads * size {
        return Err(format!(
            "{layers} by {heads} numbers take {} bytes, {} are there",
            layers * heads * size,
            numbers.len()
        ));
    }
    let values = match size {
        4 => bytemuck::pod_collect_to_vec::<u8, f32>(numbers).into_iter().map(f64::from).collect(),
        _ => bytemuck::pod_collect_to_vec::<u8, f64>(numbers),
    };
    Ok(((layers, heads), values.into_iter().map(|value: f64| value.is_finite().then_some(value)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison() -> AttentionComparison {
        let models = ["a", "b"].map(|name| ComparedModel { name: name.into(), heads: vec![2, 2, 2] }).to_vec();
        let shares = |scale: f64| -> Vec<Option<f64>> {
            (0..6).map(|i| if i == 4 { None } else { Some(f64::from(i) * scale) }).collect()
        };
        let concepts = vec![("x".to_owned(), vec![shares(0.1), shares(0.3)])];
        of_shares(models, concepts, ComparisonLevel::Heads, &StatisticsOptions::default()).unwrap()
    }

    /// Oracle: NumPy's format, byte by byte where it matters, and the file read back.
    #[test]
    fn a_file_comes_back() {
        let comparison = comparison();
        let files: Vec<Vec<u8>> = (0..2).map(|model| write_npy(&comparison, 0, model).unwrap()).collect();
        assert_eq!(&files[0][..8], b"\x93NUMPY\x01\x00");
        assert_eq!(files[0].len(), 128 + 48);
        assert_eq!(files[0][127], b'\n');
        let names = ["a", "b"];
        let read = |files: &[Vec<u8>]| {
            let files: Vec<NpyFile> =
                names.iter().zip(files).map(|(model, bytes)| NpyFile { model, concept: "x", bytes }).collect();
            read_npy(&files, &StatisticsOptions::default())
        };
        assert_eq!(read(&files).unwrap(), comparison);
        assert!(write_npy(&comparison, 1, 0).is_err() && write_npy(&comparison, 0, 2).is_err());
        // Negative controls: torn, of another order, of another shape.
        for (from, to) in [("False", "True "), ("(3, 2)", "(2, 3)"), ("'<f8'", "'<i8'"), ("(3, 2)", "(9,9) ")] {
            let text = String::from_utf8_lossy(&files[1][..128]).into_owned();
            assert!(text.contains(from));
            let mut broken = files.clone();
            let at = files[1].windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
            broken[1][at..at + to.len()].copy_from_slice(to.as_bytes());
            assert!(read(&broken).is_err(), "{from} as {to}");
        }
        for length in [0, 5, 8, 20, 130] {
            assert!(read(&[files[0].clone(), files[1][..length].to_vec()]).is_err(), "{length} bytes");
        }
    }

    /// Oracle: an array that NumPy 2.4 wrote: np.save of [[0.5, 0.25]] as f4.
    #[test]
    fn numpy_s_own_file() {
        let mut bytes = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }".to_vec();
        bytes.resize(127, b' ');
        bytes.push(b'\n');
        bytes.extend([0.5f32, 0.25].iter().flat_map(|value| value.to_le_bytes()));
        assert_eq!(array(&bytes).unwrap(), ((1, 2), vec![Some(0.5), Some(0.25)]));
    }
}
