//! A comparable picture of what a host holds: files and databases.
//!
//! Two pictures are equal when nothing that an operator would care about differs. Left out on purpose:
//! times, sizes of directories, the next automatic number of a table, which no undo gives back, and what WordPress keeps for
//! a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;

use super::diff::compare;
use super::host::Host;
use super::service::Service;

/// Databases of the server itself are not part of the picture; its grants are.
const DATABASES: &str = "SELECT schema_name FROM information_schema.schemata WHERE schema_name \
    NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')";
const USERS: &str = "SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) FROM mysql.user \
    WHERE is_role = 'N' ORDER BY 1";
/// One row per line, in a stable order, with everything that belongs to the database.
const DUMP: [&str; 10] = [
    "--skip-dump-date",
    "--skip-comments",
    "--skip-extended-insert",
    "--order-by-primary",
    "--single-transaction",
    "--hex-blob",
    "--routines",
    "--events",
    "--triggers",
    "--databases",
];

/// What a host held at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct World {
    files: BTreeMap<PathBuf, Entry>,
    /// Whether MariaDB ran: without it, nothing is known about databases.
    asked: bool,
    /// Dumps by name.
    databases: BTreeMap<String, String>,
    /// Grants by user.
    grants: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    kind: &'static str,
    mode: u32,
    owner: (u32, u32),
    /// Size and hash of a file, target of a link, number of a device.
    content: String,
}

impl World {
    /// Looks at the paths and everything below them, and at all databases and grants where MariaDB runs.
    ///
    /// # Panics
    /// When something cannot be read.
    #[must_use]
    #[track_caller]
    pub fn of(host: &Host, paths: &[&str]) -> Self {
        Self::without(host, paths, &[])
    }

    /// Like [`World::of`], without the paths that match a pattern and what is below them.
    /// In a pattern `*` stands for any characters, slashes too.
    ///
    /// # Panics
    /// When something cannot be read.
    #[must_use]
    #[track_caller]
    pub fn without(host: &Host, paths: &[&str], patterns: &[&str]) -> Self {
        let mut world = Self::default();
        for path in paths {
            // A path that is not there is a fact, too: the other picture may have it.
            if let Ok(top) = host.open(path, OFlags::PATH, 0) {
                world.look(&top, Path::new(path), patterns).unwrap_or_else(|e| panic!("failed to look at {path} on {}: {e}", host.name()));
            }
        }
        if host.runs(Service::MariaDb) {
            world.asked = true;
            world.ask(host);
        }
        world
    }

    /// What is different, one line for each thing, from this picture to a later one. Empty: nothing is.
    #[must_use]
    pub fn diff(&self, later: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for path in keys(&self.files, &later.files) {
            let shown = path.display();
            match (self.files.get(path), later.files.get(path)) {
                (Some(a), Some(b)) => lines.extend(a.diff(b).map(|d| format!("{shown}: {d}"))),
                (Some(a), None) => lines.push(format!("{shown}: {} is gone", a.kind)),
                (None, b) => lines.push(format!("{shown}: {} is new", b.map_or("", |b| b.kind))),
            }
        }
        if self.asked != later.asked {
            let ran = |asked| if asked { "ran" } else { "did not run" };
            let (a, b) = (ran(self.asked), ran(later.asked));
            lines.push(format!("MariaDB {a}, then {b}: databases not compared"));
            return lines;
        }
        compare("database", &self.databases, &later.databases, &mut lines);
        compare("grants of", &self.grants, &later.grants, &mut lines);
        lines
    }

    fn look(&mut self, top: &OwnedFd, path: &Path, patterns: &[&str]) -> io::Result<()> {
        // Below the descriptor no symbolic link is followed, so the walk stays inside the host.
        let real: PathBuf = format!("/proc/self/fd/{}", top.as_raw_fd()).into();
        let mut todo = vec![(real, path.to_owned())];
        let mut found = Vec::new();
        while let Some((real, path)) = todo.pop() {
            let shown = path.to_string_lossy();
            if patterns.iter().any(|p| matches(p, &shown)) {
                continue;
            }
            if metadata(&real)?.is_dir() {
                for entry in fs::read_dir(&real)? {
                    let name = entry?.file_name();
                    todo.push((real.join(&name), path.join(&name)));
                }
            }
            found.push((real, path));
        }
        // Reading and hashing is nearly all of the work, so two threads share it.
        let (one, two) = found.split_at(found.len() / 2);
        let (one, two) = std::thread::scope(|threads| {
            let other = threads.spawn(|| entries(two));
            (entries(one), other.join())
        });
        self.files.extend(one?);
        self.files.extend(two.map_err(|_| io::Error::other("a thread panicked"))??);
        Ok(())
    }

    #[track_caller]
    fn ask(&mut self, host: &Host) {
        let (client, dumper, users) = if host.suite().has_mysql() {
            ("mysql", "mysqldump", USERS.replace("is_role = 'N'", "user NOT LIKE 'mysql.%'"))
        } else {
            ("mariadb", "mariadb-dump", USERS.to_owned())
        };
        let query = |sql: &str| host.command([client, "-BNr"]).stdin(sql).run().ok();
        for name in query(DATABASES).lines() {
            let dump = host.exec([dumper].iter().chain(&DUMP).chain(&[name])).ok();
            let dump = settled(&dump);
            self.databases.insert(name.to_owned(), dump);
        }
        let users = query(&users);
        let show = |u| format!("SELECT {}; SHOW GRANTS FOR {u};\n", quote(&mark(u)));
        let answer = query(&users.lines().map(show).collect::<String>());
        let mut rest = answer.as_str();
        for user in users.lines().rev() {
            // From the last to the first, so that what follows a mark is that user's and nobody else's.
            let (before, grants) = rest.rsplit_once(&mark(user)).unwrap_or((rest, ""));
            let grants = grants.trim().to_owned();
            self.grants.insert(user.to_owned(), grants);
            rest = before;
        }
    }
}

