//! Tasks and their events: numbers, states, who works on what.

use std::sync::Arc;

use aegir_core::ErrorKind;
use aegir_core::entity::EntityRef;
use aegir_core::event::EventKind;
use aegir_core::inventory::LeaseMode::{Exclusive, Shared};
use aegir_core::inventory::{Entry, Inventory, Task, TaskFilter, TaskId, TaskState};
use aegir_core::plan::{Plan, Step};
use uuid::Uuid;

use super::sample::{lease, owner, sealed, server_name, subject, task, worker};

pub(super) async fn a_plan_runs_once(inventory: &dyn Inventory) {
    let plan = Uuid::now_v7();
    assert_eq!(inventory.task_of_plan(plan).await.unwrap(), None);
    let id = inventory.create_task(&task("a.org"), plan, &[]).await.unwrap();
    assert_eq!(inventory.task_of_plan(plan).await.unwrap(), Some(id));
    let error = inventory.create_task(&task("b.org"), plan, &[lease("site b.org", Exclusive, 0)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains(&format!("task {id}")), "{error:?} does not name the task");
    assert_eq!(inventory.leases().await.unwrap(), []);
    // Also when that task ended long ago.
    inventory.append(id, &EventKind::Committed, &Entry { state: Some(TaskState::Done), ..Entry::default() }).await.unwrap();
    assert_eq!(inventory.create_task(&task("b.org"), plan, &[]).await.unwrap_err().kind(), ErrorKind::Conflict);
    let next = inventory.create_task(&task("b.org"), Uuid::now_v7(), &[]).await.unwrap();
    assert!(next > id, "numbers count up");
}

pub(super) async fn a_task_takes_all_its_leases_or_none(inventory: &dyn Inventory) {
    // The number in a wanted lease is not looked at: 9 is not the task that will hold it.
    let first = inventory
        .create_task(&task("a.org"), Uuid::now_v7(), &[lease("site a.org", Exclusive, 9), lease("server web1", Shared, 9)])
        .await
        .unwrap();
    let plan = Uuid::now_v7();
    let error = inventory
        .create_task(&task("b.org"), plan, &[lease("site b.org", Exclusive, 0), lease("site a.org", Shared, 0)])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.message().contains(&format!("task {first}")), "{error:?} does not name the holder");
    assert_eq!(inventory.tasks(&TaskFilter::default()).await.unwrap().len(), 1, "a refused task was stored");
    let held = inventory.leases().await.unwrap();
    assert!(held.len() == 2 && held.iter().all(|l| l.task == first), "{held:?}");
    // The plan did not run: it may be tried again.
    let second =
        inventory.create_task(&task("b.org"), plan, &[lease("site b.org", Exclusive, 0), lease("server web1", Shared, 0)]).await.unwrap();
    assert_eq!(inventory.leases().await.unwrap().iter().filter(|l| l.task == second).count(), 2);
}

