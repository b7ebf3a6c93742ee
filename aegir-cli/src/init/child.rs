//! Runs this same program as the Aegir user, with a clean environment.

use std::process::Stdio;

use aegir_core::entity::Server;
use aegir_core::settings::Settings;
use aegir_core::{Error, Result};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::enrol::Errand;
use crate::args::Global;
use crate::exit;

/// How to start it.
pub(super) struct Child {
    user: String,
    root: String,
    flags: Vec<String>,
    json: bool,
}

impl Child {
    pub(super) fn new(settings: &Settings, global: &Global) -> Self {
        let root = settings.root().to_string();
        let mut flags = vec!["--root".to_owned(), root.clone()];
        if let Some(config) = &global.config {
            flags.extend(["--config".to_owned(), config.to_string()]);
        }
        let color = match global.color {
            crate::ui::ColorChoice::Auto => "auto",
            crate::ui::ColorChoice::Always => "always",
            crate::ui::ColorChoice::Never => "never",
        };
        flags.extend(["--color".to_owned(), color.to_owned()]);
        for (on, flag) in [(global.json, "--json"), (global.quiet, "--quiet"), (global.verbose, "--verbose")] {
            if on {
                flags.push(flag.to_owned());
            }
        }
        Self { user: settings.user().to_owned(), root, flags, json: global.json }
    }

    fn command(&self, program: &std::fs::File) -> Command {
        use std::os::fd::AsRawFd as _;
        // By descriptor: the user need not reach the directory that root keeps this program in.
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", &self.user, "--regid", &self.user, "--init-groups", "--"])
            .arg(format!("/proc/self/fd/{}", program.as_raw_fd()));
        command.args(&self.flags).arg("__enrol");
        let kept: Vec<(String, String)> = std::env::vars()
            .filter(|(k, _)| matches!(k.as_str(), "TERM" | "NO_COLOR" | "CLICOLOR_FORCE") || k.starts_with("AEGIR_"))
            .collect();
        command
            .env_clear()
            .envs(kept)
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .env("HOME", &self.root)
            .env("USER", &self.user)
            .env("LOGNAME", &self.user);
        command.current_dir("/").stdin(Stdio::piped());
        command
    }

    /// The master as the inventory has it.
    pub(super) async fn standing(&self) -> Result<Option<Server>> {
        let program = own_program()?;
        let output = self.command(&program).arg("--show").stdin(Stdio::null()).output().await.map_err(|e| self.problem().because(e))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let error = self.problem().because(if said.is_empty() { output.status.to_string() } else { said });
            return Err(if matches!(output.status.code(), Some(126 | 127)) { error.hint(executable()) } else { error });
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|e| Error::internal("what the inventory says of this machine does not read").because(e))
    }

    /// Does an errand; returns its exit code and, with `--json`, what it printed.
    pub(super) async fn run(&self, errand: &Errand) -> Result<(u8, Value)> {
        let program = own_program()?;
        let text = serde_json::to_vec(errand).map_err(|e| Error::internal("the errand does not serialise").because(e))?;
        let stdout = if self.json { Stdio::piped() } else { Stdio::inherit() };
        let mut child = self.command(&program).stdout(stdout).stderr(Stdio::inherit()).spawn().map_err(|e| self.problem().because(e))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A child that ends early says why itself.
            let _ = stdin.write_all(&text).await;
        }
        let output = child.wait_with_output().await.map_err(|e| self.problem().because(e))?;
        let printed = if output.stdout.is_empty() { Value::Null } else { serde_json::from_slice(&output.stdout).unwrap_or_default() };
        let code = output.status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(exit::FAILED);
        if matches!(code, 126 | 127) {
            return Err(self.problem().hint(executable()));
        }
        Ok((code, printed))
    }

    fn problem(&self) -> Error {
        Error::failed(format!("running aegir as {}", self.user))
    }
}

fn executable() -> String {
    let path = std::env::current_exe().map_or_else(|_| "aegir".to_owned(), |p| p.display().to_string());
    format!("the program must be executable for everybody: `install -m 755 {path} /usr/local/bin/`")
}

/// This program, open, for a child to execute.
fn own_program() -> Result<std::fs::File> {
    let problem = "this program cannot be opened";
    let file = std::fs::File::open("/proc/self/exe").map_err(|e| Error::internal(problem).because(e))?;
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).map_err(|e| Error::internal(problem).because(e))?;
    Ok(file)
}
