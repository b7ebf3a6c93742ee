//! Finds files below some directories and picks lines out of them, in one command.

use std::time::Duration;

use aegir_core::server::{Command, FileKind, Observer};
use aegir_core::{Error, Result};
use camino::{Utf8Path, Utf8PathBuf};

/// Directories that hold other people's code, test doubles, or version control.
const SKIPPED: [&str; 5] = ["tests", "node_modules", "bower_components", "vendor", ".?*"];

/// What to look for.
pub(crate) struct Scan<'a> {
    /// The directory that everything else is relative to.
    pub(crate) root: &'a Utf8Path,
    /// Where to look; what is found in an earlier one comes first. Those that do not exist are left out.
    pub(crate) below: &'a [&'a str],
    /// How many directories deep.
    pub(crate) depth: u32,
    /// Names of files, with `*`.
    pub(crate) names: &'a [&'a str],
    /// Which lines, as an extended regular expression, whatever the case.
    pub(crate) lines: &'a str,
}

/// A file and the lines of it that were asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where, relative to the root.
    pub(crate) path: Utf8PathBuf,
    /// Its lines.
    pub(crate) lines: Vec<String>,
}

impl Found {
    /// The text behind `key` and `separator` at the start of a line; of several, the last: packaging scripts append theirs.
    pub(crate) fn value(&self, key: &str, separator: char) -> Option<String> {
        let behind = |line: &String| Some(line.trim().strip_prefix(key)?.trim_start().strip_prefix(separator)?.trim().to_owned());
        let value = self.lines.iter().rev().find_map(behind)?;
        let value = value.split(" #").next().unwrap_or_default().trim();
        let bare = value.strip_prefix(['"', '\'']).and_then(|v| v.strip_suffix(['"', '\''])).unwrap_or(value);
        let clean: String = bare.chars().filter(|c| !c.is_control()).take(120).collect();
        (!clean.is_empty()).then_some(clean)
    }
}

impl Scan<'_> {
    /// Looks; follows links as the applications do.
    pub(crate) async fn run(&self, files: &Observer) -> Result<Vec<Found>> {
        let mut standing = Vec::new();
        for directory in self.below {
            if let Some(FileKind::Dir | FileKind::Link(_)) = files.stat(&self.root.join(directory)).await?.map(|s| s.kind) {
                standing.push(*directory);
            }
        }
        if standing.is_empty() {
            return Ok(Vec::new());
        }
        let output = files.ask(&self.command(&standing)).await?;
        // Neither a link in a circle nor a file without such a line is worth an error; what may not be read is.
        if let Some(line) = output.error_text().lines().find(|l| l.contains("Permission denied")) {
            return Err(Error::refused(format!("the code at {} on {} cannot be read", self.root, files.name()))
                .context("server", files.name())
                .context("file", self.root)
                .because(line.to_owned())
                .hint(format!("see who may read it: `namei -l {}`", self.root.join(refused_path(line))))
                .hint(format!("on {}, as its owner: `chmod -R go+rX {}`", files.name(), self.standing_in(&standing, line))));
        }
        let mut found = parse(&output.text());
        let rank = |path: &Utf8Path| standing.iter().position(|d| path.starts_with(d)).unwrap_or(standing.len());
        found.sort_by(|a, b| (rank(&a.path), &a.path).cmp(&(rank(&b.path), &b.path)));
        Ok(found)
    }

    /// The directory of extensions that a line of `find` or `grep` is about, or all of them.
    fn standing_in(&self, standing: &[&str], line: &str) -> String {
        let path = refused_path(line);
        let of = standing.iter().filter(|directory| path.starts_with(**directory)).max_by_key(|directory| directory.len());
        let named = of.map_or_else(|| standing.to_vec(), |directory| vec![*directory]);
        named.iter().map(|directory| self.root.join(directory).into_string()).collect::<Vec<_>>().join(" ")
    }

    fn command(&self, standing: &[&str]) -> Command {
        let mut command = Command::new("find").arg("-L").args(standing).args(["-maxdepth", &self.depth.to_string(), "("]);
        command = any(command, &SKIPPED).args([")", "-prune", "-o", "-type", "f", "("]);
        any(command, self.names)
            .args([
                ")",
                "-exec",
                "grep",
                "--with-filename",
                "--null",
                "--max-count=20",
                "--ignore-case",
                "--text",
                "--extended-regexp",
                "-e",
                self.lines,
                "{}",
                "+",
            ])
            .cwd(self.root)
            .timeout(Duration::from_secs(120))
    }
}

fn any(mut command: Command, names: &[&str]) -> Command {
    for (index, name) in names.iter().enumerate() {
        command = if index == 0 { command } else { command.arg("-o") }.args(["-name", name]);
    }
    command
}

/// Reads `path NUL line` records; the lines of one file come together.
fn parse(text: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for (path, line) in text.lines().filter_map(|record| record.split_once('\0')) {
        match all.last_mut() {
            Some(last) if last.path == path => last.lines.push(line.to_owned()),
            _ => all.push(Found { path: path.into(), lines: vec![line.to_owned()] }),
        }
    }
    all
}

/// The path in a complaint such as `find: ‘a/b’: Permission denied` or `grep: a/b: Permission denied`.
fn refused_path(line: &str) -> &str {
    let said = line.split_once(": ").map_or(line, |(_, said)| said);
    said.strip_suffix(": Permission denied").unwrap_or(said).trim_matches(['‘', '’', '\'', '"'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_and_without_quotes() {
        let found =
            parse("a/b.info.yml\0name: 'A: b' # c\na/b.info.yml\0version: VERSION\na/b.info.yml\0version: \"1.0\"\nx\0name:\nbroken\n");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].value("name", ':').as_deref(), Some("A: b"));
        assert_eq!(found[0].value("version", ':').as_deref(), Some("1.0"));
        assert_eq!(found[1].value("name", ':'), None);
    }
}
