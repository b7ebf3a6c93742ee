//! How a task ended, for people and as a document.

use aegir_core::engine::{Outcome, Part};
use aegir_core::inventory::TaskId;
use aegir_core::{Error, ErrorReport};
use serde_json::{Value, json};

use super::{Table, Text, Ui, to_json};

/// How a task ended, as a document.
pub(crate) fn outcome_item(title: &str, task: Option<TaskId>, outcome: &Outcome) -> Value {
    let (result, changed, warnings, error) = match outcome {
        Outcome::Done { changed: 0, warnings } => ("nothing_to_do", 0, *warnings, None),
        Outcome::Done { changed, warnings } => ("done", *changed, *warnings, None),
        Outcome::Partly { changed, warnings, .. } => ("partly", *changed, *warnings, outcome.error()),
        Outcome::RolledBack(report) => ("rolled_back", 0, 0, Some(report.clone())),
        Outcome::Stuck(report) => ("stuck", 0, 0, Some(report.clone())),
        Outcome::Waiting(report) => ("waiting", 0, 0, Some(report.clone())),
    };
    let mut item = json!({ "title": title, "task": task, "result": result, "changed": changed, "warnings": warnings, "error": error });
    if let Outcome::Partly { parts, .. } = outcome {
        item["parts"] = to_json(parts);
    }
    item
}

/// What became of each part of a task.
pub(crate) fn parts_table(parts: &[Part]) -> Table<'_> {
    let mut table = Table::new(&["PART", "RESULT", "TASK", "WHY"]);
    for part in parts {
        table.row([
            part.name.clone(),
            part.state.in_words().to_owned(),
            part.task.map(|task| task.to_string()).unwrap_or_default(),
            part.error.as_ref().map(|error| error.message.clone()).unwrap_or_default(),
        ]);
    }
    table
}

/// Tells a task's end: the outcome document or a line on success, an error otherwise.
pub(crate) fn ended(ui: &Ui, title: &str, task: Option<TaskId>, outcome: &Outcome, next: Option<&str>) {
    match outcome {
        Outcome::Done { changed, warnings } => {
            if ui.json {
                ui.item("Outcome", || outcome_item(title, task, outcome), String::new);
                return;
            }
            let warned = if *warnings == 0 {
                String::new()
            } else {
                format!(", {warnings} {}", if *warnings == 1 { "warning" } else { "warnings" })
            };
            let steps = if *changed == 1 { "step" } else { "steps" };
            ui.say(ui.err.green("done:") + format!(" {title}: {changed} {steps}{warned}{}", numbered(task)));
            tell_next(ui, next);
        }
        Outcome::Partly { parts, .. } => {
            if ui.json {
                ui.item("Outcome", || outcome_item(title, task, outcome), String::new);
                return;
            }
            parts.iter().filter_map(|part| part.error.as_ref()).for_each(|report| ui.error(&report.to_error()));
            ui.say(parts_table(parts).render(&ui.err));
            let done = outcome.error().map(|report| report.message).unwrap_or_default();
            ui.say(format!("partly done: {title}: {done}; the rest was taken back{}", numbered(task)));
        }
        Outcome::RolledBack(report) => {
            // What the report names as kept outlives it.
            let state = match report.context.iter().any(|(key, _)| key == "kept") {
                false => "everything was taken back; nothing was changed",
                true => "everything else was taken back",
            };
            ui.report(
                &headed(report, format!("{title}: rolled back: {}", report.message), state, task),
                &json!({ "result": "rolled_back", "task": task }),
            );
        }
        Outcome::Stuck(report) => {
            ui.report(
                &headed(report, format!("{title}: stuck: {}", report.message), "partly taken back; a person is needed", task),
                &json!({ "result": "stuck", "task": task }),
            );
        }
        Outcome::Waiting(report) => {
            ui.report(
                &headed(report, format!("{title}: failed: {}", report.message), "partly taken back; the rest follows by itself", task),
                &json!({ "result": "waiting", "task": task }),
            );
        }
    }
}

/// Tells that there was nothing to do.
pub(crate) fn nothing(ui: &Ui, title: &str, next: Option<&str>) {
    if ui.json {
        ui.item("Outcome", || outcome_item(title, None, &Outcome::Done { changed: 0, warnings: 0 }), String::new);
        return;
    }
    ui.say(format!("{title}: nothing to change"));
    tell_next(ui, next);
}

fn tell_next(ui: &Ui, next: Option<&str>) {
    if let Some(next) = next {
        ui.say(Text::from("next: ") + ui.err.cyan(next));
    }
}

fn numbered(task: Option<TaskId>) -> String {
    task.map(|id| format!(" (task {id})")).unwrap_or_default()
}

/// A copy of the report with the task's fate in it.
fn headed(report: &ErrorReport, message: String, state: &str, task: Option<TaskId>) -> ErrorReport {
    let mut made = Error::new(report.kind, message).report();
    made.causes.clone_from(&report.causes);
    made.context.clone_from(&report.context);
    made.context.push(("state".to_owned(), state.to_owned()));
    made.hints.clone_from(&report.hints);
    if let Some(task) = task {
        made.hints.push(format!("`aegir task show {task}` shows every step"));
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolled_back_says_what_failed_what_is_so_now_and_where_to_look() {
        let failed = Error::failed("testing failed").because("Syntax error").context("server", "web1").report();
        let report = headed(&failed, "verify web1: rolled back: testing failed".into(), "nothing was changed", Some(TaskId(7)));
        assert_eq!(report.causes, ["Syntax error"]);
        assert_eq!(report.context.last().map(|(k, v)| (k.as_str(), v.as_str())), Some(("state", "nothing was changed")));
        assert_eq!(report.hints, ["`aegir task show 7` shows every step"]);
    }

    #[test]
    fn an_outcome_names_its_result() {
        let result = |outcome: &Outcome| outcome_item("t", None, outcome)["result"].as_str().map(str::to_owned);
        assert_eq!(result(&Outcome::Done { changed: 0, warnings: 0 }).as_deref(), Some("nothing_to_do"));
        assert_eq!(result(&Outcome::Done { changed: 2, warnings: 0 }).as_deref(), Some("done"));
        assert_eq!(result(&Outcome::RolledBack(Error::failed("x").report())).as_deref(), Some("rolled_back"));
    }
}
