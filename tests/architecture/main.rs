//! The rules of this tree, checked: who may depend on whom, that every lint applies, what tests call on the machine.

mod programs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MEMBERS: &[(&str, &[&str])] = &[
    ("aegir-core", &[]),
    ("aegir-services", &["aegir-core"]),
    ("aegir-cli", &["aegir-core", "aegir-services"]),
    ("tests", &["aegir-core", "aegir-services", "aegir-cli"]),
    ("benches", &["aegir-core", "aegir-services", "aegir-testkit"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above").to_owned()
}

fn manifest(member: &str) -> String {
    std::fs::read_to_string(root().join(member).join("Cargo.toml")).expect("every member has a manifest")
}

#[test]
fn dependencies_point_one_way() {
    for (member, allowed) in MEMBERS {
        let ours: Vec<String> = manifest(member)
            .lines()
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|name| name.starts_with("aegir-"))
            .map(str::to_owned)
            .collect();
        for name in ours {
            assert!(allowed.contains(&name.as_str()), "{member} may not depend on {name}");
        }
    }
}

#[test]
fn lints_apply_to_every_member() {
    for (member, _) in MEMBERS {
        assert!(manifest(member).contains("[lints]\nworkspace = true"), "{member} does not take the workspace's lints");
    }
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn files_stay_small_and_say_what_they_are() {
    let mut wrong = BTreeMap::new();
    for (member, _) in MEMBERS {
        let mut files = Vec::new();
        rust_files(&root().join(member), &mut files);
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a readable file");
            if text.lines().count() > 400 {
                wrong.insert(file.clone(), "is longer than 400 lines");
            }
            if !text.starts_with("//!") {
                wrong.insert(file, "does not begin by saying what it is");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A20: the README's build line linked the fakes and ordered failures of tests into the command. Cargo joins the features
/// of all packages that are built at once: so the command's is named, and none that it depends on asks for them.
#[test]
fn a20_the_command_is_built_without_what_tests_need() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("a README");
    let lines: Vec<&str> = readme.lines().map(str::trim).filter(|l| l.starts_with("cargo build")).collect();
    assert!(!lines.is_empty(), "the README says how the command is built");
    for line in lines {
        assert!(line.contains("--package aegir-cli") && !line.contains("--features"), "`{line}` builds tests' packages, too");
    }
    for member in ["aegir-core", "aegir-services", "aegir-cli"] {
        let manifest = manifest(member);
        let asks = |line: &&str| line.contains("\"testing\"");
        let (shipped, tests) = manifest.split_once("[dev-dependencies]").unwrap_or((manifest.as_str(), ""));
        assert_eq!(shipped.lines().find(asks), None, "{member} is built with what tests need");
        assert!(!tests.contains("\n[dependencies]"), "{member}: what is behind the dev-dependencies was not looked at");
    }
}

#[test]
fn the_library_keeps_to_itself() {
    let mut files = Vec::new();
    rust_files(&root().join("aegir-core/src"), &mut files);
    rust_files(&root().join("aegir-services/src"), &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for banned in ["println!", "eprintln!", "std::env::", "process::exit", "#[allow("] {
            assert!(!code.contains(banned), "{} uses {banned}", file.display());
        }
    }
}
