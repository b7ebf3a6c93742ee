//! An error for people: what failed, why, where, what to do next.

use aegir_core::ErrorReport;

use super::{Style, Text};

/// The first line says what failed; then causes, the things involved, hints that are commands.
pub(super) fn render(report: &ErrorReport, style: &Style) -> Text {
    let mut text = style.red("error:") + " " + &report.message + "\n";
    let mut field = |name: &str, value: &str| {
        let mut lines = value.lines();
        text += Text::from("  ") + style.dim(&format!("{name}:")) + " " + lines.next().unwrap_or_default() + "\n";
        for more in lines {
            text += format!("  {} {more}\n", " ".repeat(name.len() + 1));
        }
    };
    for cause in &report.causes {
        field("cause", cause);
    }
    for (key, value) in &report.context {
        // Said already.
        if !report.message.contains(value.as_str()) {
            field(key, value);
        }
    }
    for hint in &report.hints {
        field("hint", hint);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use aegir_core::Error;

    #[test]
    fn says_what_why_where_and_what_next() {
        let error = Error::failed("testing the configuration: apache2ctl ended with status 1")
            .because("Syntax error on line 3\nInvalid command 'Foo'")
            .context("server", "server_master")
            .hint("`aegir template diff apache/vhost.conf`");
        let wanted = "error: testing the configuration: apache2ctl ended with status 1\n  cause: Syntax error on line 3\n         Invalid command 'Foo'\n  server: server_master\n  hint: `aegir template diff apache/vhost.conf`\n";
        assert_eq!(render(&error.report(), &Style::default()).as_str(), wanted);
    }
}
