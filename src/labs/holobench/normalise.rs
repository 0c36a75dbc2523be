//! Text as the rule compares it: words without case, numbers as numbers, dates as dates.

use unicode_normalization::UnicodeNormalization;

use super::verbalise::{MONTHS, date_parts};

/// A piece of a normalised text.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Word(String),
    /// The number, and with how many decimals it was written.
    Number(f64, usize),
    /// Year, month, day.
    Date(u32, u32, u32),
}

const NUMBER_WORDS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

/// Words, numbers and dates of a text. Unicode NFKC, lower case; thousands separators, currency marks and percent signs
/// vanish; number words up to twenty become numbers, and dates in common written forms dates.
pub fn tokens(text: &str) -> Vec<Token> {
    let text: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let characters: Vec<char> = text.chars().collect();
    let mut raw: Vec<Token> = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let character = characters[at];
        let before = at.checked_sub(1).map(|i| characters[i]);
        if let Some((date, end)) = iso_date(&characters, at).filter(|_| !before.is_some_and(char::is_alphanumeric)) {
            raw.push(date);
            at = end;
        } else if character.is_ascii_digit() && !before.is_some_and(char::is_alphabetic) {
            let negative = before.is_some_and(|c| c == '-' || c == '−')
                && !at.checked_sub(2).is_some_and(|i| characters[i].is_alphanumeric() || characters[i] == ')');
            let (number, decimals, end) = number(&characters, at);
            raw.push(Token::Number(if negative { -number } else { number }, decimals));
            at = end;
            // The "th" of "4th" says nothing more.
            let suffix: String = characters[at..].iter().take(2).collect();
            let ends = !characters.get(at + 2).copied().is_some_and(char::is_alphanumeric);
            if ends && ["st", "nd", "rd", "th"].contains(&suffix.as_str()) {
                at += 2;
            }
        } else if character.is_alphanumeric() {
            let start = at;
            // An apostrophe inside a word belongs to it.
            while at < characters.len()
                && (characters[at].is_alphanumeric()
                    || (matches!(characters[at], '\'' | '’')
                        && characters.get(at + 1).copied().is_some_and(char::is_alphanumeric)))
            {
                at += 1;
            }
            let word: String = characters[start..at].iter().map(|c| if *c == '’' { '\'' } else { *c }).collect();
            raw.push(match NUMBER_WORDS.iter().position(|name| *name == word) {
                Some(n) => Token::Number(n as f64, 0),
                None => Token::Word(word),
            });
        } else {
            at += 1;
        }
    }
    dates(raw)
}

fn iso_date(characters: &[char], at: usize) -> Option<(Token, usize)> {
    let text: String = characters.get(at..at + 10)?.iter().map(|c| if *c == '/' { '-' } else { *c }).collect();
    let (year, month, day) = date_parts(&text)?;
    if characters.get(at + 10).copied().is_some_and(|c| c.is_ascii_digit()) {
        return None;
    }
    Some((Token::Date(year, month, day), at + 10))
}

fn number(characters: &[char], start: usize) -> (f64, usize, usize) {
    let digit = |at: usize| characters.get(at).is_some_and(char::is_ascii_digit);
    let mut digits = String::new();
    let mut at = start;
    while digit(at) {
        digits.push(characters[at]);
        at += 1;
    }
    // Thousands: commas before exactly three digits each, behind one to three.
    let first = digits.len();
    while first <= 3 && characters.get(at) == Some(&',') && (1..4).all(|i| digit(at + i)) && !digit(at + 4) {
        digits.extend(&characters[at + 1..at + 4]);
        at += 4;
    }
    let mut decimals = 0;
    if characters.get(at) == Some(&'.') && digit(at + 1) {
        digits.push('.');
        at += 1;
        while digit(at) {
            digits.push(characters[at]);
            at += 1;
            decimals += 1;
        }
    }
    (digits.parse().unwrap_or(f64::NAN), decimals, at)
}

/// "3 May 2021", "May 3, 2021" and "3rd of May 2021" as dates.
fn dates(raw: Vec<Token>) -> Vec<Token> {
    let month = |token: &Token| match token {
        Token::Word(word) => MONTHS.iter().position(|name| {
            let name = name.to_lowercase();
            *word == name || (word.len() >= 3 && name.starts_with(word.as_str()) && word.len() <= 4)
        }),
        _ => None,
    };
    let whole = |token: &Token, range: std::ops::RangeInclusive<u32>| match token {
        Token::Number(n, 0) if n.fract() == 0.0 && *n >= 0.0 && range.contains(&(*n as u32)) => Some(*n as u32),
        _ => None,
    };
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        let skipped = usize::from(raw.get(at + 1) == Some(&Token::Word("of".into())));
        let without_of: Vec<&Token> =
            raw.get(at).into_iter().chain(raw[at + 1..].iter().skip(skipped).take(2)).collect();
        let found = match without_of[..] {
            [a, b, c] => {
                let day_first = whole(a, 1..=31).zip(month(b)).zip(whole(c, 1000..=9999));
                let month_first = month(a).zip(whole(b, 1..=31)).zip(whole(c, 1000..=9999));
                day_first
                    .map(|((day, month), year)| (year, month, day, 3 + skipped))
                    .or(month_first.filter(|_| skipped == 0).map(|((month, day), year)| (year, month, day, 3)))
            }
            _ => None,
        };
        match found {
            Some((year, month, day, n)) => {
                out.push(Token::Date(year, month as u32 + 1, day));
                at += n;
            }
            None => {
                out.push(raw[at].clone());
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand.
    #[test]
    fn numbers_dates_and_words() {
        let word = |text: &str| Token::Word(text.into());
        assert_eq!(tokens("£1,234.50 (12 %)"), [Token::Number(1234.5, 2), Token::Number(12.0, 0)]);
        assert_eq!(tokens("3, 28"), [Token::Number(3.0, 0), Token::Number(28.0, 0)]);
        assert_eq!(tokens("a 3,28 b"), [word("a"), Token::Number(3.0, 0), Token::Number(28.0, 0), word("b")]);
        assert_eq!(
            tokens("-4 and 7-4"),
            [Token::Number(-4.0, 0), word("and"), Token::Number(7.0, 0), Token::Number(4.0, 0)]
        );
        let date = [Token::Date(2021, 5, 3)];
        for text in ["2021-05-03", "3 May 2021", "May 3, 2021", "3rd of May 2021", "3 may 2021", "2021/05/03"] {
            assert_eq!(tokens(text), date, "{text}");
        }
        assert_eq!(tokens("Twenty  King’s"), [Token::Number(20.0, 0), word("king's")]);
        assert_eq!(tokens("May be"), [word("may"), word("be")]);
        assert_eq!(tokens("x2 4th"), [word("x2"), Token::Number(4.0, 0)]);
    }
}
