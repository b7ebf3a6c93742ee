//! What a web server must answer once a new configuration is in use.

use aegir_core::name::ServerName;

use super::answer::Answer;

/// Where every virtual host that Aegir writes answers a request from its own machine with status 204 and [`MARKER`].
/// Visitors from elsewhere get whatever the site has there.
pub const PROBE_PATH: &str = "/.well-known/aegir";

/// The header that names the virtual host and the exact configuration that answered.
///
/// A graceful reload returns before the new configuration is in use; only an answer that carries the new marker
/// proves it. The value is the host's name, a blank, and a keyed hash of the file: nothing can be learnt from it.
pub const MARKER: &str = "X-Aegir-Configuration";

/// A question to the web server, asked on its own machine.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Probe {
    /// The `Host` header.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What must come back.
    pub expect: Expect,
}

/// Another server that asks for the pages, too.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Outside {
    /// Who asks.
    pub from: ServerName,
    /// The web server's name or address.
    pub address: String,
}

/// What must come back.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// The marker with exactly this value: the new configuration is in use.
    Live(String),
    /// No marker of this name any more: the removal is in use.
    Gone(String),
    /// A page.
    Page(Page),
}

/// What a page must be.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Page {
    /// Its path; never one whose request changes something, such as a login link.
    pub path: String,
    /// Ranges of statuses that are good, both ends in.
    pub status: Vec<(u16, u16)>,
    /// A redirection or a body: an empty page is what a fatal error looks like to visitors.
    pub body: bool,
    /// The title that should be in it; only warned about.
    #[serde(default)]
    pub title: Option<String>,
    /// A page that was bad before the change is no reason to refuse the change; it is warned about.
    #[serde(default)]
    pub tolerate_old: bool,
}

/// How a page was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Warn(String),
    Bad(String),
}

/// Apache and Nginx answer by themselves when the PHP behind them does not.
const NO_BACKEND: &[&str] =
    &["<title>503 Service Unavailable</title>", "<title>502 Bad Gateway</title>", "<title>504 Gateway Time-out</title>"];

impl Page {
    pub(super) fn judge(&self, answer: &Answer) -> Verdict {
        if answer.status >= 500 && NO_BACKEND.iter().any(|text| answer.body.contains(text)) {
            return Verdict::Bad(format!("{}: PHP-FPM does not answer the web server", answer.in_words()));
        }
        // An application in maintenance answers, and says so.
        if answer.status == 503 {
            return Verdict::Warn(format!("{}: the site says that it is in maintenance", answer.in_words()));
        }
        if !self.status.iter().any(|(low, high)| (*low..=*high).contains(&answer.status)) {
            return Verdict::Bad(answer.in_words());
        }
        if self.body && answer.body.trim().is_empty() && !(300..400).contains(&answer.status) {
            return Verdict::Bad(format!("{}: an application that ends without a word has failed", answer.in_words()));
        }
        match &self.title {
            Some(title) if !answer.body.contains(title.as_str()) && !answer.body.contains(&escaped(title)) => {
                Verdict::Warn(format!("{}: the title “{title}” is not in it", answer.in_words()))
            }
            _ if answer.cut => Verdict::Warn(format!("{}: no more of it was read", answer.in_words())),
            _ => Verdict::Good,
        }
    }
}

/// As HTML writes it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#039;")
}

impl Expect {
    /// Whether the marker that came back shows what is expected.
    pub(super) fn met_by(&self, marker: Option<&str>) -> bool {
        match self {
            Self::Live(wanted) => marker == Some(wanted.as_str()),
            Self::Gone(name) => marker.is_none_or(|m| m.split(' ').next() != Some(name.as_str())),
            Self::Page(_) => true,
        }
    }
}

impl Probe {
    /// In words, for plans and errors.
    pub(super) fn in_words(&self) -> String {
        match &self.expect {
            Expect::Live(_) => format!("{} answers with the new configuration", self.host),
            Expect::Gone(name) => format!("{} no longer answers as {name}", self.host),
            Expect::Page(page) => format!("http://{}{} is a good page", self.host, page.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(title: Option<&str>) -> Page {
        Page { path: "/".into(), status: vec![(200, 399)], body: true, title: title.map(str::to_owned), tolerate_old: false }
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: Vec::new(), body: body.into(), cut: false }
    }

    #[test]
    fn empty_pages_and_missing_backends_are_bad() {
        assert_eq!(page(None).judge(&answer(200, "x")), Verdict::Good);
        assert_eq!(page(None).judge(&answer(302, "")), Verdict::Good);
        assert!(matches!(page(None).judge(&answer(200, " \n")), Verdict::Bad(_)));
        assert!(matches!(page(None).judge(&answer(500, "x")), Verdict::Bad(_)));
        assert!(matches!(page(None).judge(&answer(503, "<title>503 Service Unavailable</title>")), Verdict::Bad(_)));
        assert!(matches!(page(None).judge(&answer(503, "<title>Down for maintenance</title>")), Verdict::Warn(_)));
    }

    #[test]
    fn a_title_may_be_written_as_html_writes_it() {
        assert_eq!(page(Some("A & \"B\"")).judge(&answer(200, "<h1>A &amp; &quot;B&quot;</h1>")), Verdict::Good);
        assert!(matches!(page(Some("A")).judge(&answer(200, "B")), Verdict::Warn(_)));
    }

    #[test]
    fn only_the_exact_marker_proves_the_new_configuration() {
        let live = Expect::Live("a.org 12".into());
        assert!(live.met_by(Some("a.org 12")) && !live.met_by(Some("a.org 11")) && !live.met_by(None));
        let gone = Expect::Gone("a.org".into());
        assert!(gone.met_by(Some("server_master 9")) && gone.met_by(None) && !gone.met_by(Some("a.org 12")));
    }
}
