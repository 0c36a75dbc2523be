//! Texts in sorted order: which of them begin a given text. Four bytes an entry, where a trie takes hundreds.

/// Numbers of texts that somebody else keeps, in the order of these texts.
#[derive(Debug, Default)]
pub(super) struct SortedTexts {
    order: Vec<u32>,
}

impl SortedTexts {
    /// Of the texts 0 to `count`; of equal ones the higher number comes last.
    pub fn new<'a>(count: usize, text: impl Fn(u32) -> &'a [u8]) -> SortedTexts {
        SortedTexts::of((0..count as u32).collect(), text) // OK to cast: at most `MAX_VOCABULARY`.
    }

    /// Of the texts with these numbers.
    pub fn of<'a>(mut order: Vec<u32>, text: impl Fn(u32) -> &'a [u8]) -> SortedTexts {
        order.sort_unstable_by(|&left, &right| text(left).cmp(text(right)).then(left.cmp(&right)));
        SortedTexts { order }
    }

    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// Calls `found` with every text that `input` begins with and its length, the shortest first; of equal texts with
    /// the highest number.
    pub fn prefixes<'a>(&self, input: &[u8], text: impl Fn(u32) -> &'a [u8], mut found: impl FnMut(u32, usize)) {
        // What is left are the texts that agree with the input up to `depth`; shorter ones would stand in front.
        let mut left = &self.order[..];
        for (depth, &byte) in input.iter().enumerate() {
            let from = left.partition_point(|&number| text(number).get(depth).is_none_or(|&other| other < byte));
            left = &left[from..];
            let to = left.partition_point(|&number| text(number).get(depth) == Some(&byte));
            left = &left[..to];
            let ending = left.partition_point(|&number| text(number).len() == depth + 1);
            if ending > 0 {
                found(left[ending - 1], depth + 1);
                left = &left[ending..];
            }
            if left.is_empty() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: `starts_with`, text by text.
    #[test]
    fn prefixes_are_those_that_the_text_starts_with() {
        let texts = ["b", "ab", "abc", "a", "", "ab", "abd", "é", "\u{e8}", "z"];
        let text = |number: u32| texts[number as usize].as_bytes();
        let sorted = SortedTexts::new(texts.len(), text);
        for input in ["", "a", "abcd", "abd", "b", "éa", "\u{e9}", "q", "abé"] {
            let mut found = Vec::new();
            sorted.prefixes(input.as_bytes(), text, |number, bytes| {
                assert_eq!(bytes, text(number).len());
                found.push(texts[number as usize]);
                assert!(texts[number as usize + 1..].iter().all(|later| *later != texts[number as usize]));
            });
            let mut expected: Vec<&str> =
                texts.into_iter().filter(|text| !text.is_empty() && input.starts_with(text)).collect();
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(found, expected, "{input:?}");
        }
    }
}
