//! `aegir task …`

use aegir_core::engine::{Outcome, Part, Replay, StepState};
use aegir_core::event::EventKind;
use aegir_core::inventory::{StoredEntry, Task, TaskFilter, TaskId, TaskState};
use aegir_core::{Error, Result};
use serde_json::{Value, json};

use super::watch;
use crate::args::TaskVerb;
use crate::exit;
use crate::session::Session;
use crate::ui::{self, Table, Text, facts, to_json};

/// What the noun `task` does.
pub(crate) async fn task(verb: TaskVerb, session: &Session) -> Result<u8> {
    match verb {
        TaskVerb::List { state, parent, limit } => list(state.as_deref(), parent.map(TaskId), limit, session).await,
        TaskVerb::Show { task } => show(TaskId(task), session).await,
        TaskVerb::Watch { task } => watch::watch(TaskId(task), session).await,
        TaskVerb::Retry { task } => retry(TaskId(task), session).await,
        TaskVerb::Cancel { task, no_wait } => cancel(TaskId(task), no_wait, session).await,
        TaskVerb::Close { task, yes } => close(TaskId(task), yes, session).await,
        TaskVerb::Recover => recover(session).await,
    }
}

/// Stops a task and, unless told not to, follows it until it is taken back. Cancelling what could be cancelled is done well.
async fn cancel(id: TaskId, no_wait: bool, session: &Session) -> Result<u8> {
    let ended = session.aegir.cancel(id).await?;
    session.ui.say(format!("task {id} is asked to stop: nothing of it begins any more, and what was done is taken back"));
    let code = match ended {
        Some(Outcome::Stuck(_)) => exit::STUCK,
        Some(Outcome::Waiting(_)) => exit::UNREACHABLE,
        Some(_) => exit::DONE,
        None if no_wait => exit::DONE,
        None => match watch::watch(id, session).await? {
            exit::STUCK => exit::STUCK,
            exit::UNREACHABLE if find(id, session).await?.state == TaskState::Waiting => exit::UNREACHABLE,
            _ => exit::DONE,
        },
    };
    if session.ui.json {
        let task = find(id, session).await?;
        session.ui.item("Task", || summary(&task), String::new);
    }
    Ok(code)
}

/// Ends a task that a person took back by hand.
async fn close(id: TaskId, yes: bool, session: &Session) -> Result<u8> {
    let task = find(id, session).await?;
    if !yes {
        return Err(Error::invalid(format!("closing task {id} ({}, {}) changes nothing on any server", task.kind, task.subject))
            .hint(format!("take back by hand what `aegir task show {id}` says is left, then add `--yes`"))
            .hint(format!("or let `aegir task retry {id}` take it back")));
    }
    session.aegir.close(id).await?;
    let task = find(id, session).await?;
    session.ui.item("Task", || summary(&task), String::new);
    session.ui.say(format!("task {id} is closed: Aegir counts what it had done as taken back, and {} is free again", task.subject));
    Ok(exit::DONE)
}

async fn retry(id: TaskId, session: &Session) -> Result<u8> {
    let outcome = session.aegir.retry(id).await?;
    let title = format!("retry of task {id}");
    let Outcome::RolledBack(report) = &outcome else {
        ui::ended(&session.ui, &title, Some(id), &outcome, None);
        return Ok(exit::of_outcome(&outcome));
    };
    // A stuck task that could be taken back after all is what was asked for.
    if session.ui.json {
        session.ui.item("Outcome", || ui::outcome_item(&title, Some(id), &outcome), String::new);
    }
    let except = |key: &str| report.context.iter().find(|(k, _)| k == key).map(|(_, what)| what);
    if let Some(kept) = except("kept") {
        session.ui.say(format!("task {id}: {kept}"));
    }
    match (except("given up"), except("left alone")) {
        (None, None) => session.ui.say(format!("task {id} is taken back now, all of it")),
        (Some(what), None) => session.ui.warn(&format!("task {id} is taken back now, but for what is gone: {what}")),
        (gone, Some(what)) => {
            let gone = gone.map(|gone| format!(", and what is gone: {gone}")).unwrap_or_default();
            session.ui.warn(&format!("task {id} is taken back now, but for what is not its own any more: {what}{gone}"));
        }
    }
    Ok(exit::DONE)
}

/// A task by number.
pub(super) async fn find(id: TaskId, session: &Session) -> Result<Task> {
    session
        .aegir
        .inventory()
        .task(id)
        .await?
        .ok_or_else(|| Error::not_found(format!("there is no task {id}")).hint("`aegir task list` shows what there is"))
}

fn summary(task: &Task) -> Value {
    json!({ "id": task.id, "kind": task.kind, "subject": task.subject, "state": task.state, "by": task.by, "parent": task.parent, "steps": task.plan.steps().len(), "created": task.created, "ended": task.ended, "unreadable": task.unreadable })
}

async fn list(state: Option<&str>, parent: Option<TaskId>, limit: u64, session: &Session) -> Result<u8> {
    let filter = TaskFilter { state: state.and_then(TaskState::parse), subject: None, parent, limit };
    let tasks = session.aegir.inventory().tasks(&filter).await?;
    session.ui.list(
        "TaskList",
        || tasks.iter().map(summary).collect(),
        || {
            let mut table = Table::new(&["TASK", "WHAT", "ABOUT", "STATE", "STARTED", "TOOK"]);
            for task in &tasks {
                table.row([
                    task.id.to_string(),
                    task.kind.clone(),
                    about(task),
                    task.state.as_str().replace('_', " "),
                    task.created.format("%Y-%m-%d %H:%M:%S").to_string(),
                    took(task),
                ]);
            }
            table
        },
        &state.map_or_else(|| "there are no tasks".to_owned(), |state| format!("no task is {}", state.replace('_', " "))),
    );
    Ok(exit::DONE)
}

