//! What stands in a tree on a server: one command there, whose answer is data and nothing else.

use camino::Utf8Path;

use super::listing::Found;
use super::{Keep, Kind, Listing, State, TreePath};
use crate::server::{Command, Server};
use crate::{Error, Result};

const SCRIPT: &str = include_str!("survey.sh");
/// Bytes of a listing, and things in it: half a million files. More is no platform, and would not fit into memory.
const MOST: (usize, usize) = (48 << 20, 500_000);
/// A tree on a slow disk that nobody has read for long.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(600);
/// A file with one name, as nearly all are: mode, size, time, depth, name. The way there follows from what was said before
/// it, as a directory comes before all below it: half of the bytes, and a third less work for both sides.
const PLAIN: &str = r"F%m %s %T@ %d %f\0";
/// Anything else: its kind instead of `F`, also names, device, inode, and what a link holds.
const OTHER: &str = r"%y%m %s %T@ %d %n %D %i %f\0%l\0";

/// What stands at a path where a tree should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Nothing,
    /// Something that is no directory.
    Other,
    /// A directory.
    Tree(Box<Listing>),
}

/// What a server says of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// What stands there.
    pub standing: Standing,
    /// Whether it can unpack what `zstd` packed.
    pub zstd: bool,
}

/// Looks at a tree by `find` on the server. No link is followed, and what is kept is not entered.
pub(crate) async fn survey<S: Server + ?Sized>(server: &S, root: &Utf8Path, keep: &Keep) -> Result<Survey> {
    let problem = |e: Error| e.context("server", server.name()).context("file", root);
    let mut command =
        Command::new("sh").args(["-c", SCRIPT, "sh", root.as_str(), "-ignore_readdir_race"]).timeout(LIMIT).most(MOST.0).only_reads();
    if let Some(regex) = keep.regex() {
        command = command.args(["-regextype", "posix-extended", "-regex", &regex, "-printf", OTHER, "-prune", "-o"]);
    }
    // Names are bytes: in any other locale some of them fit no expression.
    let command = command.args(["-type", "f", "-links", "1", "-printf", PLAIN, "-o", "-printf", OTHER]).env("LC_ALL", "C");
    let doing = format!("listing {root} on {}", server.name());
    let output = server.run(&command).await?.require_ok(&command, &doing).map_err(problem)?;
    let odd = |what: String| problem(Error::failed(format!("{doing}: its answer makes no sense")).because(what));
    let (head, rest) = split(&output.stdout, 0).ok_or_else(|| odd("it is empty".to_owned()))?;
    let (word, zstd) = match head.split_at_checked(head.len().saturating_sub(2)) {
        Some((word, b" 1")) => (word, true),
        Some((word, b" 0")) => (word, false),
        _ => return Err(odd(format!("it begins with {}", String::from_utf8_lossy(head).escape_debug()))),
    };
    let standing = match word {
        b"nothing" => Standing::Nothing,
        b"other" => Standing::Other,
        b"tree" => Standing::Tree(Box::new(parse(rest, keep).map_err(odd)?)),
        _ => return Err(odd("it begins with another word".to_owned())),
    };
    Ok(Survey { standing, zstd })
}

fn split(bytes: &[u8], end: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|b| *b == end)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// Everything in it comes from the other side: a name that leads anywhere but down is refused, and so is the rest.
fn parse(mut rest: &[u8], keep: &Keep) -> Result<Listing, String> {
    let mut root = None;
    let mut found = Vec::new();
    // The directories on the way to what comes next.
    let mut way: Vec<TreePath> = Vec::new();
    while !rest.is_empty() {
        let (line, after) = split(rest, 0).ok_or("it is cut short")?;
        let plain = line.first() == Some(&b'F');
        let (link, after) = if plain { (&[][..], after) } else { split(after, 0).ok_or("it is cut short")? };
        rest = after;
        let shown = || format!("it says {}", String::from_utf8_lossy(line).escape_debug());
        let Said { state, depth, inode, name } = entry(line, link).ok_or_else(shown)?;
        if found.len() >= MOST.1 {
            return Err(format!("it names more than {} things", MOST.1));
        }
        if depth == 0 {
            way = vec![TreePath::root()];
            root = Some(state);
            continue;
        }
        way.truncate(depth);
        let path = way.get(depth - 1).and_then(|dir| dir.child(name)).ok_or_else(shown)?;
        if state.is_dir() {
            way.push(path.clone());
        }
        found.push(Found { path, state, inode });
    }
    let root = root.filter(State::is_dir).ok_or("the directory itself is missing in it")?;
    Listing::new(root, found, keep).ok_or_else(|| "it names something twice, or in no directory".to_owned())
}

