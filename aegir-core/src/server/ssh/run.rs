//! Commands over the connection: quoted once, fed and drained at once, killed for certain.
//!
//! sshd hands one string to the account's login shell, so here, and nowhere else, arguments are quoted.
//! `openssh` puts every one in single quotes (`'` and `!` outside of them, behind a backslash), inside which a POSIX
//! shell knows no special character: newlines, `$`, quotes, dashes, bytes above 127 and the empty word arrive
//! as they are. The login shell must be a POSIX one (sh, dash, bash, ksh); the bootstrap script sees to that.
//!
//! The string starts `run.sh`, a constant. It solves what SSH leaves open, that closing a session without a
//! terminal ends nothing on the other side:
//!
//! * Standard input carries first the command's input, whose length is known, and then nothing, for as long as
//!   somebody here wants the command to live. When that ends (limit reached, this process killed, connection
//!   closed) a watcher kills the command's process group, which sshd made for it.
//! * The watcher gives up by itself soon after the command's limit, for links that die without a word.
//! * The command's own status comes back, also when a signal ended it (128 + n), so that a lost
//!   connection is never taken for a status, nor a status of 255 for a lost connection.
//!
//! What only reads goes without all that, which is eight processes: `timeout` ends it there, with what it started, and a
//! few seconds of reading for nobody do no harm.
//!
//! What runs through `sudo` is root's and cannot be killed by us; that is configuration tests and reloads.

use std::time::{Duration, Instant};

use openssh::{Child, Session, Stdio};
use tokio::io::AsyncWriteExt as _;

use super::link::Link;
use crate::server::account::{self, RUN};
use crate::server::drain::{self, Stop, too_much};
use crate::server::local::pass_on;
use crate::server::{Command, Output, PATH, Stream};
use crate::{Error, ErrorKind, Result};

/// For what reads its input to the end: that the stream ends is its lifeline, so it needs no watcher, and no copying.
const FEED: &str =
    r#"d=$3; shift 3; [ -z "$d" ] || cd -- "$d" 2>/dev/null || { echo "aegir: there is no directory $d" >&2; exit 126; }; exec "$@""#;
/// The remote kernel takes 128 KiB in one argument, and the whole line is one.
const LONGEST_LINE: usize = 120 * 1024;
/// How long sshd may keep refusing a session because others have them all.
const TURN: Duration = Duration::from_secs(20);
/// The status of what SIGKILL ended.
const KILLED: i32 = 128 + 9;
/// How long a killed command may take to be gone.
const FAREWELL: Duration = Duration::from_secs(5);

/// Runs a command. It is started again only where it certainly did not start or says that it is idempotent.
pub(super) async fn run(link: &Link, command: &Command) -> Result<Output> {
    let plain = command.input.bytes().is_empty() && command.cwd.is_none();
    let argv = match &command.account {
        // Its watcher is of that account, and what it waits for must reach it.
        Some(_) => scripted(FEED, command)?,
        None if command.only_reads && plain => bounded(command)?,
        None => scripted(RUN, command)?,
    };
    let mut again = command.idempotent;
    loop {
        let session = link.session(Instant::now()).await?;
        match attempt(link, &session, command, &argv, command.only_reads && plain).await {
            Err(error) if again && error.kind() == ErrorKind::Unreachable => again = false,
            result => return result.map_err(|e| e.context("server", &link.name).context("command", command)),
        }
    }
}

/// Runs a command on a stream, once. Its limit is silence.
pub(super) async fn feed(link: &Link, command: &Command, stream: Stream) -> Result<Output> {
    digest(link, command, stream).await.map_err(|e| e.context("server", &link.name).context("command", command))
}

