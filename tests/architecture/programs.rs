//! What tests and benches call on the machine itself is named in one place: `tests/kit/machine.rs`.

use crate::{root, rust_files};

/// The one file that may name the type, and this one, which says how it is found.
const ALLOWED: [&str; 2] = ["tests/kit/machine.rs", "tests/architecture/programs.rs"];

/// How a file goes around the list, if it does. `aegir_core`'s own `Command`, run on a server under test, is another type.
fn goes_around(text: &str) -> Option<&'static str> {
    let text: String = text.split_whitespace().collect();
    if text.contains("Program::new(") {
        return Some("makes a `Program` itself");
    }
    if text.contains("built(\"") {
        return Some("calls something of the machine `built`");
    }
    let mut rest = text.as_str();
    while let Some((_, after)) = rest.split_once("process::") {
        let named = after.strip_prefix('{').and_then(|list| list.split('}').next()).map_or_else(
            || after.split(|c: char| !c.is_alphanumeric() && !"_*".contains(c)).next().into_iter().collect(),
            |list| list.split(',').collect::<Vec<_>>(),
        );
        if named.iter().any(|name| *name == "Command" || name.starts_with("Commandas") || *name == "*") {
            return Some("names the standard library's or tokio's `Command`");
        }
        rest = after;
    }
    ["std::processas", "tokio::processas"].iter().any(|alias| text.contains(alias)).then_some("gives `process` another name")
}

#[test]
fn tests_call_only_programs_that_are_named_in_one_place() {
    let mut files = Vec::new();
    for member in ["tests", "benches"] {
        rust_files(&root().join(member), &mut files);
    }
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(root()).expect("a file of the workspace").display().to_string();
        let text = std::fs::read_to_string(&file).expect("a readable file");
        if let Some(how) = goes_around(&text).filter(|_| !ALLOWED.contains(&name.as_str())) {
            wrong.push(format!("{name} {how}"));
        }
    }
    assert!(wrong.is_empty(), "use aegir_testkit::machine::program: {wrong:#?}");
}

#[test]
fn every_way_around_the_list_is_seen() {
    for way in [
        "use std::process::Command;",
        "use std::process::{Child,\n    Command, Stdio};",
        "use std::process::{Command as C};",
        "use std::process::*;",
        "use std::{io, process::Command};",
        "std::process::Command::new(\"rsync\")",
        "tokio::process::Command::new(\"rsync\")",
        "use std::process as p;",
        "use aegir_testkit::machine::Program; Program::new(\"rsync\")",
        "built(\"/usr/bin/rsync\")",
    ] {
        assert!(goes_around(way).is_some(), "{way}");
    }
    for fine in ["use std::process::{Child, Stdio};", "use aegir_core::server::Command;", "std::process::id()", "built(env!(\"X\"))"] {
        assert_eq!(goes_around(fine), None, "{fine}");
    }
}
