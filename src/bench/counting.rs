//! Glitch tokens counted in a file of texts, without a model around the tokenizer.

use std::rc::Rc;

use crate::checkpoint::source::Source;
use crate::corpus::{CorpusFile, PrevalenceOptions, Tally, prevalence};
use crate::error::Result;
use crate::progress::Silent;
use crate::report::{Report, TokenTable};
use crate::tokenizer::Tokenizer;

/// One entry of the vocabulary in so many is taken for a glitch token.
const GLITCH_EVERY: usize = 500;

pub struct Counting {
    tokenizer: Tokenizer,
    report: Report,
}

impl Counting {
    /// `report_json` is any report; its vocabulary and its glitch tokens are replaced by the tokenizer's.
    pub fn new(tokenizer_json: &[u8], report_json: &str) -> Result<Counting> {
        let tokenizer = Tokenizer::from_bytes(tokenizer_json, None)?;
        let mut report = Report::from_json(report_json)?;
        let rows = tokenizer.vocab_size();
        report.tokens = TokenTable {
            text: (0..rows as u32).map(|id| tokenizer.token_text(id)).collect(),
            bytes_hex: vec![String::new(); rows],
            class: tokenizer.classify(rows),
        };
        report.glitch_tokens = (0..rows as u32).step_by(GLITCH_EVERY).collect();
        Ok(Counting { tokenizer, report })
    }

    /// Counts in one file, as a page does.
    pub async fn run(&self, source: Rc<dyn Source>, file: &str) -> Result<Tally> {
        let files = [CorpusFile { source, name: file.into() }];
        let options = PrevalenceOptions::default();
        Ok(prevalence::prevalence(&self.tokenizer, &self.report, &files, &options, &mut Silent).await?.all)
    }
}
