//! The file that maps addresses to directories of a platform, `sites/sites.php`, shared by all sites of the platform.
//!
//! Tasks on two sites of one platform run side by side. So a site's task never writes the whole file, which would undo
//! the other's entries: it replaces the lines of its own directory, under a short lock.

use aegir_core::Result;
use aegir_core::action::{Action, Claims, Context};
use aegir_core::entity::{Resource, Site};
use aegir_core::name::{ServerName, SiteUri};
use aegir_core::plan::{Change, Diff};
use aegir_core::server::{FileSpec, Permissions};
use camino::Utf8PathBuf;

/// An address as Drupal looks it up: `example.org`, or `8080.example.org` for `example.org:8080`.
pub(super) fn key(address: &SiteUri) -> String {
    match address.port() {
        Some(port) => format!("{port}.{}", address.host()),
        None => address.host().to_owned(),
    }
}

/// The keys a site needs, sorted: one for each address that is not itself the name of its directory.
pub(crate) fn keys(site: &Site) -> Vec<String> {
    let directory = site.uri.file_name();
    let mut keys: Vec<String> = site.addresses().map(key).filter(|k| *k != directory).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// One entry, as the template writes it.
fn line(key: &str, directory: &str) -> String {
    format!("$sites['{key}'] = '{directory}';")
}

/// The key and the directory of an entry.
fn entry(line: &str) -> Option<(&str, &str)> {
    line.trim().strip_prefix("$sites['")?.strip_suffix("';")?.split_once("'] = '")
}

/// The keys that lead to a directory.
fn keys_of<'a>(text: &'a str, directory: &str) -> Vec<&'a str> {
    text.lines().filter_map(entry).filter(|(_, d)| *d == directory).map(|(k, _)| k).collect()
}

/// The text with exactly these keys for a directory; all entries stand together, sorted by directory and key.
fn with_keys(text: &str, directory: &str, keys: &[String]) -> String {
    let mut entries: Vec<(&str, &str)> = text.lines().filter_map(entry).filter(|(_, d)| *d != directory).map(|(k, d)| (d, k)).collect();
    entries.extend(keys.iter().map(|k| (directory, k.as_str())));
    entries.sort_unstable();
    let first = text.lines().position(|l| entry(l).is_some()).unwrap_or_else(|| text.lines().count());
    let others =
        |from: usize, to: usize| text.lines().skip(from).take(to.saturating_sub(from)).filter(|l| entry(l).is_none()).map(str::to_owned);
    let lines = others(0, first).chain(entries.iter().map(|(d, k)| line(k, d))).chain(others(first, usize::MAX));
    lines.map(|l| l + "\n").collect()
}

/// Gives a site exactly these entries in the sites file of its platform; makes the file where it is missing.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct EnterAddresses {
    /// The sites file.
    pub file: Utf8PathBuf,
    /// The site's directory.
    pub directory: String,
    /// The keys that lead to it, sorted.
    pub keys: Vec<String>,
    /// What the file is without any entry.
    pub empty: String,
}

/// What a site had in the sites file.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct AddressesBefore {
    /// Whether there was a file.
    existed: bool,
    /// What the whole file was, so that a saved plan is stale once anybody edits it.
    text: Option<String>,
    /// Its keys.
    keys: Vec<String>,
}

impl EnterAddresses {
    async fn text(&self, cx: &Context) -> Result<Option<String>> {
        Ok(cx.server().read(&self.file).await?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn put(&self, cx: &Context, keys: &[String], remove_empty: bool) -> Result<()> {
        let work = async {
            let now = self.text(cx).await?;
            let wanted = with_keys(now.as_deref().unwrap_or(&self.empty), &self.directory, keys);
            match now {
                Some(now) if now == wanted && !remove_empty => Ok(()),
                None if remove_empty => Ok(()),
                Some(_) if remove_empty && wanted == self.empty => cx.server().remove(&cx.owned(&self.file).await?).await,
                _ => {
                    cx.server()
                        .write(&FileSpec { path: self.file.clone(), content: wanted.into_bytes(), permissions: Permissions::mode(0o644) })
                        .await
                }
            }
        };
        cx.exclusively(&format!("file {} {}", cx.server().name(), self.file), work).await
    }
}

impl Action for EnterAddresses {
    const NAME: &'static str = "app.addresses";
    type Before = AddressesBefore;
    type Output = ();

    fn summary(&self) -> String {
        format!("enter {} into {}", self.directory, self.file)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::acquire(Resource::path(server, &self.file))
    }

    async fn observe(&self, cx: &Context) -> Result<AddressesBefore> {
        let text = self.text(cx).await?;
        let keys = text.as_deref().map(|t| keys_of(t, &self.directory)).unwrap_or_default();
        let keys = keys.into_iter().map(str::to_owned).collect();
        Ok(AddressesBefore { existed: text.is_some(), keys, text })
    }

    fn diff(&self, _cx: &Context, before: &AddressesBefore) -> Result<Diff> {
        if before.existed && before.keys == self.keys {
            return Ok(Diff::same());
        }
        let lines = |mark: char, keys: &[String], others: &[String]| {
            keys.iter().filter(|k| !others.contains(k)).map(|k| format!("{mark}{}\n", line(k, &self.directory))).collect::<String>()
        };
        let change = if before.existed { Change::Change } else { Change::Create };
        Ok(Diff::new(change, format!("  {}\n{}{}", self.file, lines('-', &before.keys, &self.keys), lines('+', &self.keys, &before.keys))))
    }

    async fn apply(&self, cx: &Context, _before: &AddressesBefore) -> Result<()> {
        self.put(cx, &self.keys, false).await
    }

    async fn undo(&self, cx: &Context, before: &AddressesBefore) -> Result<()> {
        self.put(cx, &before.keys, !before.existed).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: edit {}, so that the lines that lead to {} are as before", self.file, self.directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "<?php\n// Ours.\n\n$sites = [];\n";

    fn owned(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|k| (*k).to_owned()).collect()
    }

    #[test]
    fn ports_come_first_as_drupal_looks_them_up() {
        assert_eq!(key(&SiteUri::parse("example.org").unwrap()), "example.org");
        assert_eq!(key(&SiteUri::parse("example.org:8080").unwrap()), "8080.example.org");
    }

    #[test]
    fn a_site_changes_its_own_lines_only() {
        let one = with_keys(EMPTY, "b.org", &owned(&["www.b.org"]));
        let two = with_keys(&one, "a.org", &owned(&["www.a.org", "x.a.org"]));
        assert_eq!(two, format!("{EMPTY}$sites['www.a.org'] = 'a.org';\n$sites['x.a.org'] = 'a.org';\n$sites['www.b.org'] = 'b.org';\n"));
        assert_eq!(keys_of(&two, "a.org"), ["www.a.org", "x.a.org"]);
        assert_eq!(with_keys(&two, "a.org", &[]), one);
        assert_eq!(with_keys(&one, "b.org", &[]), EMPTY);
    }

    #[test]
    fn what_a_template_puts_behind_the_entries_stays_there() {
        let text = format!("{EMPTY}$sites['www.b.org'] = 'b.org';\n\ninclude 'mine.php';\n");
        let more = with_keys(&text, "c.org", &owned(&["www.c.org"]));
        assert!(more.ends_with("'b.org';\n$sites['www.c.org'] = 'c.org';\n\ninclude 'mine.php';\n"), "{more}");
    }
}
