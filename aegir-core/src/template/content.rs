//! A file's content with its secrets still sealed.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use super::quote;
use crate::secret::{Keyring, Sealed};
use crate::{Error, Result};

pub(super) const OPEN: char = '\u{E000}';
pub(super) const CLOSE: char = '\u{E001}';

/// Stands for lines that are not shown.
const COVERED: &str = "(not shown: it may hold a secret)";

/// The grammar a secret is quoted for when the file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// Apache configuration.
    Apache,
    /// Nginx configuration.
    Nginx,
    /// PHP source.
    Php,
}

impl Grammar {
    pub(super) const ALL: [Self; 3] = [Self::Apache, Self::Nginx, Self::Php];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Apache => "apache",
            Self::Nginx => "nginx",
            Self::Php => "php",
        }
    }

    fn quote(self, value: &str) -> Result<String> {
        match self {
            Self::Apache => quote::apache(value),
            Self::Nginx => quote::nginx(value),
            Self::Php => quote::php_string(value),
        }
    }
}

/// Text in which secrets stand as marks; only [`Content::materialise`] puts them in.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Content {
    text: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    secrets: BTreeMap<String, Sealed>,
}

impl Content {
    /// Text without secrets.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), secrets: BTreeMap::new() }
    }

    pub(super) fn with_secrets(text: String, secrets: BTreeMap<String, Sealed>) -> Self {
        Self { text, secrets }
    }

    /// The text of one that holds no secret.
    pub fn clear(&self) -> Option<&str> {
        (self.secrets.is_empty() && !self.text.contains(OPEN)).then_some(&self.text)
    }

    /// Older text of the same file for people, where that one was not for everybody and this one holds no secret: a line that
    /// is not in this one may hold a secret that nothing tells from text any more, so none is shown.
    pub fn cover(&self, old: &str) -> String {
        let mut lines: Vec<&str> = Vec::new();
        for line in old.split('\n') {
            let shown = if self.text.lines().any(|l| l == line) || line.trim().is_empty() { line } else { COVERED };
            if shown != COVERED || lines.last() != Some(&COVERED) {
                lines.push(shown);
            }
        }
        lines.join("\n")
    }

    /// Whether a secret stands in it.
    pub fn has_secret(&self) -> bool {
        self.text.contains(OPEN)
    }

    /// Calls `literal` and `mark` for the parts of the text, in order.
    fn parts(&self, mut each: impl FnMut(Part<'_>) -> Result<()>) -> Result<()> {
        let mut rest = self.text.as_str();
        while let Some((literal, tail)) = rest.split_once(OPEN) {
            each(Part::Literal(literal))?;
            let (mark, tail) = tail.split_once(CLOSE).ok_or_else(|| Error::internal("a secret's mark has no end"))?;
            let (name, grammar) = mark.split_once('|').ok_or_else(|| Error::internal("a secret's mark has no grammar"))?;
            let grammar = Grammar::ALL
                .into_iter()
                .find(|g| g.name() == grammar)
                .ok_or_else(|| Error::internal("a secret's mark names an unknown grammar"))?;
            let sealed = self.secrets.get(name).ok_or_else(|| Error::internal(format!("the secret {name} is not at hand")))?;
            each(Part::Secret(sealed, grammar))?;
            rest = tail;
        }
        each(Part::Literal(rest))
    }

    /// The bytes of the file, secrets in clear and quoted.
    pub fn materialise(&self, keyring: &Keyring) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.text.len() + 64);
        self.parts(|part| {
            match part {
                Part::Literal(text) => bytes.extend_from_slice(text.as_bytes()),
                Part::Secret(sealed, grammar) => bytes.extend_from_slice(grammar.quote(keyring.open(sealed)?.expose_secret())?.as_bytes()),
            }
            Ok(())
        })?;
        Ok(bytes)
    }

    /// The text for people: `(secret)` where one stands.
    pub fn shown(&self) -> String {
        let mut shown = String::with_capacity(self.text.len());
        let result = self.parts(|part| {
            shown.push_str(match part {
                Part::Literal(text) => text,
                Part::Secret(..) => "(secret)",
            });
            Ok(())
        });
        if result.is_err() { "(unreadable)".to_owned() } else { shown }
    }

    /// Older text of the same file for people: our secrets' values go, and so does whatever stands on a line
    /// where this content has a secret.
    pub fn redact(&self, old: &str, keyring: &Keyring) -> Result<String> {
        let mut text = old.to_owned();
        for sealed in self.secrets.values() {
            let clear = keyring.open(sealed)?;
            if !clear.expose_secret().is_empty() {
                text = text.replace(clear.expose_secret(), "(secret)");
            }
        }
        let prefixes: Vec<&str> =
            self.text.lines().filter_map(|line| line.split_once(OPEN).map(|(before, _)| before)).filter(|p| !p.trim().is_empty()).collect();
        let lines: Vec<String> = text
            .split('\n')
            .map(|line| match prefixes.iter().find(|p| line.starts_with(**p)) {
                Some(prefix) => {
                    let wanted = self.text.lines().find(|l| l.starts_with(prefix) && l.contains(OPEN)).unwrap_or_default();
                    let tail = wanted.rsplit_once(CLOSE).map_or("", |(_, tail)| tail);
                    format!("{prefix}(secret){tail}")
                }
                None => line.to_owned(),
            })
            .collect();
        Ok(lines.join("\n"))
    }
}

enum Part<'a> {
    Literal(&'a str),
    Secret(&'a Sealed, Grammar),
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    #[test]
    fn old_secrets_are_redacted_too() {
        let keyring = Keyring::generate().unwrap();
        let sealed = keyring.seal(&SecretString::from("new'one")).unwrap();
        let content = Content::with_secrets(format!("a\n$p = {OPEN}pw|php{CLOSE};\n"), BTreeMap::from([("pw".to_owned(), sealed)]));
        assert_eq!(content.materialise(&keyring).unwrap(), b"a\n$p = 'new\\'one';\n");
        assert_eq!(content.shown(), "a\n$p = (secret);\n");
        assert_eq!(content.redact("a\n$p = 'old-canary';\n", &keyring).unwrap(), "a\n$p = (secret);\n");
        let without = Content::plain("a\nb\n");
        assert_eq!(without.cover("a\n$p = 'canary';\n$q = 1;\nb\n"), format!("a\n{COVERED}\nb\n"));
    }
}
