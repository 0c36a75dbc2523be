//! A prevalence as CSV: its documents, or its tokens. RFC 4180; names and tokens are disarmed as in a report's CSV.

use std::fmt::Write;

use super::Prevalence;
use crate::report::export::csv::quoted;

impl Prevalence {
    /// JSON on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("OK because plain data serialises")
    }

    /// One row for each of the densest documents, the densest first; the last row has all documents together.
    pub fn documents_csv(&self) -> String {
        let mut out = String::from("file,document,line,offset,tokens,glitch_tokens,density,excerpt\r\n");
        for document in &self.densest {
            let file = self.files.get(document.file as usize).map_or("", |file| &file.name);
            let spans = document.excerpts.first().map_or(&[][..], |excerpt| &excerpt.spans);
            let excerpt: String = spans.iter().map(|span| span.text.as_str()).collect();
            // OK because writing to a String cannot fail.
            let _ = write!(
                out,
                "{},{},{},{},{},{},{},{}\r\n",
                quoted(file),
                document.document,
                document.line,
                document.offset,
                document.tokens,
                document.glitch_tokens,
                document.density,
                quoted(&excerpt)
            );
        }
        let ratio = self.ratio.map_or(String::new(), |ratio| ratio.to_string());
        let _ = write!(out, "all,{},,,{},{},{ratio},\r\n", self.all.documents, self.all.tokens, self.all.glitch_tokens);
        out
    }

    /// One row for each glitch token that occurs, the most frequent first.
    pub fn tokens_csv(&self) -> String {
        let mut out = String::from("id,token,count,documents\r\n");
        for token in &self.tokens {
            let _ = write!(out, "{},{},{},{}\r\n", token.id, quoted(&token.text), token.count, token.documents);
        }
        out
    }
}
