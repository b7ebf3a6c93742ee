//! What went wrong with a file on a server, in words and with the command that mends it.

use camino::Utf8Path;

use super::SshServer;
use super::sftp::Fault;
use crate::Error;
use crate::text::word;

impl SshServer {
    pub(super) fn file_error(&self, doing: &str, path: &Utf8Path, fault: &Fault) -> Error {
        let name = &self.link.name;
        // What could not be made is not there to be looked at; the directory that refused is.
        let parent = path.parent().unwrap_or(path);
        let error = match fault {
            Fault::Lost(_) | Fault::Silent(_) => self.link.lost(),
            _ => Error::failed(format!("{doing} {path} on {name}")),
        };
        let error = error.context("server", name).context("file", path);
        match fault {
            Fault::Lost(why) => error.because(format!("{doing} {path}: {why}")),
            _ if fault.is_denied() => error
                .because(words(fault))
                .hint(format!("on {name}: `namei -l {}` shows who may go where on the way", word(path.as_str())))
                .hint(format!("`aegir server verify {name}` mends Aegir's own directories")),
            _ if fault.is_missing() && path.starts_with(&self.root) => {
                error.because(words(fault)).hint(format!("`aegir server verify {name}` makes Aegir's own directories"))
            }
            // Version 3 has one word for a full disk and everything else.
            Fault::Status(4, _) if doing == "writing" => error.because(words(fault)).hint(format!(
                "SFTP does not say why; `df -h {0}` shows a full disk, `ls -la {0}` what is in the way",
                word(parent.as_str())
            )),
            _ => error.because(words(fault)),
        }
    }
}

/// What was printed where nothing may be printed.
#[derive(Debug)]
pub(crate) struct Talk(pub(crate) String);

impl std::fmt::Display for Talk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "it printed “{}”", self.0)
    }
}

impl std::error::Error for Talk {}

/// The beginning of what was said, on one line.
pub(in crate::server) fn first_lines(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).take(3).collect();
    lines.join("; ").replace(char::is_control, " ").chars().take(300).collect()
}

/// What went wrong, in words; what the server said is shown without its control characters.
pub(super) fn words(fault: &Fault) -> String {
    match fault {
        Fault::Lost(why) | Fault::Because(why) => why.clone(),
        Fault::Talk(said) => format!("it printed “{}”", first_lines(said)),
        Fault::Silent(limit) => format!("no answer in {} s", limit.as_secs()),
        Fault::Status(code, said) => format!("{} (SFTP status {code})", said.replace(char::is_control, " ")),
    }
}
