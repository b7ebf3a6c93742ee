//! Runs the machine's own tools for the lab: `ip`, `mount`, `tc`.

use std::io::{self, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::machine::{PATH, call};

/// Runs a tool and returns what it printed; its complaint is the error.
pub(crate) fn tool(program: &str, args: &[&str]) -> io::Result<String> {
    feed(program, args, "")
}

/// Like [`tool`], with text on standard input.
pub(crate) fn feed(program: &str, args: &[&str], input: &str) -> io::Result<String> {
    let failed = |why: String| io::Error::other(format!("failed to run {program} {}: {}", args.join(" "), why.trim()));
    let mut child = call(program)?
        .args(args)
        .env("PATH", PATH)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed(e.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A tool that does not read its input is judged by its exit status, not by this write.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(failed(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))))
    }
}

/// Tells the developer what takes long; standard output belongs to the answer.
pub(crate) fn say(message: &str) {
    let _ = writeln!(io::stderr(), "aegir-lab: {message}");
}

/// Asks again and again until the answer is yes; an error when it never is.
pub(crate) fn until(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) -> io::Result<()> {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > patience {
            return Err(io::Error::other(format!("gave up after {patience:?} waiting until {what}")));
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    Ok(())
}
