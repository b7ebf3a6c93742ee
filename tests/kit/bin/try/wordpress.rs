//! Debian's WordPress as one plain tree, without installing a package.

use std::path::Path;

use aegir_testkit::machine::program;

use super::Done;
use super::place::finish;

/// WordPress, a theme, and the packages that its symbolic links lead into.
const PACKAGES: [&str; 5] = ["wordpress", "wordpress-theme-twentytwentythree", "libjs-cropper", "libjs-underscore", "php-getid3"];
/// Where the tree goes.
const FLAT: &str = "/var/cache/aegir-try/wordpress";

/// Unpacks the packages beside each other, and copies the tree with its links followed.
pub(super) fn flat() -> Done<String> {
    if Path::new(FLAT).join("wp-load.php").exists() {
        return Ok(FLAT.to_owned());
    }
    let work = tempfile::tempdir().map_err(|e| format!("no temporary directory: {e}"))?;
    let run = |name: &str, args: &[&str]| finish(name, program(name).args(args).current_dir(work.path()).output());
    run("apt-get", &["update", "-qq"])?;
    run("apt-get", &[&["download", "-qq"][..], &PACKAGES].concat())?;
    let entries = std::fs::read_dir(work.path()).map_err(|e| e.to_string())?;
    let packages: Vec<String> = entries.flatten().map(|e| e.path().display().to_string()).filter(|p| p.ends_with(".deb")).collect();
    for package in &packages {
        run("dpkg-deb", &["-x", package, "root"])?;
    }
    run("mkdir", &["-p", "/var/cache/aegir-try"])?;
    // A link into a package that sites do not need dangles; cp says so and goes on.
    let _ = run("cp", &["-rL", "--preserve=mode", "root/usr/share/wordpress", FLAT]);
    let _ = std::fs::remove_file(Path::new(FLAT).join("wp-config.php"));
    if Path::new(FLAT).join("wp-load.php").exists() {
        Ok(FLAT.to_owned())
    } else {
        Err("Debian's WordPress could not be unpacked".to_owned())
    }
}
