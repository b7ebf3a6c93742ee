//! Small changes to a tree on a server: renames, modes and times, each at once, in one go.
//!
//! They run there in a constant script that gets them as data. It enters directories name by name and looks again
//! where it is, so that nobody who writes into the tree can make it work elsewhere. Perl is on every Debian.

use camino::Utf8Path;

use super::{Push, TreePath};
use crate::server::{Command, Input, Server};
use crate::{Error, Result};

const SCRIPT: &str = include_str!("amend.pl");
/// A hundred thousand renames on a slow disk.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(900);

/// One small change; the number is that of the change it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// What stands there also gets a name among the replaced.
    Save(TreePath, usize),
    /// What stands there goes to the replaced.
    Discard(TreePath, usize),
    /// What was sent takes its place, instead of what stands there.
    Install(TreePath, usize),
    /// What was replaced goes back to its place, where it was replaced.
    Return(TreePath, usize),
    /// What stands there goes away; for undo.
    Clear(TreePath, usize),
    /// A directory is made ours to work in.
    Unlock(TreePath),
    /// Sets the mode.
    Mode(TreePath, u32),
    /// Sets the time, in whole seconds.
    Time(TreePath, i64),
}

/// Carries them out in this order, and stops where one fails. `late` takes for done what finds nothing in its place.
pub(crate) async fn amend<S: Server + ?Sized>(server: &S, tree: &Utf8Path, ops: &[Op], late: bool) -> Result<()> {
    let name = |path: &Utf8Path| path.file_name().unwrap_or_default().to_owned();
    let base = tree.parent().unwrap_or("/".into());
    let command = Command::new("perl")
        .args(["-e", SCRIPT, "--", base.as_str()])
        .args([name(tree), name(&Push::partial(tree)), name(&Push::previous(tree)), if late { "1" } else { "" }.to_owned()])
        .input(Input::Bytes(encode(ops)))
        .timeout(LIMIT);
    server
        .run(&command)
        .await
        .and_then(|output| output.require_ok(&Command::new("perl"), &format!("changing {} on {}", tree, server.name())))
        .map(drop)
        .map_err(|e: Error| e.context("server", server.name()).context("file", tree))
}

fn encode(ops: &[Op]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ops.len() * 64);
    let mut add = |word: &str, path: &TreePath, arg: String| {
        for part in [word.as_bytes(), path.as_bytes(), arg.as_bytes()] {
            bytes.extend_from_slice(part);
            bytes.push(0);
        }
    };
    for op in ops {
        match op {
            Op::Save(path, n) => add("save", path, n.to_string()),
            Op::Discard(path, n) => add("discard", path, n.to_string()),
            Op::Install(path, n) => add("install", path, n.to_string()),
            Op::Return(path, n) => add("return", path, n.to_string()),
            Op::Clear(path, n) => add("clear", path, n.to_string()),
            Op::Unlock(path) => add("unlock", path, String::new()),
            Op::Mode(path, mode) => add("mode", path, format!("{mode:o}")),
            Op::Time(path, sec) => add("time", path, sec.to_string()),
        }
    }
    add("end", &TreePath::root(), String::new());
    bytes
}