/// What a task is about. A batch is about what its own tasks are.
fn about(task: &Task) -> String {
    if task.is_batch() { "several".to_owned() } else { task.subject.to_string() }
}

fn took(task: &Task) -> String {
    task.ended.map(|end| format!("{:.1} s", (end - task.created).num_milliseconds() as f64 / 1000.0)).unwrap_or_default()
}

async fn show(id: TaskId, session: &Session) -> Result<u8> {
    let task = find(id, session).await?;
    let entries = session.aegir.inventory().entries(id, 0).await?;
    let replay = match &task.unreadable {
        None => Replay::of(&entries)?,
        // What can be shown of one that cannot be read.
        Some(_) => Replay::default(),
    };
    let parts = if task.is_batch() { session.aegir.parts(&task).await? } else { replay.parts() };
    let item = || {
        let mut item = summary(&task);
        let steps = task.plan.steps();
        item["steps"] = steps
            .iter()
            .zip(&replay.standing.steps)
            .map(|(s, state)| json!({ "server": s.server, "action": s.action, "summary": s.summary, "state": word(*state) }))
            .collect();
        if !parts.is_empty() {
            item["parts"] = to_json(&parts);
        }
        item["events"] = entries.iter().map(|e| to_json(&e.event)).collect();
        item
    };
    session.ui.item("Task", item, || text(&task, &entries, &replay, &parts, session));
    Ok(exit::DONE)
}

fn text(task: &Task, entries: &[StoredEntry], replay: &Replay, parts: &[Part], session: &Session) -> Text {
    let mut text = facts(
        &[
            ("Task", task.id.to_string()),
            ("What", task.kind.clone()),
            ("About", about(task)),
            ("State", task.state.in_words().to_owned()),
            ("Part of", task.parent.map(|parent| format!("task {parent}")).unwrap_or_default()),
            ("Asked by", task.by.clone()),
            ("Started", task.created.format("%Y-%m-%d %H:%M:%S UTC").to_string()),
            ("Took", took(task)),
        ],
        &session.ui.out,
    );
    if let Some(why) = &task.unreadable {
        text += format!("\nthis build cannot read it: {why}\n");
    }
    let mut table = Table::new(&["STEP", "SERVER", "WHAT", "STATE"]);
    for (index, (step, state)) in task.plan.steps().iter().zip(&replay.standing.steps).enumerate() {
        table.row([(index + 1).to_string(), step.server.to_string(), step.summary.clone(), word(*state).to_owned()]);
    }
    if !task.is_batch() {
        text += Text::from("\n") + table.render(&session.ui.out);
    }
    if !parts.is_empty() {
        text += Text::from("\n") + ui::parts_table(parts).render(&session.ui.out);
    }
    if task.is_batch() && task.state == TaskState::Waiting {
        let id = task.id;
        text += format!("\nwhat is not begun begins with `aegir task retry {id}`, or is left away with `aegir task cancel {id}`\n");
    }
    for entry in entries {
        let note = match &entry.event.kind {
            EventKind::Warning { step, message } => format!("step {}: warning: {message}", step + 1),
            EventKind::StepGivenUp { step, why } => format!("step {}: warning: given up: {why}", step + 1),
            EventKind::StepLeftAlone { step, why } => format!("step {}: warning: left alone: {why}", step + 1),
            EventKind::StepKept { step, what } => format!("step {}: not taken back: {what}", step + 1),
            EventKind::CancelAsked { by } => format!("stopped by {by}"),
            EventKind::TaskClosed { by } => format!("closed by {by}, who took the rest back by hand"),
            EventKind::StepFailed { step, error } | EventKind::UndoFailed { step, error } => {
                let mut lines = vec![format!("step {}: {}", step + 1, error.message)];
                lines.extend(error.causes.iter().map(|c| format!("  cause: {}", c.replace('\n', "\n         "))));
                lines.extend(error.hints.iter().map(|h| format!("  hint: {h}")));
                lines.join("\n")
            }
            EventKind::TaskFinished { summary, .. } => summary.clone(),
            _ => continue,
        };
        text += format!("\n{note}\n");
    }
    text
}

fn word(state: StepState) -> &'static str {
    match state {
        StepState::Pending => "not begun",
        StepState::Started => "at work",
        StepState::Succeeded => "done",
        StepState::Failed => "failed",
        StepState::Undoing => "being taken back",
        StepState::Undone => "taken back",
        StepState::UndoFailed => "could not be taken back",
        StepState::GivenUp => "given up",
        StepState::LeftAlone => "left alone",
        StepState::Kept => "kept",
        StepState::Declined => "refused",
    }
}

async fn recover(session: &Session) -> Result<u8> {
    let recovered = session.aegir.recover().await?;
    session.ui.list(
        "OutcomeList",
        || recovered.iter().map(|r| ui::outcome_item("recover", Some(r.id), &r.outcome)).collect(),
        || {
            let mut table = Table::new(&["TASK", "NOW"]);
            for r in &recovered {
                let item = ui::outcome_item("", None, &r.outcome);
                table.row([r.id.to_string(), item["result"].as_str().unwrap_or_default().replace('_', " ")]);
            }
            table
        },
        "there is nothing to recover",
    );
    // Taken back is what recovery is for; only what needs a person is a failure.
    let any = |is: fn(&Outcome) -> bool| recovered.iter().any(|r| is(&r.outcome));
    Ok(if any(|o| matches!(o, Outcome::Stuck(_))) {
        exit::STUCK
    } else if any(|o| matches!(o, Outcome::Waiting(_))) {
        exit::UNREACHABLE
    } else {
        exit::DONE
    })
}
