//! What a web server said about a configuration it refused: which file, which line, whose.

use aegir_core::Error;
use aegir_core::name::ServerName;
use aegir_core::server::{Command, Output};
use camino::{Utf8Path, Utf8PathBuf};

use super::change::FileChange;

/// Why a configuration was not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// The helper found something that may not be there.
    NotAllowed,
    /// Another program has a port.
    Port,
    /// The web server's own test.
    Test,
    /// The web server ended with it, and runs with the one before it again.
    Load,
    /// The helper could not do its work.
    Failed,
    /// The helper does not know what it was asked.
    Unknown,
    /// It was not the helper who answered.
    NoHelper,
}

/// A refusal, with the paths that the operator knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    what: What,
    message: String,
    file: Option<Utf8PathBuf>,
    line: Option<u32>,
}

impl Refusal {
    /// Reads what the helper printed: four fields between tabs, and behind them a program's own words. `hide` takes our
    /// own secrets out of those.
    pub(super) fn of(output: &Output, live: &Utf8Path, hide: impl Fn(String) -> String) -> Self {
        let text = output.text();
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let fields: Vec<&str> = first.split('\t').collect();
        let what = match (output.status, fields.first().copied()) {
            (3, Some("refused")) => What::NotAllowed,
            (3, Some("port")) => What::Port,
            (3, Some("test")) => What::Test,
            (3, Some("load")) => What::Load,
            (3, Some("failed")) => What::Failed,
            (2, Some("unknown" | "usage")) => What::Unknown,
            _ => What::NoHelper,
        };
        match what {
            What::Test | What::Load => Self { what, ..Self::read(&hide(rest.to_owned()), live) },
            What::NoHelper => Self { what, message: format!("{}\n{text}", output.error_text()).trim().to_owned(), file: None, line: None },
            _ => {
                let field = |index: usize| fields.get(index).copied().filter(|f| !f.is_empty());
                let file = field(1).map(|f| live.join(f.strip_prefix(".candidate/").unwrap_or(f)));
                let line = field(2).and_then(|l| l.parse().ok());
                Self { what, message: hide(field(3).unwrap_or("without a word").to_owned()), file, line }
            }
        }
    }

    /// Reads what the web server's test printed. Apache says `on line 3 of FILE:`, Nginx `in FILE:3`.
    fn read(said: &str, live: &Utf8Path) -> Self {
        let lines: Vec<&str> = said.lines().map(str::trim_end).filter(|l| !is_noise(l)).collect();
        let (line, file) =
            lines.iter().rev().find_map(|l| apache_place(l).or_else(|| colon_place(l))).map_or((None, None), |(n, f)| (Some(n), Some(f)));
        let message = if lines.is_empty() { "without a word".to_owned() } else { lines.join("\n") };
        let file = file.map(|file| file.strip_prefix(live.join(".candidate")).map_or(file.clone(), |f| live.join(f)));
        Self { what: What::Test, message, file, line }
    }

    /// In an operator's words: what was refused, why, where, and what mends it.
    pub(super) fn into_error(self, name: &ServerName, command: &Command, live: &Utf8Path, changes: &[FileChange]) -> Error {
        let Self { what, message, file, line } = self;
        let ours = file.as_ref().and_then(|file| changes.iter().find(|c| c.at(live) == *file));
        let embedded = ours.and_then(|c| c.embeds.as_ref()).and_then(|e| Some((e, line.and_then(|line| e.line(line))?)));
        if let Some((embedded, line)) = embedded.filter(|_| matches!(what, What::NotAllowed | What::Test)) {
            // Apache's own words name the file that it stands in, and its line there.
            let said = message.lines().filter(|l| apache_place(l).is_none()).collect::<Vec<_>>().join("\n");
            return Error::refused(format!(
                "the web server on {name} refuses line {line} of {}; the old configuration serves on",
                embedded.file
            ))
            .because(if said.is_empty() { message } else { said })
            .context("server", &embedded.server)
            .context("file", &embedded.file)
            .context("line", line)
            .hint(format!("change line {line} of {} on {}, then verify the platform again", embedded.file, embedded.server));
        }
        let own = ours.is_some();
        let error = match (what, &file) {
            (What::NoHelper, _) => Error::refused(format!("on {name}, sudo does not run {command}"))
                .hint(format!("`aegir doctor {name}` names what is missing, and the command that mends it")),
            (What::Unknown, _) => Error::refused(format!("the helper on {name} does not know `{command}`: it is another version's"))
                .hint(format!("`aegir doctor {name}` names the command that brings it up to date")),
            (What::Failed, _) => {
                Error::failed(format!("the helper on {name} could not do `{command}`; nothing is served from what is new"))
            }
            (What::Port, _) => {
                Error::refused(format!("the web server on {name} cannot listen where it should; the old configuration serves on"))
                    .hint("stop that program, or choose another port: `aegir server edit NAME --set web.port=PORT`")
            }
            (What::Load, _) => Error::failed(format!("the web server on {name} did not survive the new configuration"))
                .hint("its own error log says more, as `/var/log/apache2/error.log`"),
            (What::NotAllowed | What::Test, Some(file)) if !own => Error::refused(format!(
                "the web server on {name} refuses its configuration because of another file, {file}, which this task does not change"
            ))
            .hint(format!("mend or remove {file} on {name}, then try again")),
            (What::NotAllowed | What::Test, _) => {
                Error::failed(format!("the web server on {name} refuses the new configuration; the old one serves on"))
                    .hint("if a template of yours is in use, compare it: `aegir template diff`")
            }
        };
        let error = error.context("server", name).because(message);
        let error = file.iter().fold(error, |e, file| e.context("file", file));
        line.iter().fold(error, |e, line| e.context("line", line))
    }
}

