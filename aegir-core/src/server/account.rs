//! Runs a command as another account: code that is not Aegir's gets none of its rights.
//!
//! `sudo` allows exactly this change of account and never asks. The command has a session of its own, so no terminal can
//! be reached from it, an environment of only what [`Command::env`] says, and no descriptor but its three streams.
//! Whoever started it cannot kill it, so its input is its lifeline, as over SSH: when that ends, a watcher of the same
//! account ends the command's process group.

use super::command::PATH;
use super::{Command, Output};
use crate::name::ServerName;
use crate::{Error, Result};

/// Runs a command on as many bytes of input as it is told, and kills it when there is nobody left who wants it.
pub(super) const RUN: &str = include_str!("ssh/run.sh");
/// How much longer than whoever started it the watcher waits, in seconds.
const FAREWELL: u64 = 5;

/// The words that run a command as its account.
pub(super) fn words(command: &Command, account: &str) -> Result<Vec<String>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if account.is_empty() || account.starts_with('-') || !account.chars().all(plain) || account == "root" {
        return Err(Error::invalid(format!("running {} as {}: that is no account for it", command.program, crate::name::shown(account))));
    }
    let mut words: Vec<String> =
        ["sudo", "-n", "-u", account, "--", "setsid", "--wait", "/bin/sh", "-c", RUN, "aegir"].map(str::to_owned).into();
    words.extend([command.input.bytes().len().to_string(), (command.timeout.as_secs() + FAREWELL).to_string(), String::new()]);
    words.extend(["env", "-i", &format!("PATH={PATH}"), "LANG=C.UTF-8", "LC_ALL=C.UTF-8"].map(str::to_owned));
    words.extend(command.env.iter().map(|(key, value)| format!("{key}={value}")));
    words.push(command.program.clone());
    words.extend(command.args.iter().cloned());
    Ok(words)
}

/// What it means that such a command did not even start; `None` where it did.
pub(super) fn not_started(command: &Command, output: &Output, server: &ServerName) -> Option<Error> {
    let account = command.account.as_deref()?;
    let said = output.error_text();
    if !output.stdout.is_empty() || output.ok() {
        return None;
    }
    let first = said.lines().next().unwrap_or_default().trim().to_owned();
    let error = if first.starts_with("sudo: ") {
        Error::refused(format!("running {} on {server} as {account}: sudo does not allow it", command.program))
            .hint(format!("`aegir doctor {server}` says how its sudo rule is mended"))
    } else if matches!(output.status, 126 | 127) && first.starts_with("env: ") {
        Error::refused(format!("running {} on {server} as {account}: it did not start", command.program))
            .hint(format!("install {} there, or run `aegir server verify {server}`", command.program))
    } else {
        return None;
    };
    Some(error.context("server", server).context("command", command).because(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a3a_another_account_gets_a_bare_environment_and_a_session_of_its_own() {
        let command = Command::new("php").arg("-v").env("HOME", "/x").account("www-data");
        let words = words(&command, "www-data").unwrap();
        assert_eq!(words[..7], ["sudo", "-n", "-u", "www-data", "--", "setsid", "--wait"]);
        assert_eq!(words[13..], ["", "env", "-i", &format!("PATH={PATH}"), "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "HOME=/x", "php", "-v"]);
        assert_eq!(command.to_string(), "sudo -u www-data php -v");
        for bad in ["", "root", "-x", "a b", "#0", "%wheel"] {
            assert!(super::words(&command, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refusal_of_sudo_is_told_from_a_command_that_failed() {
        let command = Command::new("php").account("www-data");
        let output = |status, stderr: &str| Output { status, stdout: Vec::new(), stderr: stderr.into() };
        let told = |output| not_started(&command, &output, &ServerName::master()).map(|e| e.chain().join(": "));
        assert!(told(output(1, "sudo: a password is required\n")).unwrap().contains("sudo does not allow it"));
        assert!(told(output(127, "env: ‘php’: No such file\n")).unwrap().contains("did not start"));
        assert!(told(output(1, "PHP Fatal error\n")).is_none() && told(output(0, "sudo: x\n")).is_none());
    }
}
