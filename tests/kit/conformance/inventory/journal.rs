//! Tasks and their events: a contract between workers.

use std::sync::Arc;

use aegir_core::ErrorKind;
use aegir_core::entity::{EntityRef, Resource};
use aegir_core::event::{EventKind, Verdict};
use aegir_core::inventory::LeaseMode::{Exclusive, Shared};
use aegir_core::inventory::{Begin, Claim, Entry, Inventory, NewTask, TaskFilter, TaskId, TaskState};
use aegir_core::plan::{Plan, Step};
use chrono::TimeDelta;
use uuid::Uuid;

use super::sample::{TTL, begin, end, finished, open, owner, say, sealed, server_name, started, subject, task, task_on, worker};

pub(super) async fn a_plan_runs_once(inventory: &dyn Inventory) {
    let first = task("a.org");
    assert_eq!(inventory.task_of_plan(first.plan).await.unwrap(), None);
    let claim = open(inventory, &first).await;
    assert_eq!(inventory.task_of_plan(first.plan).await.unwrap(), Some(claim.task));
    let again = NewTask { plan: first.plan, ..task("b.org") };
    let error = inventory.open_task(&again, &worker(1), TTL).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains(&format!("task {}", claim.task)), "{error:?} does not name the task");
    // Also when that task ended long ago.
    end(inventory, &claim, Verdict::Done).await;
    assert_eq!(inventory.leases().await.unwrap(), []);
    assert_eq!(inventory.open_task(&again, &worker(1), TTL).await.unwrap_err().kind(), ErrorKind::Conflict);
    let next = open(inventory, &task("b.org")).await;
    assert!(next.task > claim.task, "numbers count up");
    // But not when nothing came of it.
    let third = task("c.org");
    let claim = open(inventory, &third).await;
    inventory.discard(&claim).await.unwrap();
    assert!(inventory.task(claim.task).await.unwrap().is_none() && inventory.leases().await.unwrap().len() == 1);
    assert!(open(inventory, &third).await.task > claim.task, "a number is never given twice");
}

pub(super) async fn only_what_has_no_history_is_discarded(inventory: &dyn Inventory) {
    let claim = open(inventory, &task("a.org")).await;
    begin(inventory, &claim, 1).await;
    assert!(inventory.discard(&claim).await.is_err());
    assert_eq!(inventory.entries(claim.task, 0).await.unwrap().len(), 1);
}

/// The heart of the contract: whoever was superseded writes nothing, in any way.
pub(super) async fn a_superseded_claim_writes_nothing(inventory: &dyn Inventory) {
    let old = open(inventory, &task_on("a.org", "web1", Shared)).await;
    begin(inventory, &old, 2).await;
    say(inventory, &old, &started(0)).await;
    let new = inventory.claim(old.task, old.epoch, &worker(2), TTL).await.unwrap().unwrap();
    assert!(new.epoch > old.epoch);
    assert_eq!(inventory.claim(old.task, old.epoch, &worker(3), TTL).await.unwrap(), None, "somebody was quicker");
    let resource = Resource::path(&server_name("web1"), "/srv/a");
    let entry = Entry { acquire: vec![(resource.clone(), owner("a.org"))], ..Entry::default() };
    for kind in [EventKind::StepSucceeded { step: 0 }, EventKind::UndoStarted { step: 0 }, EventKind::Committed, finished(Verdict::Stuck)] {
        assert_eq!(inventory.append(&old, &kind, &entry).await.unwrap_err().kind(), ErrorKind::Superseded, "{kind:?}");
    }
    assert_eq!(inventory.beat(&old, TTL).await.unwrap_err().kind(), ErrorKind::Superseded);
    assert_eq!(inventory.watch(&old).await.unwrap_err().kind(), ErrorKind::Superseded);
    assert_eq!(inventory.discard(&old).await.unwrap_err().kind(), ErrorKind::Superseded);
    assert_eq!(inventory.owner(&resource).await.unwrap(), None);
    assert_eq!(inventory.entries(old.task, 0).await.unwrap().len(), 2);
    let taken = inventory.task(old.task).await.unwrap().unwrap();
    assert_eq!((taken.state, taken.worker, taken.epoch), (TaskState::Running, Some(worker(2)), new.epoch));
    assert_eq!(inventory.leases().await.unwrap().len(), 2, "all of its leases are taken again");
    // The new one can do all of it, and is superseded itself by the end.
    inventory.beat(&new, TTL).await.unwrap();
    say(inventory, &new, &EventKind::UndoStarted { step: 0 }).await;
    say(inventory, &new, &EventKind::UndoFinished { step: 0 }).await;
    say(inventory, &new, &finished(Verdict::RolledBack)).await;
    // What its own worker ended was taken by nobody, and takes nothing more.
    assert!(inventory.beat(&new, TTL).await.is_ok() && inventory.watch(&new).await.is_ok());
    let late = EventKind::Warning { step: 0, message: "late".into() };
    assert_eq!(inventory.append(&new, &late, &Entry::default()).await.unwrap_err().kind(), ErrorKind::Superseded);
    assert_eq!(inventory.claim(new.task, new.epoch, &worker(2), TTL).await.unwrap(), None, "what is over is not taken over");
}

