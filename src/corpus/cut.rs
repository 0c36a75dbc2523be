//! Where a long text may be cut so that its parts have the tokens of the whole.

/// Longest text that is encoded at once, in bytes.
pub const CUT_BYTES: usize = 256 << 10;

/// How a text joins the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// It is a text of its own.
    Nothing,
    /// It goes on where the one before was cut, at a place where tokens end.
    TokensEnd,
    /// It goes on where there was no such place.
    Anywhere,
}

/// A place to cut, in bytes, and how what is behind it joins what is before it.
///
/// Splitting expressions keep a blank with the word behind it, so before a blank that follows a word is the best place;
/// behind a line's end that stands by itself is another. A text without either is cut anywhere.
pub fn place(text: &str) -> (usize, Join) {
    let bytes = text.as_bytes();
    let is_blank = |character: Option<char>| character.is_none_or(char::is_whitespace);
    for place in (1..bytes.len()).rev() {
        if bytes[place] == b' ' && !is_blank(text[..place].chars().next_back()) {
            return (place, Join::TokensEnd);
        }
    }
    for place in (2..bytes.len()).rev() {
        let is_alone = bytes[place - 1] == b'\n' && text.is_char_boundary(place);
        if is_alone && !is_blank(text[..place - 1].chars().next_back()) && !is_blank(text[place..].chars().next()) {
            return (place, Join::TokensEnd);
        }
    }
    // Not between the parts of an emoji or behind a letter that an accent may follow, if that can be helped: before the
    // last letter of plain ASCII, or else anywhere.
    let last = text.char_indices().rev().find(|(place, character)| *place > 0 && character.is_ascii_alphanumeric());
    (last.map_or(text.len(), |(place, _)| place), Join::Anywhere)
}

/// The parts of a text of any length, each with how it joins the one before.
pub fn parts(mut text: &str, mut join: Join, limit: usize) -> Vec<(&str, Join)> {
    let mut parts = Vec::new();
    while text.len() > limit {
        let mut end = limit;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let (place, next) = place(&text[..end]);
        let (part, rest) = text.split_at(place);
        parts.push((part, join));
        (text, join) = (rest, next);
    }
    parts.push((text, join));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand.
    #[test]
    fn places_are_before_blanks_and_behind_lone_line_ends() {
        use Join::{Anywhere, Nothing, TokensEnd};
        assert_eq!(place("one two three"), (7, TokensEnd));
        assert_eq!(place("one  two"), (3, TokensEnd));
        assert_eq!(place("日本\n語は"), (7, TokensEnd));
        assert_eq!(place("日本\n\n語は"), ("日本\n\n語は".len(), Anywhere));
        assert_eq!(place("aaaa"), (3, Anywhere));
        assert_eq!(place("a"), (1, Anywhere));
        let parts_of = |text, limit| parts(text, Nothing, limit);
        assert_eq!(parts_of("one two three", 8), [("one two", Nothing), (" three", TokensEnd)]);
        assert_eq!(parts_of("日本語", 4), [("日", Nothing), ("本", Anywhere), ("語", Anywhere)]);
        assert_eq!(parts("", Anywhere, 4), [("", Anywhere)]);
        for text in ["   ", "\n\n\n\n", "é é é é", "word", "  a  b  c  "] {
            for limit in 4..9 {
                let parts = parts_of(text, limit);
                assert_eq!(parts.iter().map(|(part, _)| *part).collect::<String>(), text);
                assert!(parts.iter().all(|(part, _)| part.len() <= limit));
            }
        }
    }
}
