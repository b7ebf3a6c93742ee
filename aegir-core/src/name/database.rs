//! Names of databases, their users, and the hosts those connect from.

use super::{check, name_type, shown};
use crate::{Error, Result};

/// A database's name: lower-case letters, digits, `_`; at most 64.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseName(String);

impl DatabaseName {
    /// Parses a database name.
    pub fn parse(input: &str) -> Result<Self> {
        check("database name", input, 64, |c| matches!(c, 'a'..='z' | '0'..='9' | '_'), "a-z 0-9 _")?;
        Ok(Self(input.to_owned()))
    }

    /// The name to try for a site: its URI without `www.`, dots and dashes, cut to leave room for `_99`.
    pub fn suggested(uri: &super::SiteUri, attempt: u32) -> Self {
        let host = uri.host();
        let base: String = host.strip_prefix("www.").unwrap_or(host).chars().filter(char::is_ascii_alphanumeric).take(28).collect();
        Self(if attempt == 0 { base } else { format!("{base}_{attempt}") })
    }
}

name_type!(DatabaseName);

/// A database user's name: as [`DatabaseName`], at most 32 (MySQL's limit).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseUser(String);

impl DatabaseUser {
    /// Parses a user name.
    pub fn parse(input: &str) -> Result<Self> {
        check("database user", input, 32, |c| matches!(c, 'a'..='z' | '0'..='9' | '_'), "a-z 0-9 _")?;
        Ok(Self(input.to_owned()))
    }
}

name_type!(DatabaseUser);

/// The host a database user connects from, as the database server sees it: an address or a host name, never a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct GrantHost(String);

impl GrantHost {
    /// Parses `localhost`, an IPv4 or IPv6 address, or a host name. `%` and `_` are refused: they are wildcards.
    pub fn parse(input: &str) -> Result<Self> {
        if input.parse::<std::net::IpAddr>().is_err() {
            check("grant host", input, 253, |c| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-'), "an address, or a-z 0-9 . -")
                .map_err(|error| error.hint(format!("{} must name one host; wildcards are never granted", shown(input))))?;
        }
        if input.starts_with(['.', '-']) {
            return Err(Error::invalid(format!("the grant host {} is not a host name", shown(input))));
        }
        Ok(Self(input.to_owned()))
    }
}

name_type!(GrantHost);
