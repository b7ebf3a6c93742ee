//! Finds what keeps this process from a path, and the command that lets it through.

use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;
use nix::unistd::{Uid, User};
use rustix::fs::{Access, access};

use crate::text::word;

/// Returns the command that mends the first directory on the way that cannot be entered, or else the path itself. What lies
/// outside of Aegir's `root`, or belongs to another account, is somebody else's: there it only says how to look.
pub(super) fn hint(path: &Utf8Path, root: &Utf8Path) -> String {
    let mut way: Vec<&Utf8Path> = path.ancestors().skip(1).filter(|p| !p.as_str().is_empty()).collect();
    way.reverse();
    let closed = way.iter().find(|p| access(p.as_std_path(), Access::EXEC_OK).is_err());
    let there = |p: &Utf8Path| p.symlink_metadata().ok();
    // Writing beside a path, or removing it, needs its directory.
    let place = match closed.copied() {
        Some(directory) => directory,
        None if there(path).is_some_and(|_| access(path.as_std_path(), Access::READ_OK).is_err()) => path,
        None => path.parent().unwrap_or(path),
    };
    let me = Uid::effective();
    let (shown, all) = (word(place.as_str()), word(path.as_str()));
    let look = format!("`namei -l {all}` shows who may go where on the way");
    match there(place) {
        Some(is) if is.uid() == me.as_raw() => format!("`chmod u+rwX {shown}`"),
        Some(is) if is.uid() == 0 && place.starts_with(root) && place != root => {
            let name = User::from_uid(me).ok().flatten().map_or_else(|| me.to_string(), |user| user.name);
            format!("as root: `chown {name} {shown}`; {look}")
        }
        _ => look,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_is_about_what_is_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(dir.path()).unwrap();
        let file = top.join("file");
        std::fs::write(&file, "").unwrap();
        // As root every way is open: then it is the place that is written to.
        assert_eq!(hint(&file, top), format!("`chmod u+rwX {top}`"));
    }
}
