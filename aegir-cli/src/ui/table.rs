//! Columns for people: no frames, no wrapping, quick for ten thousand rows.

use std::borrow::Cow;

use aegir_core::text::one_line;
use unicode_width::UnicodeWidthStr as _;

use super::{Style, Text};

/// Rows under a header.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    header: Vec<&'static str>,
    rows: Vec<Vec<Cow<'a, str>>>,
}

impl<'a> Table<'a> {
    /// A table with these columns.
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row. A cell is one line, whatever is in it.
    pub(crate) fn row<const N: usize, C: Into<Cow<'a, str>>>(&mut self, cells: [C; N]) {
        let harmless = |cell: Cow<'a, str>| match one_line(&cell) {
            Cow::Owned(cell) => Cow::Owned(cell),
            Cow::Borrowed(_) => cell,
        };
        self.rows.push(cells.into_iter().map(|cell| harmless(cell.into())).collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text; trailing blanks are left out.
    pub(crate) fn render(&self, style: &Style) -> Text {
        let mut widths: Vec<usize> = self.header.iter().map(|h| h.len()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(width_of(cell));
            }
        }
        let mut text = String::with_capacity((self.rows.len() + 1) * (widths.iter().sum::<usize>() + 2 * widths.len() + 1));
        let mut head = String::new();
        line(&mut head, self.header.iter().copied(), &widths);
        for row in &self.rows {
            line(&mut text, row.iter().map(|cell| &**cell), &widths);
            text.push('\n');
        }
        style.bold(head.trim_end()) + "\n" + text
    }
}

fn width_of(cell: &str) -> usize {
    if cell.is_ascii() { cell.len() } else { cell.width() }
}

fn line<'a>(text: &mut String, cells: impl Iterator<Item = &'a str>, widths: &[usize]) {
    let mut pending = 0;
    for (cell, width) in cells.zip(widths) {
        // Blanks are owed until the next cell that holds something.
        if !cell.is_empty() {
            text.extend(std::iter::repeat_n(' ', pending));
            text.push_str(cell);
            pending = 0;
        }
        pending += width - if cell.is_empty() { 0 } else { width_of(cell) } + 2;
    }
}

/// Names and values, one a line; empty values are left out.
pub(crate) fn facts(pairs: &[(&str, String)], style: &Style) -> Text {
    let width = pairs.iter().filter(|(_, v)| !v.is_empty()).map(|(k, _)| k.len()).max().unwrap_or(0);
    let mut text = Text::new();
    for (key, value) in pairs.iter().filter(|(_, v)| !v.is_empty()) {
        let mut lines = value.lines();
        text += style.bold(key) + " ".repeat(width - key.len()) + "  " + lines.next().unwrap_or_default() + "\n";
        for more in lines {
            text += format!("{}  {more}\n", " ".repeat(width));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_no_line_ends_in_blanks() {
        let mut table = Table::new(&["NAME", "STATE", "NOTE"]);
        table.row(["a", "enabled", ""]);
        table.row(["bücher", "", "x"]);
        table.row(["日本", "e\u{301}", "one\ntwo\u{1b}[31m"]);
        let wanted = "NAME    STATE    NOTE\na       enabled\nbücher           x\n日本    e\u{301}        one\\ntwo\\u{1b}[31m\n";
        assert_eq!(table.render(&Style::default()).as_str(), wanted);
    }

    #[test]
    fn facts_line_up() {
        assert_eq!(
            facts(&[("a", "1\n2".into()), ("none", String::new()), ("bcd", "3".into())], &Style::default()).as_str(),
            "a    1\n     2\nbcd  3\n"
        );
    }
}
