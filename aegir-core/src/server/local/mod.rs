//! This machine: system calls for files, child processes for commands.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
mod child;
mod file;

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};

use child::{build, digest, kill_group, talk};
pub(super) use child::{drain_lines, pass_on};
use file::{file_kind, make_removable, sync_parent, temporary_name, write_temporary};

use super::{
    Command, DirSpec, Facts, Fetched, FileKind, FileSpec, FileStat, Id, Inquiry, Output, OwnedPath, Permissions, Reply, Server, Stream,
    Tunnel,
};
use crate::name::ServerName;
use crate::server::inquiry::by_script;
use crate::{Error, ErrorKind, Result};

/// The machine this process runs on.
#[derive(Debug)]
pub struct LocalServer {
    name: ServerName,
    root: Utf8PathBuf,
}

impl LocalServer {
    /// This machine, under a name; `root` is Aegir's directory.
    pub fn new(name: ServerName, root: &Utf8Path) -> Self {
        Self { name, root: root.to_owned() }
    }

    fn file_error(&self, doing: &str, path: &Utf8Path, error: std::io::Error) -> Error {
        let hint = match error.kind() {
            std::io::ErrorKind::PermissionDenied => Some(format!(
                "check the owner and mode with `ls -ld {path}`; `aegir server verify {}` mends Aegir's own directories",
                self.name
            )),
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Some(format!("free some space: `df -h {path}`")),
            _ => None,
        };
        let made =
            Error::failed(format!("{doing} {path} on {}", self.name)).context("server", &self.name).context("file", path).because(error);
        match hint {
            Some(hint) => made.hint(hint),
            None => made,
        }
    }

    /// Runs blocking file work off the async threads.
    async fn files<T: Send + 'static>(
        &self,
        doing: &str,
        path: &Utf8Path,
        work: impl FnOnce(&Utf8Path) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let owned = path.to_owned();
        match tokio::task::spawn_blocking(move || work(&owned)).await {
            Ok(result) => result.map_err(|error| self.file_error(doing, path, error)),
            Err(join) => Err(Error::internal(format!("{doing} {path}")).because(join)),
        }
    }

    fn problem(&self, command: &Command, what: &str) -> Error {
        Error::failed(format!("running {} on {}: {what}", command.program, self.name))
            .context("server", &self.name)
            .context("command", command)
    }

    fn start(&self, command: &Command) -> Result<tokio::process::Child> {
        build(command).spawn().map_err(|e| {
            self.problem(command, "it did not start")
                .with_kind(if e.kind() == std::io::ErrorKind::NotFound { ErrorKind::Refused } else { ErrorKind::Failed })
                .because(e)
                .hint(format!("install {} there, or run `aegir server verify {}`", command.program, self.name))
        })
    }

    fn judge(&self, command: &Command, ended: std::io::Result<Output>) -> Result<Output> {
        match ended {
            // It runs behind `setpriv`, which is there, so only that says that the program is not.
            Ok(output) if matches!(output.status, 126 | 127) && output.stderr.starts_with(b"setpriv: failed to execute ") => Err(self
                .problem(command, "it did not start")
                .with_kind(ErrorKind::Refused)
                .because(output.error_text().trim().to_owned())
                .hint(format!("install {} there, or run `aegir server verify {}`", command.program, self.name))),
            Ok(output) => Ok(output),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                Err(self.problem(command, &format!("no end after {} s, killed", command.timeout.as_secs())).with_kind(ErrorKind::Timeout))
            }
            Err(error) => Err(self.problem(command, "talking to it failed").because(error)),
        }
    }

    /// Resolves names by the machine's own name service.
    async fn id(&self, database: &'static str, id: Option<&Id>) -> Result<Option<u32>> {
        let name = match id {
            None => return Ok(None),
            Some(Id::Number(number)) => return Ok(Some(*number)),
            Some(Id::Name(name)) => name,
        };
        let output = self.run(&Command::new("getent").args([database, name])).await?;
        let text = output.text();
        text.split(':').nth(2).and_then(|n| n.parse().ok()).map(Some).ok_or_else(|| {
            Error::refused(format!("server {} has no {database} entry {name}", self.name))
                .context("server", &self.name)
                .hint(format!("`getent {database} {name}` must print it"))
        })
    }

    async fn owner_ids(&self, permissions: &Permissions) -> Result<(Option<u32>, Option<u32>)> {
        Ok((self.id("passwd", permissions.owner.as_ref()).await?, self.id("group", permissions.group.as_ref()).await?))
    }
}

