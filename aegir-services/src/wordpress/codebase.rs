//! Reads WordPress from its files: version, PHP range, plugins, themes.

use std::collections::BTreeMap;

use aegir_core::Result;
use aegir_core::entity::{Codebase, Extension, ExtensionKind, Profile};
use aegir_core::name::MachineName;
use aegir_core::server::Observer;
use camino::Utf8Path;

use crate::php::{Found, Scan, quoted_after, two_numbers};

/// Header lines of plugins and themes, inside a comment of any style.
const LINES: &str = r"^[[:space:]/*#@]*(Plugin Name|Theme Name|Version)[[:space:]]*:";

/// The code at a document root, or `None`.
pub(super) async fn read(docroot: &str, root: &Utf8Path, files: &Observer) -> Result<Option<Codebase>> {
    let Some(source) = files.read_text(&root.join("wp-includes/version.php")).await? else { return Ok(None) };
    let stated = |name: &str| source.lines().filter(|l| l.starts_with(name)).find_map(|l| quoted_after(l, name));
    let Some(version) = stated("$wp_version") else { return Ok(None) };
    let standard = Profile { name: MachineName::parse("standard")?, title: "Standard".into(), hidden: false };
    Ok(Some(Codebase {
        application: "wordpress".into(),
        version,
        docroot: docroot.into(),
        php_min: stated("$required_php_version").as_deref().and_then(two_numbers).unwrap_or((5, 6)),
        // It names none, and runs on new versions long before it says so.
        php_max: None,
        own_tool: None,
        profiles: vec![standard],
        extensions: extensions(root, files).await?,
    }))
}

async fn extensions(root: &Utf8Path, files: &Observer) -> Result<Vec<Extension>> {
    let scan = Scan { root, below: &["wp-content/plugins", "wp-content/themes"], depth: 2, names: &["*.php", "style.css"], lines: LINES };
    let mut all = BTreeMap::new();
    for file in scan.run(files).await? {
        let parts: Vec<&str> = file.path.components().map(|c| c.as_str()).collect();
        let (kind, name) = match parts.as_slice() {
            [_, "plugins", single] if header(&file, "Plugin Name").is_some() => (ExtensionKind::Module, single.trim_end_matches(".php")),
            [_, "plugins", directory, name] if name.ends_with(".php") && header(&file, "Plugin Name").is_some() => {
                (ExtensionKind::Module, *directory)
            }
            [_, "themes", directory, "style.css"] if header(&file, "Theme Name").is_some() => (ExtensionKind::Theme, *directory),
            _ => continue,
        };
        all.entry((kind, name.to_owned())).or_insert_with(|| Extension { kind, name: name.to_owned(), version: header(&file, "Version") });
    }
    Ok(all.into_values().collect())
}

/// The value of a header line, from the file's first comment.
fn header(file: &Found, name: &str) -> Option<String> {
    let behind = |line: &String| {
        Some(line.trim_start_matches([' ', '\t', '/', '*', '#', '@']).strip_prefix(name)?.trim_start().strip_prefix(':')?.to_owned())
    };
    let value = file.lines.iter().find_map(behind)?;
    let clean: String = value.trim_end_matches("*/").trim().chars().filter(|c| !c.is_control()).take(120).collect();
    (!clean.is_empty()).then_some(clean)
}
