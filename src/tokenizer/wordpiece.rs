//! WordPiece: a word is cut into the longest entries from its beginning; WordLevel: a word is one entry.
//!
//! Source   Wu et al. 2016, "Google's Neural Machine Translation System"; details as in `tokenizers` 0.23

use tokenizers::Token;

use super::vocabulary::{Vocabulary, shortened};

pub(super) struct WordPiece {
    pub vocabulary: Vocabulary,
    pub unk_token: String,
    /// In front of every entry that does not begin a word.
    pub continuing_subword_prefix: String,
    /// Longer words are unknown.
    pub max_input_chars_per_word: usize,
}

pub(super) struct WordLevel {
    pub vocabulary: Vocabulary,
    pub unk_token: String,
}

impl WordPiece {
    /// The tokens of a word. Fails when it is unknown and there is no unknown token.
    pub fn tokenize(&self, word: &str) -> Result<Vec<Token>, String> {
        if word.chars().count() > self.max_input_chars_per_word {
            return unknown(&self.vocabulary, &self.unk_token, word);
        }
        let mut tokens = Vec::new();
        let mut spelled = String::new();
        let mut start = 0;
        while start < word.len() {
            let ends =
                word[start..].char_indices().rev().map(|(place, character)| start + place + character.len_utf8());
            let longest = ends.into_iter().find_map(|end| {
                spelled.clear();
                spelled.push_str(if start > 0 { &self.continuing_subword_prefix } else { "" });
                spelled.push_str(&word[start..end]);
                Some((end, self.vocabulary.id(&spelled)?))
            });
            let Some((end, id)) = longest else {
                return unknown(&self.vocabulary, &self.unk_token, word);
            };
            tokens.push(Token::new(id, spelled.clone(), (start, end)));
            start = end;
        }
        Ok(tokens)
    }
}

impl WordLevel {
    /// The token of a word. Fails when it is unknown and there is no unknown token.
    pub fn tokenize(&self, word: &str) -> Result<Vec<Token>, String> {
        match self.vocabulary.id(word) {
            Some(id) => Ok(vec![Token::new(id, word.into(), (0, word.len()))]),
            None => unknown(&self.vocabulary, &self.unk_token, word),
        }
    }
}

fn unknown(vocabulary: &Vocabulary, unk_token: &str, word: &str) -> Result<Vec<Token>, String> {
    let id = vocabulary.id(unk_token).ok_or_else(|| {
        format!("{:?} is unknown, and so is the unknown token {:?}", shortened(word), shortened(unk_token))
    })?;
    Ok(vec![Token::new(id, unk_token.into(), (0, word.len()))])
}
