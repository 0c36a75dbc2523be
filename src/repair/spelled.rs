//! Tokens that are spelled alike.
//!
//! Similarity of two texts: 1 − edits / characters of the longer one, where an edit inserts, removes or replaces one
//! character; blanks around a text and letter case aside.
//!
//! Source   Levenshtein 1966. What GlitchEdit (kstanghere/GlitchToken) calls similarly spelled is not stated where its
//!          method is described; this measure is this project's choice

/// The `k` most similar of `candidates` (id and text) and their similarity, the most similar first; of equals the lower id.
pub fn most_similar(text: &str, candidates: &[(u32, Vec<char>)], k: usize) -> Vec<(u32, f64)> {
    let text = folded(text);
    let mut best: Vec<(u32, f64)> = Vec::with_capacity(k + 1);
    let mut row = Vec::new();
    for (id, other) in candidates {
        let longer = text.len().max(other.len());
        if longer == 0 || k == 0 {
            continue;
        }
        // The difference of lengths alone may rule it out.
        let most = 1.0 - text.len().abs_diff(other.len()) as f64 / longer as f64;
        if best.len() == k && best[k - 1].1 >= most {
            continue;
        }
        let similarity = 1.0 - edits(&text, other, &mut row) as f64 / longer as f64;
        let place = best.partition_point(|&(other, value)| value > similarity || value == similarity && other < *id);
        best.insert(place, (*id, similarity));
        best.truncate(k);
    }
    best
}

/// As texts are compared.
pub fn folded(text: &str) -> Vec<char> {
    text.trim().to_lowercase().chars().collect()
}

fn edits(a: &[char], b: &[char], row: &mut Vec<usize>) -> usize {
    row.clear();
    row.extend(0..=b.len());
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand.
    #[test]
    fn edits_are_counted() {
        let count = |a: &str, b: &str| edits(&folded(a), &folded(b), &mut Vec::new());
        assert_eq!(count("kitten", "sitting"), 3);
        assert_eq!(count(" Word", "word"), 0);
        assert_eq!(count("", "abc"), 3);
        assert_eq!(count("flaw", "lawn"), 2);
        assert_eq!(count("über", "uber"), 1);
    }

    /// Oracle: by hand. Of equals the lower id comes first, whatever the order of the candidates.
    #[test]
    fn the_most_similar_come_first() {
        let candidates: Vec<(u32, Vec<char>)> =
            [(9, "worm"), (3, "word"), (4, "WORDS"), (5, "sword"), (6, "unlike"), (7, "")]
                .into_iter()
                .map(|(id, text)| (id, folded(text)))
                .collect();
        let found = most_similar(" word", &candidates, 4);
        assert_eq!(found.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [3, 4, 5, 9]);
        assert_eq!(found[0].1, 1.0);
        assert!((found[1].1 - 0.8).abs() < 1e-12 && (found[3].1 - 0.75).abs() < 1e-12);
        let mut reversed = candidates;
        reversed.reverse();
        assert_eq!(most_similar(" word", &reversed, 4), found);
        assert!(most_similar("word", &reversed, 0).is_empty());
    }
}
