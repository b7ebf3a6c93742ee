//! Settings that remember where each came from: default, file, environment, flag.
//!
//! The library reads no environment and no home directory: drivers hand in layers, the last one wins.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;

use crate::{Error, Result};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "from", content = "detail")]
pub enum Provenance {
    /// Built in.
    Default,
    /// A settings file.
    File(String),
    /// An environment variable.
    Environment(String),
    /// A command line flag.
    Flag(String),
}

/// The settings of one Aegir.
#[derive(Clone, Debug)]
pub struct Settings {
    values: BTreeMap<&'static str, (String, Provenance)>,
}

/// Every setting: name, default, what it is.
pub const SETTINGS: &[(&str, &str, &str)] = &[
    ("root", "/var/aegir", "Aegir's directory, the same path on every server"),
    ("user", "aegir", "the account Aegir works as"),
    ("lease_seconds", "60", "how long a task's locks last after its worker was last seen"),
    ("journal_days", "180", "how long plans and events of tasks that are over are kept; what was asked, by whom, and how it ended stays"),
    ("parallel", "10", "how many servers are worked on at once"),
    ("connect_seconds", "10", "how long connecting to a server may take"),
    ("silence_seconds", "30", "how long a server may say nothing before it counts as gone; at least 2"),
];

impl Default for Settings {
    fn default() -> Self {
        Self { values: SETTINGS.iter().map(|(name, default, _)| (*name, ((*default).to_owned(), Provenance::Default))).collect() }
    }
}

impl Settings {
    /// Sets one value; refuses unknown names and values its type cannot take.
    pub fn set(&mut self, name: &str, value: &str, from: Provenance) -> Result<()> {
        let Some((key, _, _)) = SETTINGS.iter().find(|(key, _, _)| *key == name) else {
            let known: Vec<&str> = SETTINGS.iter().map(|(key, _, _)| *key).collect();
            return Err(Error::invalid(format!("there is no setting {}; there are: {}", crate::name::shown(name), known.join(", "))));
        };
        match *key {
            "root" => drop(crate::name::absolute_path("setting root", value)?),
            "lease_seconds" | "journal_days" | "parallel" | "connect_seconds" | "silence_seconds"
                if !value.parse::<u32>().is_ok_and(|n| n > 0) =>
            {
                return Err(Error::invalid(format!("the setting {key} takes a positive number, not {}", crate::name::shown(value))));
            }
            _ => {}
        }
        self.values.insert(key, (value.to_owned(), from));
        Ok(())
    }

    /// Sets everything a TOML file says.
    pub fn add_file(&mut self, path: &str, text: &str) -> Result<()> {
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            Error::invalid(format!("the settings file {path} does not read")).context("file", path).because(e)
        })?;
        for (name, value) in table {
            let value = match value {
                toml::Value::String(text) => text,
                other => other.to_string(),
            };
            self.set(&name, &value, Provenance::File(path.to_owned())).map_err(|e| e.context("file", path))?;
        }
        Ok(())
    }

    /// All settings with where each came from.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &str, &Provenance)> {
        self.values.iter().map(|(name, (value, from))| (*name, value.as_str(), from))
    }

    fn get(&self, name: &'static str) -> &str {
        self.values.get(name).map_or("", |(value, _)| value)
    }

    /// Aegir's directory.
    pub fn root(&self) -> Utf8PathBuf {
        self.get("root").into()
    }

    /// The account Aegir works as.
    pub fn user(&self) -> &str {
        self.get("user")
    }

    /// How long leases last.
    pub fn lease_seconds(&self) -> u32 {
        self.get("lease_seconds").parse().unwrap_or(60)
    }

    /// How long plans and events of tasks that are over are kept.
    pub fn journal_time(&self) -> chrono::TimeDelta {
        chrono::TimeDelta::days(self.get("journal_days").parse().unwrap_or(180))
    }

    /// How long connecting to a server may take.
    pub fn connect_timeout(&self) -> Duration {
        self.seconds("connect_seconds", 10)
    }

    /// How long a server may say nothing before it counts as gone.
    pub fn silence(&self) -> Duration {
        self.seconds("silence_seconds", 30)
    }

    fn seconds(&self, name: &'static str, default: u64) -> Duration {
        Duration::from_secs(self.get(name).parse().unwrap_or(default))
    }

    /// How many servers are worked on at once.
    pub fn parallel(&self) -> usize {
        self.get("parallel").parse().unwrap_or(10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_layer_wins_and_says_so() {
        let mut settings = Settings::default();
        settings.add_file("/etc/aegir.toml", "root = \"/srv/aegir\"\nparallel = 4\n").unwrap();
        settings.set("parallel", "2", Provenance::Flag("--parallel".into())).unwrap();
        assert_eq!((settings.root().as_str(), settings.parallel()), ("/srv/aegir", 2));
        assert!(settings.set("rot", "/x", Provenance::Default).is_err());
        assert!(settings.set("root", "../x", Provenance::Default).is_err());
    }
}
