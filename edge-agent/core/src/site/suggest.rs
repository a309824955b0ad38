//! "Did you mean …?"

/// The candidate nearest to `word`, when it is near enough to be a slip of the pen: at most one edit in three
/// characters, case aside. Ties go to the first in order, so the answer is always the same.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = lower(word);
    // Longer words are not ids; the cost of a comparison is bounded with them.
    if word.len() > super::MAX_ID_CHARS {
        return None;
    }
    candidates
        .into_iter()
        .map(|c| (distance(&word, &lower(c)), c))
        .filter(|&(d, c)| d * 3 <= word.len().max(c.chars().count()))
        .min()
        .map(|(_, c)| c)
}

fn lower(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).take(super::MAX_ID_CHARS + 1).collect()
}

/// Optimal string alignment distance: insertions, deletions, substitutions, swaps of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            next[j] = (row[j] + 1).min(next[j - 1] + 1).min(row[j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        before = core::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let ids = ["F1-Z08", "F1-Z09", "F2-Z09", "concourse"];
        assert_eq!(closest("F1-Z9", ids), Some("F1-Z09"));
        assert_eq!(closest("f1-z09", ids), Some("F1-Z09"));
        assert_eq!(closest("concuorse", ids), Some("concourse"));
        assert_eq!(closest("cinema", ids), None);
        assert_eq!(closest("", ids), None);
        assert_eq!(closest(&"x".repeat(10_000), ids), None);
    }

    #[test]
    fn distance_counts_edits() {
        let d = |a: &str, b: &str| distance(&lower(a), &lower(b));
        assert_eq!((d("", ""), d("abc", ""), d("abc", "abc")), (0, 3, 0));
        assert_eq!((d("abcd", "abdc"), d("kitten", "sitting")), (1, 3));
    }
}
