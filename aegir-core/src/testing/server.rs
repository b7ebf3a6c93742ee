//! A machine in memory that remembers everything it was told.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use crate::distribution::{Keep, Op, Package, Packing, Progress, Survey};
use crate::name::ServerName;
use crate::server::{
    Command, DirSpec, Facts, Fetched, FileKind, FileSpec, FileStat, Id, Output, OwnedPath, Permissions, Server, Stream, Tunnel,
};
use crate::{Error, Result};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: FileKind,
    pub(super) mode: u32,
    pub(super) group: String,
    pub(super) content: Vec<u8>,
    /// When it changed, where a push said so.
    pub(super) time: (i64, u32),
}

impl Node {
    pub(super) fn new(kind: FileKind, mode: u32, group: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { kind, mode, group: group.into(), content: content.into(), time: (0, 0) }
    }
}

type Answer = Box<dyn Fn(&Command) -> Option<Output> + Send + Sync>;

/// A machine in memory. Stricter than a real one: parents must exist, and a command nobody expects fails.
pub struct FakeServer {
    name: ServerName,
    facts: Facts,
    nodes: Mutex<BTreeMap<Utf8PathBuf, Node>>,
    commands: Mutex<Vec<String>>,
    answers: Vec<Answer>,
    unplugged: AtomicBool,
}

impl std::fmt::Debug for FakeServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FakeServer({})", self.name)
    }
}

impl FakeServer {
    /// A machine with these directories; parents are made too.
    pub fn new(name: ServerName, facts: Facts, directories: &[&str]) -> Self {
        let fake = Self {
            name,
            facts,
            nodes: Mutex::default(),
            commands: Mutex::default(),
            answers: Vec::new(),
            unplugged: AtomicBool::new(false),
        };
        for dir in directories {
            for path in Utf8Path::new(dir).ancestors().collect::<Vec<_>>().into_iter().rev() {
                fake.lock().entry(path.to_owned()).or_insert(Node::new(FileKind::Dir, 0o755, "aegir", []));
            }
        }
        fake
    }

    /// Answers commands for which `answer` returns something; the first that does wins.
    #[must_use]
    pub fn answering(mut self, answer: impl Fn(&Command) -> Option<Output> + Send + Sync + 'static) -> Self {
        self.answers.push(Box::new(answer));
        self
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<Utf8PathBuf, Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a file there.
    pub fn put(&self, path: &str, content: &str) {
        self.lock().insert(path.into(), Node::new(FileKind::File, 0o644, "aegir", content));
    }

    /// Puts a directory there.
    pub fn put_dir(&self, path: &str) {
        self.lock().insert(path.into(), Node::new(FileKind::Dir, 0o755, "aegir", []));
    }

    /// Takes a file away.
    pub fn take(&self, path: &str) {
        self.lock().remove(Utf8Path::new(path));
    }

    /// Pulls its cable: from now on nobody gets there. Or puts it back.
    pub fn unplug(&self, out: bool) {
        self.unplugged.store(out, Ordering::SeqCst);
    }

    fn plugged(&self) -> Result<()> {
        if self.unplugged.load(Ordering::SeqCst) {
            return Err(Error::unreachable(format!("server {} does not answer", self.name)).context("server", &self.name));
        }
        Ok(())
    }

    /// The whole file system as lines, to compare worlds.
    pub fn world(&self) -> Vec<String> {
        self.lock()
            .iter()
            .map(|(path, node)| {
                format!("{path} {:?} {:04o} {} {}", node.kind, node.mode, node.group, String::from_utf8_lossy(&node.content))
            })
            .collect()
    }

    /// The commands it was given, in words, oldest first.
    pub fn commands(&self) -> Vec<String> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The questions of checks that its own files answer, and that it can be written to.
    fn look(&self, command: &Command) -> Option<Output> {
        let path = Utf8Path::new(command.args.last()?);
        let nodes = self.lock();
        let node = nodes.get(path);
        // A script is known by its name.
        let program = match command.program.as_str() {
            "sh" => command.args.get(2)?.as_str(),
            program => program,
        };
        let found = match (program, node) {
            ("ls", Some(_)) => {
                let names = nodes.keys().filter(|p| p.parent() == Some(path)).filter_map(|p| p.file_name());
                Some(names.map(|n| format!("{n}\n")).collect::<String>().into_bytes())
            }
            ("cat", Some(node)) => Some(node.content.clone()),
            ("test", Some(_)) => Some(Vec::new()),
            ("ls" | "cat" | "test", None) => None,
            ("probe", node) => Some(if node.is_some() { b"good\n".to_vec() } else { b"missing\n".to_vec() }),
            _ => return None,
        };
        Some(Output { status: i32::from(found.is_none()), stdout: found.unwrap_or_default(), stderr: Vec::new() })
    }

    fn problem(&self, doing: &str, path: &Utf8Path, why: &str) -> Error {
        Error::failed(format!("{doing} {path} on {}: {why}", self.name)).context("server", &self.name).context("file", path)
    }

    fn require_parent(&self, nodes: &BTreeMap<Utf8PathBuf, Node>, doing: &str, path: &Utf8Path) -> Result<()> {
        match path.parent().and_then(|p| nodes.get(p)) {
            Some(Node { kind: FileKind::Dir, .. }) => Ok(()),
            _ => Err(self.problem(doing, path, "its directory does not exist")),
        }
    }
}

fn group(permissions: &Permissions) -> String {
    match &permissions.group {
        Some(Id::Name(name)) => name.clone(),
        Some(Id::Number(33)) => "www-data".into(),
        _ => "aegir".into(),
    }
}

#[async_trait]
impl Server for FakeServer {
    fn name(&self) -> &ServerName {
        &self.name
    }

