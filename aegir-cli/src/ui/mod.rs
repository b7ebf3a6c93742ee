//! Everything that people or scripts see: data on standard output, all else on standard error.

mod error;
mod outcome;
mod plan;
mod progress;
mod style;
mod table;
mod text;

pub(crate) use outcome::{ended, nothing, outcome_item, parts_table};
pub(crate) use plan::{plan_item, plan_text, summary};
pub(crate) use progress::Progress;
pub(crate) use style::{ColorChoice, Style};
pub(crate) use table::{Table, facts};
pub(crate) use text::Text;

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, OnceLock};

use aegir_core::secret::hide;
use aegir_core::{Error, ErrorReport};
use serde_json::{Value, json};

/// The version of everything that `--json` prints.
const API: &str = "aegir/1";

/// How to show things, as the flags and the terminal say.
#[derive(Clone, Debug)]
pub(crate) struct Ui {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    /// For standard output.
    pub(crate) out: Style,
    /// For standard error.
    pub(crate) err: Style,
    /// Standard error is a terminal: bars instead of lines.
    pub(crate) live: bool,
    /// Why data did not reach standard output; clones share it.
    lost: Arc<OnceLock<String>>,
}

impl Ui {
    /// From the flags and the terminal.
    pub(crate) fn new(json: bool, quiet: bool, verbose: bool, color: ColorChoice) -> Self {
        let (out_tty, err_tty) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        let dumb = std::env::var("TERM").is_ok_and(|t| t == "dumb");
        Self {
            json,
            quiet,
            verbose,
            out: Style::choose(color, out_tty),
            err: Style::choose(color, err_tty),
            live: err_tty && !dumb && !quiet && !json,
            lost: Arc::default(),
        }
    }

    /// Data, to standard output.
    pub(crate) fn data(&self, text: impl Into<Text>) {
        let text = text.into();
        let text = text.as_str();
        let mut stdout = std::io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| if text.ends_with('\n') { Ok(()) } else { stdout.write_all(b"\n") })
            .and_then(|()| stdout.flush());
        // A task goes on all the same; who runs the command says at its end what became of the words.
        if let Some(why) = lost(written) {
            let _ = self.lost.set(why);
        }
    }

    /// The error for data that did not reach standard output.
    pub(crate) fn unwritten(&self) -> Option<Error> {
        self.lost.get().map(|why| unwritten(why))
    }

    /// A list: as a document with `--json`, else as a table.
    pub(crate) fn list<'a>(&self, kind: &str, items: impl FnOnce() -> Value, table: impl FnOnce() -> Table<'a>, empty: &str) {
        if self.json {
            return self.document(kind, "items", items());
        }
        let table = table();
        if table.is_empty() { self.say(empty) } else { self.data(table.render(&self.out)) }
    }

    /// One thing: as a document with `--json`, else as the text.
    pub(crate) fn item<T: Into<Text>>(&self, kind: &str, item: impl FnOnce() -> Value, text: impl FnOnce() -> T) {
        if self.json { self.document(kind, "item", item()) } else { self.data(text()) }
    }

    fn document(&self, kind: &str, field: &str, mut value: Value) {
        hide(&mut value);
        let document = json!({ "apiVersion": API, "kind": kind, field: value });
        self.data(Text::json(&serde_json::to_string_pretty(&document).unwrap_or_default()));
    }

    /// One of a stream of documents, on a line of its own.
    pub(crate) fn event(&self, kind: &str, mut value: Value) {
        hide(&mut value);
        self.line(&json!({ "apiVersion": API, "kind": kind, "item": value }));
    }

    /// One JSON document on one line, for a process of ours.
    pub(crate) fn line(&self, value: &Value) {
        self.data(Text::json(&value.to_string()));
    }

    /// For people, to standard error; not with `--quiet`.
    pub(crate) fn say(&self, text: impl Into<Text>) {
        if !self.quiet && !self.json {
            self.print_error(&text.into());
        }
    }

    /// A warning, to standard error; also with `--quiet`.
    pub(crate) fn warn(&self, text: &str) {
        if self.json {
            self.print_error(&Text::json(&json!({ "apiVersion": API, "kind": "Warning", "message": text }).to_string()));
        } else {
            self.print_error(&(self.err.yellow("warning:") + " " + text));
        }
    }

    /// An error, to standard error: for people, or as one document.
    pub(crate) fn error(&self, error: &Error) {
        self.report(&error.report(), &Value::Null);
    }

    /// As [`Ui::error`], with further fields for the document.
    pub(crate) fn report(&self, report: &ErrorReport, more: &Value) {
        if self.json {
            let mut document = json!({ "apiVersion": API, "kind": "Error", "error": report });
            if let (Value::Object(document), Value::Object(more)) = (&mut document, more) {
                document.extend(more.clone());
            }
            self.print_error(&Text::json(&document.to_string()));
        } else {
            self.print_error(&error::render(report, &self.err));
        }
    }

    /// A line that belongs to a question; also with `--quiet`.
    pub(crate) fn prompt(&self, text: &str) {
        self.print_error(&text.into());
    }

    /// A question on the terminal, without a line's end.
    pub(crate) fn ask(&self, question: &str) {
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "{} ", Text::from(question).as_str()).and_then(|()| stderr.flush());
    }

    fn print_error(&self, text: &Text) {
        // Nobody is left to be told when this fails.
        let _ = writeln!(std::io::stderr().lock(), "{}", text.as_str().trim_end_matches('\n'));
    }
}

/// Why something was not written. A reader that has seen enough (`| head`) closes the pipe; that is no failure.
pub(crate) fn lost(written: std::io::Result<()>) -> Option<String> {
    written.err().filter(|error| error.kind() != std::io::ErrorKind::BrokenPipe).map(|error| error.to_string())
}

/// The error for what did not reach standard output.
pub(crate) fn unwritten(why: &str) -> Error {
    Error::failed("what this command says could not be written to standard output")
        .because(why.to_owned())
        .hint("a change that was asked for was carried out all the same: `aegir task list`")
}

/// An entity or fact as JSON; `null` for what cannot be, which no type of ours is.
pub(crate) fn to_json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
