//! Several things at once: a line for each as it ends, a table at the end, one exit code for all.

use std::collections::BTreeMap;
use std::time::Instant;

use aegir_core::engine::{Cancel, Outcome};
use aegir_core::inventory::TaskId;
use aegir_core::plan::Planned;
use aegir_core::task::Request;
use aegir_core::{Error, ErrorReport, News, Result};
use futures::future::OptionFuture;
use futures::stream::StreamExt as _;
use serde_json::{Value, json};

use crate::args::ChangeArgs;
use crate::follow::Signals;
use crate::session::Session;
use crate::ui::{self, Table};
use crate::{door, exit};

/// One of the things, and the request for it.
pub(crate) struct Item {
    /// Its name in the table: `web1`.
    pub(crate) name: String,
    /// What it is in words: `verify server web1`.
    pub(crate) title: String,
    pub(crate) request: Request,
}

/// How one ended.
struct Ended {
    task: Option<TaskId>,
    result: Result<Outcome>,
    seconds: f64,
}

/// Carries out all, or shows their plans.
pub(crate) async fn run(items: Vec<Item>, args: &ChangeArgs, session: &Session) -> Result<u8> {
    if args.plan_out.is_some() || args.no_wait {
        let flag = if args.no_wait { "--no-wait" } else { "--plan-out" };
        return Err(Error::invalid(format!("{flag} is for one at a time")).hint("name one, or leave the flag away"));
    }
    let requests: Vec<Request> = items.iter().map(|i| i.request.clone()).collect();
    if args.dry_run {
        return look(&items, session.aegir.plan_all(&requests).await, session);
    }
    let (begun, cancel, mut signals) = (Instant::now(), Cancel::default(), Signals::listen()?);
    let mut news = Box::pin(session.aegir.carry_out(requests, &cancel));
    let mut ended: BTreeMap<usize, Ended> = BTreeMap::new();
    let (mut asked, mut batch) = (false, None);
    // Gone on with beside the rest, which could hold the inventory that it waits for.
    let mut asking = None;
    loop {
        tokio::select! {
            next = news.next() => match next {
                None => break,
                Some(News::Ended { index, task, warnings, result }) => {
                    let name = &items[index].name;
                    warnings.iter().for_each(|warning| session.ui.warn(&format!("{name}: {warning}")));
                    session.ui.say(format!("{name}  {}  ({} of {})", word(&result), ended.len() + 1, items.len()));
                    ended.insert(index, Ended { task, result, seconds: begun.elapsed().as_secs_f64() });
                }
                Some(News::Batch { task }) => batch = Some(task),
                Some(_) => {}
            },
            () = signals.next() => {
                if asked {
                    let error = Error::new(aegir_core::ErrorKind::Interrupted, "broken off in the middle")
                        .hint("`aegir task recover` ends what was at work; so does every changing command");
                    return Err(match batch {
                        Some(task) => error.context("task", task).hint(format!("then `aegir task show {task}` says how far all of it came")),
                        None => error,
                    });
                }
                asked = true;
                asking = Some(Box::pin(async { cancel.ask(&door::who()).await }));
            }
            Some(done) = OptionFuture::from(asking.as_mut()), if asking.is_some() => {
                asking = None;
                done?;
                session.ui.say("stopping: what was done is taken back; once more breaks it off");
            }
        }
    }
    if let Some(asking) = asking {
        asking.await?;
    }
    Ok(tell(&items, &ended, session))
}

/// How it went, in a word or two.
fn word(result: &Result<Outcome>) -> String {
    match result {
        Ok(outcome) => ui::outcome_item("", None, outcome)["result"].as_str().unwrap_or_default().replace('_', " "),
        Err(_) => "failed".to_owned(),
    }
}

fn report(result: &Result<Outcome>) -> Option<ErrorReport> {
    match result {
        Ok(outcome) => outcome.error(),
        Err(error) => Some(error.report()),
    }
}

fn tell(items: &[Item], ended: &BTreeMap<usize, Ended>, session: &Session) -> u8 {
    let ui = &session.ui;
    let all = || items.iter().enumerate().filter_map(|(index, item)| Some((item, ended.get(&index)?)));
    let document = |(item, end): (&Item, &Ended)| {
        let mut document = match &end.result {
            Ok(outcome) => ui::outcome_item(&item.title, end.task, outcome),
            Err(error) => {
                json!({ "title": item.title, "task": null, "result": "failed", "changed": 0, "warnings": 0, "error": error.report() })
            }
        };
        document["name"] = Value::String(item.name.clone());
        document["seconds"] = json!(end.seconds);
        document
    };
    if !ui.json {
        // What failed in full, where a table has no room for it.
        for (item, end) in all() {
            if let Some(report) = report(&end.result) {
                ui.error(&report.to_error().context("task", end.task.map_or_else(|| item.title.clone(), |id| id.to_string())));
            }
        }
    }
    ui.list(
        "OutcomeList",
        || all().map(document).collect(),
        || {
            let mut table = Table::new(&["NAME", "RESULT", "STEPS", "TASK", "AFTER", "WHY"]);
            for (item, end) in all() {
                let changed = if let Ok(Outcome::Done { changed, .. }) = &end.result { changed.to_string() } else { String::new() };
                table.row([
                    item.name.clone(),
                    word(&end.result),
                    changed,
                    end.task.map(|t| t.to_string()).unwrap_or_default(),
                    format!("{:.1} s", end.seconds),
                    report(&end.result).map(|r| r.message).unwrap_or_default(),
                ]);
            }
            table
        },
        "there is nothing to do it to",
    );
    let codes: Vec<u8> = all().map(|(_, end)| code(&end.result)).collect();
    exit::of_many(&codes)
}

fn code(result: &Result<Outcome>) -> u8 {
    match result {
        Ok(outcome) => exit::of_outcome(outcome),
        Err(error) => exit::of_kind(error.kind()),
    }
}

fn look(items: &[Item], plans: Vec<Result<Planned>>, session: &Session) -> Result<u8> {
    let ui = &session.ui;
    let mut codes = Vec::new();
    let mut documents = Vec::new();
    for (item, plan) in items.iter().zip(plans) {
        codes.push(plan.as_ref().map_or_else(|e| exit::of_kind(e.kind()), |_| exit::DONE));
        match plan {
            Ok(planned) if ui.json => documents.push(ui::plan_item(&planned)),
            Ok(planned) if planned.is_empty() => ui::nothing(ui, &planned.title, None),
            Ok(planned) => ui.item("Plan", Value::default, || ui::plan_text(&planned, &ui.out)),
            Err(error) if ui.json => documents.push(json!({ "title": item.title, "error": error.report() })),
            Err(error) => ui.error(&error),
        }
    }
    if ui.json {
        ui.list("PlanList", || documents.into(), || Table::new(&[]), "");
    } else {
        ui.say("dry run: nothing was changed");
    }
    Ok(exit::of_many(&codes))
}
