//! Several requests at once, each on its own: planned, submitted, followed to its end; together a batch.

use std::sync::Arc;

use futures::future::join_all;
use futures::stream::{self, Stream};
use tokio::sync::mpsc;

use crate::aegir::Aegir;
use crate::engine::{Batch, Cancel, Outcome, Part, PartState};
use crate::event::EventLog;
use crate::inventory::{Task, TaskId, TaskState};
use crate::plan::Planned;
use crate::start::Start;
use crate::task::Request;
use crate::{Error, ErrorKind, Result};

/// What happens to one of several requests; `index` is its place among them.
#[derive(Debug)]
#[non_exhaustive]
pub enum News {
    /// The first of them began: from now on they are a batch of this number.
    Batch {
        /// Its task.
        task: TaskId,
    },
    /// It has something to do, and began.
    Started {
        /// Which.
        index: usize,
        /// Its task.
        task: TaskId,
        /// What the task says.
        log: EventLog,
    },
    /// It is over. Once for each request.
    Ended {
        /// Which.
        index: usize,
        /// Its task; `None` when there was nothing to do or it was refused.
        task: Option<TaskId>,
        /// Warnings of its plan, which are no events.
        warnings: Vec<String>,
        /// How. An error was met before anything was changed.
        result: Result<Outcome>,
    },
}

type Tell = mpsc::UnboundedSender<News>;

pub(crate) fn carry_out(aegir: &Aegir, requests: Vec<Request>, cancel: &Cancel) -> impl Stream<Item = News> + Send + use<> {
    let (tell, told) = mpsc::unbounded_channel();
    let (aegir, cancel) = (aegir.clone(), cancel.clone());
    tokio::spawn(async move {
        if let [request] = &*requests {
            drop(One::run(&aegir, 0, request, None, &cancel, &tell).await);
            return;
        }
        match Batch::open(&aegir.core, requests.clone()).await {
            // Nobody listens any more: the journal knows.
            Ok(batch) => drop(run(&aegir, batch, (0..requests.len()).collect(), Vec::new(), &cancel, &tell).await),
            Err(error) => {
                for index in 0..requests.len() {
                    let result = Err(error.report().to_error());
                    let _ = tell.send(News::Ended { index, task: None, warnings: Vec::new(), result });
                }
            }
        }
    });
    stream::unfold(told, |mut told| async move { told.recv().await.map(|news| (news, told)) })
}

/// Begins what of a batch was not begun, and ends it.
pub(crate) async fn retry(aegir: &Aegir, task: Task) -> Result<Outcome> {
    let id = task.id;
    if task.state != TaskState::Waiting {
        return Err(Error::conflict(format!("task {id} is {}, and all of it has begun", task.state.in_words())).context("task", id));
    }
    let batch = Batch::resume(&aegir.core, task.clone()).await?;
    let parts = crate::engine::parts(&aegir.core, &task).await?;
    let left = parts.iter().enumerate().filter(|(_, part)| part.state == PartState::NotBegun).map(|(index, _)| index).collect();
    let (tell, _told) = mpsc::unbounded_channel();
    let ended = run(aegir, batch, left, parts, &Cancel::default(), &tell).await?;
    Ok(ended.unwrap_or(Outcome::Done { changed: 0, warnings: 0 }))
}

/// Carries out those requests of a batch; `parts` says what became of the others.
async fn run(
    aegir: &Aegir,
    batch: Batch,
    which: Vec<usize>,
    mut parts: Vec<Part>,
    cancel: &Cancel,
    tell: &Tell,
) -> Result<Option<Outcome>> {
    let batch = Arc::new(batch);
    batch.stopped_by(cancel).await?;
    let runs = which.into_iter().map(|index| {
        let (aegir, batch, cancel, tell) = (aegir.clone(), batch.clone(), cancel.clone(), tell.clone());
        let run = async move { (index, One::run(&aegir, index, &batch.requests()[index], Some(&batch), &cancel, &tell).await) };
        tokio::spawn(run)
    });
    for ended in join_all(runs.collect::<Vec<_>>()).await {
        let (index, part) = ended.map_err(|e| Error::internal(format!("batch {} broke off", batch.id())).because(e))?;
        match parts.get_mut(index) {
            Some(stands) => *stands = part,
            None => parts.push(part),
        }
    }
    batch.end(parts).await
}

