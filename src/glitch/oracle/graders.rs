//! Rules that say whether an answer repeats a token.

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
}
