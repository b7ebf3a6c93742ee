//! Several requests at once, each on its own: planned, submitted, followed to its end.

use futures::future::join_all;
use futures::stream::{self, Stream};
use tokio::sync::mpsc;

use crate::Result;
use crate::aegir::Aegir;
use crate::engine::{Cancel, Outcome};
use crate::event::EventLog;
use crate::inventory::TaskId;
use crate::plan::Planned;
use crate::start::Start;
use crate::task::Request;

/// What happens to one of several requests; `index` is its place among them.
#[derive(Debug)]
#[non_exhaustive]
pub enum News {
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

pub(crate) fn carry_out(aegir: &Aegir, requests: Vec<Request>, cancel: &Cancel) -> impl Stream<Item = News> + Send + use<> {
    let (tell, told) = mpsc::unbounded_channel();
    for (index, request) in requests.into_iter().enumerate() {
        let (aegir, cancel, tell) = (aegir.clone(), cancel.clone(), tell.clone());
        tokio::spawn(async move {
            let mut one = One { aegir: &aegir, index, task: None, warnings: Vec::new(), cancel: &cancel, tell: &tell };
            let result = aegir.core.requests.work(one.carry_out(&request)).await;
            // Nobody listens any more: the journal knows.
            let _ = tell.send(News::Ended { index, task: one.task, warnings: one.warnings, result });
        });
    }
    stream::unfold(told, |mut told| async move { told.recv().await.map(|news| (news, told)) })
}

/// One of them.
struct One<'a> {
    aegir: &'a Aegir,
    index: usize,
    task: Option<TaskId>,
    warnings: Vec<String>,
    cancel: &'a Cancel,
    tell: &'a mpsc::UnboundedSender<News>,
}

impl One<'_> {
    async fn carry_out(&mut self, request: &Request) -> Result<Outcome> {
        let way = self.aegir.make_way(request).await?;
        let begun = self.aegir.start(way, self.cancel, |planned| {
            self.warnings.clone_from(&planned.warnings);
            Ok(true)
        });
        match begun.await? {
            Start::Running(running) => {
                self.task = Some(running.id);
                let _ = self.tell.send(News::Started { index: self.index, task: running.id, log: running.log.clone() });
                running.outcome().await
            }
            Start::Nothing(planned) | Start::Kept(planned) => Ok(Outcome::Done { changed: 0, warnings: planned.warnings.len() }),
        }
    }
}

pub(crate) async fn plan_all(aegir: &Aegir, requests: &[Request]) -> Vec<Result<Planned>> {
    join_all(requests.iter().map(|request| aegir.core.requests.work(aegir.plan(request)))).await
}
