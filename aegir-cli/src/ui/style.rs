//! Colours, where the terminal and the operator want them.

use super::Text;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// Colours, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    on: bool,
}

impl Style {
    /// What the flag says, else `NO_COLOR` and `CLICOLOR_FORCE` (no-color.org, bixense.com/clicolors), else the terminal.
    pub(crate) fn choose(choice: ColorChoice, terminal: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty() && v != "0");
        let on = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) => false,
            ColorChoice::Auto if set("CLICOLOR_FORCE") => true,
            ColorChoice::Auto => terminal && !std::env::var("TERM").is_ok_and(|t| t == "dumb"),
        };
        Self { on }
    }

    fn paint(self, code: &str, text: &str) -> Text {
        Text::painted(self.on.then_some(code), text)
    }

    pub(crate) fn bold(self, text: &str) -> Text {
        self.paint("1", text)
    }

    pub(crate) fn red(self, text: &str) -> Text {
        self.paint("31", text)
    }

    pub(crate) fn green(self, text: &str) -> Text {
        self.paint("32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> Text {
        self.paint("33", text)
    }

    pub(crate) fn cyan(self, text: &str) -> Text {
        self.paint("36", text)
    }

    pub(crate) fn dim(self, text: &str) -> Text {
        self.paint("2", text)
    }
}
