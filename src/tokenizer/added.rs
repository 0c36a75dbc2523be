//! Added tokens: texts that are tokens whatever the model says, found in a text before it is cut into pieces.
//!
//! Which id a token has, which of two matches counts and what is stripped follow `tokenizers` 0.23,
//! tokenizer/added_vocabulary. Here a token takes some 40 bytes besides its text; there it is kept in four hash tables
//! and an automaton.

use tokenizers::normalizer::Range;
use tokenizers::utils::SysRegex;
use tokenizers::{NormalizedString, Normalizer as _, NormalizerWrapper, Token};

use super::TokenizerError;
use super::sorted::SortedTexts;
use super::vocabulary::{Vocabulary, shortened};

/// Longest added token, in bytes, after what the normalizer may make of it. Published ones have up to some hundreds.
const MAX_ADDED_BYTES: usize = 4096;

/// Bytes that the normalizer may make of all added tokens together, beyond twice their own.
const MAX_NORMALIZED_BYTES: usize = 64 << 10;

/// What an added token says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// Not inside a word.
    pub single_word: bool,
    /// Takes the blanks in front of it.
    pub lstrip: bool,
    /// Takes the blanks behind it.
    pub rstrip: bool,
    /// Looked for in the normalized text, in its own normalized form.
    pub normalized: bool,
    pub special: bool,
}

/// Added tokens as the file lists them.
#[derive(Debug, Default)]
pub(super) struct Declared {
    text: String,
    tokens: Vec<DeclaredToken>,
}

#[derive(Clone, Copy, Debug)]
struct DeclaredToken {
    id: u64,
    start: u32,
    end: u32,
    flags: Flags,
}

#[derive(Debug)]
struct Added {
    id: u32,
    start: u32,
    end: u32,
    flags: Flags,
    /// Its place in the order in which tokens were added; of two with one id the later is the token.
    added_as: u32,
    /// What the normalizer makes of it, where that differs.
    normalized: Option<Box<str>>,
}

#[derive(Debug, Default)]
pub(super) struct AddedTokens {
    text: String,
    /// In the order of their ids, then as they were added.
    tokens: Vec<Added>,
    /// By their texts.
    by_text: SortedTexts,
    /// Those looked for in the text as it is.
    raw: Patterns,
    /// Those looked for in the normalized text.
    normalized: Patterns,
    /// One character of a word; there only where a token asks for single words.
    word: Option<SysRegex>,
}

/// Texts to look for: numbers of tokens in the order of what they look like.
#[derive(Debug, Default)]
struct Patterns {
    sorted: SortedTexts,
    /// A bit for each byte that one of them begins with.
    first: [u64; 4],
}

/// Which form of the text is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Raw,
    Normalized,
}

/// A part of a text, with its token where it is an added one.
pub(super) type Part = (NormalizedString, Option<Vec<Token>>);

impl Declared {
    pub fn with_capacity(tokens: usize, bytes: usize) -> Declared {
        Declared { text: String::with_capacity(bytes), tokens: Vec::with_capacity(tokens) }
    }

    pub fn push(&mut self, content: &str, id: u64, flags: Flags) -> Result<(), String> {
        if content.len() > MAX_ADDED_BYTES {
            return Err(format!(
                "the added token {:?} has {} bytes, more than the limit of {MAX_ADDED_BYTES}",
                shortened(content),
                content.len()
            ));
        }
        let start = self.text.len() as u32; // OK to cast: less than `MAX_TOKENIZER_BYTES`.
        self.text.push_str(content);
        self.tokens.push(DeclaredToken { id, start, end: self.text.len() as u32, flags });
        Ok(())
    }

    fn content(&self, number: u32) -> &str {
        let token = &self.tokens[number as usize];
        &self.text[token.start as usize..token.end as usize]
    }
}

