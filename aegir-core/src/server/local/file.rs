//! The system calls that writing and removing files take.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use camino::{Utf8Path, Utf8PathBuf};

use crate::server::fetch::Intake;
use crate::server::{Fetched, FileKind, FileSpec};

/// Installers make directories read-only (Drupal's `sites/URI` is 0555); removal needs our own write bit back.
pub(super) fn make_removable(path: &Utf8Path) -> std::io::Result<()> {
    let meta = std::fs::symlink_metadata(path)?;
    if meta.mode() & 0o700 != 0o700 && meta.uid() == rustix::process::geteuid().as_raw() {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(meta.mode() & 0o7777 | 0o700))?;
    }
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir()
            && let Ok(child) = Utf8PathBuf::from_path_buf(entry.path())
        {
            make_removable(&child)?;
        }
    }
    Ok(())
}

pub(super) fn file_kind(path: &Utf8Path, meta: &std::fs::Metadata) -> std::io::Result<FileKind> {
    Ok(if meta.is_file() {
        FileKind::File
    } else if meta.is_dir() {
        FileKind::Dir
    } else if meta.is_symlink() {
        FileKind::Link(path.read_link_utf8()?)
    } else {
        FileKind::Other
    })
}

pub(super) fn temporary_name(path: &Utf8Path) -> Utf8PathBuf {
    let name = path.file_name().unwrap_or_default();
    path.with_file_name(format!(".{name}.aegir-{}", uuid::Uuid::now_v7().simple()))
}

pub(super) fn write_temporary(temporary: &Utf8Path, file: &FileSpec, uid: Option<u32>, gid: Option<u32>) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut handle = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    if uid.is_some() || gid.is_some() {
        std::os::unix::fs::fchown(&handle, uid, gid)?;
    }
    handle.write_all(&file.content)?;
    // Last: a change of owner and every write take setuid and setgid away. Until here only its owner can open it.
    handle.set_permissions(std::fs::Permissions::from_mode(file.permissions.mode))?;
    handle.sync_all()
}

pub(super) fn sync_parent(path: &Utf8Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |parent| std::fs::File::open(parent)?.sync_all())
}

/// Copies a file to a new one, in pieces.
pub(super) async fn fetch(path: &Utf8Path, into: &Utf8Path) -> std::io::Result<Fetched> {
    use tokio::io::AsyncReadExt as _;
    // A pipe would keep us until somebody writes into it.
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let mut file = tokio::fs::File::open(path).await?;
    let mut intake = Intake::new(into).await?;
    let mut piece = vec![0; 256 * 1024];
    loop {
        match file.read(&mut piece).await? {
            0 => return intake.finish().await,
            read => intake.take(&piece[..read]).await?,
        }
    }
}
