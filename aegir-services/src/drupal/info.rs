//! One `.info` or `.info.yml` file, as far as a codebase is described by it.

use crate::php::Found;

/// Which lines of such files are read.
pub(super) const LINES: &str = "^(name|type|version|hidden|distribution|distribution_name|exclusive)[[:space:]]*[:=]";

/// What an info file says.
#[derive(Debug)]
pub(super) struct Info {
    /// The machine name, from the file's name.
    pub(super) name: String,
    pub(super) title: Option<String>,
    /// `module`, `theme`, `profile`; Drupal 7's do not say.
    pub(super) kind: Option<String>,
    pub(super) version: Option<String>,
    pub(super) hidden: bool,
    /// A profile that its code base is built around: Drupal's own installer chooses it without asking.
    pub(super) distribution: bool,
}

impl Info {
    /// `suffix` and `separator` are `.info.yml` and `:`, or `.info` and `=`. `VERSION` stands for core's.
    pub(super) fn read(found: &Found, suffix: &str, separator: char, core: &str) -> Option<Self> {
        let name = found.path.file_name()?.strip_suffix(suffix)?;
        let value = |key: &str| found.value(key, separator);
        let truth = |key: &str| value(key).is_some_and(|v| matches!(v.to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on"));
        Some(Self {
            name: name.to_owned(),
            title: value("name"),
            kind: value("type"),
            version: value("version").map(|v| if v == "VERSION" { core.to_owned() } else { v }),
            hidden: truth("hidden"),
            distribution: value("distribution_name").is_some()
                || truth("exclusive")
                || found.lines.iter().any(|l| l.starts_with("distribution:")),
        })
    }
}
