//! Names that are valid by construction, so no later code has to check them.
//!
//! Every name that reaches a path, a configuration file or SQL is one of these types. Parsing is the only
//! way in; the error says which character or rule is broken.

mod database;
mod path;
mod platform;
mod server;
mod uri;

pub use database::{DatabaseName, DatabaseUser, GrantHost};
pub use path::{RootedPath, absolute_path};
pub use platform::{MachineName, PlatformName};
pub use server::ServerName;
pub use uri::SiteUri;

use crate::{Error, Result};

/// Shows hostile input in an error without letting it break the line.
pub(crate) fn shown(input: &str) -> String {
    let mut text: String = input.chars().take(60).flat_map(char::escape_debug).collect();
    if input.chars().count() > 60 {
        text.push('…');
    }
    format!("‘{text}’")
}

/// Refuses input whose characters fall outside `allowed` or whose length is not within `1..=max`.
pub(crate) fn check(what: &str, input: &str, max: usize, allowed: fn(char) -> bool, rule: &str) -> Result<()> {
    if input.is_empty() {
        return Err(Error::invalid(format!("the {what} is empty")));
    }
    if input.len() > max {
        return Err(Error::invalid(format!("the {what} {} is {} bytes long; at most {max} are allowed", shown(input), input.len())));
    }
    if let Some(bad) = input.chars().find(|c| !allowed(*c)) {
        return Err(Error::invalid(format!(
            "the {what} {} holds the character {}; allowed: {rule}",
            shown(input),
            shown(&bad.to_string())
        )));
    }
    Ok(())
}

/// The conversions every name has: parse, show, serde.
macro_rules! name_type {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl std::str::FromStr for $name {
            type Err = crate::Error;
            fn from_str(input: &str) -> crate::Result<Self> {
                Self::parse(input)
            }
        }
        impl TryFrom<String> for $name {
            type Error = crate::Error;
            fn try_from(input: String) -> crate::Result<Self> {
                Self::parse(&input)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}
pub(crate) use name_type;
