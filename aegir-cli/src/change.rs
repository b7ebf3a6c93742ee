//! The way of every changing verb: recover, plan, confirm, submit, follow, tell.

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

use aegir_core::engine::{Cancel, Recovered};
use aegir_core::plan::Planned;
use aegir_core::task::Request;
use aegir_core::{Error, ErrorKind, Result, Start};
use camino::Utf8Path;

use crate::args::ChangeArgs;
use crate::follow::{Followed, Signals, follow};
use crate::session::Session;
use crate::ui::Text;
use crate::{detach, exit, ui};

/// What a verb wants done.
pub(crate) struct Wanted {
    pub(crate) request: Request,
    /// It removes something: ask first.
    pub(crate) ask: bool,
    /// The command that comes next.
    pub(crate) next: Option<String>,
}

impl Wanted {
    /// Something that needs no question.
    pub(crate) fn new(request: Request) -> Self {
        Self { request, ask: false, next: None }
    }

    /// With a command that comes next.
    pub(crate) fn next(mut self, command: impl Into<String>) -> Self {
        self.next = Some(command.into());
        self
    }

    /// With a question first.
    pub(crate) fn asking(mut self) -> Self {
        self.ask = true;
        self
    }
}

/// Plans what is wanted, and shows, saves or does it.
pub(crate) async fn run(wanted: &Wanted, args: &ChangeArgs, session: &Session) -> Result<u8> {
    let Session { aegir, ui, .. } = session;
    if args.dry_run || args.plan_out.is_some() {
        let planned = aegir.plan(&wanted.request).await?;
        return look(&planned, args, session);
    }
    tell(&aegir.make_way(&wanted.request).await?, session);
    let mut signals = Signals::listen()?;
    let next = wanted.next.as_deref();
    let mut title = String::new();
    let mut said = BTreeSet::new();
    // Signals stop the task once it runs.
    let cancel = Cancel::default();
    let begun = aegir.start(&wanted.request, &cancel, |planned| {
        // A plan that went stale is made again, with the same warnings.
        planned.warnings.iter().filter(|warning| said.insert((*warning).clone())).for_each(|warning| ui.warn(warning));
        title.clone_from(&planned.title);
        if wanted.ask && !planned.is_empty() {
            confirm(planned, args, session)?;
        }
        Ok(!args.no_wait)
    });
    match begun.await? {
        Start::Nothing(_) => {
            ui::nothing(ui, &title, next);
            Ok(exit::DONE)
        }
        Start::Kept(planned) => detach::start(&planned, session),
        Start::Running(task) => finish(follow(task, &mut signals, ui).await?, &title, next, session),
    }
}

/// Runs a saved plan, exactly as it is. Who saved it has seen it; what is live is asked for all the same.
pub(crate) async fn apply(file: &Utf8Path, args: &ChangeArgs, session: &Session) -> Result<u8> {
    let text = if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|e| Error::failed("reading the plan from standard input").because(e))?;
        text
    } else {
        std::fs::read_to_string(file).map_err(|e| {
            let kind = if e.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Failed };
            Error::new(kind, format!("the plan {file} cannot be read")).context("file", file).because(e)
        })?
    };
    let planned = session.aegir.load_plan(&text)?;
    let mut signals = Signals::listen()?;
    let title = planned.title.clone();
    if planned.is_empty() {
        session.aegir.check_plan(&planned).await?;
        ui::nothing(&session.ui, &title, None);
        return Ok(exit::DONE);
    }
    if planned.confirm.is_some() {
        confirm(&planned, args, session)?;
    }
    if args.no_wait {
        return detach::start(&planned, session);
    }
    let task = session.aegir.submit(planned).await?;
    finish(follow(task, &mut signals, &session.ui).await?, &title, None, session)
}

/// Says what became of tasks that somebody left.
fn tell(recovered: &[Recovered], session: &Session) {
    for Recovered { id, outcome } in recovered {
        let outcome = ui::outcome_item("", None, outcome);
        session
            .ui
            .say(format!("task {id} was left half-way; it is {} now", outcome["result"].as_str().unwrap_or_default().replace('_', " ")));
    }
}

fn finish(followed: Followed, title: &str, next: Option<&str>, session: &Session) -> Result<u8> {
    match followed {
        Followed::Ended(id, outcome) => {
            ui::ended(&session.ui, title, Some(id), &outcome, next);
            Ok(exit::of_outcome(&outcome))
        }
        Followed::Abandoned(id) => Err(Error::new(ErrorKind::Interrupted, format!("task {id} was broken off in the middle"))
            .context("task", id)
            .hint("`aegir task recover` ends it; so does every changing command")),
    }
}

/// Shows a plan, and saves it where it is wanted.
fn look(planned: &Planned, args: &ChangeArgs, session: &Session) -> Result<u8> {
    let ui = &session.ui;
    ui.item("Plan", || ui::plan_item(planned), || ui::plan_text(planned, &ui.out));
    let Some(file) = &args.plan_out else {
        ui.say("dry run: nothing was changed");
        return Ok(exit::DONE);
    };
    save(file, &session.aegir.save_plan(planned)?)?;
    ui.say(Text::from("saved, nothing was changed; next: ") + ui.err.cyan(&format!("aegir apply {file}")));
    Ok(exit::DONE)
}

/// Only its owner may read a plan: it says where everything is.
fn save(file: &Utf8Path, text: &str) -> Result<()> {
    let problem = |e: std::io::Error| Error::failed(format!("the plan {file} cannot be written")).context("file", file).because(e);
    let mut handle = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file).map_err(problem)?;
    handle.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(problem)?;
    handle.write_all(text.as_bytes()).and_then(|()| handle.sync_all()).map_err(problem)
}

/// Shows what will happen and wants it typed: yes, or the name of what is live. Where nobody can be asked, names the flag.
fn confirm(planned: &Planned, args: &ChangeArgs, session: &Session) -> Result<()> {
    let ui = &session.ui;
    let wanted = planned.confirm.as_deref();
    let confirmed = match (wanted, args.confirm.as_deref()) {
        (None, _) => args.yes,
        (Some(name), Some(given)) if given == name => true,
        (Some(name), Some(given)) => {
            return Err(Error::invalid(format!("{}: `--confirm` names {}, not {name}", planned.title, given.escape_debug())));
        }
        (Some(_), None) => false,
    };
    if confirmed {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || ui.json {
        let hint = match wanted {
            Some(name) => format!("it is in production, or nothing is kept of it: add `--confirm {name}`"),
            None => "add `--yes`; `--dry-run` shows what would be done".to_owned(),
        };
        return Err(Error::invalid(format!("{}: nobody can be asked here", planned.title)).hint(hint));
    }
    for step in &planned.steps {
        ui.say(format!("  {}  {}", step.step.server, step.step.summary));
    }
    ui.say(ui::summary(planned));
    match wanted {
        Some(name) => ui.ask(&format!("{}: it is in production, or nothing is kept of it; type {name} to go on:", planned.title)),
        None => ui.ask(&format!("{}: type yes to go on:", planned.title)),
    }
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|e| Error::failed("reading the answer").because(e))?;
    if answer.trim() == wanted.unwrap_or("yes") {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::Interrupted, format!("{}: not confirmed, nothing was changed", planned.title)))
    }
}
