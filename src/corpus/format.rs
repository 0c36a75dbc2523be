//! Which kind of file holds the texts, by its name.

use super::CorpusError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The file is one document.
    Text,
    /// Every line with something on it is a document.
    TextLines,
    /// An array of records, or records one behind another.
    Json,
    /// A record a line.
    JsonLines,
    /// A header, then a record a row.
    Csv { delimiter: u8 },
    /// Columns of fields, a record a row. Its rows are read from the table at its end, not as its bytes come.
    #[cfg(not(target_arch = "wasm32"))]
    Parquet,
}

impl Format {
    /// By the ending of a file's name; a name without a known ending is an error, since bytes of pictures and archives make
    /// tokens too.
    pub fn of_name(name: &str, line_by_line: bool) -> Result<Format, CorpusError> {
        let ending = name.rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_ascii_lowercase());
        Ok(match ending.as_str() {
            "txt" | "text" | "md" | "markdown" | "rst" | "log" | "tex" | "" if line_by_line => Format::TextLines,
            "txt" | "text" | "md" | "markdown" | "rst" | "log" | "tex" | "" => Format::Text,
            "json" => Format::Json,
            "jsonl" | "ndjson" => Format::JsonLines,
            "csv" => Format::Csv { delimiter: b',' },
            "tsv" => Format::Csv { delimiter: b'\t' },
            #[cfg(not(target_arch = "wasm32"))]
            "parquet" => Format::Parquet,
            other => {
                let reason =
                    format!("its ending .{} is none of the known ones", other.chars().take(20).collect::<String>());
                return Err(CorpusError::Format { file: name.into(), reason });
            }
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Format::Text => "text, one document",
            Format::TextLines => "text, a document a line",
            Format::Json => "JSON",
            Format::JsonLines => "JSON Lines",
            Format::Csv { delimiter: b'\t' } => "TSV",
            Format::Csv { .. } => "CSV",
            #[cfg(not(target_arch = "wasm32"))]
            Format::Parquet => "Parquet",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand.
    #[test]
    fn endings_decide() {
        let of = |name: &str| Format::of_name(name, false);
        assert_eq!(of("a.b.TXT"), Ok(Format::Text));
        assert_eq!(of("README"), Ok(Format::Text));
        assert_eq!(Format::of_name("a.txt", true), Ok(Format::TextLines));
        assert_eq!(of("x.jsonl"), Ok(Format::JsonLines));
        assert_eq!(Format::of_name("x.json", true), Ok(Format::Json));
        assert_eq!(of("x.tsv"), Ok(Format::Csv { delimiter: b'\t' }));
        assert_eq!(of("x.Parquet"), Ok(Format::Parquet));
        assert!(of("x.zip").is_err_and(|error| error.to_string().contains(".zip")));
    }
}
