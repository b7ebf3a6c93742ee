//! This machine: system calls for files, child processes for commands.

mod child;
mod file;
mod names;
mod obstacle;
mod place;
mod removal;

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};

use super::{
    Command, DirSpec, Facts, Fetched, FileKind, FileSpec, FileStat, Inquiry, Output, OwnedPath, Reply, Server, Stream, Tunnel, account,
};
use crate::name::ServerName;
use crate::server::drain::{Stop, too_much};
use crate::server::inquiry::by_script;
use crate::{Error, ErrorKind, Result};
pub(super) use child::pass_on;
use child::{build, digest, kill_group, talk};

/// The status of what SIGKILL ended.
const KILLED: i32 = 128 + 9;

/// How long a killed command may take to be gone; one of another account may have seen to it that it stays.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(5);

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
        // What could not be made is not there to be looked at; the directory that refused is.
        let parent = path.parent().unwrap_or(path);
        let hint = match error.kind() {
            std::io::ErrorKind::PermissionDenied => Some(obstacle::hint(path, &self.root)),
            std::io::ErrorKind::NotFound if path.starts_with(&self.root) => {
                Some(format!("`aegir server verify {}` makes Aegir's own directories", self.name))
            }
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Some(format!("free some space: `df -h {}`", crate::text::word(parent.as_str())))
            }
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
        build(command)?.spawn().map_err(|e| {
            let missing = e.kind() == std::io::ErrorKind::NotFound;
            let hint = match rustix::io::Errno::from_io_error(&e) {
                Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => "allow it more open files: `ulimit -n 1024`".to_owned(),
                Some(rustix::io::Errno::AGAIN | rustix::io::Errno::NOMEM) => {
                    "the machine, or its limit for this user, has no room for more: `free -m`, `ulimit -a`".to_owned()
                }
                _ => format!("install {} there, or run `aegir server verify {}`", command.program, self.name),
            };
            self.problem(command, "it did not start")
                .with_kind(if missing { ErrorKind::Refused } else { ErrorKind::Failed })
                .because(e)
                .hint(hint)
        })
    }

    fn judge(&self, command: &Command, ended: std::result::Result<Output, Stop>) -> Result<Output> {
        match ended {
            // It runs behind `setpriv`, which is there, so only that says that the program is not.
            Ok(output) if matches!(output.status, 126 | 127) && output.stderr.starts_with(b"setpriv: failed to execute ") => Err(self
                .problem(command, "it did not start")
                .with_kind(ErrorKind::Refused)
                .because(output.error_text().trim().to_owned())
                .hint(format!("install {} there, or run `aegir server verify {}`", command.program, self.name))),
            Ok(output) => match account::not_started(command, &output, &self.name) {
                Some(error) => Err(error),
                None => Ok(output),
            },
            Err(Stop::Enough(stdout)) => Ok(Output { status: KILLED, stdout, stderr: Vec::new() }),
            Err(Stop::TooMuch) => Err(too_much(command, &self.name)),
            Err(stop) if stop.is_late() => {
                Err(self.problem(command, &format!("no end after {} s, killed", command.timeout.as_secs())).with_kind(ErrorKind::Timeout))
            }
            Err(Stop::Broke(error)) => Err(self.problem(command, "talking to it failed").because(error)),
        }
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
        let talked = tokio::time::timeout(command.timeout, talk(&mut child, command)).await;
        let finished = talked.unwrap_or_else(|_| Err(Stop::Broke(std::io::ErrorKind::TimedOut.into())));
        if finished.is_err() {
            kill_group(group);
            let _ = tokio::time::timeout(FAREWELL, child.wait()).await;
        }
        self.judge(command, finished)
    }

    async fn feed(&self, command: &Command, stream: Stream) -> Result<Output> {
        let mut child = self.start(command)?;
        let group = child.id();
        let digested = digest(&mut child, command, stream).await;
        if digested.is_err() {
            kill_group(group);
            let _ = child.wait().await;
        }
        self.judge(command, digested)
    }

    async fn stat(&self, path: &Utf8Path) -> Result<Option<FileStat>> {
        let Some((kind, stat)) = self.files("looking at", path, file::stat).await? else { return Ok(None) };
        let group = self.group_name(stat.st_gid).await?;
        let size = if kind == FileKind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
        Ok(Some(FileStat { kind, mode: stat.st_mode & 0o7777, uid: stat.st_uid, gid: stat.st_gid, group, size }))
    }

    async fn read(&self, path: &Utf8Path) -> Result<Option<Vec<u8>>> {
        self.files("reading", path, file::read).await
    }

    async fn list(&self, path: &Utf8Path) -> Result<Option<Vec<String>>> {
        self.files("listing", path, file::list).await
    }

    async fn write(&self, file: &FileSpec) -> Result<()> {
        let ids = self.owner_ids(&file.permissions).await?;
        let file = file.clone();
        let path = file.path.clone();
        self.files("writing", &path, move |path| file::write(path, &file, ids)).await
    }

    async fn make_dir(&self, dir: &DirSpec) -> Result<()> {
        let ids = self.owner_ids(&dir.permissions).await?;
        let mode = dir.permissions.mode;
        self.files("making directory", &dir.path, move |path| file::make_dir(path, mode, ids)).await
    }

    async fn link(&self, path: &Utf8Path, target: &Utf8Path) -> Result<()> {
        let target = target.to_owned();
        self.files("linking", path, move |path| file::link(path, &target)).await
    }

    async fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
        let to = to.to_owned();
        self.files("moving", from, move |from| file::rename(from, &to)).await
    }

    async fn fetch(&self, path: &Utf8Path, into: &Utf8Path) -> Result<Fetched> {
        file::fetch(path, into).await.map_err(|error| self.file_error("fetching", path, error))
    }

    async fn forward(&self, socket: &Utf8Path) -> Result<Tunnel> {
        Ok(Tunnel::direct(socket))
    }

    async fn remove(&self, path: &OwnedPath) -> Result<()> {
        self.files("removing", path.as_path(), removal::remove).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Input, Permissions};

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
        assert_eq!(output.stdout.len(), 3_000_000);
        assert!(output.error_text().contains("bytes left out"));
    }

    /// Exchanges two names for as long as the other work goes on, as whoever writes in their directory can.
    async fn while_exchanging<T>(one: &Utf8Path, other: &Utf8Path, work: impl Future<Output = T>) -> T {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (one, other, ended) = (one.to_owned(), other.to_owned(), stop.clone());
        let exchanging = std::thread::spawn(move || {
            while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = renameat_with(CWD, one.as_std_path(), CWD, other.as_std_path(), RenameFlags::EXCHANGE);
            }
        });
        let done = work.await;
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        exchanging.join().unwrap();
        done
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a4_no_race_for_a_name_leads_out_of_its_directory() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_guard, server, dir) = here();
        let (files, link, keys) = (dir.join("files"), dir.join("link"), dir.join("keys"));
        for made in [&files, &keys] {
            server.make_dir(&DirSpec { path: made.clone(), permissions: Permissions::mode(0o700) }).await.unwrap();
        }
        std::fs::write(keys.join("key"), "x").unwrap();
        std::os::unix::fs::symlink(&keys, &link).unwrap();
        let (mut made, mut refused) = (0, 0);
        while_exchanging(&files, &link, async {
            for round in 0..400 {
                let permissions = Permissions::mode(if round % 2 == 0 { 0o777 } else { 0o750 });
                match server.make_dir(&DirSpec { path: files.clone(), permissions }).await {
                    Ok(()) => made += 1,
                    Err(_) => refused += 1,
                }
                let names = server.list(&files).await.unwrap_or_default().unwrap_or_default();
                assert!(names.is_empty(), "{names:?}");
            }
        })
        .await;
        assert!(made > 3 && refused > 3, "the race was none: {made} {refused}");
        let tree = dir.join("tree");
        for _ in 0..40 {
            std::fs::create_dir_all(tree.join("a/b/c")).unwrap();
            std::os::unix::fs::symlink(&keys, tree.join("a/l")).unwrap();
            while_exchanging(&tree.join("a/b"), &tree.join("a/l"), async {
                // Whoever never stops may keep it from ending, and gets nothing by it.
                let _ = server.remove(&OwnedPath::proven(&tree)).await;
            })
            .await;
            server.remove(&OwnedPath::proven(&tree)).await.unwrap();
        }
        assert_eq!(std::fs::metadata(&keys).unwrap().permissions().mode() & 0o7777, 0o700);
        assert_eq!(std::fs::read(keys.join("key")).unwrap(), b"x");
    }

    #[tokio::test]
    async fn a_chain_deeper_than_any_path_is_removed() {
        let (_guard, server, dir) = here();
        let top = dir.join("top");
        std::fs::create_dir(&top).unwrap();
        let mut held = std::fs::File::open(&top).map(std::os::fd::OwnedFd::from).unwrap();
        let long = "d".repeat(240);
        for _ in 0..150 {
            rustix::fs::mkdirat(&held, &long, rustix::fs::Mode::RWXU).unwrap();
            rustix::fs::mkdirat(&held, "e", rustix::fs::Mode::RUSR).unwrap();
            held = rustix::fs::openat(&held, &long, rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
        }
        server.remove(&OwnedPath::proven(&top)).await.unwrap();
        assert!(server.stat(&top).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a10_neither_a_file_nor_a_directory_is_read_without_end() {
        let (_guard, server, dir) = here();
        let file = dir.join("large");
        std::fs::File::create(&file).unwrap().set_len(crate::server::MOST_READ as u64 + 1).unwrap();
        let error = server.read(&file).await.unwrap_err();
        assert!(error.chain().join(": ").contains("larger than 33 MB"), "{error:?}");
        std::fs::File::options().write(true).open(&file).unwrap().set_len(1 << 43).unwrap();
        let into = dir.join("into");
        let error = server.fetch(&file, &into).await.unwrap_err();
        assert!(error.chain().join(": ").contains("are free at"), "{error:?}");
        assert!(!into.exists());
        assert!(
            server.read("/proc/self/status".into()).await.unwrap().unwrap().starts_with(b"Name:"),
            "the kernel's files say that they are empty"
        );
        let error = server.run(&Command::new("yes")).await.unwrap_err();
        assert!(
            error.message().contains("it printed more than 8.3 MB") && error.contexts().iter().any(|(k, _)| *k == "server"),
            "{error:?}"
        );
        let cut = server.run(&Command::new("yes").cut(10)).await.unwrap();
        assert_eq!((cut.stdout.as_slice(), cut.ok()), (&b"y\ny\ny\ny\ny\n"[..], false));
    }
}
