//! The two channels of a server over SSH, one for commands and one for files: each fails where the other works.

use std::time::Duration;

use crate::entity::{Server, Transport};
use crate::server::{Command, Inquiry, Observer, Reply, Talk};
use crate::service::{Check, as_root};
use crate::text::word;
use crate::{Error, Result};

const FILES: &str = "ssh.files";
const OUTPUT: &str = "ssh.output";
/// The checks of a server that is reached over SSH.
pub(super) const NAMES: [&str; 2] = [OUTPUT, FILES];
/// How long the file channel may take to open.
const LIMIT: Duration = Duration::from_secs(20);
/// Says which of the files that are read at login prints something. $1: the account's shell.
const SPEAKERS: &str = r#"h=$(getent passwd "$(id -un)" | cut -d: -f6); s=$1
for f in /etc/ssh/sshrc /etc/bash.bashrc "$h/.bashrc" "$h/.ssh/rc" /etc/zsh/zshenv "$h/.zshenv" "$h/.kshrc"; do
    [ -r "$f" ] || continue
    case $f in /etc/ssh/sshrc | */.ssh/rc) r=/bin/sh ;; *) r=$s ;; esac
    o=$(timeout 5 "$r" -c '. "$1" </dev/null' sh "$f" 2>/dev/null | head -c 100)
    [ -z "$o" ] || printf '%s\n' "$f"
done"#;

/// Says which program sshd is told to run for files, where that is no part of its own, and whether it is there.
const PROGRAM: &str = r#"cat /etc/ssh/sshd_config.d/*.conf /etc/ssh/sshd_config 2>/dev/null | while read -r k n p _; do
    case "$k $n" in
        [Ss]ubsystem\ sftp)
            printf 'its sshd_config says Subsystem sftp %s' "$p"
            case $p in /*) [ -x "$p" ] || printf ', which does not exist' ;; esac
            break ;;
    esac
done"#;

/// What was seen of them.
pub(super) struct Channels {
    files: Result<()>,
    speakers: Vec<String>,
    program: String,
}

fn is_remote(server: &Server) -> bool {
    matches!(server.transport, Transport::Ssh { .. })
}

/// The names of the checks that a server has.
pub(super) fn names(server: &Server) -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().filter(|_| is_remote(server))
}

/// Opens the file channel, beside that of commands.
pub(super) async fn open(server: &Server, observer: &Observer) -> Result<()> {
    if !is_remote(server) {
        return Ok(());
    }
    match tokio::time::timeout(LIMIT, observer.stat(&server.root)).await {
        Ok(looked) => looked.map(drop),
        Err(_) => Err(Error::failed("nothing speaks SFTP there").because(format!("no answer in {} s", LIMIT.as_secs()))),
    }
}

/// Looks who prints where nothing may be printed, if anybody does.
pub(super) async fn look(files: Result<()>, reply: &Reply, observer: &Observer) -> Channels {
    let talks = files.as_ref().err().is_some_and(|e| std::error::Error::source(e).is_some_and(|cause| cause.is::<Talk>()));
    let (mut speakers, mut program) = (Vec::new(), String::new());
    if files.is_err() || !reply.noise.is_empty() {
        let speakers_of = Command::new("sh").args(["-c", SPEAKERS, "speakers", &reply.facts.shell]);
        let program_of = Command::new("sh").args(["-c", PROGRAM]);
        let asked = observer.inquire(&Inquiry { questions: vec![speakers_of, program_of], ..Inquiry::default() }).await;
        let said = |index: usize| -> String {
            asked.as_ref().ok().and_then(|reply| reply.answers.get(index)).map(crate::server::Output::text).unwrap_or_default()
        };
        speakers = said(0).lines().filter(|l| l.starts_with('/')).take(8).map(str::to_owned).collect();
        program = if talks { String::new() } else { said(1).lines().next().unwrap_or_default().to_owned() };
    }
    Channels { files, speakers, program }
}

pub(super) fn judge(server: &Server, reply: &Reply, channels: &Channels) -> Vec<Check> {
    if !is_remote(server) {
        return Vec::new();
    }
    let silenced = || match channels.speakers.as_slice() {
        [] => {
            format!("see what prints at login: {}", as_root(server, "ls -l /etc/ssh/sshrc /etc/bash.bashrc ~aegir/.bashrc ~aegir/.ssh/rc"))
        }
        files => {
            let words: Vec<_> = files.iter().map(|file| word(file)).collect();
            let edit = format!("sed -i '1i[ -t 1 ] || return 0' {}", words.join(" "));
            format!("let {} print to terminals only: {}", files.join(" and "), as_root(server, edit))
        }
    };
    let output = match reply.noise.as_str() {
        "" => Check::pass(OUTPUT, "nothing is printed before what a command prints"),
        noise => Check::fail(OUTPUT, format!("before what a command prints comes “{noise}”{}", by(&channels.speakers)), silenced()),
    };
    let files = match &channels.files {
        Ok(()) => Check::pass(FILES, "files are worked with over SFTP"),
        Err(error) => {
            let talks = std::error::Error::source(error).is_some_and(|cause| cause.is::<Talk>());
            let why = match channels.program.as_str() {
                _ if talks => by(&channels.speakers),
                "" => String::new(),
                program => format!("; {program}"),
            };
            let evidence = format!("{}{why}", error.chain().join(": "));
            let mend = if talks { silenced() } else { error.hints().join("; ") };
            Check::fail(FILES, evidence, mend)
        }
    };
    vec![output, files]
}

fn by(speakers: &[String]) -> String {
    if speakers.is_empty() { String::new() } else { format!(", printed by {}", speakers.join(" and ")) }
}
