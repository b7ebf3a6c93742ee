//! What is different between named texts, a few lines for each.

use std::collections::{BTreeMap, BTreeSet};

/// How many differing lines of one text are shown.
const SHOWN: usize = 10;

/// Adds a line for each text that came, went, or changed by a line.
pub(crate) fn compare(what: &str, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>, lines: &mut Vec<String>) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        match (before.get(name), after.get(name)) {
            (Some(a), Some(b)) => {
                let changes = changed_lines(a, b);
                let shown = changes.iter().take(SHOWN);
                lines.extend(shown.map(|line| format!("{what} {name}: {line}")));
                if changes.len() > SHOWN {
                    let more = changes.len() - SHOWN;
                    lines.push(format!("{what} {name}: and {more} more lines"));
                }
            }
            (Some(_), None) => lines.push(format!("{what} {name}: gone")),
            (None, _) => lines.push(format!("{what} {name}: new")),
        }
    }
}

/// Lines that one text has more often than the other, in the order of the texts.
fn changed_lines(before: &str, after: &str) -> Vec<String> {
    let surplus = |sign: char, more: &str, less: &str| -> Vec<String> {
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        for line in less.lines() {
            *count.entry(line).or_default() += 1;
        }
        let mut lines = Vec::new();
        for line in more.lines() {
            match count.get_mut(line) {
                Some(n) if *n > 0 => *n -= 1,
                _ => lines.push(format!("{sign} {}", line.chars().take(240).collect::<String>())),
            }
        }
        lines
    };
    let mut lines = surplus('-', before, after);
    lines.extend(surplus('+', after, before));
    if lines.is_empty() && before != after {
        lines.push("the same lines in another order".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_repeated_and_new_lines_are_told_apart() {
        assert_eq!(changed_lines("a\nb\n", "a\nb\nb\n"), ["+ b"]);
        assert_eq!(changed_lines("a\nb\n", "b\n"), ["- a"]);
        assert_eq!(changed_lines("a\nb\n", "b\na\n"), ["the same lines in another order"]);
    }
}
