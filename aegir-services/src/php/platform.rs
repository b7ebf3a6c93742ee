//! What every platform of a PHP application has: the sites file, and a tree that Aegir can write to.

use aegir_core::entity::{Owner, Platform, Resource, Server};
use aegir_core::inventory::SiteFilter;
use aegir_core::name::ServerName;
use aegir_core::server::{Command, Observer};
use aegir_core::service::{Code, PlanContext};
use aegir_core::text::word;
use aegir_core::{Error, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;

use super::sites;
use super::steps::{Reader, Steps};

/// Every file we write says so.
const HEADER: &str = "Written by Aegir: changes here are lost.";

/// Where a platform's sites file is.
pub(crate) fn sites_path(platform: &Platform) -> Utf8PathBuf {
    platform.docroot().join("sites/sites.php")
}

/// Whether a file may be replaced: nothing stands there, the ledger says it is the platform's, or it says that we wrote it.
pub(crate) async fn is_ours(path: &Utf8Path, platform: &Platform, files: &Observer, cx: &PlanContext<'_>) -> Result<bool> {
    let Some(text) = files.read_text(path).await? else { return Ok(true) };
    let owner = cx.inventory().owner(&Resource::path(files.name(), path)).await?;
    Ok(owner == Some(Owner::from(platform)) || text.contains(HEADER))
}

/// Prints those of these directories that are there and cannot be written to, a line each.
const UNWRITABLE: &str = r#"for d; do [ ! -e "$d" ] || [ -w "$d" ] || printf '%s\n' "$d"; done"#;

/// Refuses a platform whose directories the account Aegir works as cannot write to. One that is yet to be copied will be ours.
pub(crate) async fn require_writable(directories: &[Utf8PathBuf], platform: &Platform, server: &Server, files: &Observer) -> Result<()> {
    if files.stat(&platform.path).await?.is_none() {
        return Ok(());
    }
    let look = Command::new("sh").args(["-c", UNWRITABLE, "unwritable"]).args(directories);
    let output = files.ask(&look).await?.require_ok(&look, &format!("looking at {} on {}", platform.path, server.name))?;
    let text = output.text();
    let closed: Vec<&str> = text.lines().collect();
    let Some(first) = closed.first() else { return Ok(()) };
    // Only these: what lies in them may be the web server's, and sites go down when it is not.
    Err(Error::refused(format!("{first} on {} cannot be written to by {}", server.name, server.user))
        .context("server", &server.name)
        .context("platform", &platform.name)
        .context("file", first)
        .hint(format!("on {}, as root: `chown {} {}`", server.name, server.user, closed.join(" "))))
}

/// Prints what by its mode account `$2` may not read on the way to directory `$1`, and in it and `$3` as far down as packages
/// lie. Nothing: it may read all of it. What lies deeper has its modes from the package that it came with.
const CLOSED: &str = r#"set -f; IFS=/
cd -- "$1" || { printf '%s' "$1"; exit 0; }
may() { printf '%s' "-perm -o=$1 -o -group $2 -perm -g=$1 -o -user $2 -perm -u=$1"; }
x=$(may x "$2") rx=$(may rx "$2") r=$(may r "$2") way=
for part in ${1#/}; do way=$way/$part; set -- "$@" "$way"; done
libraries=$3; shift 3
for also in index.php "$libraries"; do if [ -e "$also" ]; then set -- "$@" "$also"; fi; done
IFS=' '
find "$@" . -maxdepth 3 \( -path '/*' \( $x -o -print -quit \) -prune \) -o -path index.php \( $r -o -print -quit \) \
    -o -path ./sites -prune -o -name '.?*' -prune -o -type d ! \( $rx \) -print -quit 2>&1"#;

/// Looks at the same as the account that serves it: prints the directory on the way to it, or in it, that this account
/// cannot enter, or the front page that it cannot read. Dearer, and right also where more than modes decide.
const UNREADABLE: &str = r#"way=; set -f; IFS=/
for part in ${1#/}; do way=$way/$part; [ -x "$way" ] || { printf '%s' "$way"; exit 0; }; done
cd -- "$1" || exit 1
[ ! -e index.php ] || [ -r index.php ] || { printf '%s/index.php' "$1"; exit 0; }
docroot=$1 libraries=$2; set -- .
[ ! -e "$libraries" ] || set -- . "$libraries"
found=$(find "$@" -maxdepth 3 -path ./sites -prune -o -name '.?*' -prune -o -type d ! \( -readable -executable \) -print -quit 2>/dev/null)
[ -z "$found" ] || printf '%s' "$docroot/${found#./}""#;

/// Refuses a platform whose directories Aegir cannot write to, or whose code the web server cannot read. Looks side by side.
pub(crate) async fn require_usable(
    directories: &[Utf8PathBuf],
    platform: &Platform,
    server: &Server,
    code: &Code,
    files: &Observer,
) -> Result<()> {
    // Both to their end: which of two faults is told first must not depend on which look was quicker.
    let (writable, served) =
        futures::join!(require_writable(directories, platform, server, files), require_served(platform, server, code, files));
    writable.and(served)
}

/// Refuses code that the web server cannot read: every page of its sites would be a 403, and installers would say worse.
async fn require_served(platform: &Platform, server: &Server, code: &Code, files: &Observer) -> Result<()> {
    let (docroot, account) = (platform.docroot(), server.web_account());
    let libraries = libraries(platform);
    if files.stat(&docroot).await?.is_some() {
        let closed_to = Command::new("sh").args(["-c", CLOSED, "unreadable"]).arg(&docroot).arg(account).arg(&libraries);
        if files.ask(&closed_to).await?.text().is_empty() {
            return Ok(());
        }
        let look = Command::new("sh").args(["-c", UNREADABLE, "unreadable"]).arg(&docroot).arg(&libraries).account(account);
        let output = files.ask(&look).await?.require_ok(&look, &format!("looking at {docroot} on {} as {account}", server.name))?;
        let found = output.text();
        let place = match found.strip_prefix(docroot.join(&libraries).as_str()) {
            Some(below) if !libraries.as_str().is_empty() => Utf8PathBuf::from(format!("{}/vendor{below}", platform.path)),
            _ => Utf8PathBuf::from(&*found),
        };
        return if found.is_empty() { Ok(()) } else { Err(closed(&place, &docroot, platform, &server.name, account)) };
    }
    // It will be copied with its modes, and belong to Aegir.
    let docroot = code.docroot(&platform.codebase);
    let mut places = vec![code.root.as_path()];
    places.extend(docroot.ancestors().take_while(|a| a.starts_with(&code.root) && *a != code.root));
    for place in places {
        if code.files.stat(place).await?.is_some_and(|stat| stat.mode & 0o5 != 0o5) {
            return Err(closed(place, &docroot, platform, code.files.name(), account));
        }
    }
    Ok(())
}

/// Where Composer keeps libraries beside the document root, as seen from there; empty where they are in it.
fn libraries(platform: &Platform) -> Utf8PathBuf {
    let depth = platform.codebase.docroot.components().count();
    if depth == 0 { Utf8PathBuf::new() } else { Utf8PathBuf::from("../".repeat(depth) + "vendor") }
}

fn closed(place: &Utf8Path, docroot: &Utf8Path, platform: &Platform, server: &ServerName, account: &str) -> Error {
    let word = word(place.as_str());
    let mend = if place == docroot {
        // What sites keep to themselves stays theirs.
        format!("find {word} -path {word}/sites -prune -o -exec chmod go+rX {{}} +")
    } else if docroot.starts_with(place) {
        // Of what lies above the document root nobody needs to see more than the way through.
        format!("chmod go+x {word}")
    } else {
        format!("chmod -R go+rX {word}")
    };
    Error::refused(format!("{account}, who serves sites, may not read {place} on {server}"))
        .context("server", server)
        .context("platform", &platform.name)
        .context("file", place)
        .hint(format!("on {server}, as its owner: `{mend}`"))
}

/// The whole sites file, from all sites of the platform in the inventory. Only for tasks that lock the platform.
pub(crate) async fn sites_file<'a>(
    steps: Steps<'a>,
    platform: &Platform,
    template: &str,
    files: &Observer,
    cx: &PlanContext<'_>,
) -> Result<Steps<'a>> {
    let path = sites_path(platform);
    let foreign = files.read_text(&path).await?.filter(|text| text.lines().any(|l| l.trim_start().starts_with("$sites[")));
    if foreign.is_some() && !is_ours(&path, platform, files, cx).await? {
        return Err(Error::refused(format!("{path} on {} has entries that Aegir did not write", files.name()))
            .context("server", files.name())
            .context("platform", &platform.name)
            .context("file", &path)
            .hint(format!("move it away, and give the addresses to Aegir with `--alias`: `mv {path} {path}.old`")));
    }
    let mut entries = Vec::new();
    for summary in cx.inventory().sites(&SiteFilter { platform: Some(platform.name.clone()), server: None }).await? {
        if let Some(site) = cx.inventory().site(&summary.uri).await? {
            let directory = site.uri.file_name();
            entries.extend(sites::keys(&site).into_iter().map(|key| (directory.clone(), key)));
        }
    }
    // The order in which a site's own task would enter them.
    entries.sort_unstable();
    let entries: Vec<_> = entries.into_iter().map(|(directory, key)| json!({ "key": key, "directory": directory })).collect();
    steps.file(path, cx.render(template, &json!({ "entries": entries }), &[])?, 0o644, Reader::Mode)
}

/// Removes files that the ledger says are the platform's, as far as they stand there.
pub(crate) async fn sites_file_removal<'a>(
    mut steps: Steps<'a>,
    paths: &[Utf8PathBuf],
    platform: &Platform,
    files: &Observer,
    cx: &PlanContext<'_>,
) -> Result<Steps<'a>> {
    for path in paths.iter().chain([&sites_path(platform)]) {
        if cx.inventory().owner(&Resource::path(files.name(), path)).await? == Some(Owner::from(platform)) {
            steps = steps.remove(path.clone())?;
        }
    }
    Ok(steps)
}
