//! Where a document root may lie in a project.

use camino::{Utf8Path, Utf8PathBuf};

/// The directories that hold document roots, in the order they are tried; the first one that fits wins.
pub(crate) const DOCROOTS: [&str; 9] = ["", "web", "docroot", "html", "public", "public_html", "app", "htdocs", "www"];

/// Joins, without a slash at the end for the empty path, and with `..` taken out.
pub(crate) fn below(root: &Utf8Path, relative: &str) -> Utf8PathBuf {
    let mut path = root.to_owned();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(path.pop()),
            part => path.push(part),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_cleanly() {
        let root = Utf8Path::new("/srv/p/web");
        assert_eq!(below(root, ""), "/srv/p/web");
        assert_eq!(below(root, "/../vendor/autoload.php"), "/srv/p/vendor/autoload.php");
    }
}
