//! Names of platforms and of machine-named things inside a codebase.

use super::{check, name_type, shown};
use crate::{Error, Result};

/// A platform's name; it is also a file below `platform.d` and often a directory below `platforms/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct PlatformName(String);

impl PlatformName {
    /// Parses letters, digits, `.`, `_`, `-`, at most 100; Aegir's `@platform_` prefix is accepted.
    pub fn parse(input: &str) -> Result<Self> {
        let name = input.strip_prefix('@').map_or(input, |rest| rest.strip_prefix("platform_").unwrap_or(rest));
        check("platform name", name, 100, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'), "A-Z a-z 0-9 . _ -")?;
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || name.contains("..") {
            return Err(Error::invalid(format!("the platform name {} must start with a letter or digit and hold no ‘..’", shown(name))));
        }
        Ok(Self(name.to_owned()))
    }
}

name_type!(PlatformName);

/// A machine name as applications use them: an installation profile, a language, a client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct MachineName(String);

impl MachineName {
    /// Parses letters, digits, `_`, `-`, at most 64, starting with a letter or digit.
    pub fn parse(input: &str) -> Result<Self> {
        check("machine name", input, 64, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'), "A-Z a-z 0-9 _ -")?;
        if !input.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(Error::invalid(format!("the machine name {} must start with a letter or digit", shown(input))));
        }
        Ok(Self(input.to_owned()))
    }
}

name_type!(MachineName);
