//! Where a platform may lie: not in Aegir's own directories, not in the system's, and not where another one is.
//!
//! Paths are compared by what they lead to, not by how they are written: through a link above it, one directory could
//! otherwise be two platforms.

use camino::{Utf8Path, Utf8PathBuf};

use crate::entity::{Platform, Server};
use crate::server::{Command, Observer};
use crate::{Error, Result};

/// Aegir's own, below its directory; so is every name there that begins with a dot.
const OWN: [&str; 5] = ["backups", "config", "keys", "run", "templates"];
/// What the system's packages, kernel and services fill.
const SYSTEM: [&str; 20] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/lost+found",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/tmp",
    "/usr",
    "/var/cache",
    "/var/lock",
    "/var/log",
    "/var/spool",
    "/var/tmp",
];

/// Refuses a path on a server, where `others` are the platforms that have code there.
pub(super) async fn refuse(path: &Utf8Path, server: &Server, files: &Observer, others: &[Platform]) -> Result<()> {
    let written: Vec<&Utf8Path> = [path, &server.root].into_iter().chain(others.iter().map(|other| &*other.path)).collect();
    let real = lead_to(&written, files).await?;
    let [real, root, theirs @ ..] = &real[..] else { return Err(Error::internal("a path leads to nothing")) };
    let seen = if real == path { path.to_string() } else { format!("{path}, which leads to {real},") };
    let problem =
        |kind: fn(String) -> Error, what: String| kind(format!("{seen} {what}")).context("server", &server.name).context("file", path);
    for (theirs, other) in theirs.iter().zip(others) {
        if overlap(real, theirs) || overlap(path, &other.path) {
            return Err(problem(Error::conflict, format!("is claimed by the platform {} at {}", other.name, other.path))
                .context("platform", &other.name)
                .hint("choose a path that neither holds nor lies in another platform"));
        }
    }
    for (path, root) in [(&**real, &**root), (path, &*server.root)] {
        if let Some(what) = taken(path, root) {
            return Err(problem(Error::refused, what.to_owned()).hint(format!("put platforms below {}", server.root.join("platforms"))));
        }
    }
    Ok(())
}

fn overlap(one: &Utf8Path, other: &Utf8Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// Whose a path is that cannot be a platform's.
fn taken(path: &Utf8Path, root: &Utf8Path) -> Option<&'static str> {
    let aegirs = "is Aegir's own directory";
    if root.starts_with(path) {
        return Some(aegirs);
    }
    if let Ok(inside) = path.strip_prefix(root) {
        let first = inside.components().next().map(|c| c.as_str()).unwrap_or_default();
        let own = OWN.contains(&first) || first.starts_with('.') || first.starts_with("aegir.");
        return own.then_some(aegirs);
    }
    let system = SYSTEM.iter().any(|directory| path.starts_with(directory)) && !path.starts_with("/usr/local");
    let top = path.components().count() == 2;
    (system || top || path == "/usr/local").then_some("is the system's own directory")
}

/// What paths lead to when every link in them is followed, as far as they exist.
async fn lead_to(paths: &[&Utf8Path], files: &Observer) -> Result<Vec<Utf8PathBuf>> {
    let command = Command::new("realpath").args(["-m", "-z", "--"]).args(paths).only_reads();
    let output = files.ask(&command).await?;
    let text = output.text();
    let real: Vec<Utf8PathBuf> = text.split_terminator('\0').map(Utf8PathBuf::from).collect();
    if output.ok() && real.len() == paths.len() {
        return Ok(real);
    }
    Err(Error::failed(format!("asking {} where {} leads", files.name(), paths[0]))
        .context("server", files.name())
        .because(output.error_text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a19_own_and_system_directories_are_no_platforms() {
        let root = Utf8Path::new("/var/aegir");
        for bad in [
            "/var/aegir",
            "/var",
            "/var/aegir/keys",
            "/var/aegir/run/x",
            "/var/aegir/.ssh",
            "/var/aegir/config/server_master/x",
            "/var/aegir/backups/x",
            "/var/aegir/templates",
            "/var/aegir/aegir.db",
            "/dev/shm",
            "/proc/1",
            "/sys/x",
            "/run/lock/x",
            "/tmp/x",
            "/etc/x",
            "/usr/share/wordpress",
            "/usr/local",
            "/srv",
            "/home",
            "/var/tmp/x",
            "/boot/x",
        ] {
            assert!(taken(Utf8Path::new(bad), root).is_some(), "{bad}");
        }
        for good in
            ["/var/aegir/platforms/d10", "/var/aegir/d7", "/srv/www", "/home/web/site", "/opt/drupal", "/usr/local/www", "/var/www/x"]
        {
            assert_eq!(taken(Utf8Path::new(good), root), None, "{good}");
        }
        assert_eq!(taken(Utf8Path::new("/tmp/a/platforms/x"), Utf8Path::new("/tmp/a")), None);
    }
}
