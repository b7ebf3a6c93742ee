//! Files brought here from a server, piece by piece: never whole in memory, and hashed on the way.

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

use super::{MOST_NAMES, MOST_READ};

/// What was brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its bytes.
    pub size: u64,
    /// Its SHA-256, as `sha256sum` prints it.
    pub sha256: String,
}

/// Of the space that is free here, one part in so many is left so.
const LEFT_FREE: u64 = 20;

/// Why a file is not read as one.
pub(super) fn too_large() -> String {
    format!("it is larger than {}, and more is not read of a file", crate::distribution::bytes(MOST_READ as u64))
}

/// Why a directory is not listed.
pub(super) fn too_many() -> String {
    format!("there are more than {} names in it, or longer ones than are read", MOST_NAMES.0)
}

/// A new file of mode 0600 on this machine. Unless it is finished it is removed again, however that happens.
#[derive(Debug)]
pub(super) struct Intake {
    path: Utf8PathBuf,
    file: tokio::fs::File,
    hash: Sha256,
    size: u64,
    most: u64,
    finished: bool,
}

impl Intake {
    pub(super) async fn new(path: &Utf8Path) -> std::io::Result<Self> {
        let file = tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).await?;
        Ok(Self { path: path.to_owned(), file, hash: Sha256::new(), size: 0, most: MOST_READ as u64, finished: false })
    }

    /// What is said that will come. More than fits here is refused before it is here; of what says that it is empty, as
    /// the kernel's own files do, only as much is taken as is read as one.
    pub(super) fn expect(&mut self, size: u64) -> std::io::Result<()> {
        let disk = rustix::fs::statvfs(self.path.as_std_path())?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if size > free - free / LEFT_FREE {
            let (size, free) = (crate::distribution::bytes(size), crate::distribution::bytes(free));
            return Err(std::io::Error::other(format!("it has {size}, and only {free} are free at {}", self.path)));
        }
        self.most = size.max(MOST_READ as u64);
        Ok(())
    }

    pub(super) async fn take(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.size + bytes.len() as u64 > self.most {
            return Err(std::io::Error::other("it goes on behind the end that it said it has"));
        }
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes).await
    }

    /// It is on the disk when this returns.
    pub(super) async fn finish(mut self) -> std::io::Result<Fetched> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        self.finished = true;
        Ok(Fetched { size: self.size, sha256: data_encoding::HEXLOWER.encode(&self.hash.finalize_reset()) })
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        if !self.finished {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
