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

/// How often a plan that went stale while an operator thought about it is made again.
const TRIES: u32 = 3;

/// Plans what is wanted, and shows, saves or does it.
pub(crate) async fn run(wanted: &Wanted, args: &ChangeArgs, session: &Session) -> Result<u8> {
    let Session { aegir, .. } = session;
    let mut signals = Signals::listen()?;
    if args.dry_run || args.plan_out.is_some() {
        let planned = signals.unless(aegir.plan(&wanted.request)).await?;
        return look(&planned, args, session);
    }
    let way = signals.unless(aegir.make_way(&wanted.request)).await?;
    tell(&way.recovered, session);
    if wanted.ask || args.no_wait {
        return agree(wanted, args, session, &mut signals).await;
    }
    let (next, mut title) = (wanted.next.as_deref(), String::new());
    let cancel = Cancel::default();
    let begun = aegir.start(way, &cancel, |planned| {
        planned.warnings.iter().for_each(|warning| session.ui.warn(warning));
        title.clone_from(&planned.title);
        Ok(true)
    });
    match signals.asking(&cancel, begun).await?? {
        Start::Running(task) => finish(follow(task, &mut signals, &session.ui).await?, &title, next, session),
        Start::Nothing(_) | Start::Kept(_) => {
            ui::nothing(&session.ui, &title, next);
            Ok(exit::DONE)
        }
    }
}

/// Shows the plan and has it agreed to, holding no lock meanwhile; then exactly that plan runs, or none.
async fn agree(wanted: &Wanted, args: &ChangeArgs, session: &Session, signals: &mut Signals) -> Result<u8> {
    let Session { aegir, ui, .. } = session;
    let next = wanted.next.as_deref();
    let mut said = BTreeSet::new();
    for tries in 1.. {
        let planned = signals.unless(aegir.plan_to_submit(&wanted.request)).await?;
        let title = planned.title.clone();
        // A plan that went stale is made again, with the same warnings.
        planned.warnings.iter().filter(|warning| said.insert((*warning).clone())).for_each(|warning| ui.warn(warning));
        if planned.is_empty() {
            ui::nothing(ui, &title, next);
            return Ok(exit::DONE);
        }
        if wanted.ask {
            confirm(&planned, args, session, signals).await?;
        }
        if args.no_wait {
            return detach::start(&planned, session);
        }
        let cancel = Cancel::default();
        match signals.asking(&cancel, aegir.submit_with(planned, cancel.clone())).await? {
            Ok(task) => return finish(follow(task, signals, ui).await?, &title, next, session),
            // Somebody changed what it works on meanwhile: plan again from what is there now, and ask again.
            Err(stale) if stale.kind() == ErrorKind::Conflict && tries < TRIES => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::internal("the tries have no end"))
}

/// Runs a saved plan, exactly as it is. Who saved it has seen it; what is live is asked for all the same.
pub(crate) async fn apply(file: &Utf8Path, args: &ChangeArgs, session: &Session) -> Result<u8> {
    let text = read_plan(file)?;
    let planned = session.aegir.load_plan(&text)?;
    let mut signals = Signals::listen()?;
    let title = planned.title.clone();
    if planned.is_empty() {
        session.aegir.check_plan(&planned).await?;
        ui::nothing(&session.ui, &title, None);
        return Ok(exit::DONE);
    }
    if planned.confirm.is_some() {
        confirm(&planned, args, session, &mut signals).await?;
    }
    if args.no_wait {
        return detach::start(&planned, session);
    }
    let cancel = Cancel::default();
    let task = signals.asking(&cancel, session.aegir.submit_with(planned, cancel.clone())).await??;
    finish(follow(task, &mut signals, &session.ui).await?, &title, None, session)
}

/// More than any plan, and far less than a device that never ends.
const LARGEST_PLAN: u64 = 64 << 20;

/// A saved plan's text: from a file, or from standard input.
fn read_plan(file: &Utf8Path) -> Result<String> {
    let problem = |e: std::io::Error| {
        let kind = if e.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Failed };
        Error::new(kind, format!("the plan {file} cannot be read"))
            .context("file", file)
            .because(e)
            .hint("give the file that `--plan-out FILE` wrote, or `-` for standard input")
    };
    let mut bytes = Vec::new();
    if file == "-" {
        std::io::stdin().take(LARGEST_PLAN + 1).read_to_end(&mut bytes).map_err(problem)?;
    } else {
        std::fs::File::open(file).and_then(|plan| plan.take(LARGEST_PLAN + 1).read_to_end(&mut bytes)).map_err(problem)?;
    }
    if bytes.len() as u64 > LARGEST_PLAN || bytes.first() == Some(&0) {
        return Err(problem(std::io::Error::other("it is no plan")));
    }
    String::from_utf8(bytes).map_err(|e| problem(std::io::Error::other(e)))
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
    let next = match &planned.confirm {
        Some(confirm) => format!("aegir apply {file} --confirm {}", confirm.name),
        None => format!("aegir apply {file}"),
    };
    ui.say(Text::from("saved, nothing was changed; next: ") + ui.err.cyan(&next));
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
async fn confirm(planned: &Planned, args: &ChangeArgs, session: &Session, signals: &mut Signals) -> Result<()> {
    let ui = &session.ui;
    let wanted = planned.confirm.as_ref().map(|confirm| confirm.name.as_str());
    let why = planned.confirm.as_ref().map(|confirm| confirm.why.as_str()).unwrap_or_default();
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
            Some(name) => format!("{why}: add `--confirm {name}`"),
            None => "add `--yes`; `--dry-run` shows what would be done".to_owned(),
        };
        return Err(Error::invalid(format!("{}: nobody can be asked here", planned.title)).hint(hint));
    }
    for step in &planned.steps {
        ui.say(format!("  {}  {}", step.step.server, step.step.summary));
    }
    ui.say(ui::summary(planned));
    match wanted {
        Some(name) => ui.ask(&format!("{}: {why}; type {name} to go on:", planned.title)),
        None => ui.ask(&format!("{}: type yes to go on:", planned.title)),
    }
    let answer = signals.unless(typed_line()).await?;
    if answer.trim() == wanted.unwrap_or("yes") {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::Interrupted, format!("{}: not confirmed, nothing was changed", planned.title)))
    }
}

/// A line that somebody types. On a thread of its own, which ends with the process: nobody can call it back.
async fn typed_line() -> Result<String> {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        // Whoever asked may have been stopped meanwhile.
        let _ = tell.send(read.map(|_| answer));
    });
    let read = told.await.map_err(|e| Error::internal("nobody reads the answer").because(e))?;
    read.map_err(|e| Error::failed("reading the answer").because(e))
}
