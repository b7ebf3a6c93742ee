//! What may reach the terminal: text in which only our own colours are escape sequences.
//!
//! Everything that is shown is a [`Text`], and whatever becomes one is made harmless on the way; so no place that prints
//! can forget it. Only [`super::Style`] adds colours.

use std::ops::{Add, AddAssign};

use aegir_core::text;

/// Harmless text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(String);

impl Text {
    /// With nothing in it yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// In a colour, where there is a code.
    pub(super) fn painted(code: Option<&str>, content: &str) -> Self {
        let content = text::visible(content);
        Self(code.map_or_else(|| content.to_string(), |code| format!("\x1b[{code}m{content}\x1b[0m")))
    }

    /// In one line, as a table's cell is.
    pub(crate) fn one_line(content: &str) -> Self {
        Self(text::one_line(content).into_owned())
    }

    /// A document: characters that steer are escaped as JSON does it, so that it says what it said.
    pub(super) fn json(document: &str) -> Self {
        Self(text::json(document).into_owned())
    }

    /// For what takes a string of its own, as a bar does.
    pub(super) fn into_string(self) -> String {
        self.0
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: AsRef<str>> From<T> for Text {
    fn from(content: T) -> Self {
        Self(text::visible(content.as_ref()).into_owned())
    }
}

impl<T: Into<Self>> Add<T> for Text {
    type Output = Self;

    fn add(mut self, more: T) -> Self {
        self += more;
        self
    }
}

impl<T: Into<Self>> AddAssign<T> for Text {
    fn add_assign(&mut self, more: T) {
        self.0.push_str(&more.into().0);
    }
}

#[cfg(test)]
mod tests {
    use crate::ui::{ColorChoice, Style};

    #[test]
    fn a13_only_our_own_colours_are_sequences() {
        let style = Style::choose(ColorChoice::Always, false);
        let shown = style.red("er\u{1b}[0mror:") + " \u{1b}[31mx\r" + style.bold("y");
        assert_eq!(shown.as_str(), "\u{1b}[31mer\\u{1b}[0mror:\u{1b}[0m \\u{1b}[31mx\\r\u{1b}[1my\u{1b}[0m");
    }
}
