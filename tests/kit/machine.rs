//! What tests, benches and `aegir-try` call on this machine itself: named, and installed, here.
//!
//! A program that is not in the list does not start, so none comes to be needed that a fresh Debian has not. A test of the
//! architecture finds whoever goes around the list.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::lab::say;

/// A program of this machine, not yet run; only [`program`], [`built`] and [`cargo`] make one.
pub type Program = std::process::Command;

/// The search path outside and inside the hosts, whatever the developer's own is.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Programs, and the Debian package that has them. The command under test runs some of them on this machine, too.
const PROGRAMS: &[(&str, &str)] = &[
    ("cp", "coreutils"),
    ("env", "coreutils"),
    ("find", "findutils"),
    ("getent", "libc-bin"),
    ("hostname", "hostname"),
    ("install", "coreutils"),
    ("ip", "iproute2"),
    ("kill", "procps"),
    ("mkdir", "coreutils"),
    ("mmdebstrap", "mmdebstrap"),
    ("mount", "mount"),
    ("nsenter", "util-linux"),
    ("perl", "perl-base"),
    ("pgrep", "procps"),
    ("pivot_root", "util-linux"),
    ("ps", "procps"),
    ("rm", "coreutils"),
    ("rsync", "rsync"),
    ("setpriv", "util-linux"),
    ("setsid", "util-linux"),
    ("sh", "dash"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("ssh-keyscan", "openssh-client"),
    ("tar", "tar"),
    ("tc", "iproute2"),
    ("umount", "mount"),
    ("unshare", "util-linux"),
    ("zstd", "zstd"),
];

/// The same, installed when they are first called: a bench's yardsticks, and what `aegir-try --here` calls.
const ON_DEMAND: &[(&str, &str)] = &[
    ("apt-get", "apt"),
    ("chmod", "coreutils"),
    ("chown", "coreutils"),
    ("curl", "curl"),
    ("dpkg-deb", "dpkg"),
    ("pip3", "python3-pip"),
    ("python3", "python3-venv"),
    ("sudo", "sudo"),
];

/// A program of this machine by its name, as a command.
///
/// # Panics
/// When it is not in the list, or cannot be installed.
#[must_use]
#[track_caller]
pub fn program(name: &str) -> Program {
    call(name).unwrap_or_else(|e| panic!("{e}"))
}

/// Like [`program`], for callers that handle the error.
pub(crate) fn call(name: &str) -> io::Result<Program> {
    find(name).map(Program::new)
}

/// Something that was built here: by this workspace, or by a bench. Not a program that a machine brings.
#[must_use]
pub fn built(path: impl AsRef<OsStr>) -> Program {
    Program::new(path)
}

/// The cargo that runs this.
#[must_use]
pub fn cargo() -> Program {
    Program::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Installs what is missing; without a look at the machine from the second time on.
///
/// # Errors
/// When something cannot be installed.
pub fn ensure() -> io::Result<()> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    DONE.get_or_init(|| install(PROGRAMS).map_err(|e| e.to_string())).clone().map_err(io::Error::other)
}

fn find(name: &str) -> io::Result<PathBuf> {
    ensure()?;
    if let Some(entry) = ON_DEMAND.iter().find(|(program, _)| *program == name) {
        install(std::slice::from_ref(entry))?;
    } else if !PROGRAMS.iter().any(|(program, _)| *program == name) {
        return Err(io::Error::other(format!("{name} is not in the list of programs that tests may call: see tests/kit/machine.rs")));
    }
    place(name).ok_or_else(|| io::Error::other(format!("{name} is not on this machine, though its package is installed")))
}

fn place(name: &str) -> Option<PathBuf> {
    PATH.split(':').map(|dir| Path::new(dir).join(name)).find(|path| path.exists())
}

fn missing(programs: &[(&str, &'static str)]) -> Vec<&'static str> {
    let mut packages: Vec<_> = programs.iter().filter(|(name, _)| place(name).is_none()).map(|(_, package)| *package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// Two processes may find the same missing: one installs, the other waits for it.
fn install(programs: &[(&str, &'static str)]) -> io::Result<()> {
    if missing(programs).is_empty() {
        return Ok(());
    }
    fs::create_dir_all("/run/aegir-lab")?;
    let lock = File::create("/run/aegir-lab/lock-packages")?;
    lock.lock()?;
    let packages = missing(programs);
    if packages.is_empty() {
        return Ok(());
    }
    say(&format!("installing what the tests call on this machine: {}", packages.join(" ")));
    apt(&["update", "-qq"])?;
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"][..], &packages].concat())
}

fn apt(args: &[&str]) -> io::Result<()> {
    let output = Program::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive").env("PATH", PATH).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("failed to install what the tests call on this machine: apt-get {}: {}", args.join(" "), said.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_is_where_its_package_puts_it() {
        for (name, package) in PROGRAMS {
            assert!(find(name).is_ok(), "{name} of {package}: {:?}", find(name));
        }
    }

    #[test]
    fn a_program_that_is_not_named_does_not_start() {
        let error = find("make").expect_err("it is not in the list");
        assert!(error.to_string().contains("tests/kit/machine.rs"), "{error}");
    }

    #[test]
    fn lists_are_in_order_and_name_a_program_once() {
        for list in [PROGRAMS, ON_DEMAND] {
            assert!(list.is_sorted_by(|a, b| a.0 < b.0), "{list:?}");
        }
        assert!(PROGRAMS.iter().all(|(name, _)| ON_DEMAND.iter().all(|(other, _)| name != other)));
    }
}
