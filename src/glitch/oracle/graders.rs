//! Rules that say whether an answer repeats, spells or measures a token.
//!
//! The paper says only "expected outcome"; the rules for spelling and length are this project's choice, stated here and
//! in every report.

use unicode_normalization::UnicodeNormalization;

/// What a rule says of an answer that may still grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    Pass,
    Fail,
    /// More of the answer may still change it.
    Open,
}

/// GlitchHunter's rule: the token's text is a substring of the answer, or is when both are upper-cased. Passing is
/// final, since answers only grow. An empty text always passes, a lone blank nearly always.
///
/// Source   the reproduction in wooozihui/GlitchMiner, `baseline_code/GlitchHunter/GlitchHunter.py`
pub fn substring(target: &str, answer: &str, finished: bool) -> Grade {
    if answer.contains(target) || answer.to_uppercase().contains(&target.to_uppercase()) {
        Grade::Pass
    } else if finished {
        Grade::Fail
    } else {
        Grade::Open
    }
}

/// The strict rule: the answer's first line is exactly the token's text, blanks around it, quotes around it and one
/// period behind it aside. Case counts.
pub fn strict(target: &str, answer: &str, finished: bool) -> Grade {
    let target = target.trim();
    let mut given = answer.trim_start();
    if let Some(unquoted) = given.strip_prefix(QUOTES).filter(|_| !target.starts_with(QUOTES)) {
        given = unquoted.trim_start();
    }
    let Some(rest) = given.strip_prefix(target) else {
        return if target.starts_with(given) && !finished { Grade::Open } else { Grade::Fail };
    };
    let (line, ended) = match rest.split_once('\n') {
        Some((line, _)) => (line, true),
        None => (rest, finished),
    };
    let mut line = line.trim();
    // At most one period and one closing quote, in either order.
    line = line.strip_prefix('.').unwrap_or(line);
    line = line.strip_prefix(QUOTES).unwrap_or(line);
    line = line.strip_prefix('.').unwrap_or(line);
    match (line.is_empty(), ended) {
        (false, _) => Grade::Fail,
        (true, true) => Grade::Pass,
        (true, false) => Grade::Open,
    }
}

/// The answer contains the characters of the text (in normal form NFC) joined by hyphens, case and blanks around hyphens
/// aside. One leading blank of the text may be spelled or left out.
pub fn spelling(target: &str, answer: &str, finished: bool) -> Grade {
    let squeeze = |text: &str| {
        let text = text.to_lowercase();
        let parts: Vec<&str> = text.split('-').map(|part| part.trim_matches(' ')).collect();
        parts.join("-")
    };
    let answer = squeeze(answer);
    if expected_spellings(target).iter().any(|expected| answer.contains(&squeeze(expected))) {
        Grade::Pass
    } else if finished {
        Grade::Fail
    } else {
        Grade::Open
    }
}

/// The first line is exactly the spelling, one period and blanks aside.
pub fn spelling_strict(target: &str, answer: &str, finished: bool) -> Grade {
    any(expected_spellings(target).iter().map(|expected| strict(expected, answer, finished)))
}

/// The first whole number of the answer is the number of Unicode scalar values of the text, one leading blank counted or
/// not.
pub fn length(target: &str, answer: &str, finished: bool) -> Grade {
    let Some(start) = answer.find(|character: char| character.is_ascii_digit()) else {
        return if finished { Grade::Fail } else { Grade::Open };
    };
    let digits = &answer[start..];
    let end = digits.find(|character: char| !character.is_ascii_digit());
    if end.is_none() && !finished {
        return Grade::Open;
    }
    let number = &digits[..end.unwrap_or(digits.len())];
    if expected_lengths(target).iter().any(|expected| expected == number) { Grade::Pass } else { Grade::Fail }
}

/// The first line is exactly the number, one period and blanks aside.
pub fn length_strict(target: &str, answer: &str, finished: bool) -> Grade {
    any(expected_lengths(target).iter().map(|expected| strict(expected, answer, finished)))
}

fn expected_spellings(target: &str) -> Vec<String> {
    with_and_without_blank(target, |text| {
        let characters: Vec<String> = text.nfc().map(String::from).collect();
        characters.join("-")
    })
}

fn expected_lengths(target: &str) -> Vec<String> {
    with_and_without_blank(target, |text| text.chars().count().to_string())
}

fn with_and_without_blank(target: &str, expected: impl Fn(&str) -> String) -> Vec<String> {
    let mut all = vec![expected(target)];
    if let Some(bare) = target.strip_prefix(' ').filter(|bare| !bare.is_empty()) {
        all.push(expected(bare));
    }
    all
}

/// Passes with the first that passes, stays open while one is.
fn any(grades: impl Iterator<Item = Grade>) -> Grade {
    grades.fold(Grade::Fail, |all, grade| match (all, grade) {
        (Grade::Pass, _) | (_, Grade::Pass) => Grade::Pass,
        (Grade::Open, _) | (_, Grade::Open) => Grade::Open,
        _ => Grade::Fail,
    })
}

const QUOTES: [char; 8] = ['\'', '"', '`', '‘', '’', '“', '”', '«'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substring_ignores_case_and_place() {
        assert_eq!(substring("Hello", " hello.", false), Grade::Pass);
        assert_eq!(substring("ß", "SS", false), Grade::Pass);
        assert_eq!(substring("", "", false), Grade::Pass);
        assert_eq!(substring("Hello", " Hel", false), Grade::Open);
        assert_eq!(substring("Hello", " Hel", true), Grade::Fail);
    }

    #[test]
    fn strict_wants_the_text_and_nothing_else() {
        for (target, answer, finished, expected) in [
            ("Hello", "Hello", true, Grade::Pass),
            ("Hello", " 'Hello'.\n\nQuestion", false, Grade::Pass),
            ("Hello", "Hello.", false, Grade::Open),
            ("Hello", "Hello there", false, Grade::Fail),
            ("Hello", "hello", true, Grade::Fail),
            ("Hello", "Hel", false, Grade::Open),
            ("Hello", "Hel", true, Grade::Fail),
            (" Hello", "Hello.", true, Grade::Pass),
            ("a\nb", "a\nb\n", false, Grade::Pass),
            ("'s", "'s", true, Grade::Pass),
        ] {
            assert_eq!(strict(target, answer, finished), expected, "{target:?} from {answer:?}");
        }
    }

    #[test]
    fn spelling_takes_hyphens_between_the_letters() {
        assert_eq!(spelling("Hello", " H-e-l-l-o", false), Grade::Pass);
        assert_eq!(spelling(" Hello", " h - e - l - l - o.", false), Grade::Pass);
        assert_eq!(spelling("e\u{301}", "\u{e9}", true), Grade::Pass);
        assert_eq!(spelling("Hello", " H-e-l", false), Grade::Open);
        assert_eq!(spelling("Hello", " H-e-l-o", true), Grade::Fail);
        assert_eq!(spelling_strict("Hello", " H-e-l-l-o-w", true), Grade::Fail);
    }

    #[test]
    fn length_takes_the_first_whole_number() {
        assert_eq!(length("Hello", " 5.", false), Grade::Pass);
        assert_eq!(length(" Hello", " 6", true), Grade::Pass);
        assert_eq!(length("Hello", " 5", false), Grade::Open);
        assert_eq!(length("Hello", " 55.", false), Grade::Fail);
        assert_eq!(length("Hello", " five", true), Grade::Fail);
        assert_eq!(length_strict("Hello", " 5 letters", true), Grade::Fail);
    }
}