pub(super) async fn one_worker_takes_a_task(inventory: Arc<dyn Inventory>) {
    let queued = Task { state: TaskState::Queued, worker: None, ..task("a.org") };
    let id = inventory.create_task(&queued, Uuid::now_v7(), &[]).await.unwrap();
    assert!(!inventory.take_task(id, Some(&worker(1)), &worker(2)).await.unwrap());
    assert!(inventory.take_task(id, None, &worker(1)).await.unwrap());
    assert!(!inventory.take_task(id, None, &worker(2)).await.unwrap());
    let taken = inventory.task(id).await.unwrap().unwrap();
    assert_eq!((taken.state, taken.worker), (TaskState::Running, Some(worker(1))));
    assert!(!inventory.take_task(TaskId(id.0 + 1000), None, &worker(2)).await.unwrap(), "there is no such task");

    let rivals: Vec<_> = (10..30)
        .map(|pid| {
            let inventory = inventory.clone();
            tokio::spawn(async move { inventory.take_task(id, Some(&worker(1)), &worker(pid)).await.unwrap().then_some(pid) })
        })
        .collect();
    let mut winners = Vec::new();
    for rival in rivals {
        winners.extend(rival.await.unwrap());
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(inventory.task(id).await.unwrap().unwrap().worker, Some(worker(winners[0])));

    inventory.append(id, &EventKind::Committed, &Entry { state: Some(TaskState::Stuck), ..Entry::default() }).await.unwrap();
    assert!(inventory.take_task(id, Some(&worker(winners[0])), &worker(2)).await.unwrap());
    let taken = inventory.task(id).await.unwrap().unwrap();
    assert_eq!((taken.state, taken.ended), (TaskState::Running, None), "a task that is tried again runs, and has no end");
}

pub(super) async fn an_end_frees_the_leases(inventory: &dyn Inventory) {
    for end in [TaskState::Done, TaskState::RolledBack, TaskState::Stuck] {
        let other = inventory.create_task(&task("b.org"), Uuid::now_v7(), &[lease("server web1", Shared, 0)]).await.unwrap();
        let id = inventory
            .create_task(&task("a.org"), Uuid::now_v7(), &[lease("site a.org", Exclusive, 0), lease("server web1", Shared, 0)])
            .await
            .unwrap();
        inventory.append(id, &EventKind::Committed, &Entry { state: Some(TaskState::Running), ..Entry::default() }).await.unwrap();
        assert_eq!(inventory.leases().await.unwrap().len(), 3);
        assert_eq!(inventory.task(id).await.unwrap().unwrap().ended, None);
        inventory.append(id, &EventKind::Committed, &Entry { state: Some(end), ..Entry::default() }).await.unwrap();
        let ended = inventory.task(id).await.unwrap().unwrap();
        assert!(ended.state == end && ended.ended.is_some(), "{ended:?}");
        assert!(inventory.leases().await.unwrap().iter().all(|l| l.task == other));
        inventory.release(other, None).await.unwrap();
    }
}

async fn listed(inventory: &dyn Inventory, filter: TaskFilter) -> Vec<TaskId> {
    inventory.tasks(&filter).await.unwrap().into_iter().map(|t| t.id).collect()
}

pub(super) async fn lists_are_newest_first(inventory: &dyn Inventory) {
    let mut ids = Vec::new();
    for about in ["a.org", "b.org", "a.org", "a.org"] {
        ids.push(inventory.create_task(&task(about), Uuid::now_v7(), &[]).await.unwrap());
    }
    inventory.append(ids[2], &EventKind::Committed, &Entry { state: Some(TaskState::Done), ..Entry::default() }).await.unwrap();
    let about_a = Some(subject("a.org"));
    assert_eq!(listed(inventory, TaskFilter::default()).await, [ids[3], ids[2], ids[1], ids[0]]);
    assert_eq!(listed(inventory, TaskFilter { limit: 2, ..TaskFilter::default() }).await, [ids[3], ids[2]]);
    assert_eq!(listed(inventory, TaskFilter { subject: about_a.clone(), ..TaskFilter::default() }).await, [ids[3], ids[2], ids[0]]);
    assert_eq!(listed(inventory, TaskFilter { state: Some(TaskState::Running), subject: about_a, limit: 1 }).await, [ids[3]]);
    assert_eq!(listed(inventory, TaskFilter { state: Some(TaskState::Done), ..TaskFilter::default() }).await, [ids[2]]);
    assert!(listed(inventory, TaskFilter { state: Some(TaskState::Queued), ..TaskFilter::default() }).await.is_empty());
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
    };
    let plan = Plan { cleanup: vec![step], ..Plan::empty() };
    let wanted = Task { plan, ..task("a.org") };
    let id = inventory.create_task(&wanted, Uuid::now_v7(), &[]).await.unwrap();
    let stored = inventory.task(id).await.unwrap().unwrap();
    assert_eq!((stored.id, &stored.kind, &stored.subject, &stored.plan), (id, &wanted.kind, &wanted.subject, &wanted.plan));
    assert_eq!((stored.state, &stored.worker, stored.created, stored.ended), (wanted.state, &wanted.worker, wanted.created, None));

    assert!(inventory.entries(id, 0).await.unwrap().is_empty());
    let kinds = [EventKind::TaskResumed, EventKind::StepSucceeded { step: 3 }, EventKind::Warning { step: 1, message: "‘odd’\n\0".into() }];
    let mut events = Vec::new();
    for kind in &kinds {
        let receipt = matches!(kind, EventKind::StepSucceeded { .. }).then(|| sealed("receipt"));
        events.push(inventory.append(id, kind, &Entry { receipt, ..Entry::default() }).await.unwrap());
    }
    let stored = inventory.entries(id, 0).await.unwrap();
    assert_eq!(stored.iter().map(|e| e.event.clone()).collect::<Vec<_>>(), events);
    assert_eq!(stored.iter().map(|e| e.receipt.clone()).collect::<Vec<_>>(), [None, Some(sealed("receipt")), None]);
    assert_eq!(events.iter().map(|e| (e.seq, e.kind.clone())).collect::<Vec<_>>(), (1..).zip(kinds).collect::<Vec<_>>());
    assert_eq!(inventory.entries(id, 2).await.unwrap().len(), 1);
    assert!(inventory.entries(id, 3).await.unwrap().is_empty());
    assert!(inventory.entries(id, u64::MAX).await.unwrap().is_empty());
}

pub(super) async fn numbers_have_no_gaps(inventory: Arc<dyn Inventory>) {
    const WRITERS: usize = 8;
    const EACH: usize = 12;
    let mut ids = Vec::new();
    for about in ["a.org", "b.org"] {
        ids.push(inventory.create_task(&task(about), Uuid::now_v7(), &[]).await.unwrap());
    }
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (inventory, id) = (inventory.clone(), ids[writer % 2]);
            tokio::spawn(async move {
                let mut last = 0;
                for step in 0..EACH {
                    let event =
                        inventory.append(id, &EventKind::StepSucceeded { step: writer * EACH + step }, &Entry::default()).await.unwrap();
                    assert!(event.seq > last, "numbers count up for each writer");
                    last = event.seq;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    for id in ids {
        let entries = inventory.entries(id, 0).await.unwrap();
        let numbers: Vec<u64> = entries.iter().map(|e| e.event.seq).collect();
        assert_eq!(numbers, (1..=(WRITERS / 2 * EACH) as u64).collect::<Vec<_>>());
        let mut steps: Vec<_> = entries.into_iter().map(|e| serde_json::to_string(&e.event.kind).unwrap()).collect();
        steps.sort();
        steps.dedup();
        assert_eq!(steps.len(), WRITERS / 2 * EACH, "an event was lost or doubled");
    }
}

pub(super) async fn an_unknown_task_has_no_entries(inventory: &dyn Inventory) {
    let nobody = TaskId(4711);
    assert!(inventory.task(nobody).await.unwrap().is_none());
    assert!(inventory.entries(nobody, 0).await.unwrap().is_empty());
    assert_eq!(inventory.append(nobody, &EventKind::Committed, &Entry::default()).await.unwrap_err().kind(), ErrorKind::NotFound);
}
