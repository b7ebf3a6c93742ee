//! The one program that sudo lets Aegir's account run as root: its text, its place, and how it is called.
//!
//! It is Perl, which every Debian has, and made of a frame (`helper.pl`) and the verbs that service types add in their
//! [`Preparation`](super::Preparation). It checks all that it is given; what it takes over is a copy of the bytes that it
//! has checked, where only root writes.

use camino::Utf8Path;

use crate::entity::Server;
use crate::server::Output;
use crate::template::Content;
use crate::{Error, Result};

/// Where it is.
pub(crate) const PATH: &str = "/usr/local/lib/aegir/helper";
/// Directories of root's that it needs: its own, and the one for an operator's exceptions.
pub(crate) const DIRECTORIES: [&str; 2] = ["/usr/local/lib/aegir", "/etc/aegir"];
/// Where it keeps what it made.
const STATE: &str = "/var/lib/aegir";
/// How it is spoken to. Raised with every change that an older helper, or an older Aegir, would misunderstand.
const PROTOCOL: u32 = 1;

/// The argument vector that has it do something, to be run through sudo.
pub fn helper_command(words: &[&str]) -> Vec<String> {
    std::iter::once(PATH).chain(words.iter().copied()).map(str::to_owned).collect()
}

/// Its text for a server: the frame, the verbs, and what it may know without being told.
pub(crate) fn text(verbs: &[String], server: &Server) -> Result<Content> {
    let body = format!("{}{}\nmain();\n", include_str!("helper.pl"), verbs.concat());
    let build = build(&body);
    let mut known = String::new();
    for (key, value) in [
        ("build", build.as_str()),
        ("user", &server.user),
        ("root", server.root.as_str()),
        ("config", server.config_dir().as_str()),
        ("state", STATE),
    ] {
        known.push_str(&format!(", {key} => '{}'", quoted(value)?));
    }
    Ok(Content::plain(format!(
        "#!/usr/bin/perl -T\n# Written by Aegir: changes here are lost.\nour %AEGIR; BEGIN {{ %AEGIR = (protocol => {PROTOCOL}{known}) }}\n{body}"
    )))
}

fn build(body: &str) -> String {
    blake3::hash(body.as_bytes()).to_hex().chars().take(12).collect()
}

/// A value between Perl's single quotes.
fn quoted(value: &str) -> Result<String> {
    if value.chars().any(char::is_control) {
        return Err(Error::invalid(format!("a server cannot have {} in its setup", crate::name::shown(value))));
    }
    Ok(value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// How a helper answers to who it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// The very one that this build writes.
    Same,
    /// Made by another build; it understands us all the same.
    OtherBuild(String),
    /// It speaks an older or newer language.
    OtherProtocol(u32),
    /// Made for another configuration directory.
    Elsewhere(String),
    /// Somebody other than root could change it.
    Unsafe,
    /// None there, or not ours.
    Silent,
}

impl Handshake {
    /// Reads what `helper version` printed.
    pub(crate) fn read(answer: &Output, verbs: &[String], config: &Utf8Path) -> Self {
        let text = answer.text();
        let mut fields = text.lines().next().unwrap_or_default().split('\t');
        let (Some("aegir-helper"), Some(protocol), Some(was), Some(at), Some(kept)) =
            (fields.next(), fields.next().and_then(|p| p.parse::<u32>().ok()), fields.next(), fields.next(), fields.next())
        else {
            return Self::Silent;
        };
        let body = format!("{}{}\nmain();\n", include_str!("helper.pl"), verbs.concat());
        if kept != "root's" {
            Self::Unsafe
        } else if protocol != PROTOCOL {
            Self::OtherProtocol(protocol)
        } else if at != config {
            Self::Elsewhere(at.to_owned())
        } else if was != build(&body) {
            Self::OtherBuild(was.to_owned())
        } else {
            Self::Same
        }
    }

    /// Whether a protocol is an older one than ours.
    pub(crate) fn is_older(protocol: u32) -> bool {
        protocol < PROTOCOL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Output {
        Output { status: 0, stdout: text.into(), stderr: Vec::new() }
    }

    #[test]
    fn tells_helpers_apart() {
        let verbs = ["verb 'x', sub { 0 };\n".to_owned()];
        let body = format!("{}{}\nmain();\n", include_str!("helper.pl"), verbs.concat());
        let read = |text: &str| Handshake::read(&answer(text), &verbs, "/c/web1".into());
        assert_eq!(read(&format!("aegir-helper\t1\t{}\t/c/web1\troot's\n", build(&body))), Handshake::Same);
        assert_eq!(read("aegir-helper\t1\tabc\t/c/web1\troot's\n"), Handshake::OtherBuild("abc".into()));
        assert_eq!(read("aegir-helper\t0\tabc\t/c/web1\troot's\n"), Handshake::OtherProtocol(0));
        assert_eq!(read("aegir-helper\t1\tabc\t/c/web2\troot's\n"), Handshake::Elsewhere("/c/web2".into()));
        assert_eq!(read("aegir-helper\t1\tabc\t/c/web1\tnot root's\n"), Handshake::Unsafe);
        assert_eq!(read("sh: not found\n"), Handshake::Silent);
    }

    #[test]
    fn values_stay_between_their_quotes() {
        assert_eq!(quoted("/a'b\\c").unwrap(), "/a\\'b\\\\c");
        assert!(quoted("a\nb").is_err());
    }
}