/// One of them.
struct One<'a> {
    aegir: &'a Aegir,
    index: usize,
    task: Option<TaskId>,
    warnings: Vec<String>,
    batch: Option<&'a Batch>,
    cancel: &'a Cancel,
    tell: &'a Tell,
}

impl<'a> One<'a> {
    /// Carries out one request, and tells and returns what became of it.
    async fn run(aegir: &'a Aegir, index: usize, request: &Request, batch: Option<&'a Batch>, cancel: &'a Cancel, tell: &'a Tell) -> Part {
        let mut one = Self { aegir, index, task: None, warnings: Vec::new(), batch, cancel, tell };
        let result = aegir.core.requests.work(one.carry_out(request)).await;
        let part = part(request, one.task, &result);
        // Nobody listens any more: the journal knows.
        let _ = tell.send(News::Ended { index, task: one.task, warnings: one.warnings, result });
        part
    }

    async fn carry_out(&mut self, request: &Request) -> Result<Outcome> {
        if let Some(batch) = self.batch {
            batch.pass().await?;
        }
        let mut way = self.aegir.make_way(request).await?;
        way.parent = self.batch.map(Batch::id);
        let begun = self.aegir.start(way, self.cancel, |planned| {
            self.warnings.clone_from(&planned.warnings);
            Ok(true)
        });
        match begun.await? {
            Start::Running(running) => {
                self.task = Some(running.id);
                self.begins().await;
                let _ = self.tell.send(News::Started { index: self.index, task: running.id, log: running.log.clone() });
                Ok(match running.outcome().await? {
                    Outcome::Done { changed, warnings } => Outcome::Done { changed, warnings: warnings + self.warnings.len() },
                    other => other,
                })
            }
            Start::Nothing(planned) | Start::Kept(planned) => Ok(Outcome::Done { changed: 0, warnings: planned.warnings.len() }),
        }
    }

    /// The batch has a task now. When that cannot be noted, the task itself still names its batch.
    async fn begins(&self) {
        if let Some(batch) = self.batch
            && matches!(batch.begin().await, Ok(true))
        {
            let _ = self.tell.send(News::Batch { task: batch.id() });
        }
    }
}

fn part(request: &Request, task: Option<TaskId>, result: &Result<Outcome>) -> Part {
    let (state, error) = match result {
        Ok(outcome @ Outcome::Done { changed, .. }) => {
            (if *changed == 0 { PartState::Unchanged } else { PartState::Done }, outcome.error())
        }
        Ok(outcome @ Outcome::Partly { .. }) => (PartState::Partly, outcome.error()),
        Ok(outcome @ Outcome::RolledBack(_)) => (PartState::TakenBack, outcome.error()),
        Ok(outcome @ Outcome::Stuck(_)) => (PartState::Stuck, outcome.error()),
        Ok(outcome @ Outcome::Waiting(_)) => (PartState::Waiting, outcome.error()),
        Err(error) if error.kind() == ErrorKind::Interrupted && task.is_none() => (PartState::Stopped, Some(error.report())),
        // Somebody else ends it.
        Err(error) if error.kind() == ErrorKind::Superseded => (PartState::Running, Some(error.report())),
        Err(error) => (PartState::Refused, Some(error.report())),
    };
    Part { name: request.subject().to_string(), task: task.map(|task| task.0), state, error }
}

pub(crate) async fn plan_all(aegir: &Aegir, requests: &[Request]) -> Vec<Result<Planned>> {
    join_all(requests.iter().map(|request| aegir.core.requests.work(aegir.plan(request)))).await
}