async fn digest(link: &Link, command: &Command, stream: Stream) -> Result<Output> {
    let argv = scripted(FEED, command)?;
    let session = link.session(Instant::now()).await?;
    let mut child = open(link, &session, &argv, false).await?;
    let (stdin, stdout, stderr) = (child.stdin().take(), child.stdout().take(), child.stderr().take());
    let drained = async { tokio::try_join!(drain::output(stdout, command), async { Ok(drain::errors(stderr).await?) }) };
    // Done with both when the command has ended, and the limit begins again when the stream has.
    let fed = async {
        tokio::pin!(drained);
        let passed = pass_on(stdin, stream, command.timeout);
        tokio::pin!(passed);
        let early = tokio::select! {
            passed = &mut passed => { passed?; None }
            drained = &mut drained => Some(drained?),
        };
        match early {
            Some(output) => Ok(output),
            None => tokio::time::timeout(command.timeout, drained).await.map_err(|_| Stop::Broke(std::io::ErrorKind::TimedOut.into()))?,
        }
    };
    let fed: std::result::Result<_, Stop> = fed.await;
    let problem = |what: String| Error::failed(format!("running {} on {}: {what}", command.program, link.name));
    match fed {
        Err(Stop::Enough(stdout)) => Ok(Output { status: KILLED, stdout, stderr: Vec::new() }),
        Err(Stop::TooMuch) => Err(too_much(command, &link.name)),
        Err(stop) if stop.is_late() => {
            Err(problem(format!("nothing moved for {} s, given up", command.timeout.as_secs())).with_kind(ErrorKind::Timeout))
        }
        Err(Stop::Broke(error)) => Err(problem("the stream to it broke off".to_owned()).because(error)),
        Ok((stdout, stderr)) => match tokio::time::timeout(FAREWELL, child.wait()).await {
            Ok(Ok(status)) => judge(link, command, Output { status: status.code().unwrap_or(-1), stdout, stderr }),
            Ok(Err(openssh::Error::Remote(_))) => judge(link, command, Output { status: 127, stdout, stderr }),
            Ok(Err(error)) => Err(vanished(link, command, &error).await),
            Err(_) => Err(link.lost().because("the connection does not say how the command ended")),
        },
    }
}

/// A command that needs nothing but its arguments and a limit.
fn bounded(command: &Command) -> Result<Vec<String>> {
    line(&["timeout", "-s", "KILL", &limit(command)], command)
}

/// A script around a command: it gets how much input there is, how long, where, and the command.
fn scripted(script: &str, command: &Command) -> Result<Vec<String>> {
    let directory = command.cwd.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut argv: Vec<String> = ["/bin/sh", "-c", script, "aegir"].map(str::to_owned).into();
    argv.extend([command.input.bytes().len().to_string(), limit(command), directory]);
    argv.extend(line(&[], command)?);
    Ok(argv)
}

/// When it ends by itself over there, in seconds: after we have given it up.
fn limit(command: &Command) -> String {
    (command.timeout.as_secs() + FAREWELL.as_secs()).to_string()
}

/// The command with exactly its environment, run by another one where `by` names it.
fn line(by: &[&str], command: &Command) -> Result<Vec<String>> {
    let invalid = |what: &str| Error::invalid(format!("running {}: {what}", command.program)).context("command", command);
    if command.program.is_empty() || command.program.contains('=') {
        return Err(invalid("that is no name of a program"));
    }
    if command.env.iter().any(|(key, _)| key.is_empty() || key.contains('=')) {
        return Err(invalid("a variable of its environment has no usable name"));
    }
    let mut words: Vec<String> = ["env", "-i", &format!("PATH={PATH}"), "LANG=C.UTF-8", "LC_ALL=C.UTF-8"].map(str::to_owned).into();
    if let Some(account) = &command.account {
        words.extend(account::words(command, account)?);
    } else {
        words.extend(command.env.iter().map(|(key, value)| format!("{key}={value}")));
        words.extend(by.iter().map(|word| (*word).to_owned()));
        if command.sudo {
            words.extend(["sudo", "-n", "--"].map(str::to_owned));
        }
        words.push(command.program.clone());
        words.extend(command.args.iter().cloned());
    }
    if words.iter().any(|w| w.contains('\0')) || command.cwd.as_ref().is_some_and(|d| d.as_str().contains('\0')) {
        return Err(invalid("an argument holds a NUL byte"));
    }
    // A quote becomes four bytes; nearly everything else stays one.
    let length: usize = words.iter().map(|w| w.len() + 3 * w.matches(['\'', '!']).count() + 3).sum();
    if length > LONGEST_LINE {
        return Err(invalid("its arguments are too long").hint("give it what is long on its standard input"));
    }
    Ok(words)
}

