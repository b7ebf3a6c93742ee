//! The Debian roots that hosts are overlays of; each built once, then cached.
//!
//! Keyed by a hash of everything that goes into it, so a changed package list makes a new base and a
//! running lab keeps the one it stands on.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::suite::Suite;
use super::tool::{say, tool};
use crate::machine::{PATH, Program, call};

const SETUP: &str = include_str!("base-setup.sh");

/// A finished Debian root, never changed after it was made.
#[derive(Debug, Clone)]
pub struct Base {
    path: PathBuf,
}

impl Base {
    /// Where every host has a complete WordPress, as one plain tree without `wp-config.php`.
    pub const WORDPRESS: &'static str = "/usr/local/share/aegir-lab/wordpress";

    /// Returns the base of a Debian release, and builds it first where there is none: about a minute, once per machine.
    ///
    /// Two processes may ask at once: one builds, the other waits for it.
    ///
    /// # Errors
    /// When the tools cannot be installed or the packages cannot be fetched.
    pub fn ensure(suite: Suite) -> io::Result<Self> {
        let cache = cache();
        let path = cache.join(format!("{suite}-{}", key(suite)));
        if path.is_dir() {
            return Ok(Self { path });
        }
        fs::create_dir_all(&cache)?;
        let lock = File::create(cache.join(format!("lock-{suite}")))?;
        if lock.try_lock().is_err() {
            say("another process is building the base; waiting for it");
            lock.lock()?;
        }
        if !path.is_dir() {
            build(suite, &path, &lock)?;
        }
        Ok(Self { path })
    }

    /// The root directory of the base.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Where bases, and hosts that live on disk, are kept.
pub(crate) fn cache() -> PathBuf {
    std::env::var_os("AEGIR_LAB_CACHE").map_or_else(|| "/var/cache/aegir-lab".into(), PathBuf::from)
}

fn key(suite: Suite) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [suite.name(), SETUP, suite.database_setup()].iter().chain(&suite.packages()) {
        hasher.update(part.as_bytes()).update(b"\0");
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

fn build(suite: Suite, path: &Path, lock: &File) -> io::Result<()> {
    let start = Instant::now();
    let draft = path.with_extension("draft");
    remove_draft(&draft)?;
    let packages = suite.packages();
    say(&format!("building Debian {suite} with {} packages in {} (once, a minute or two)", packages.len(), path.display()));
    let include = format!("--include={}", packages.join(","));
    // In a mount namespace of its own: however it ends, its mounts do not stay in the draft.
    let mut make = call("unshare")?;
    make.arg("--mount").arg(call("mmdebstrap")?.get_program()).args(["--variant=minbase", "--mode=root", &include]);
    if suite == Suite::Sid {
        // A mirror of what moves may be older than it says it may be.
        make.arg("--aptopt=Acquire::Check-Valid-Until \"false\"");
    }
    progress(make.arg(suite.name()).arg(&draft), lock)?;
    say("preparing the database server, Apache and WordPress in it");
    let mut prepare = call("unshare")?;
    prepare.args(["--mount", "--pid", "--fork", "sh", "-c", SETUP, "setup"]).arg(&draft).arg(suite.database_setup());
    progress(&mut prepare, lock)?;
    fs::rename(&draft, path)?;
    say(&format!("the base is ready after {:.0} s", start.elapsed().as_secs_f64()));
    Ok(())
}

/// Removes what an interrupted build left, and never what might be mounted in it.
fn remove_draft(draft: &Path) -> io::Result<()> {
    if draft.exists() {
        let draft = draft.to_string_lossy();
        tool("rm", &["-rf", "--one-file-system", "--", &draft])?;
    }
    Ok(())
}

/// Runs a long command whose messages the developer sees, without letting it write to standard output.
/// It holds the lock, too: when this process is killed, nobody touches the draft until the command ends.
fn progress(command: &mut Program, lock: &File) -> io::Result<()> {
    let status = command.env("PATH", PATH).env("LC_ALL", "C.UTF-8").stdin(lock.try_clone()?).stdout(io::stderr()).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "failed to build the lab's Debian root: {} ended with {status}",
            command.get_program().to_string_lossy()
        )))
    }
}