#[async_trait]
impl Server for LocalServer {
    fn name(&self) -> &ServerName {
        &self.name
    }

    async fn facts(&self) -> Result<Facts> {
        let command = Facts::command(self.root.as_str());
        let output = self.run(&command).await?.require_ok(&command, &format!("gathering facts on {}", self.name))?;
        Facts::parse(&output.text())
    }

    async fn inquire(&self, inquiry: &Inquiry) -> Result<Reply> {
        by_script(self, self.root.as_str(), inquiry).await
    }

    async fn run(&self, command: &Command) -> Result<Output> {
        let mut child = self.start(command)?;
        let group = child.id();
        let finished = tokio::time::timeout(command.timeout, talk(&mut child, command)).await;
        if finished.is_err() {
            kill_group(group);
            let _ = child.wait().await;
        }
        self.judge(command, finished.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())))
    }

    async fn feed(&self, command: &Command, stream: Stream) -> Result<Output> {
        let mut child = self.start(command)?;
        let group = child.id();
        let digested = digest(&mut child, stream, command.timeout).await;
        if digested.is_err() {
            kill_group(group);
            let _ = child.wait().await;
        }
        self.judge(command, digested)
    }

    async fn stat(&self, path: &Utf8Path) -> Result<Option<FileStat>> {
        let found = self.files("looking at", path, |path| match std::fs::symlink_metadata(path) {
            Ok(meta) => Ok(Some((file_kind(path, &meta)?, meta))),
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(e),
        });
        let Some((kind, meta)) = found.await? else { return Ok(None) };
        let group = group_name(self, meta.gid()).await?;
        let size = if kind == FileKind::File { meta.len() } else { 0 };
        Ok(Some(FileStat { kind, mode: meta.mode() & 0o7777, uid: meta.uid(), gid: meta.gid(), group, size }))
    }

    async fn read(&self, path: &Utf8Path) -> Result<Option<Vec<u8>>> {
        // A pipe would keep us until somebody writes into it, and whoever owns a site could put one there.
        let read = |path: &Utf8Path| {
            if std::fs::metadata(path)?.is_file() { std::fs::read(path) } else { Err(std::io::Error::other("it is no file")) }
        };
        self.files("reading", path, move |path| match read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(e),
        })
        .await
    }

    async fn list(&self, path: &Utf8Path) -> Result<Option<Vec<String>>> {
        self.files("listing", path, |path| {
            // A link to a directory is none.
            if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink()) {
                return Ok(None);
            }
            let entries = match std::fs::read_dir(path) {
                Ok(entries) => entries,
                Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(None),
                Err(e) => return Err(e),
            };
            let mut names = Vec::new();
            for entry in entries {
                let name =
                    entry?.file_name().into_string().map_err(|n| std::io::Error::other(format!("{} is not UTF-8", n.to_string_lossy())))?;
                names.push(name);
            }
            names.sort_unstable();
            Ok(Some(names))
        })
        .await
    }

    async fn write(&self, file: &FileSpec) -> Result<()> {
        let (uid, gid) = self.owner_ids(&file.permissions).await?;
        let file = file.clone();
        let path = file.path.clone();
        self.files("writing", &path, move |path| {
            let temporary = temporary_name(path);
            let result = write_temporary(&temporary, &file, uid, gid)
                .and_then(|()| std::fs::rename(&temporary, path))
                .and_then(|()| sync_parent(path));
            if result.is_err() {
                let _ = std::fs::remove_file(&temporary);
            }
            result
        })
        .await
    }

    async fn make_dir(&self, dir: &DirSpec) -> Result<()> {
        let (uid, gid) = self.owner_ids(&dir.permissions).await?;
        let mode = dir.permissions.mode;
        self.files("making directory", &dir.path, move |path| {
            match std::fs::create_dir(path) {
                Ok(()) => {}
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && std::fs::symlink_metadata(path)?.is_dir() => {}
                Err(e) => return Err(e),
            }
            if uid.is_some() || gid.is_some() {
                std::os::unix::fs::chown(path, uid, gid)?;
            }
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        })
        .await
    }

    async fn link(&self, path: &Utf8Path, target: &Utf8Path) -> Result<()> {
        let target = target.to_owned();
        self.files("linking", path, move |path| {
            let temporary = temporary_name(path);
            std::os::unix::fs::symlink(&target, &temporary)?;
            std::fs::rename(&temporary, path).inspect_err(|_| {
                let _ = std::fs::remove_file(&temporary);
            })
        })
        .await
    }

    async fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
        let to = to.to_owned();
        self.files("moving", from, move |from| {
            rustix::fs::renameat_with(
                rustix::fs::CWD,
                from.as_std_path(),
                rustix::fs::CWD,
                to.as_std_path(),
                rustix::fs::RenameFlags::NOREPLACE,
            )?;
            sync_parent(&to)
        })
        .await
    }

    async fn fetch(&self, path: &Utf8Path, into: &Utf8Path) -> Result<Fetched> {
        file::fetch(path, into).await.map_err(|error| self.file_error("fetching", path, error))
    }

    async fn forward(&self, socket: &Utf8Path) -> Result<Tunnel> {
        Ok(Tunnel::direct(socket))
    }

    async fn remove(&self, path: &OwnedPath) -> Result<()> {
        self.files("removing", path.as_path(), |path| {
            let meta = match std::fs::symlink_metadata(path) {
                Ok(meta) => meta,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(e) => return Err(e),
            };
            if meta.is_dir() {
                make_removable(path)?;
                std::fs::remove_dir_all(path)
            } else {
                std::fs::remove_file(path)
            }
        })
        .await
    }
}

