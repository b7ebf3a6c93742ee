//! A site's address: a host name, with a port where it is not 80 or 443.

use super::{name_type, shown};
use crate::{Error, Result};

/// A site URI: a lower-case ASCII host name (IDN in its `xn--` form), optionally `:port`.
///
/// Refused: a scheme, a path (sub-directory sites have their own issue), user info, IP literals in
/// brackets, labels that are empty, over 63 bytes, or that start or end with `-`, names over 253 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct SiteUri(String);

impl SiteUri {
    /// Parses `example.org`, `Bücher.example`, `example.org:8080`; Aegir's leading `@` is accepted.
    pub fn parse(input: &str) -> Result<Self> {
        let text = input.strip_prefix('@').unwrap_or(input);
        if text.len() > 1024 || text.is_empty() {
            return Err(Error::invalid(format!("the site URI {} must be a host name of 1 to 253 bytes", shown(text))));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return Err(Error::invalid(format!("the site URI {} has a scheme, {}; give only the host name", shown(text), shown(scheme)))
                .hint(format!("write {}", shown(rest.trim_end_matches('/')))));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(parse_port(text, port)?)),
            None => (text, None),
        };
        // The dot that ends a name in full names nothing else; browsers send it, and web servers drop it.
        let ascii = host_to_ascii(text, host.strip_suffix('.').unwrap_or(host))?;
        Ok(Self(match port {
            Some(port) => format!("{ascii}:{port}"),
            None => ascii,
        }))
    }

    /// The host name, without the port.
    pub fn host(&self) -> &str {
        self.0.split_once(':').map_or(&self.0, |(host, _)| host)
    }

    /// The port, where one was given.
    pub fn port(&self) -> Option<u16> {
        self.0.split_once(':').and_then(|(_, port)| port.parse().ok())
    }

    /// The name as people write it: `bücher.example` for `xn--bcher-kva.example`.
    pub fn unicode(&self) -> String {
        let (host, _) = idna::domain_to_unicode(self.host());
        self.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
    }

    /// A name for files and directories: the host, with `.port` behind it where there is one.
    pub fn file_name(&self) -> String {
        self.0.replace(':', ".")
    }
}

name_type!(SiteUri);

fn parse_port(text: &str, port: &str) -> Result<u16> {
    match port.parse::<u16>() {
        Ok(number) if number > 0 && !port.starts_with(['+', '0']) => Ok(number),
        _ => Err(Error::invalid(format!("the site URI {} has the port {}; a port is a number from 1 to 65535", shown(text), shown(port)))),
    }
}

fn host_to_ascii(text: &str, host: &str) -> Result<String> {
    // Checked before IDNA, which maps some of these to others.
    if let Some(bad) = host.chars().find(|c| c.is_control() || c.is_whitespace() || "/\\?#@[]{}()<>\"'`$;&|*%^!,=+~_".contains(*c)) {
        return Err(Error::invalid(format!(
            "the site URI {} holds the character {}, which no host name has",
            shown(text),
            shown(&bad.to_string())
        )));
    }
    // Whoever types or pastes one sees another name than the one that would be meant.
    let vanishes = |c: &char| !c.is_ascii() && idna::domain_to_ascii_strict(&format!("a{c}b")).is_ok_and(|mapped| mapped == "ab");
    if let Some(bad) = host.chars().find(vanishes) {
        return Err(Error::invalid(format!(
            "the site URI {} holds the character {}, which cannot be seen",
            shown(text),
            shown(&bad.to_string())
        ))
        .hint(format!("type it instead of copying it: {}", host.chars().filter(|c| !vanishes(c)).collect::<String>())));
    }
    // Plain lower-case ASCII comes out of IDNA as it went in; lists of many thousand stored names need no more.
    let plain = host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.') && !host.contains("--");
    let ascii = if plain { Ok(host.to_owned()) } else { idna::domain_to_ascii_strict(host) };
    let ascii = ascii.map_err(|_| {
        Error::invalid(format!("the site URI {} is not a valid host name", shown(text)))
            .hint("use letters, digits and ‘-’ in labels of 1 to 63 bytes, separated by ‘.’")
    })?;
    let valid_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if ascii.len() > 253 || !ascii.split('.').all(valid_label) {
        return Err(Error::invalid(format!("the site URI {} is not a valid host name", shown(text)))
            .hint("use letters, digits and ‘-’ in labels of 1 to 63 bytes, separated by ‘.’"));
    }
    if ascii.split('.').next_back().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit())) {
        return Err(Error::invalid(format!("the site URI {} is an address, not a host name", shown(text))));
    }
    Ok(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_hosts_idn_and_ports() {
        for (input, expected) in [
            ("example.org", "example.org"),
            ("@Example.ORG", "example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("localhost:8080", "localhost:8080"),
            ("Example.org.", "example.org"),
            ("example.org.:8080", "example.org:8080"),
        ] {
            assert_eq!(SiteUri::parse(input).unwrap().as_str(), expected);
        }
        assert_eq!(SiteUri::parse("xn--bcher-kva.example").unwrap().unicode(), "bücher.example");
    }

    #[test]
    fn a19_what_cannot_be_seen_is_refused_not_dropped() {
        for c in ['\u{200B}', '\u{AD}', '\u{2060}', '\u{FEFF}', '\u{180B}', '\u{FE0F}', '\u{E0101}', '\u{200C}', '\u{200D}'] {
            let refused = SiteUri::parse(&format!("a{c}b.org"));
            assert!(refused.is_err(), "{:?} became {refused:?}", c.escape_unicode().to_string());
        }
        assert_eq!(SiteUri::parse("ｅxample.org").unwrap().as_str(), "example.org");
    }

    #[test]
    fn refuses_what_could_leave_its_grammar() {
        let long = "a".repeat(300);
        for input in [
            "",
            "../x",
            "a b.org",
            "a\"b.org",
            "a\nb.org",
            "a;b",
            "$(id).org",
            "`id`",
            "a..b",
            "a.org..",
            ".",
            "-a.org",
            "a-.org",
            "a/b",
            "http://a.org",
            "a:0",
            "a:99999",
            "a:b",
            "10.0.0.1",
            "[::1]",
            "a_b.org",
            "a.org\0",
            "*.org",
            &long,
        ] {
            assert!(SiteUri::parse(input).is_err(), "{input:?} was accepted");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_short_way_and_the_long_way_agree(input in "[a-z0-9.-]{0,20}") {
            let long = idna::domain_to_ascii_strict(input.strip_suffix('.').unwrap_or(&input)).ok();
            if let Ok(uri) = SiteUri::parse(&input) {
                proptest::prop_assert_eq!(long.as_deref(), Some(uri.as_str()));
            }
        }

        #[test]
        fn whatever_parses_is_plain_ascii_and_parses_again(input in "\\PC{0,40}") {
            if let Ok(uri) = SiteUri::parse(&input) {
                proptest::prop_assert!(uri.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b)));
                proptest::prop_assert_eq!(SiteUri::parse(uri.as_str()).unwrap(), uri);
            }
        }
    }
}