impl AddedTokens {
    /// Gives every declared token its id: the one of its text in the vocabulary, or the next behind the vocabulary.
    ///
    /// `growth` is how much longer the normalizer may make a text. Refused are tokens that the normalizer leaves nothing
    /// of, because they would match everywhere; two that look the same; and one that begins with a blank beside one
    /// that takes the blanks behind it, because their matches overlap.
    pub fn new(
        declared: Declared,
        vocabulary: &Vocabulary,
        normalizer: Option<&NormalizerWrapper>,
        growth: usize,
        notes: &mut Vec<String>,
    ) -> Result<AddedTokens, TokenizerError> {
        let same = SortedTexts::new(declared.tokens.len(), |number| declared.content(number).as_bytes());
        // The first of each run of equal texts stands for all of them.
        let mut first_of: Vec<u32> = vec![0; declared.tokens.len()];
        let mut first = 0;
        for (place, &number) in same.order().iter().enumerate() {
            if place == 0 || declared.content(same.order()[place - 1]) != declared.content(number) {
                first = number;
            }
            first_of[number as usize] = first;
        }
        drop(same);

        // OK to cast: below `MAX_VOCABULARY`, as is the number of tokens.
        let mut next_id = vocabulary.len() as u32;
        let mut tokens: Vec<Added> = Vec::with_capacity(declared.tokens.len());
        let mut moved: Option<(usize, String)> = None;
        // Place in `tokens` of the first of each run, once it is there; `first_of` is reused for it.
        for number in 0..declared.tokens.len() {
            let token = declared.tokens[number];
            let content = declared.content(number as u32);
            if content.is_empty() {
                continue;
            }
            let first = first_of[number] as usize;
            if first < number {
                let earlier = &mut tokens[first_of[first] as usize];
                // Said again with other words: the last ones count, but special stays special.
                let special = earlier.flags.special || token.flags.special;
                earlier.flags = Flags { special, ..token.flags };
                earlier.added_as = number as u32;
            } else {
                first_of[number] = tokens.len() as u32;
                let id = vocabulary.id(content).unwrap_or_else(|| {
                    next_id += 1;
                    next_id - 1
                });
                tokens.push(Added {
                    id,
                    start: token.start,
                    end: token.end,
                    flags: token.flags,
                    added_as: number as u32,
                    normalized: None,
                });
            }
            let id = tokens[first_of[first] as usize].id;
            if u64::from(id) != token.id {
                let count = moved.as_ref().map_or(0, |(count, _)| *count) + 1;
                let example = moved.map_or_else(
                    || format!("{:?} (id {} in the file, {id} in the library)", shortened(content), token.id),
                    |(_, example)| example,
                );
                moved = Some((count, example));
            }
        }
        drop(first_of);
        if let Some((count, example)) = moved {
            notes.push(format!(
                "tokenizer.json gives {count} added tokens other ids than the tokenizers library does, for example \
                 {example}; the library is followed."
            ));
        }
        tokens.sort_unstable_by_key(|token| (token.id, token.added_as));
        let mut added = AddedTokens { text: declared.text, tokens, ..AddedTokens::default() };
        added.normalize(normalizer, growth)?;
        added.check_blanks()?;
        let count = added.tokens.len();
        added.by_text = SortedTexts::new(count, |number| added.content(number).as_bytes());
        added.raw = added.patterns(Form::Raw)?;
        added.normalized = added.patterns(Form::Normalized)?;
        if added.tokens.iter().any(|token| token.flags.single_word) {
            added.word = SysRegex::new(r"\w").ok();
        }
        Ok(added)
    }

    fn normalize(&mut self, normalizer: Option<&NormalizerWrapper>, growth: usize) -> Result<(), TokenizerError> {
        let Some(normalizer) = normalizer else {
            return Ok(());
        };
        let limit = 2 * self.text.len() + MAX_NORMALIZED_BYTES;
        let mut total = 0;
        for number in 0..self.tokens.len() {
            if !self.tokens[number].flags.normalized {
                continue;
            }
            let content = self.content(number as u32);
            if content.len() * growth > 4 * MAX_ADDED_BYTES {
                return Err(malformed(format!(
                    "its normalizer may make {} bytes of the added token {:?}, the limit is {}",
                    content.len() * growth,
                    shortened(content),
                    4 * MAX_ADDED_BYTES
                )));
            }
            let mut text = NormalizedString::from(content);
            if normalizer.normalize(&mut text).is_err() || text.get().is_empty() {
                return Err(malformed(format!(
                    "its normalizer leaves nothing of the added token {:?}",
                    shortened(content)
                )));
            }
            if text.get() != content {
                total += text.get().len();
                if total > limit {
                    return Err(TokenizerError::TooLarge {
                        what: "bytes of normalized added tokens",
                        found: total,
                        limit,
                    });
                }
                self.tokens[number].normalized = Some(text.get().into());
            }
        }
        Ok(())
    }

    fn check_blanks(&self) -> Result<(), TokenizerError> {
        let Some(takes_blanks) = self.tokens.iter().position(|token| token.flags.rstrip) else {
            return Ok(());
        };
        let begins_with_blank =
            (0..self.tokens.len() as u32).find(|&number| self.pattern(number).starts_with(char::is_whitespace));
        match begins_with_blank {
            None => Ok(()),
            Some(number) => Err(TokenizerError::Unsupported {
                component: format!(
                    "the added token {:?} beside {:?}",
                    shortened(self.content(number)),
                    shortened(self.content(takes_blanks as u32))
                ),
                reason: "one begins with a blank, the other takes blanks with it (rstrip)".into(),
            }),
        }
    }

    fn patterns(&self, form: Form) -> Result<Patterns, TokenizerError> {
        let wanted = |number: &u32| {
            let token = &self.tokens[*number as usize];
            let is_last = self.tokens.get(*number as usize + 1).is_none_or(|next| next.id != token.id);
            is_last && token.flags.normalized == (form == Form::Normalized)
        };
        let all = 0..self.tokens.len() as u32; // OK to cast: at most `MAX_VOCABULARY`.
        let mut numbers = Vec::with_capacity(all.clone().filter(wanted).count());
        numbers.extend(all.filter(wanted));
        let sorted = SortedTexts::of(numbers, |number| self.pattern(number).as_bytes());
        if let Some(pair) = sorted.order().windows(2).find(|pair| self.pattern(pair[0]) == self.pattern(pair[1])) {
            return Err(malformed(format!(
                "its added tokens {:?} and {:?} look the same",
                shortened(self.content(pair[0])),
                shortened(self.content(pair[1]))
            )));
        }
        let mut first = [0; 4];
        for &number in sorted.order() {
            let byte = usize::from(self.pattern(number).as_bytes()[0]);
            first[byte / 64] |= 1 << (byte % 64);
        }
        Ok(Patterns { sorted, first })
    }