/// Lines that say nothing about what is wrong.
fn is_noise(line: &str) -> bool {
    line.is_empty()
        || line.starts_with("AH00558")
        || line.starts_with("Action '")
        || line.starts_with("The Apache error log")
        || line == "Syntax OK"
}

/// The last place counts: Apache names the including files before it.
fn apache_place(line: &str) -> Option<(u32, Utf8PathBuf)> {
    let (_, rest) = line.rsplit_once("on line ")?;
    let (number, rest) = rest.split_once(" of ")?;
    let file = rest.split_once(": ").map_or(rest, |(file, _)| file).trim_end_matches(':');
    Some((number.parse().ok()?, file.into()))
}

/// Nginx says `in FILE:7`, Apache's later checks say `defined at FILE:7`.
fn colon_place(line: &str) -> Option<(u32, Utf8PathBuf)> {
    let (_, rest) = line.rsplit_once(" in ").or_else(|| line.rsplit_once(" defined at "))?;
    let (file, number) = rest.rsplit_once(':')?;
    file.starts_with('/').then_some(())?;
    Some((number.parse().ok()?, file.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &str) -> Refusal {
        Refusal::read(said, "/c".into())
    }

    #[test]
    fn finds_the_file_and_line_that_apache_names() {
        let refusal = read(
            "AH00558: apache2: Could not reliably determine the server's name\nAH00526: Syntax error on line 3 of /c/vhost.d/a.org.conf:\nInvalid command 'Foo', perhaps misspelled\nAction '-t' failed.\nThe Apache error log may have more information.\n",
        );
        assert_eq!(refusal.file.as_deref(), Some(Utf8Path::new("/c/vhost.d/a.org.conf")));
        assert_eq!(refusal.line, Some(3));
        assert_eq!(refusal.message, "AH00526: Syntax error on line 3 of /c/vhost.d/a.org.conf:\nInvalid command 'Foo', perhaps misspelled");
    }

    #[test]
    fn finds_the_innermost_of_nested_places_and_nginx_ones() {
        let nested = read(
            "apache2: Syntax error on line 2 of /etc/apache2/apache2.conf: Syntax error on line 9 of /c/apache.conf: Could not open /x",
        );
        assert_eq!((nested.line, nested.file.unwrap().as_str()), (Some(9), "/c/apache.conf"));
        let nginx = read("nginx: [emerg] unknown directive \"foo\" in /c/vhost.d/a.conf:7\nnginx: configuration file test failed");
        assert_eq!((nginx.line, nginx.file.unwrap().as_str()), (Some(7), "/c/vhost.d/a.conf"));
        let late = read(
            "AH02297: Cannot access directory '/x/' for log file '/x/log' defined at /c/vhost.d/a.conf:8\nAH00014: Configuration check failed",
        );
        assert_eq!((late.line, late.file.unwrap().as_str()), (Some(8), "/c/vhost.d/a.conf"));
        assert_eq!(read("").message, "without a word");
    }
}