    async fn facts(&self) -> Result<Facts> {
        self.plugged()?;
        Ok(self.facts.clone())
    }

    async fn reach(&self) -> Result<()> {
        self.plugged()
    }

    async fn run(&self, command: &Command) -> Result<Output> {
        self.plugged()?;
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).push(command.to_string());
        self.answers
            .iter()
            .find_map(|answer| answer(command))
            .or_else(|| self.look(command))
            .ok_or_else(|| Error::failed(format!("nobody expected the command {command}")))
    }

    async fn feed(&self, command: &Command, mut stream: Stream) -> Result<Output> {
        self.plugged()?;
        while let Some(piece) = stream.recv().await {
            piece.map_err(|e| Error::failed(format!("feeding {command}")).because(e))?;
        }
        self.run(command).await
    }

    async fn survey(&self, root: &Utf8Path, keep: &Keep) -> Result<Survey> {
        self.plugged()?;
        super::tree::survey(&self.lock(), root, keep)
    }

    async fn unpack(&self, into: &Utf8Path, package: &Arc<Package>, _packing: Packing, _progress: &Arc<Progress>) -> Result<()> {
        self.plugged()?;
        super::tree::unpack(&mut self.lock(), into, package).map_err(|e| self.problem("sending a tree to", into, "it broke off").because(e))
    }

    async fn amend(&self, tree: &Utf8Path, ops: &[Op], late: bool) -> Result<()> {
        self.plugged()?;
        super::tree::amend(&mut self.lock(), tree, ops, late).map_err(|why| self.problem("changing", tree, &why))
    }

    async fn stat(&self, path: &Utf8Path) -> Result<Option<FileStat>> {
        self.plugged()?;
        Ok(self.lock().get(path).map(|n| FileStat {
            kind: n.kind.clone(),
            mode: n.mode,
            uid: 1000,
            gid: if n.group == "www-data" { 33 } else { 1000 },
            group: n.group.clone(),
            size: n.content.len() as u64,
        }))
    }

    async fn read(&self, path: &Utf8Path) -> Result<Option<Vec<u8>>> {
        self.plugged()?;
        match self.lock().get(path) {
            Some(node) if node.kind == FileKind::File => Ok(Some(node.content.clone())),
            Some(_) => Err(self.problem("reading", path, "it is no file")),
            None => Ok(None),
        }
    }

    async fn list(&self, path: &Utf8Path) -> Result<Option<Vec<String>>> {
        self.plugged()?;
        let nodes = self.lock();
        if nodes.get(path).is_none_or(|n| n.kind != FileKind::Dir) {
            return Ok(None);
        }
        Ok(Some(nodes.keys().filter(|p| p.parent() == Some(path)).filter_map(|p| p.file_name().map(str::to_owned)).collect()))
    }

    async fn write(&self, file: &FileSpec) -> Result<()> {
        self.plugged()?;
        let mut nodes = self.lock();
        self.require_parent(&nodes, "writing", &file.path)?;
        if nodes.get(&file.path).is_some_and(|n| n.kind == FileKind::Dir) {
            return Err(self.problem("writing", &file.path, "it is a directory"));
        }
        nodes.insert(file.path.clone(), Node::new(FileKind::File, file.permissions.mode, group(&file.permissions), &file.content[..]));
        Ok(())
    }

    async fn make_dir(&self, dir: &DirSpec) -> Result<()> {
        self.plugged()?;
        let mut nodes = self.lock();
        self.require_parent(&nodes, "making", &dir.path)?;
        if nodes.get(&dir.path).is_some_and(|n| n.kind != FileKind::Dir) {
            return Err(self.problem("making", &dir.path, "it is no directory"));
        }
        nodes.insert(dir.path.clone(), Node::new(FileKind::Dir, dir.permissions.mode, group(&dir.permissions), []));
        Ok(())
    }

    async fn link(&self, path: &Utf8Path, target: &Utf8Path) -> Result<()> {
        self.plugged()?;
        let mut nodes = self.lock();
        self.require_parent(&nodes, "linking", path)?;
        nodes.insert(path.to_owned(), Node::new(FileKind::Link(target.to_owned()), 0o777, "aegir", []));
        Ok(())
    }

    async fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
        self.plugged()?;
        let mut nodes = self.lock();
        self.require_parent(&nodes, "moving to", to)?;
        if nodes.contains_key(to) || !nodes.contains_key(from) {
            return Err(self.problem("moving", from, "the source is missing or the destination exists"));
        }
        super::tree::move_all(&mut nodes, from, to);
        Ok(())
    }

    async fn fetch(&self, path: &Utf8Path, into: &Utf8Path) -> Result<Fetched> {
        self.plugged()?;
        let content = self.read(path).await?.ok_or_else(|| self.problem("fetching", path, "there is no such file"))?;
        let problem = |e: std::io::Error| self.problem("fetching", path, &e.to_string());
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(into).map_err(problem)?;
        file.write_all(&content).map_err(problem)?;
        Ok(Fetched { size: content.len() as u64, sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(&content)) })
    }

    async fn forward(&self, socket: &Utf8Path) -> Result<Tunnel> {
        self.plugged()?;
        Ok(Tunnel::direct(socket))
    }

    async fn remove(&self, path: &OwnedPath) -> Result<()> {
        self.plugged()?;
        self.lock().retain(|p, _| !p.starts_with(path.as_path()));
        Ok(())
    }
}
