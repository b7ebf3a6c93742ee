//! A command as a child process of this one.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};

use crate::server::command::LineSink;
use crate::server::{Command, Output};

pub(super) fn build(command: &Command) -> tokio::process::Command {
    let as_root = rustix::process::geteuid().is_root();
    // The child dies with us: after a crash nobody else works on what the recovery redoes.
    let mut built = tokio::process::Command::new("setpriv");
    built.args(["--pdeathsig", "KILL", "--"]);
    if command.sudo && !as_root {
        built.args(["sudo", "-n", "--"]);
    }
    built.arg(&command.program).args(&command.args);
    built
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LANG", "C.UTF-8")
        .env("LC_ALL", "C.UTF-8");
    built.envs(command.env.iter().map(|(k, v)| (k, v)));
    if let Some(cwd) = &command.cwd {
        built.current_dir(cwd);
    }
    built.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    built
}

/// Feeds and drains all three streams at once, so that neither side can block the other.
pub(super) async fn talk(child: &mut tokio::process::Child, command: &Command) -> std::io::Result<Output> {
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
        drop(stdin.take());
        Ok::<_, std::io::Error>(())
    };
    let out = async { drain_lines(stdout, command.lines.as_ref()).await };
    let err = async {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = stderr {
            pipe.read_to_end(&mut bytes).await?;
        }
        Ok::<_, std::io::Error>(bytes)
    };
    let ((), stdout, stderr, status) = tokio::try_join!(feed, out, err, child.wait())?;
    let status = status.code().unwrap_or_else(|| 128 + std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0));
    Ok(Output { status, stdout, stderr })
}

/// Reads to the end; whoever listens hears each line as it comes.
pub(in crate::server) async fn drain_lines(
    pipe: Option<impl tokio::io::AsyncRead + Unpin>,
    sink: Option<&LineSink>,
) -> std::io::Result<Vec<u8>> {
    let Some(mut pipe) = pipe else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    let Some(sink) = sink else {
        pipe.read_to_end(&mut all).await?;
        return Ok(all);
    };
    let mut reader = tokio::io::BufReader::new(pipe);
    loop {
        let start = all.len();
        if reader.read_until(b'\n', &mut all).await? == 0 {
            return Ok(all);
        }
        sink(String::from_utf8_lossy(&all[start..]).trim_end());
    }
}

pub(super) fn kill_group(pid: Option<u32>) {
    if let Some(pid) = pid.and_then(|p| i32::try_from(p).ok()).and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}