/// What is said of one thing.
struct Said<'a> {
    state: State,
    depth: usize,
    inode: Option<(u64, u64)>,
    name: &'a [u8],
}

fn entry<'a>(line: &'a [u8], link: &[u8]) -> Option<Said<'a>> {
    let (letter, line) = line.split_first()?;
    let (mode, line) = split(line, b' ')?;
    let (size, line) = split(line, b' ')?;
    let (time, line) = split(line, b' ')?;
    let (depth, mut name) = split(line, b' ')?;
    let kind = match letter {
        b'F' | b'f' => Kind::File,
        b'd' => Kind::Dir,
        b'l' => Kind::Link(link.to_vec()),
        _ => Kind::Special,
    };
    let mut twin = None;
    if *letter != b'F' {
        let (names, line) = split(name, b' ')?;
        let (device, line) = split(line, b' ')?;
        let (inode, line) = split(line, b' ')?;
        let several = number::<u64>(names)? > 1 && kind != Kind::Dir;
        twin = several.then_some((number(device)?, number(inode)?));
        name = line;
    }
    let (sec, fraction) = split(time, b'.').unwrap_or((time, b""));
    let nsec = number(fraction.get(..9).unwrap_or(b"0"))?;
    let mode = if matches!(kind, Kind::Link(_)) { 0o777 } else { u32::from_str_radix(std::str::from_utf8(mode).ok()?, 8).ok()? & 0o7777 };
    let size = if kind == Kind::File { number(size)? } else { 0 };
    Some(Said { state: State { kind, mode, size, sec: number(sec)?, nsec }, depth: number(depth)?, inode: twin, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &[u8] = b"d755 4096 1700000000.5000000000 0 2 9 1 .\0\0";

    fn with(line: &[u8]) -> Result<Listing, String> {
        parse(&[ROOT, line].concat(), &Keep::nothing())
    }

    #[test]
    fn reads_what_find_prints() {
        let said = b"d700 60 3.0 1 2 9 3 a\0\0F4755 12 1700000001.1234567890 2 b\n/\xff c\0l777 3 -5.0000000000 1 1 9 3 z\0../x\0";
        assert!(with(said).is_err(), "a name with a slash");
        let said = b"d700 60 3.0 1 2 9 3 a\0\0F4755 12 1700000001.1234567890 2 b\n\xff c\0l777 3 -5.0000000000 1 1 9 3 z\0../x\0";
        let listing = with(said).unwrap();
        let [dir, file, link] = &listing.entries[..] else { panic!("{listing:?}") };
        assert_eq!((dir.path.as_bytes(), file.path.as_bytes(), link.path.as_bytes()), (&b"a"[..], &b"a/b\n\xff c"[..], &b"z"[..]));
        assert_eq!((file.state.mode, file.state.size, file.state.sec, file.state.nsec), (0o4755, 12, 1_700_000_001, 123_456_789));
        assert_eq!((&link.state.kind, link.state.sec), (&Kind::Link(b"../x".to_vec()), -5));
        assert_eq!((listing.root.mode, listing.root.nsec), (0o755, 0));
    }

    #[test]
    fn what_comes_after_a_directory_is_in_the_one_of_its_depth() {
        let listing = with(b"d700 0 3.0 1 2 9 3 a\0\0d700 0 3.0 2 2 9 4 b\0\0F600 1 1.0 3 x\0F600 1 1.0 2 y\0F600 1 1.0 1 z\0").unwrap();
        let paths: Vec<String> = listing.entries.iter().map(|e| e.path.to_string()).collect();
        assert_eq!(paths, ["a", "a/b", "a/b/x", "a/y", "z"]);
    }

    #[test]
    fn nothing_from_there_leads_out() {
        for name in ["/etc/passwd", "../x", "a/x", "..", ".", "", "a/"] {
            assert!(with(format!("F644 1 1.0 1 {name}\0").as_bytes()).is_err(), "{name}");
        }
        assert!(with(b"F644 1 1.0 2 x\0").is_err(), "below nothing");
        assert!(with(b"F644 1 1.0 1 a\0F644 1 1.0 2 x\0").is_err(), "below a file");
        assert!(with(b"F644 1 1.0 1 a\0F644 1 1.0 1 a\0").is_err(), "twice");
        assert!(with(b"F644 x 1.0 1 a\0").is_err());
        assert!(with(b"f644 1 1.0 1 1 9 2 a\0").is_err(), "cut short");
        assert!(parse(b"F644 1 1.0 1 a\0", &Keep::nothing()).is_err(), "before the directory itself");
        assert!(parse(b"", &Keep::nothing()).is_err(), "no root");
    }
}
