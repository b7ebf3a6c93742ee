//! A command as a child process of this one.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::server::command::PATH;
use crate::server::drain::{self, Stop};
use crate::server::{Command, Output, Stream, account};

pub(super) fn build(command: &Command) -> crate::Result<tokio::process::Command> {
    let as_root = rustix::process::geteuid().is_root();
    // The child dies with us: after a crash nobody else works on what the recovery redoes.
    let mut built = tokio::process::Command::new("setpriv");
    built.args(["--pdeathsig", "KILL", "--"]);
    built.env_clear().env("PATH", PATH).env("LANG", "C.UTF-8").env("LC_ALL", "C.UTF-8");
    if let Some(account) = &command.account {
        // `sudo` itself must find no terminal either; whoever leads no group gets its session without a fork.
        built.arg("setsid").args(account::words(command, account)?);
    } else {
        if command.sudo && !as_root {
            built.args(["sudo", "-n", "--"]);
        }
        built.arg(&command.program).args(&command.args).process_group(0);
        built.envs(command.env.iter().map(|(k, v)| (k, v)));
    }
    if let Some(cwd) = &command.cwd {
        built.current_dir(cwd);
    }
    built.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    Ok(built)
}

/// Feeds and drains all three streams at once, so that neither side can block the other.
pub(super) async fn talk(child: &mut tokio::process::Child, command: &Command) -> Result<Output, Stop> {
    let mut stdin = child.stdin.take();
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let feed = async {
        if let Some(pipe) = stdin.as_mut() {
            match pipe.write_all(command.input.bytes()).await {
                // A child that ends without reading everything is judged by its status.
                Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => {}
                other => other?,
            }
        }
        // What runs as another account lives for as long as this is open.
        if command.account.is_none() {
            drop(stdin.take());
        }
        Ok::<_, Stop>(())
    };
    let out = drain::output(stdout, command);
    let err = async { Ok(drain::errors(stderr).await?) };
    let ended = async { Ok(child.wait().await?) };
    let ((), stdout, stderr, status) = tokio::try_join!(feed, out, err, ended)?;
    let status = status.code().unwrap_or_else(|| 128 + std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0));
    Ok(Output { status, stdout, stderr })
}

/// Passes a stream on, piece by piece. A command that ends before the stream does is judged by its status.
pub(in crate::server) async fn pass_on(
    pipe: Option<impl tokio::io::AsyncWrite + Unpin>,
    mut stream: Stream,
    silence: Duration,
) -> std::io::Result<()> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let late = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
    while let Some(piece) = tokio::time::timeout(silence, stream.recv()).await.map_err(late)? {
        match tokio::time::timeout(silence, pipe.write_all(&piece?)).await.map_err(late)? {
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            other => other?,
        }
    }
    pipe.shutdown().await
}

/// Runs a command on a stream; both ends of it are drained while it is fed.
pub(super) async fn digest(child: &mut tokio::process::Child, command: &Command, stream: Stream) -> Result<Output, Stop> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let silence = command.timeout;
    let drained = async { tokio::try_join!(drain::output(stdout, command), async { Ok(drain::errors(stderr).await?) }) };
    tokio::pin!(drained);
    // A command may be done with both while its stream goes on; then only its end is missing.
    let early = {
        let passed = pass_on(stdin, stream, silence);
        tokio::pin!(passed);
        tokio::select! {
            passed = &mut passed => { passed?; None }
            drained = &mut drained => Some((drained?, passed.await?).0),
        }
    };
    let ended = async {
        let (stdout, stderr) = match early {
            Some(output) => output,
            None => drained.await?,
        };
        Ok::<_, Stop>((child.wait().await?, stdout, stderr))
    };
    let late = |_| Stop::Broke(std::io::ErrorKind::TimedOut.into());
    let (status, stdout, stderr) = tokio::time::timeout(silence, ended).await.map_err(late)??;
    let status = status.code().unwrap_or_else(|| 128 + std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0));
    Ok(Output { status, stdout, stderr })
}

pub(super) fn kill_group(pid: Option<u32>) {
    if let Some(pid) = pid.and_then(|p| i32::try_from(p).ok()).and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}
