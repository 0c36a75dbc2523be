//! Common English words: 10,901 of them, from SCOWL levels 10 and 20 (`words/LICENSE`).

/// One a line, sorted, lower case, two letters and more.
const WORDS: &str = include_str!("words/english.txt");

/// Every word, sorted.
fn words() -> &'static [&'static str] {
    static LIST: std::sync::OnceLock<Vec<&'static str>> = std::sync::OnceLock::new();
    LIST.get_or_init(|| WORDS.lines().collect())
}

/// Whether a text, case aside, is one of the words.
pub fn is_word(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    words().binary_search(&lower.as_str()).is_ok()
}

/// Whether a text of ASCII letters is one or more words glued together. Case boundaries are word boundaries where they
/// leave words (`ByPrimaryKey`), else the letters alone decide (`byprimarykey`).
pub fn is_words(text: &str) -> bool {
    let parts = case_parts(text);
    parts.iter().all(|part| is_word(part)) || segments(&text.to_ascii_lowercase())
}

/// `ByPrimaryKey` → `By`, `Primary`, `Key`; `HTMLPage` → `HTML`, `Page`.
fn case_parts(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let upper = |i: usize| bytes[i].is_ascii_uppercase();
    let is_start = |&i: &usize| upper(i) && (!upper(i - 1) || bytes.get(i + 1).is_some_and(u8::is_ascii_lowercase));
    let mut starts: Vec<usize> = vec![0];
    starts.extend((1..bytes.len()).filter(is_start));
    starts.push(bytes.len());
    starts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

/// Dynamic programming over the places where a word may end.
fn segments(lower: &str) -> bool {
    let n = lower.len();
    let longest = words().iter().map(|word| word.len()).max().unwrap_or(0);
    let mut reachable = vec![false; n + 1];
    reachable[0] = true;
    for end in 1..=n {
        reachable[end] =
            (end.saturating_sub(longest)..end).any(|start| reachable[start] && is_word(&lower[start..end]));
    }
    n > 0 && reachable[n]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the list's own promises, and hand-made examples.
    #[test]
    fn the_list_is_sorted_and_words_are_found() {
        assert!(words().is_sorted_by(|a, b| a < b) && words().len() > 10_000);
        assert!(words().iter().all(|word| word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_lowercase())));
        for glued in ["the", "ByPrimaryKey", "wordtoken", "Because", "IN"] {
            assert!(is_words(glued), "{glued}");
        }
        for other in ["davidjl", "qx", "x", "", "atformx"] {
            assert!(!is_words(other), "{other}");
        }
        assert_eq!(case_parts("HTMLPage"), ["HTML", "Page"]);
    }
}
