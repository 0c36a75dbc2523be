//! A file of texts of any bytes is read as far as it goes, and how it is cut while it is read does not matter. The first byte
//! says which format, the second where it is cut.
#![no_main]

use std::sync::Once;

use glitchscope::checkpoint::source::MemorySource;
use glitchscope::corpus::layout::Layout;
use glitchscope::corpus::parquet_rows::ParquetRows;
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

const FORMATS: [Format; 7] = [
    Format::Text,
    Format::TextLines,
    Format::Json,
    Format::JsonLines,
    Format::Csv { delimiter: b',' },
    Format::Csv { delimiter: b'\t' },
    Format::Parquet,
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

/// The decoders of the `parquet` crate panic on damaged values, which `ParquetRows` makes an error of. The fuzzer's hook would
/// end there; without it only a panic that nobody catches ends the run.
static HOOK: Once = Once::new();

fn read_rows(bytes: &[u8], fields: &[String]) {
    let mut source = MemorySource::default();
    source.insert("file", bytes);
    let mut given = Given::default();
    let _ = pollster::block_on(async {
        let mut rows = ParquetRows::open(&source, "file", bytes.len() as u64, fields).await?;
        while let Some(end) = rows.give(&mut given).await? {
            assert!(end <= bytes.len() as u64);
        }
        Ok::<_, glitchscope::Error>(())
    });
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
    if format == Format::Parquet {
        HOOK.call_once(|| drop(std::panic::take_hook()));
        return read_rows(bytes, &fields);
    }
    let whole = read(format, &fields, [bytes].into_iter());
    assert_eq!(whole, read(format, &fields, bytes.chunks(1 + cut as usize)));
});
