//! `rsync` says whether two trees are the same, by content.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use aegir_testkit::lab::Host;
use aegir_testkit::machine::program;

/// Where trees are and who compares them: this machine, or a host that sees a directory of this machine as `/mnt/master`.
#[derive(Clone)]
pub(crate) struct Judge {
    host: Option<(Host, PathBuf)>,
}

impl Judge {
    pub(crate) fn here() -> Self {
        Self { host: None }
    }

    pub(crate) fn on(host: &Host, master: &Path) -> Self {
        host.bind_mount(master, "/mnt/master");
        Self { host: Some((host.clone(), master.to_owned())) }
    }

    fn inside(&self, path: &Path) -> PathBuf {
        match &self.host {
            None => path.to_owned(),
            Some((host, master)) => match path.strip_prefix(host.root()) {
                Ok(inside) => Path::new("/").join(inside),
                Err(_) => Path::new("/mnt/master").join(path.strip_prefix(master).unwrap()),
            },
        }
    }

    /// What `rsync` would change on the target; empty when nothing. `kept` are left out, as its patterns.
    pub(crate) fn differences(&self, source: &Path, target: &Path, kept: &[&str]) -> Vec<String> {
        let mut argv: Vec<String> = Vec::new();
        if let Some((host, _)) = &self.host {
            argv.extend(["nsenter", "-m", "-r", "-w", "-t"].map(str::to_owned));
            argv.push(host.init().pid().to_string());
        }
        argv.extend("rsync -aHc --delete --dry-run --itemize-changes --numeric-ids --no-o --no-g".split(' ').map(str::to_owned));
        argv.extend(kept.iter().map(|k| format!("--exclude={k}")));
        argv.extend([source, target].map(|path| format!("{}/", self.inside(path).display())));
        let output = program(&argv[0]).args(&argv[1..]).env("LC_ALL", "C").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        differences(&output.stdout, target, kept)
    }

    /// Both ways, nothing left out: two trees are one.
    pub(crate) fn assert_same(&self, one: &Path, other: &Path) {
        assert_eq!(self.differences(one, other, &[]), [""; 0]);
        assert_eq!(self.differences(other, one, &[]), [""; 0]);
        assert_eq!(fine(one), fine(other), "to the nanosecond");
    }
}

fn differences(said: &[u8], target: &Path, kept: &[&str]) -> Vec<String> {
    let shared = |line: &&str| {
        // Directories in which something kept comes and goes: their time is not only the source's.
        !kept.is_empty()
            && (line.starts_with(".d..t...... ")
                || line.starts_with("cannot delete non-empty directory")
                || line.strip_prefix("*deleting   ").is_some_and(|dir| dir.ends_with('/') && is_filled(&target.join(named(dir)))))
    };
    String::from_utf8_lossy(said).lines().filter(|line| !shared(line)).map(str::to_owned).collect()
}

/// A dry run names directories that `rsync` would then leave, as something kept is in them; what is not kept in them it names, too.
fn is_filled(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
}

/// A path as `rsync` shows it: odd bytes as `\#ooo`.
fn named(shown: &str) -> OsString {
    let mut parts = shown.split("\\#");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(3);
        bytes.push(u8::from_str_radix(code, 8).unwrap());
        bytes.extend(rest.as_bytes());
    }
    OsString::from_vec(bytes)
}

/// Owners, modes, names of one file, and times of everything but directories.
fn fine(tree: &Path) -> Vec<String> {
    let mut find = program("find");
    find.current_dir(tree).args([".", "-printf", "%y %m %U %n %P %l", "(", "-type", "d", "-o", "-printf", " %T@", ")", "-printf", "\\0"]);
    let output = find.output().unwrap();
    let mut lines: Vec<String> = output.stdout.split(|b| *b == 0).map(|l| l.escape_ascii().to_string()).collect();
    lines.sort();
    lines
}

/// A copy to compare with later.
pub(crate) fn copy(tree: &Path, to: &Path) {
    let copied = program("cp").arg("-aT").args([tree, to]).status().unwrap();
    assert!(copied.success());
}
