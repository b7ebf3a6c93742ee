//! `--no-wait`: a process of its own runs the plan, and only the task's number comes back.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use aegir_core::engine::Outcome;
use aegir_core::inventory::TaskId;
use aegir_core::plan::Planned;
use aegir_core::{Error, ErrorReport, Result};
use serde_json::json;

use crate::exit;
use crate::follow::Signals;
use crate::session::Session;
use crate::ui::Text;

/// What the other process says first: the task's number, or why there is none.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum First {
    Task(TaskId),
    Error(ErrorReport),
}

/// Hands a plan to a process that outlives this one.
pub(crate) fn start(planned: &Planned, session: &Session) -> Result<u8> {
    let problem = |e: std::io::Error| Error::failed("starting a process that goes on by itself").because(e);
    let mut command = Command::new(std::env::current_exe().map_err(problem)?);
    command.arg("--root").arg(session.aegir.settings().root());
    if let Some(config) = &session.global.config {
        command.arg("--config").arg(config);
    }
    let mut child = command.arg("__run").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(problem)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(session.aegir.save_plan(planned)?.as_bytes()).map_err(problem)?;
    }
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(problem)?;
    }
    match serde_json::from_str(&line) {
        Ok(First::Task(id)) => {
            session.ui.item("Task", || json!({ "id": id, "title": planned.title, "state": "running" }), || id.to_string());
            let next = session.ui.err.cyan(&format!("aegir task watch {id}"));
            session.ui.say(Text::from(format!("{} goes on by itself; next: ", planned.title)) + next);
            Ok(exit::DONE)
        }
        Ok(First::Error(report)) => Err(report.to_error()),
        Err(error) => Err(Error::internal("the process that was to go on by itself ended without a word").because(error)),
    }
}

/// The other process: says the number, then works in silence; the journal tells the rest.
pub(crate) async fn serve(session: &Session) -> Result<u8> {
    // Out of the terminal's reach; fails only where it is so already.
    let _ = rustix::process::setsid();
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|e| Error::failed("reading the plan from standard input").because(e))?;
    let started = async { session.aegir.submit(session.aegir.load_plan(&text)?).await }.await;
    let first = match &started {
        Ok(task) => First::Task(task.id),
        Err(error) => First::Error(error.report()),
    };
    session.ui.line(&serde_json::to_value(first).unwrap_or_default());
    let task = started?;
    let (mut signals, cancel) = (Signals::listen()?, task.cancel.clone());
    let outcome: Outcome = signals.asking(&cancel, task.outcome()).await??;
    Ok(exit::of_outcome(&outcome))
}
