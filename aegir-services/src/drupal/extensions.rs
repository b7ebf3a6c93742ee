//! The modules and themes of a codebase, and its profiles, from one look over its info files.

use std::collections::BTreeMap;

use aegir_core::Result;
use aegir_core::entity::{Extension, ExtensionKind, Profile};
use aegir_core::server::Observer;
use camino::Utf8Path;

use super::info::{Info, LINES};
use super::profiles;
use crate::php::Scan;

/// Deep enough for sub-modules of modules in sorted directories of a profile.
const DEPTH: u32 = 12;

/// What a codebase offers to its sites.
type Offered = (Vec<Profile>, Vec<Extension>);

/// Of Drupal 8 and later. What is found in an earlier directory wins, as for Drupal itself.
pub(super) async fn of_8(root: &Utf8Path, core: &str, files: &Observer) -> Result<Offered> {
    let below = ["sites/all", "modules", "themes", "profiles", "core/modules", "core/themes", "core/profiles"];
    let scan = Scan { root, below: &below, depth: DEPTH, names: &["*.info.yml"], lines: LINES };
    let (mut all, mut found) = (BTreeMap::new(), Vec::new());
    for file in scan.run(files).await? {
        let Some(info) = Info::read(&file, ".info.yml", ':', core) else { continue };
        match info.kind.as_deref() {
            Some("module") => add(&mut all, ExtensionKind::Module, info),
            Some("theme") => add(&mut all, ExtensionKind::Theme, info),
            // A profile bears the name of its directory.
            Some("profile") if file.path.parent().and_then(Utf8Path::file_name) == Some(&info.name) => found.push(info),
            _ => {}
        }
    }
    Ok((profiles::sorted(found), all.into_values().collect()))
}

/// Of Drupal 7, whose info files do not say what they are about: their directories do.
pub(super) async fn of_7(root: &Utf8Path, core: &str, files: &Observer) -> Result<Offered> {
    let below = ["sites/all", "profiles", "modules", "themes"];
    let scan = Scan { root, below: &below, depth: DEPTH, names: &["*.info"], lines: LINES };
    let (mut all, mut found) = (BTreeMap::new(), Vec::new());
    for file in scan.run(files).await? {
        let Some(info) = Info::read(&file, ".info", '=', core) else { continue };
        let parts: Vec<&str> = file.path.components().map(|c| c.as_str()).collect();
        match parts.as_slice() {
            ["modules", ..] | ["sites", "all", "modules", ..] | ["profiles", _, "modules", ..] => {
                add(&mut all, ExtensionKind::Module, info)
            }
            ["themes", ..] | ["sites", "all", "themes", ..] | ["profiles", _, "themes", ..] => add(&mut all, ExtensionKind::Theme, info),
            ["profiles", directory, _]
                if *directory == info.name && files.stat(&root.join(file.path.with_extension("profile"))).await?.is_some() =>
            {
                found.push(info)
            }
            _ => {}
        }
    }
    Ok((profiles::sorted(found), all.into_values().collect()))
}

fn add(all: &mut BTreeMap<(ExtensionKind, String), Extension>, kind: ExtensionKind, info: Info) {
    all.entry((kind, info.name.clone())).or_insert(Extension { kind, name: info.name, version: info.version });
}
