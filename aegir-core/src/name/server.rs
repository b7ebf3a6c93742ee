//! A server's name: `server_master`, `web1.example.com`.

use super::{check, name_type, shown};
use crate::{Error, Result};

/// A server's name; it is also a directory below `config/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct ServerName(String);

impl ServerName {
    /// The machine Aegir runs on.
    pub const MASTER: &'static str = "server_master";

    /// Parses lower-case letters, digits, `.`, `_`, `-`; starts with a letter or digit; Aegir's leading `@` is accepted.
    pub fn parse(input: &str) -> Result<Self> {
        let name = input.strip_prefix('@').unwrap_or(input);
        check("server name", name, 190, |c| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-'), "a-z 0-9 . _ -")?;
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || name.contains("..") || name.ends_with('.') {
            return Err(Error::invalid(format!(
                "the server name {} must start with a letter or digit and hold no empty part",
                shown(name)
            )));
        }
        Ok(Self(name.to_owned()))
    }

    /// The master's name.
    pub fn master() -> Self {
        Self(Self::MASTER.to_owned())
    }
}

name_type!(ServerName);
