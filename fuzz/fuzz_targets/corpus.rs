//! A file of texts of any bytes is read as far as it goes, and how it is cut while it is read does not matter. The first byte
//! says which format, the second where it is cut.
#![no_main]

use glitchscope::corpus::layout::Layout;
use glitchscope::corpus::reader::Join;
use glitchscope::corpus::{Format, Place, Reader, Sink};
use glitchscope::error::Result;
use libfuzzer_sys::fuzz_target;

/// What a reader gave, in its order.
#[derive(Default, PartialEq, Debug)]
struct Given {
    texts: Vec<(String, Join)>,
    documents: Vec<(usize, Place, Layout)>,
    broken: Vec<(Place, String)>,
    replaced: u64,
}

impl Sink for Given {
    fn text(&mut self, text: &str, join: Join) -> Result<()> {
        self.texts.push((text.into(), join));
        Ok(())
    }

    fn end(&mut self, place: Place, layout: Layout) -> Result<()> {
        self.documents.push((self.texts.len(), place, layout));
        Ok(())
    }

    fn broken(&mut self, place: Place, reason: String) {
        self.broken.push((place, reason));
    }

    fn replaced(&mut self, count: u64) {
        self.replaced += count;
    }
}

/// Parquet is not among them: the `parquet` crate's decoders panic on damaged values, which `ParquetRows` turns into words, but a
/// fuzzer ends at any panic.
const FORMATS: [Format; 6] = [
    Format::Text,
    Format::TextLines,
    Format::Json,
    Format::JsonLines,
    Format::Csv { delimiter: b',' },
    Format::Csv { delimiter: b'\t' },
];

/// What is given, and the error that ended it.
fn read<'a>(format: Format, fields: &[String], parts: impl Iterator<Item = &'a [u8]>) -> (Given, Option<String>) {
    let mut given = Given::default();
    let mut reader = Reader::new("file", format, fields).expect("not Parquet");
    for part in parts {
        if let Err(error) = reader.push(part, &mut given) {
            return (given, Some(error.to_string()));
        }
    }
    let error = reader.finish(&mut given).err();
    (given, error.map(|error| error.to_string()))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&[format, cut], bytes)) = bytes.split_first_chunk() else {
        return;
    };
    let fields = match cut % 2 {
        0 => vec![],
        _ => vec!["output".into(), "x".into()],
    };
    let format = FORMATS[format as usize % FORMATS.len()];
    let whole = read(format, &fields, [bytes].into_iter());
    assert_eq!(whole, read(format, &fields, bytes.chunks(1 + cut as usize)));
});