    fn content(&self, number: u32) -> &str {
        let token = &self.tokens[number as usize];
        &self.text[token.start as usize..token.end as usize]
    }

    /// What is looked for in a text.
    fn pattern(&self, number: u32) -> &str {
        self.tokens[number as usize].normalized.as_deref().unwrap_or_else(|| self.content(number))
    }

    /// The number of the token with this id.
    fn find(&self, id: u32) -> Option<u32> {
        let behind = self.tokens.partition_point(|token| token.id <= id);
        let number = behind.checked_sub(1)?;
        (self.tokens[number].id == id).then_some(number as u32) // OK to cast: at most `MAX_VOCABULARY`.
    }

    pub fn contains(&self, id: u32) -> bool {
        self.find(id).is_some()
    }

    /// Declared special under any of its names.
    pub fn is_special(&self, id: u32) -> bool {
        let behind = self.tokens.partition_point(|token| token.id <= id);
        self.tokens[..behind].iter().rev().take_while(|token| token.id == id).any(|token| token.flags.special)
    }

    pub fn highest_id(&self) -> Option<u32> {
        self.tokens.last().map(|token| token.id)
    }

    /// The text by which the token is decoded: its normalized form where it is looked for in that.
    pub fn text(&self, id: u32) -> Option<&str> {
        self.find(id).map(|number| self.pattern(number))
    }

    /// The id of a token with this text.
    pub fn id(&self, text: &str) -> Option<u32> {
        let order = self.by_text.order();
        let place = order.binary_search_by(|&number| self.content(number).cmp(text)).ok()?;
        Some(self.tokens[order[place] as usize].id)
    }

    /// Whether any token is looked for in this form of a text.
    pub fn looks_at(&self, form: Form) -> bool {
        !self.of(form).sorted.order().is_empty()
    }

    fn of(&self, form: Form) -> &Patterns {
        match form {
            Form::Raw => &self.raw,
            Form::Normalized => &self.normalized,
        }
    }

    /// Cuts a text at the added tokens in it.
    pub fn split(&self, text: &NormalizedString, form: Form) -> Vec<Part> {
        let parts = self.matches(text.get(), form);
        parts
            .into_iter()
            .filter_map(|(id, start, end)| {
                let slice = text.slice(Range::Normalized(start..end))?;
                let tokens = id.map(|id| vec![Token::new(id, slice.get().into(), (0, slice.get().len()))]);
                Some((slice, tokens))
            })
            .collect()
    }

    /// Parts of the text in order, with the ids of those that are added tokens: the leftmost first, of those the longest.
    pub fn matches(&self, text: &str, form: Form) -> Vec<(Option<u32>, usize, usize)> {
        if text.is_empty() {
            return vec![(None, 0, 0)];
        }
        let patterns = self.of(form);
        let bytes = text.as_bytes();
        let mut parts = Vec::new();
        let (mut done, mut place) = (0, 0);
        while place < bytes.len() {
            let byte = usize::from(bytes[place]);
            let mut longest = None;
            if patterns.first[byte / 64] >> (byte % 64) & 1 == 1 {
                let pattern = |number: u32| self.pattern(number).as_bytes();
                patterns.sorted.prefixes(&bytes[place..], pattern, |number, length| longest = Some((number, length)));
            }
            let Some((number, length)) = longest else {
                place += 1;
                continue;
            };
            let (mut start, mut end) = (place, place + length);
            place = end;
            let token = &self.tokens[number as usize];
            if token.flags.single_word && !self.stands_alone(text, start, end) {
                continue;
            }
            if token.flags.lstrip {
                start = text[..start].trim_end().len().max(done);
            }
            if token.flags.rstrip {
                end += text[end..].len() - text[end..].trim_start().len();
            }
            if done < start {
                parts.push((None, done, start));
            }
            parts.push((Some(token.id), start, end));
            done = end;
        }
        if done < text.len() {
            parts.push((None, done, text.len()));
        }
        parts
    }

    /// Neither the character before nor the one behind belongs to a word.
    fn stands_alone(&self, text: &str, start: usize, end: usize) -> bool {
        let is_word = |character: Option<char>| {
            let mut buffer = [0; 4];
            character.is_some_and(|character| {
                let character: &str = character.encode_utf8(&mut buffer);
                self.word.as_ref().is_some_and(|word| word.find_iter(character).next().is_some())
            })
        };
        !is_word(text[..start].chars().next_back()) && !is_word(text[end..].chars().next())
    }
}

fn malformed(reason: String) -> TokenizerError {
    TokenizerError::Malformed { file: "tokenizer.json".into(), reason }
}