/// `alone`: it has no lifeline, and the end of its input at once. A shell that starts in its place, because something at
/// login says so, then ends instead of waiting.
async fn attempt(link: &Link, session: &Session, command: &Command, argv: &[String], alone: bool) -> Result<Output> {
    let mut child = open(link, session, argv, alone).await?;
    let mut stdin = child.stdin().take();
    let (stdout, stderr) = (child.stdout().take(), child.stderr().take());
    let finished = {
        let feed = async {
            match stdin.as_mut() {
                Some(pipe) => match pipe.write_all(command.input.bytes()).await {
                    // A command that ends without reading everything is judged by its status.
                    Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
                    other => other.map_err(Stop::Broke),
                },
                None => Ok(()),
            }
        };
        let errors = async { Ok(drain::errors(stderr).await?) };
        let output = drain::output(stdout, command);
        tokio::time::timeout(command.timeout, async { tokio::try_join!(feed, output, errors) }).await
    };
    // From here on the command is to be gone: this ends the watcher's input.
    drop(stdin);
    let ended = tokio::time::timeout(FAREWELL, child.wait()).await;
    let problem = |what: String| Error::failed(format!("running {} on {}: {what}", command.program, link.name));
    match finished {
        Err(_) => Err(problem(format!("no end after {} s, killed", command.timeout.as_secs())).with_kind(ErrorKind::Timeout)),
        Ok(Err(Stop::Enough(stdout))) => Ok(Output { status: KILLED, stdout, stderr: Vec::new() }),
        Ok(Err(Stop::TooMuch)) => Err(too_much(command, &link.name)),
        Ok(Err(Stop::Broke(error))) => Err(problem("talking to it failed".to_owned()).because(error)),
        Ok(Ok(((), stdout, stderr))) => {
            let status = match ended {
                Ok(Ok(status)) => status.code().unwrap_or(-1),
                Ok(Err(openssh::Error::Remote(_))) => 127,
                Ok(Err(error)) => return Err(vanished(link, command, &error).await),
                Err(_) => return Err(link.lost().because("the connection does not say how the command ended")),
            };
            judge(link, command, Output { status, stdout, stderr })
        }
    }
}

/// Opens a session for the command. sshd allows few at a time, and other processes of ours use the same
/// connection: being refused one means waiting for a turn, as nothing has started yet.
async fn open<'s>(link: &Link, session: &'s Session, argv: &[String], alone: bool) -> Result<Child<&'s Session>> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        let mut remote = session.raw_command("exec");
        remote.args(argv).stdin(if alone { Stdio::null() } else { Stdio::piped() }).stdout(Stdio::piped()).stderr(Stdio::piped());
        match tokio::time::timeout(link.patience(), remote.spawn()).await {
            Ok(Ok(child)) => return Ok(child),
            Ok(Err(error)) if refused(&error) && begun.elapsed() < TURN => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(500));
            }
            Ok(Err(error)) if refused(&error) => {
                return Err(Error::new(ErrorKind::Timeout, format!("server {} gives us no session: all it allows are in use", link.name))
                    .context("check", "login")
                    .because(error)
                    .hint("sshd_config there needs the line `MaxSessions 10`; what is connected already keeps what it came with"));
            }
            Ok(Err(error)) => return Err(link.lost().because(error)),
            Err(_) => return Err(link.lost().because("a new session was not answered")),
        }
    }
}

/// Whether sshd said that no more sessions are allowed.
pub(super) fn refused(error: &openssh::Error) -> bool {
    matches!(error, openssh::Error::SshMux(_)) && std::error::Error::source(error).is_some_and(|e| e.to_string().contains("refused"))
}

/// No status came: either the connection is gone, or somebody on the server killed the script. Asked, not guessed.
async fn vanished(link: &Link, command: &Command, error: &openssh::Error) -> Error {
    let alive = async {
        if !link.is_held().await {
            return false;
        }
        let Ok(session) = link.session(Instant::now()).await else { return false };
        matches!(
            tokio::time::timeout(
                link.patience(),
                session.raw_command("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
            )
            .await,
            Ok(Ok(_))
        )
    };
    if alive.await {
        Error::failed(format!("running {} on {}: it was killed there", command.program, link.name))
            .hint("`dmesg` on the server shows whether memory ran out")
    } else {
        link.lost().because(format!("the connection broke while {} ran: {error}", command.program))
    }
}

/// Tells what never started from what ended with a status.
fn judge(link: &Link, command: &Command, output: Output) -> Result<Output> {
    if let Some(error) = account::not_started(command, &output, &link.name) {
        return Err(error);
    }
    let said = output.error_text();
    let (program, name) = (&command.program, &link.name);
    if matches!(output.status, 126 | 127) && output.stdout.is_empty() && said.lines().count() == 1 {
        if said.starts_with("env: ") {
            return Err(Error::refused(format!("running {program} on {name}: it did not start"))
                .because(said.trim().to_owned())
                .hint(format!("install {program} there, or run `aegir server verify {name}`")));
        }
        if let Some(why) = said.strip_prefix("aegir: ") {
            return Err(Error::refused(format!("running {program} on {name}: {}", why.trim())));
        }
    }
    Ok(output)
}
