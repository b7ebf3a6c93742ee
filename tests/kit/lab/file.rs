//! Files of a host, read and written from outside.
//!
//! Paths are resolved *inside* the host's root: an absolute symbolic link in a host must never lead to
//! the developer's own files.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fchmod, open, openat2};
use rustix::mount::{OpenTreeFlags, open_tree};

use super::host::Host;

/// `move_mount(2)` of descriptor 0 to the path: nothing in Debian 12 calls it, and perl is always there.
const ATTACH: &str = r#"my $this = ""; syscall(429, 0, $this, -100, $ARGV[0], 4) == 0 or die "move_mount: $!\n""#;

impl Host {
    /// Opens a path as the host would see it.
    pub(crate) fn open(&self, path: &str, flags: OFlags, mode: u32) -> io::Result<OwnedFd> {
        let root = open(self.root(), OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let flags = flags | OFlags::CLOEXEC;
        Ok(openat2(root, path, flags, Mode::from_raw_mode(mode), ResolveFlags::IN_ROOT)?)
    }

    pub(crate) fn get(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::from(self.open(path, OFlags::RDONLY, 0)?).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn put(&self, path: &str, content: &[u8], mode: u32) -> io::Result<()> {
        self.create(path, mode)?.write_all(content)
    }

    fn create(&self, path: &str, mode: u32) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        let file = match self.open(path, flags, mode) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                self.make_parent(path);
                self.open(path, flags, mode)?
            }
            other => other?,
        };
        fchmod(&file, Mode::from_raw_mode(mode))?;
        Ok(file.into())
    }

    fn make_parent(&self, path: &str) {
        if let Some(parent) = Path::new(path).parent() {
            self.exec(["mkdir".as_ref(), "-p".as_ref(), parent.as_os_str()]).ok();
        }
    }

    /// Whether the path is there.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.open(path, OFlags::PATH, 0).is_ok()
    }

    /// What a file holds; text that is not UTF-8 is replaced.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        match self.get(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) => panic!("failed to read {path} on {}: {e}", self.name()),
        }
    }

    /// Writes a file as root, with mode 0644, and the directories above it.
    ///
    /// # Panics
    /// When it cannot be written.
    #[track_caller]
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        self.put(path, content.as_ref(), 0o644).unwrap_or_else(|e| panic!("failed to write {path} on {}: {e}", self.name()));
    }

    /// Copies a file of this machine into the host, owned by root.
    ///
    /// # Panics
    /// When it cannot be copied.
    #[track_caller]
    pub fn copy_in(&self, outside: impl AsRef<Path>, inside: &str, mode: u32) {
        let outside = outside.as_ref();
        let copy = || io::copy(&mut File::open(outside)?, &mut self.create(inside, mode)?);
        if let Err(e) = copy() {
            let (from, to) = (outside.display(), self.name());
            panic!("failed to copy {from} to {inside} on {to}: {e}");
        }
    }

    /// Shows a directory or file of this machine inside the host, read-only, without copying it.
    ///
    /// # Panics
    /// When it cannot be mounted.
    #[track_caller]
    pub fn bind_mount(&self, outside: impl AsRef<Path>, inside: &str) {
        let outside = outside.as_ref();
        self.attach(outside, inside).unwrap_or_else(|e| {
            let (from, to) = (outside.display(), self.name());
            panic!("failed to mount {from} at {inside} on {to}: {e}")
        });
    }

    fn attach(&self, outside: &Path, inside: &str) -> io::Result<()> {
        if outside.is_dir() {
            self.exec(["mkdir", "-p", inside]).ok();
        } else {
            self.create(inside, 0o644)?;
        }
        // A host does not see the machine's own tree, so the mount is made here and handed over.
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let tree = open_tree(CWD, outside.canonicalize()?, flags)?;
        self.command(["perl", "-e", ATTACH, inside]).stdin_fd(tree).run().ok();
        self.exec(["mount", "-o", "remount,bind,ro", inside]).ok();
        Ok(())
    }
}
