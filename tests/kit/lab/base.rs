//! The Debian root that every host is an overlay of; built once, then cached.
//!
//! Keyed by a hash of everything that goes into it, so a changed package list makes a new base and a
//! running lab keeps the one it stands on.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::tool::{PATH, say, tool};

const SUITE: &str = "bookworm";
const SETUP: &str = include_str!("base-setup.sh");
const PACKAGES: &[&str] = &[
    // The machine.
    "ca-certificates",
    "cron",
    "curl",
    "iproute2",
    "openssl",
    "openssh-client",
    "openssh-server",
    "procps",
    "rsync",
    "sudo",
    "util-linux",
    "zstd",
    // The services.
    "apache2",
    "nginx",
    "mariadb-client",
    "mariadb-server",
    "php-fpm", // before "php", which would else be satisfied by the one inside Apache
    "php",
    "php-cli",
    "php-curl",
    "php-gd",
    "php-intl",
    "php-mbstring",
    "php-mysql",
    "php-opcache",
    "php-sqlite3",
    "php-xml",
    "php-zip",
    // A real application.
    "libjs-cropper",
    "libjs-underscore",
    "php-getid3",
    "wordpress",
    "wordpress-l10n",
    "wordpress-theme-twentytwentyone",
    "wordpress-theme-twentytwentythree",
    "wordpress-theme-twentytwentytwo",
];

/// A finished Debian root, never changed after it was made.
#[derive(Debug, Clone)]
pub struct Base {
    path: PathBuf,
}

impl Base {
    /// Where every host has a complete WordPress, as one plain tree without `wp-config.php`.
    pub const WORDPRESS: &'static str = "/usr/local/share/aegir-lab/wordpress";

    /// Returns the base, and builds it first where there is none: about a minute, once per machine.
    ///
    /// Two processes may ask at once: one builds, the other waits for it.
    ///
    /// # Errors
    /// When the tools cannot be installed or the packages cannot be fetched.
    pub fn ensure() -> io::Result<Self> {
        let cache = cache();
        let path = cache.join(format!("{SUITE}-{}", key()));
        if path.is_dir() {
            return Ok(Self { path });
        }
        fs::create_dir_all(&cache)?;
        let lock = File::create(cache.join("lock"))?;
        if lock.try_lock().is_err() {
            say("another process is building the base; waiting for it");
            lock.lock()?;
        }
        if !path.is_dir() {
            install_tools()?;
            build(&path, &lock)?;
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

fn key() -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [SUITE, SETUP].iter().chain(PACKAGES) {
        hasher.update(part.as_bytes()).update(b"\0");
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

fn install_tools() -> io::Result<()> {
    let missing: Vec<&str> = [("mmdebstrap", "mmdebstrap"), ("ip", "iproute2"), ("mount", "mount"), ("unshare", "util-linux")]
        .iter()
        .filter(|(program, _)| !PATH.split(':').any(|d| Path::new(d).join(program).exists()))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!("installing the tools that make the lab: {}", missing.join(" ")));
    tool("apt-get", &["update", "-qq"])?;
    let install = ["install", "-y", "-qq", "--no-install-recommends"];
    tool("apt-get", &[&install[..], &missing].concat())?;
    Ok(())
}

fn build(path: &Path, lock: &File) -> io::Result<()> {
    let start = Instant::now();
    let draft = path.with_extension("draft");
    remove_draft(&draft)?;
    say(&format!("building Debian {SUITE} with {} packages in {} (once, a minute or two)", PACKAGES.len(), path.display()));
    let include = format!("--include={}", PACKAGES.join(","));
    // In a mount namespace of its own: however it ends, its mounts do not stay in the draft.
    progress(
        Command::new("unshare").args(["--mount", "mmdebstrap", "--variant=minbase", "--mode=root"]).args([&include, SUITE]).arg(&draft),
        lock,
    )?;
    say("preparing MariaDB, Apache and WordPress in it");
    progress(Command::new("unshare").args(["--mount", "--pid", "--fork", "sh", "-c", SETUP, "setup"]).arg(&draft), lock)?;
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
fn progress(command: &mut Command, lock: &File) -> io::Result<()> {
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
