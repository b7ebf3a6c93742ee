//! Files brought here from a server, piece by piece: never whole in memory, and hashed on the way.

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

/// What was brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its bytes.
    pub size: u64,
    /// Its SHA-256, as `sha256sum` prints it.
    pub sha256: String,
}

/// A new file of mode 0600 on this machine. Unless it is finished it is removed again, however that happens.
#[derive(Debug)]
pub(super) struct Intake {
    path: Utf8PathBuf,
    file: tokio::fs::File,
    hash: Sha256,
    size: u64,
    finished: bool,
}

impl Intake {
    pub(super) async fn new(path: &Utf8Path) -> std::io::Result<Self> {
        let file = tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).await?;
        Ok(Self { path: path.to_owned(), file, hash: Sha256::new(), size: 0, finished: false })
    }

    pub(super) async fn take(&mut self, bytes: &[u8]) -> std::io::Result<()> {
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