async fn group_name(server: &LocalServer, gid: u32) -> Result<String> {
    use std::collections::HashMap;
    use std::sync::{Mutex, OnceLock, PoisonError};
    // Group numbers keep their names for as long as a process lives; asking once is enough.
    static NAMES: OnceLock<Mutex<HashMap<u32, String>>> = OnceLock::new();
    let names = NAMES.get_or_init(Mutex::default);
    if let Some(name) = names.lock().unwrap_or_else(PoisonError::into_inner).get(&gid) {
        return Ok(name.clone());
    }
    let output = server.run(&Command::new("getent").args(["group", &gid.to_string()])).await?;
    let name = output.text().split(':').next().unwrap_or_default().trim().to_owned();
    names.lock().unwrap_or_else(PoisonError::into_inner).insert(gid, name.clone());
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Input;

    fn here() -> (tempfile::TempDir, LocalServer, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, LocalServer::new(ServerName::master(), &path), path)
    }

    #[tokio::test]
    async fn writes_with_mode_and_leaves_no_temporary() {
        let (_guard, server, dir) = here();
        let path = dir.join("a");
        server.write(&FileSpec { path: path.clone(), content: b"x".to_vec(), permissions: Permissions::mode(0o440) }).await.unwrap();
        assert_eq!(server.stat(&path).await.unwrap().unwrap().mode, 0o440);
        assert_eq!(server.list(&dir).await.unwrap().unwrap(), ["a"]);
        assert_eq!(server.read(&path).await.unwrap().unwrap(), b"x");
        assert!(server.rename(&path, &path).await.is_err(), "a rename never replaces");
    }

    #[tokio::test]
    async fn a_command_is_killed_at_its_limit() {
        let (_guard, server, _) = here();
        let error = server.run(&Command::new("sleep").arg("30").timeout(std::time::Duration::from_millis(100))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
    }

    #[tokio::test]
    async fn megabytes_on_both_streams_do_not_block() {
        let (_guard, server, _) = here();
        let script = b"head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; cat >/dev/null".to_vec();
        let output = server.run(&Command::new("sh").arg("-s").input(Input::Bytes(script))).await.unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (3_000_000, 3_000_000));
    }
}
