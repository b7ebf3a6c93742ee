//! Where it is tried: a lab host that stays until it is taken down, or this machine.

use std::io::Write as _;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use aegir_testkit::lab::{Base, Host, Kind, Lab};
use aegir_testkit::machine::{built, program};

use super::{Done, wordpress};

/// The lab host's name.
const NAME: &str = "try";
/// Where the command goes.
const AEGIR: &str = "/usr/local/bin/aegir";

pub(super) enum Place {
    Lab(Box<Host>),
    Here,
}

impl Place {
    /// The lab host, brought up if it is not, with the command in it.
    pub(super) fn lab(binary: &Path) -> Done<Self> {
        let host = match Lab::made_by_hand(NAME) {
            Ok((_, host)) if host.is_up() => host,
            _ => Lab::by_hand()
                .and_then(|lab| lab.bring_up(NAME, Kind::default()))
                .map_err(|e| format!("the lab host does not come up: {e}"))?,
        };
        host.copy_in(binary, AEGIR, 0o755);
        Ok(Self::Lab(Box::new(host)))
    }

    /// This machine, with the command in it.
    pub(super) fn here(binary: &Path) -> Done<Self> {
        let run = program("install").args(["-m", "0755"]).arg(binary).arg(AEGIR).output();
        finish("install", run)?;
        Ok(Self::Here)
    }

    pub(super) fn take_down() -> Done {
        let (lab, host) = Lab::made_by_hand(NAME).map_err(|e| format!("there is no lab host to take down: {e}"))?;
        lab.take_down(&host).map_err(|e| format!("the lab host does not go away: {e}"))
    }

    /// Runs a command there; prints what it says; fails when it fails.
    fn run(&self, user: &str, argv: &[&str]) -> Done<String> {
        match self {
            Self::Lab(host) => {
                let run = host.command(argv).user(user).timeout(Duration::from_secs(900)).run();
                if run.success() {
                    Ok(both(&run.stdout, &run.stderr))
                } else {
                    Err(format!("{} failed:\n{}{}", argv.join(" "), run.stdout, run.stderr))
                }
            }
            Self::Here => {
                let argv: Vec<&str> = if user == "root" {
                    argv.to_vec()
                } else {
                    ["sudo", "-n", "-u", user, "--"].into_iter().chain(argv.iter().copied()).collect()
                };
                let mut command = if argv[0] == "aegir" { built(AEGIR) } else { program(argv[0]) };
                finish(&argv.join(" "), command.args(&argv[1..]).output())
            }
        }
    }

    /// Runs a command as root, and shows what it says.
    pub(super) fn root(&self, argv: &[&str]) -> Done {
        self.run("root", argv).map(|text| show(&text))
    }

    /// Runs `aegir` as its own user, quietly; returns what it prints.
    pub(super) fn aegir(&self, args: &[&str]) -> Done<String> {
        let argv: Vec<&str> = std::iter::once("aegir").chain(args.iter().copied()).collect();
        self.run("aegir", &argv)
    }

    /// Runs `aegir` as its own user, and shows what it says.
    pub(super) fn show(&self, args: &[&str]) -> Done {
        self.aegir(args).map(|text| show(&text))
    }

    /// Makes a directory of this machine readable there; returns where.
    pub(super) fn bring(&self, tree: &Path) -> Done<String> {
        let tree = tree.canonicalize().map_err(|e| format!("{}: {e}", tree.display()))?;
        match self {
            Self::Lab(host) => {
                let inside = "/mnt/application";
                if !host.exec(["mountpoint", "-q", inside]).success() {
                    host.bind_mount(&tree, inside);
                }
                Ok(inside.to_owned())
            }
            Self::Here => Ok(tree.display().to_string()),
        }
    }

    /// Where a WordPress as one plain tree lies there.
    pub(super) fn wordpress(&self) -> Done<String> {
        match self {
            Self::Lab(_) => Ok(Base::WORDPRESS.to_owned()),
            Self::Here => wordpress::flat(),
        }
    }

    /// Status and body of a site's front page.
    pub(super) fn fetch(&self, uri: &str) -> Done<(u16, String)> {
        let text = self
            .run("root", &["curl", "-sS", "--noproxy", "*", "-H", &format!("Host: {uri}"), "-w", "\n%{http_code}", "http://127.0.0.1/"])?;
        let (body, status) = text.trim_end().rsplit_once('\n').ok_or("curl said nothing")?;
        Ok((status.parse().unwrap_or(0), body.to_owned()))
    }

    /// What to write before a command to run it there.
    pub(super) fn prefix(&self) -> &'static str {
        match self {
            Self::Lab(_) => "cargo run --release --bin aegir-lab -- exec try --user aegir -- ",
            Self::Here => "sudo -u aegir ",
        }
    }
}

fn both(stdout: &str, stderr: &str) -> String {
    if stdout.is_empty() { stderr.to_owned() } else { stdout.to_owned() }
}

fn show(text: &str) {
    for line in text.lines() {
        let _ = writeln!(std::io::stderr(), "   {line}");
    }
}

/// The output of a finished command, or why it failed.
pub(super) fn finish(what: &str, run: std::io::Result<Output>) -> Done<String> {
    let output = run.map_err(|e| format!("{what} does not start: {e}"))?;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(both(&stdout, &stderr)) } else { Err(format!("{what} failed:\n{stdout}{stderr}")) }
}