pub(super) async fn one_worker_takes_a_task(inventory: Arc<dyn Inventory>) {
    let claim = open(&*inventory, &task("a.org")).await;
    let rivals: Vec<_> = (10..30)
        .map(|pid| {
            let inventory = inventory.clone();
            tokio::spawn(async move { inventory.claim(claim.task, claim.epoch, &worker(pid), TTL).await.unwrap().map(|_| pid) })
        })
        .collect();
    let mut winners = Vec::new();
    for rival in rivals {
        winners.extend(rival.await.unwrap());
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(inventory.task(claim.task).await.unwrap().unwrap().worker, Some(worker(winners[0])));
    assert_eq!(inventory.claim(TaskId(claim.task.0 + 1000), 1, &worker(2), TTL).await.unwrap(), None, "there is no such task");
}

pub(super) async fn an_impossible_event_is_not_stored(inventory: &dyn Inventory) {
    let claim = open(inventory, &task("a.org")).await;
    let resource = Resource::path(&server_name("web1"), "/srv/a");
    let entry = Entry { acquire: vec![(resource.clone(), owner("a.org"))], ..Entry::default() };
    for kind in [started(0), EventKind::Committed, finished(Verdict::Done)] {
        assert!(inventory.append(&claim, &kind, &entry).await.is_err(), "{kind:?}");
    }
    begin(inventory, &claim, 2).await;
    say(inventory, &claim, &started(0)).await;
    say(inventory, &claim, &EventKind::UndoStarted { step: 0 }).await;
    for kind in [
        EventKind::UndoStarted { step: 0 },
        EventKind::StepSucceeded { step: 0 },
        started(0),
        started(1),
        started(2),
        EventKind::Committed,
        finished(Verdict::Done),
        finished(Verdict::RolledBack),
    ] {
        assert!(inventory.append(&claim, &kind, &entry).await.is_err(), "{kind:?}");
    }
    assert_eq!(inventory.owner(&resource).await.unwrap(), None);
    assert_eq!(inventory.entries(claim.task, 0).await.unwrap().len(), 3);
    assert_eq!(inventory.task(claim.task).await.unwrap().unwrap().state, TaskState::Running);
}

pub(super) async fn a_cancel_is_an_event_that_holds(inventory: &dyn Inventory) {
    let claim = open(inventory, &task("a.org")).await;
    begin(inventory, &claim, 2).await;
    say(inventory, &claim, &started(0)).await;
    assert!(!inventory.watch(&claim).await.unwrap().cancelled);
    // Whoever works on it: it needs no claim.
    let event = inventory.ask_cancel(claim.task, "somebody").await.unwrap();
    assert_eq!((event.seq, event.kind), (3, EventKind::CancelAsked { by: "somebody".into() }));
    assert!(inventory.watch(&claim).await.unwrap().cancelled && inventory.beat(&claim, TTL).await.unwrap().cancelled);
    assert_eq!(say(inventory, &claim, &EventKind::StepSucceeded { step: 0 }).await.seq, 4, "the step at work may end");
    assert_eq!(inventory.append(&claim, &started(1), &Entry::default()).await.unwrap_err().kind(), ErrorKind::Interrupted);
    assert!(inventory.append(&claim, &EventKind::Committed, &Entry::default()).await.is_err());
    // Also for whoever comes after.
    let next = inventory.claim(claim.task, claim.epoch, &worker(2), TTL).await.unwrap().unwrap();
    assert!(inventory.watch(&next).await.unwrap().cancelled);
    // What is committed, or over, is not cancelled.
    let done = open(inventory, &task("b.org")).await;
    begin(inventory, &done, 0).await;
    say(inventory, &done, &EventKind::Committed).await;
    assert_eq!(inventory.ask_cancel(done.task, "somebody").await.unwrap_err().kind(), ErrorKind::Conflict);
    say(inventory, &done, &finished(Verdict::Done)).await;
    assert_eq!(inventory.ask_cancel(done.task, "somebody").await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(inventory.ask_cancel(TaskId(4711), "somebody").await.unwrap_err().kind(), ErrorKind::NotFound);
}

pub(super) async fn an_end_frees_the_leases(inventory: &dyn Inventory) {
    let other = open(inventory, &task_on("b.org", "web1", Shared)).await;
    for verdict in [Verdict::Done, Verdict::RolledBack] {
        let claim = open(inventory, &task_on("a.org", "web1", Shared)).await;
        assert_eq!(inventory.leases().await.unwrap().len(), 4);
        assert_eq!(inventory.task(claim.task).await.unwrap().unwrap().ended, None);
        end(inventory, &claim, verdict).await;
        assert!(inventory.task(claim.task).await.unwrap().unwrap().ended.is_some());
        assert!(inventory.leases().await.unwrap().iter().all(|l| l.task == other.task));
    }
}

pub(super) async fn what_cannot_be_read_is_stuck_until_it_is_closed(inventory: &dyn Inventory) {
    let claim = open(inventory, &task_on("a.org", "web1", Shared)).await;
    begin(inventory, &claim, 1).await;
    assert!(!inventory.set_unreadable(claim.task, claim.epoch + 7, "odd").await.unwrap(), "somebody else has it by now");
    assert!(inventory.set_unreadable(claim.task, claim.epoch, "odd").await.unwrap());
    let stuck = inventory.task(claim.task).await.unwrap().unwrap();
    assert_eq!((stuck.state, stuck.unreadable.as_deref()), (TaskState::Stuck, Some("odd")));
    assert_eq!(inventory.append(&claim, &started(0), &Entry::default()).await.unwrap_err().kind(), ErrorKind::Superseded);
    assert_eq!(inventory.open_task(&task("a.org"), &worker(2), TTL).await.unwrap_err().kind(), ErrorKind::Locked);
    assert!(inventory.close_task(claim.task, stuck.epoch, "a tester", &Entry::default()).await.unwrap());
    assert_eq!(inventory.task(claim.task).await.unwrap().unwrap().state, TaskState::Closed);
    open(inventory, &task("a.org")).await;
}

pub(super) async fn only_what_is_stuck_is_closed(inventory: &dyn Inventory) {
    let resource = Resource::path(&server_name("web1"), "/srv/a");
    let claim = open(inventory, &task("a.org")).await;
    begin(inventory, &claim, 1).await;
    let acquire = Entry { acquire: vec![(resource.clone(), owner("a.org"))], ..Entry::default() };
    inventory.append(&claim, &started(0), &acquire).await.unwrap();
    let strike = Entry { release: vec![resource.clone()], ..Entry::default() };
    assert!(inventory.close_task(claim.task, claim.epoch, "a tester", &strike).await.is_err(), "it runs");
    say(inventory, &claim, &finished(Verdict::Stuck)).await;
    assert!(!inventory.close_task(claim.task, claim.epoch + 1, "a tester", &strike).await.unwrap(), "somebody else has it by now");
    assert!(inventory.owner(&resource).await.unwrap().is_some());
    assert!(inventory.close_task(claim.task, claim.epoch, "a tester", &strike).await.unwrap());
    assert_eq!(inventory.owner(&resource).await.unwrap(), None);
    assert!(inventory.close_task(claim.task, claim.epoch, "a tester", &strike).await.is_err(), "it is closed");
}

async fn listed(inventory: &dyn Inventory, filter: TaskFilter) -> Vec<TaskId> {
    inventory.tasks(&filter).await.unwrap().into_iter().map(|t| t.id).collect()
}

pub(super) async fn lists_are_newest_first(inventory: &dyn Inventory) {
    let mut ids = Vec::new();
    for about in ["a.org", "b.org", "a.org"] {
        let claim = open(inventory, &task(about)).await;
        if about == "a.org" {
            end(inventory, &claim, Verdict::Done).await;
        }
        ids.push(claim.task);
    }
    ids.push(open(inventory, &task("a.org")).await.task);
    let about_a = Some(subject("a.org"));
    assert_eq!(listed(inventory, TaskFilter::default()).await, [ids[3], ids[2], ids[1], ids[0]]);
    assert_eq!(listed(inventory, TaskFilter { limit: 2, ..TaskFilter::default() }).await, [ids[3], ids[2]]);
    assert_eq!(listed(inventory, TaskFilter { subject: about_a.clone(), ..TaskFilter::default() }).await, [ids[3], ids[2], ids[0]]);
    assert_eq!(
        listed(inventory, TaskFilter { state: Some(TaskState::Running), subject: about_a, limit: 1, ..TaskFilter::default() }).await,
        [ids[3]]
    );
    assert_eq!(listed(inventory, TaskFilter { state: Some(TaskState::Done), ..TaskFilter::default() }).await, [ids[2], ids[0]]);
    assert!(listed(inventory, TaskFilter { state: Some(TaskState::Queued), ..TaskFilter::default() }).await.is_empty());
    // A batch touches nothing: neither when it is opened nor when it is taken over does it bar anybody.
    let batch = NewTask { touches: Vec::new(), ..task("d.org") };
    let batch = open(inventory, &batch).await.task;
    let part = NewTask { parent: Some(batch), ..task("d.org") };
    let part = open(inventory, &part).await.task;
    assert_eq!(inventory.task(part).await.unwrap().unwrap().parent, Some(batch));
    assert_eq!(listed(inventory, TaskFilter { parent: Some(batch), ..TaskFilter::default() }).await, [part]);
    assert!(inventory.claim(batch, 1, &worker(2), TTL).await.unwrap().is_some());
    // A server of the same name as a site is another subject.
    let server = EntityRef::Server(server_name("a.org"));
    assert!(listed(inventory, TaskFilter { subject: Some(server), ..TaskFilter::default() }).await.is_empty());
}

pub(super) async fn entries_come_back_as_they_were(inventory: &dyn Inventory) {
    let step = Step {
        server: server_name("web1"),
        owner: owner("a.org"),
        action: "file.write".into(),
        params: serde_json::json!({ "path": "/srv/ü", "n": 1.5, "null": null }),
        summary: "write /srv/ü".into(),
        id: Some("it".into()),
        branch: Some("a branch".into()),
    };
    let wanted = NewTask { request: Some(sealed("request")), ..task("a.org") };
    let claim = open(inventory, &wanted).await;
    let id = claim.task;
    let stored = inventory.task(id).await.unwrap().unwrap();
    assert_eq!((stored.id, &stored.kind, &stored.subject, &stored.plan), (id, &wanted.kind, &wanted.subject, &Plan::empty()));
    assert_eq!((stored.state, stored.worker, stored.ended, &stored.touches), (TaskState::Running, Some(worker(1)), None, &wanted.touches));
    assert_eq!((stored.request, stored.by, stored.parent, stored.destroys), (wanted.request, wanted.by, None, false));
    assert!(inventory.now().await.unwrap() - stored.created < TimeDelta::seconds(30) && stored.expires > stored.created);

    assert!(inventory.entries(id, 0).await.unwrap().is_empty());
    let touches = vec![(subject("a.org"), Exclusive), (EntityRef::Server(server_name("web1")), Shared)];
    let plan = Plan { cleanup: vec![step], ..Plan::empty() };
    let begin = Begin { plan: plan.clone(), touches: touches.clone(), destroys: true, pass: Default::default() };
    let info = aegir_core::event::StepInfo { server: server_name("web1"), action: "file.write".into(), summary: "write".into() };
    let kinds = [
        EventKind::TaskStarted { title: "t".into(), steps: vec![info], branches: Vec::new() },
        started(0),
        EventKind::Warning { step: 0, message: "‘odd’\n\0".into() },
        EventKind::StepSucceeded { step: 0 },
    ];
    let mut events = Vec::new();
    for kind in &kinds {
        let receipt = match kind {
            EventKind::StepStarted { .. } => Some(sealed("receipt")),
            EventKind::StepSucceeded { .. } => Some(sealed("output")),
            _ => None,
        };
        let begin = matches!(kind, EventKind::TaskStarted { .. }).then(|| Box::new(begin.clone()));
        events.push(inventory.append(&claim, kind, &Entry { receipt, begin, ..Entry::default() }).await.unwrap());
    }
    let begun = inventory.task(id).await.unwrap().unwrap();
    assert_eq!((begun.plan, begun.touches, begun.destroys), (plan, touches, true));
    assert_eq!(inventory.leases().await.unwrap().len(), 2, "what it begins to touch is locked");
    let stored = inventory.entries(id, 0).await.unwrap();
    assert_eq!(stored.iter().map(|e| e.event.clone()).collect::<Vec<_>>(), events);
    assert_eq!(stored.iter().map(|e| e.receipt.clone()).collect::<Vec<_>>(), [None, Some(sealed("receipt")), None, Some(sealed("output"))]);
    assert_eq!(events.iter().map(|e| (e.seq, e.kind.clone())).collect::<Vec<_>>(), (1..).zip(kinds).collect::<Vec<_>>());
    assert_eq!(inventory.entries(id, 2).await.unwrap().len(), 2);
    assert!(inventory.entries(id, 4).await.unwrap().is_empty());
    assert!(inventory.entries(id, u64::MAX).await.unwrap().is_empty());
}

pub(super) async fn numbers_have_no_gaps(inventory: Arc<dyn Inventory>) {
    const WRITERS: usize = 8;
    const EACH: usize = 12;
    let mut claims: Vec<Claim> = Vec::new();
    for about in ["a.org", "b.org"] {
        claims.push(open(&*inventory, &task(about)).await);
    }
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (inventory, claim) = (inventory.clone(), claims[writer % 2]);
            tokio::spawn(async move {
                let mut last = 0;
                for step in 0..EACH {
                    let kind = EventKind::Warning { step: writer * EACH + step, message: "x".into() };
                    let event = inventory.append(&claim, &kind, &Entry::default()).await.unwrap();
                    assert!(event.seq > last, "numbers count up for each writer");
                    last = event.seq;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    for claim in claims {
        let entries = inventory.entries(claim.task, 0).await.unwrap();
        let numbers: Vec<u64> = entries.iter().map(|e| e.event.seq).collect();
        assert_eq!(numbers, (1..=(WRITERS / 2 * EACH) as u64).collect::<Vec<_>>());
        let mut steps: Vec<_> = entries.into_iter().map(|e| serde_json::to_string(&e.event.kind).unwrap()).collect();
        steps.sort();
        steps.dedup();
        assert_eq!(steps.len(), WRITERS / 2 * EACH, "an event was lost or doubled");
    }
}

pub(super) async fn what_is_over_for_long_is_pruned(inventory: &dyn Inventory) {
    let ended = open(inventory, &NewTask { request: Some(sealed("request")), ..task("a.org") }).await;
    end(inventory, &ended, Verdict::Done).await;
    let stuck = open(inventory, &task("b.org")).await;
    begin(inventory, &stuck, 1).await;
    say(inventory, &stuck, &started(0)).await;
    say(inventory, &stuck, &finished(Verdict::Stuck)).await;
    let running = open(inventory, &task("c.org")).await;
    begin(inventory, &running, 0).await;
    let now = inventory.now().await.unwrap();
    assert_eq!(inventory.prune(now - TimeDelta::hours(1)).await.unwrap(), 0);
    assert_eq!(inventory.prune(now + TimeDelta::hours(1)).await.unwrap(), 1);
    assert_eq!(inventory.prune(now + TimeDelta::hours(1)).await.unwrap(), 0, "once");
    let pruned = inventory.task(ended.task).await.unwrap().unwrap();
    assert_eq!((pruned.by.as_str(), pruned.state, pruned.request), ("a tester", TaskState::Done, None), "what audit needs stays");
    assert!(pruned.ended.is_some() && inventory.entries(ended.task, 0).await.unwrap().is_empty());
    assert_eq!(inventory.entries(stuck.task, 0).await.unwrap().len(), 3, "what undo needs stays");
    assert_eq!(inventory.entries(running.task, 0).await.unwrap().len(), 1);
}

pub(super) async fn an_unknown_task_has_no_entries(inventory: &dyn Inventory) {
    let nobody = Claim { task: TaskId(4711), epoch: 1 };
    assert!(inventory.task(nobody.task).await.unwrap().is_none());
    assert!(inventory.entries(nobody.task, 0).await.unwrap().is_empty());
    assert_eq!(inventory.append(&nobody, &EventKind::Committed, &Entry::default()).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(inventory.task_of_plan(Uuid::now_v7()).await.unwrap(), None);
}
