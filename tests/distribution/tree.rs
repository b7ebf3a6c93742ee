//! Trees that a careless program would trip over, as data for proptest.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, mknodat, utimensat};

/// What is done at one path of a tree that is being made or changed.
#[derive(Clone, Debug)]
pub(crate) enum Make {
    File {
        size: usize,
        mode: u32,
        time: (i64, i64),
    },
    Dir {
        mode: u32,
        sec: i64,
    },
    Link {
        to: usize,
        sec: i64,
    },
    /// Another name of what stands at another path.
    Twin(Vec<usize>),
    Pipe,
    Remove,
    Chmod(u32),
    Touch(i64),
}

/// A path, as indices into the names, and what is done there.
pub(crate) type Step = (Vec<usize>, Make);

/// Names that a shell, a parser, a regular expression or a careless join would trip over.
fn names() -> Vec<Vec<u8>> {
    let long = vec![b'n'; 255];
    let odd: [&[u8]; 17] = [
        b"a",
        b"b",
        b"web",
        b"sites",
        b"files",
        b"-rf",
        b"new\nline",
        b"a b",
        b"\xff\xfe",
        "é漢".as_bytes(),
        b"*",
        b"a.b",
        b"it's \"$x\"",
        b".hidden",
        b"\\x41",
        b"...",
        b"\t ",
    ];
    odd.iter().map(|n| n.to_vec()).chain([long]).collect()
}

const TARGETS: [&[u8]; 5] = [b"a", b"../outside", b"/etc", b"no\nwhere \xff", b"."];

pub(crate) fn path(root: &Path, indices: &[usize]) -> PathBuf {
    let names = names();
    indices.iter().fold(root.to_owned(), |path, index| path.join(OsStr::from_bytes(&names[*index])))
}

fn paths() -> impl Strategy<Value = Vec<usize>> {
    // The first few names are more frequent, so that paths meet.
    prop::collection::vec(prop_oneof![4 => 0..5_usize, 1 => 0..18_usize], 1..5)
}

fn makes() -> impl Strategy<Value = Make> {
    let sizes = prop::sample::select(vec![0, 1, 511, 512, 513, 10_240, 70_000]);
    let modes = prop::sample::select(vec![0o644, 0o755, 0o600, 0o444, 0o4755, 0o2750, 0o000]);
    let secs = || prop::sample::select(vec![1_600_000_000, 1_600_000_001, 1, 2_000_000_000]);
    let times = (secs(), prop::sample::select(vec![0, 1, 123_456_789, 999_999_999]));
    let dirs = || prop::sample::select(vec![0o755, 0o700, 0o555, 0o2755, 0o1777, 0o500]);
    prop_oneof![
        6 => (sizes, modes.clone(), times).prop_map(|(size, mode, time)| Make::File { size, mode, time }),
        3 => (dirs(), secs()).prop_map(|(mode, sec)| Make::Dir { mode, sec }),
        2 => (0..TARGETS.len(), secs()).prop_map(|(to, sec)| Make::Link { to, sec }),
        2 => paths().prop_map(Make::Twin),
        1 => Just(Make::Remove),
        1 => modes.prop_map(Make::Chmod),
        1 => secs().prop_map(Make::Touch),
    ]
}

/// Steps that make a tree.
pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((paths(), makes()), 1..most)
}

/// Steps that make another tree of one; also with what is never sent.
pub(crate) fn mutations(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let makes = prop_oneof![8 => makes(), 3 => Just(Make::Remove), 1 => Just(Make::Pipe)];
    prop::collection::vec((paths(), makes), 0..most)
}

/// Does the steps; one that does not fit what stands there is left out. What is made belongs to `owner`.
pub(crate) fn make(root: &Path, steps: &[Step], owner: Option<u32>) {
    for (at, make) in steps {
        let path = path(root, at);
        let _ = one(root, &path, make, owner);
    }
}

fn one(root: &Path, path: &Path, make: &Make, owner: Option<u32>) -> std::io::Result<()> {
    let parent = path.parent().unwrap();
    let mut missing: Vec<&Path> = parent.ancestors().take_while(|dir| fs::symlink_metadata(dir).is_err()).collect();
    while let Some(dir) = missing.pop() {
        fs::create_dir(dir)?;
        own(dir, owner)?;
    }
    // Nothing is made through a link.
    if parent.ancestors().take_while(|dir| *dir != root).any(|dir| !fs::symlink_metadata(dir).is_ok_and(|m| m.is_dir())) {
        return Err(std::io::Error::other("no directory"));
    }
    let there = fs::symlink_metadata(path).ok();
    match make {
        Make::Chmod(mode) if there.as_ref().is_some_and(|m| m.is_file()) => return chmod(path, *mode),
        Make::Touch(sec) if there.is_some() => return touch(path, (*sec, 0), there.is_some_and(|m| m.is_file())),
        Make::Chmod(_) | Make::Touch(_) => return Ok(()),
        Make::Dir { mode, sec } if there.as_ref().is_some_and(|m| m.is_dir()) => {
            chmod(path, *mode)?;
            return touch(path, (*sec, 0), false);
        }
        Make::Twin(of) => {
            let of = self::path(root, of);
            if there.is_some() || fs::symlink_metadata(&of)?.is_dir() {
                return Ok(());
            }
            return fs::hard_link(of, path);
        }
        _ => {}
    }
    match there {
        Some(meta) if meta.is_dir() => fs::remove_dir_all(path)?,
        Some(_) => fs::remove_file(path)?,
        None => {}
    }
    match make {
        Make::File { size, mode, time } => {
            fs::write(path, content(*size, time.0))?;
            own(path, owner)?;
            chmod(path, *mode)?;
            touch(path, *time, false)
        }
        Make::Dir { mode, sec } => {
            fs::create_dir(path)?;
            own(path, owner)?;
            chmod(path, *mode)?;
            touch(path, (*sec, 0), false)
        }
        Make::Link { to, sec } => {
            symlink(OsStr::from_bytes(TARGETS[*to]), path)?;
            own(path, owner)?;
            touch(path, (*sec, 0), false)
        }
        Make::Pipe => {
            mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0)?;
            own(path, owner)
        }
        _ => Ok(()),
    }
}

/// What has the same size and second has the same content: nothing that compares by size and time could tell.
fn content(size: usize, sec: i64) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(&sec.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn own(path: &Path, owner: Option<u32>) -> std::io::Result<()> {
    std::os::unix::fs::lchown(path, owner, owner)
}

fn chmod(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// A file that is touched gets the content of its new second.
fn touch(path: &Path, time: (i64, i64), refill: bool) -> std::io::Result<()> {
    if refill {
        let size = usize::try_from(fs::symlink_metadata(path)?.len()).unwrap();
        fs::write(path, content(size, time.0))?;
    }
    let time = Timespec { tv_sec: time.0, tv_nsec: time.1 };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(())
}