impl Entry {
    fn of(path: &Path) -> io::Result<Self> {
        let meta = metadata(path)?;
        let kind = meta.file_type();
        let (kind, content) = if kind.is_dir() {
            ("directory", String::new())
        } else if kind.is_symlink() {
            ("link", format!("to {}", fs::read_link(path)?.display()))
        } else if kind.is_file() {
            ("file", format!("{} bytes {}", meta.size(), hash(path, &meta)?))
        } else {
            ("special file", format!("device {}", meta.rdev()))
        };
        Ok(Self { kind, mode: meta.mode() & 0o7777, owner: (meta.uid(), meta.gid()), content })
    }

    fn diff(&self, later: &Self) -> Option<String> {
        let mut parts = Vec::new();
        if self.kind != later.kind {
            parts.push(format!("{} → {}", self.kind, later.kind));
        }
        if self.mode != later.mode {
            parts.push(format!("mode {:04o} → {:04o}", self.mode, later.mode));
        }
        if self.owner != later.owner {
            let ((u, g), (v, h)) = (self.owner, later.owner);
            parts.push(format!("owner {u}:{g} → {v}:{h}"));
        }
        if self.content != later.content {
            parts.push(format!("{} → {}", self.content, later.content));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// A hash of what is in a file. Tests look at the same trees again and again: a file that is the same one, and was not
/// touched since, is not read again. No program can set the time that tells (`ctime`).
fn hash(path: &Path, meta: &fs::Metadata) -> io::Result<String> {
    type Known = BTreeMap<(u64, u64, i64, i64, u64), String>;
    static KNOWN: Mutex<Known> = Mutex::new(Known::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let same = (meta.dev(), meta.ino(), meta.ctime(), meta.ctime_nsec(), meta.size());
    if let Some(hash) = known().get(&same) {
        return Ok(hash.clone());
    }
    let hash = blake3::Hasher::new().update_reader(File::open(path)?)?.finalize().to_hex()[..16].to_owned();
    // What was written a moment ago may be written again in the same tick of the clock.
    let settled = SystemTime::now().duration_since(UNIX_EPOCH).is_ok_and(|now| now.as_secs().cast_signed() > meta.ctime() + 2);
    if settled {
        known().insert(same, hash.clone());
    }
    Ok(hash)
}

fn entries(list: &[(PathBuf, PathBuf)]) -> io::Result<Vec<(PathBuf, Entry)>> {
    let entry = |(real, path): &(PathBuf, PathBuf)| Ok((path.clone(), Entry::of(real)?));
    list.iter().map(entry).collect()
}

/// The top of a walk is a descriptor, which /proc shows as a link to the thing.
fn is_top(path: &Path) -> bool {
    path.parent() == Some(Path::new("/proc/self/fd"))
}

fn metadata(path: &Path) -> io::Result<fs::Metadata> {
    if is_top(path) { fs::metadata(path) } else { fs::symlink_metadata(path) }
}

fn keys<'k, V>(a: &'k BTreeMap<PathBuf, V>, b: &'k BTreeMap<PathBuf, V>) -> BTreeSet<&'k PathBuf> {
    a.keys().chain(b.keys()).collect()
}

/// A dump without what changes by itself: ` AUTO_INCREMENT=7` in the closing line of a table, and the rows that WordPress
/// keeps for a minute and makes anew at the next page.
fn settled(dump: &str) -> String {
    let cut = |line: &str| match line.split_once(" AUTO_INCREMENT=") {
        Some((before, after)) if line.starts_with(") ENGINE=") => {
            before.to_owned() + after.trim_start_matches(|c: char| c.is_ascii_digit())
        }
        _ => line.to_owned(),
    };
    dump.lines().filter(|line| !line.contains(",'_transient_")).map(|line| cut(line) + "\n").collect()
}

fn mark(user: &str) -> String {
    format!("\u{1}{user}\n")
}

fn quote(text: &str) -> String {
    format!("'{}'", text.trim_end().replace('\\', "\\\\").replace('\'', "''"))
}

/// Whether the whole text matches the pattern, where `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => {
            text.strip_prefix(start).is_some_and(|t| (0..=t.len()).any(|i| t.is_char_boundary(i) && matches(rest, &t[i..])))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_paths() {
        assert!(matches("/var/log*", "/var/log/a/b"));
        assert!(matches("*.log", "/var/x.log"));
        assert!(!matches("*.log", "/var/x.log.1"));
        assert!(!matches("/etc", "/etc/x"));
    }

    #[test]
    fn only_what_changes_by_itself_is_left_out() {
        let row = "INSERT INTO `t` VALUES (' AUTO_INCREMENT=7 ');\n";
        let end = ") ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4;\n";
        let cut = ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;\n";
        let passing = "INSERT INTO `wp_options` VALUES (120,'_transient_x','1','no');\n";
        assert_eq!(settled(&format!("{row}{passing}{end}")), format!("{row}{cut}"));
    }
}
