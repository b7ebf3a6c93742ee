//! Leases: who keeps whom out, and for how long.

use std::time::Duration;

use aegir_core::event::Verdict;
use aegir_core::inventory::LeaseMode::{Exclusive, Shared};
use aegir_core::inventory::{Claim, Inventory, NewTask, Pass, TaskId};
use aegir_core::{Error, ErrorKind};

use super::sample::{TTL, begin, end, finished, open, say, started, task, task_on, worker};

async fn refused(inventory: &dyn Inventory, wanted: &NewTask, holder: TaskId) -> Error {
    let error = inventory.open_task(wanted, &worker(2), TTL).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.message().contains(&format!("task {holder}")), "{error:?} does not name task {holder}");
    error
}

async fn held(inventory: &dyn Inventory) -> Vec<(String, i64)> {
    inventory.leases().await.unwrap().into_iter().map(|l| (l.key, l.task.0)).collect()
}

pub(super) async fn exclusive_and_shared(inventory: &dyn Inventory) {
    let first = open(inventory, &task_on("a.org", "web1", Shared)).await;
    refused(inventory, &task("a.org"), first.task).await;
    refused(inventory, &task_on("b.org", "web1", Exclusive), first.task).await;
    assert_eq!(inventory.tasks(&Default::default()).await.unwrap().len(), 1, "a refused task was stored");
    let second = open(inventory, &task_on("b.org", "web1", Shared)).await;
    let all = [("server web1", first), ("server web1", second), ("site a.org", first), ("site b.org", second)];
    assert_eq!(held(inventory).await, all.map(|(key, claim)| (key.to_owned(), claim.task.0)));
    end(inventory, &first, Verdict::Done).await;
    refused(inventory, &task_on("a.org", "web1", Exclusive), second.task).await;
    end(inventory, &second, Verdict::RolledBack).await;
    open(inventory, &task_on("a.org", "web1", Exclusive)).await;
}

pub(super) async fn a_lease_lasts_as_long_as_its_task(inventory: &dyn Inventory) {
    // Its worker was not heard of for longer than it said, and may come back: only whoever takes the task over gets in.
    let lost = inventory.open_task(&task("a.org"), &worker(1), Duration::ZERO).await.unwrap();
    refused(inventory, &task("a.org"), lost.task).await;
    let taken = inventory.claim(lost.task, lost.epoch, &worker(2), TTL).await.unwrap().unwrap();
    refused(inventory, &task("a.org"), lost.task).await;
    end(inventory, &taken, Verdict::RolledBack).await;
    open(inventory, &task("a.org")).await;
}

async fn ended_open(inventory: &dyn Inventory, new: &NewTask, verdict: Verdict) -> Claim {
    let claim = open(inventory, new).await;
    begin(inventory, &claim, 1).await;
    say(inventory, &claim, &started(0)).await;
    say(inventory, &claim, &finished(verdict)).await;
    claim
}

pub(super) async fn what_is_not_taken_back_holds_its_subject(inventory: &dyn Inventory) {
    for (verdict, word) in [(Verdict::Stuck, "stuck"), (Verdict::Waiting, "waits")] {
        let stuck = ended_open(inventory, &task_on("a.org", "web1", Exclusive), verdict).await;
        assert_eq!(held(inventory).await, [("site a.org".to_owned(), stuck.task.0)], "its subject, and nothing else");
        let error = refused(inventory, &task("a.org"), stuck.task).await;
        assert!(error.message().contains(word) && !error.hints().is_empty(), "{error:?}");
        let seen = inventory.task(stuck.task).await.unwrap().unwrap().epoch;
        assert!(inventory.close_task(stuck.task, seen, "a tester", &Default::default()).await.unwrap());
        assert_eq!(held(inventory).await, []);
    }
}

pub(super) async fn what_waits_for_a_server_lets_in_who_mends_it(inventory: &dyn Inventory) {
    let server = NewTask { subject: server("web1"), touches: vec![(server("web1"), Exclusive)], ..task("a.org") };
    let fresh = |pass| NewTask { plan: uuid::Uuid::now_v7(), pass, ..server.clone() };
    let waiting = ended_open(inventory, &server, Verdict::Waiting).await;
    refused(inventory, &fresh(Pass::Nobody), waiting.task).await;
    let mend = open(inventory, &fresh(Pass::WaitsForServer)).await;
    // Not before that one has ended.
    let seen = inventory.task(waiting.task).await.unwrap().unwrap().epoch;
    assert_eq!(inventory.claim(waiting.task, seen, &worker(2), TTL).await.unwrap_err().kind(), ErrorKind::Locked);
    end(inventory, &mend, Verdict::Done).await;
    let again = inventory.claim(waiting.task, seen, &worker(2), TTL).await.unwrap().unwrap();
    say(inventory, &again, &aegir_core::event::EventKind::TaskResumed).await;
    say(inventory, &again, &finished(Verdict::Stuck)).await;
    refused(inventory, &fresh(Pass::WaitsForServer), waiting.task).await;
    open(inventory, &fresh(Pass::Unfinished)).await;
}

fn server(name: &str) -> aegir_core::entity::EntityRef {
    aegir_core::entity::EntityRef::Server(super::sample::server_name(name))
}

pub(super) async fn brief_ones(inventory: &dyn Inventory) {
    let (first, second) = (open(inventory, &task("a.org")).await, open(inventory, &task("b.org")).await);
    inventory.acquire(&first, "reload web1").await.unwrap();
    inventory.acquire(&first, "reload web1").await.unwrap();
    assert_eq!(inventory.acquire(&second, "reload web1").await.unwrap_err().kind(), ErrorKind::Locked);
    inventory.acquire(&second, "reload web2").await.unwrap();
    inventory.release(&first, "reload web1").await.unwrap();
    inventory.acquire(&second, "reload web1").await.unwrap();
    // One whose worker counts as lost keeps nobody waiting: whoever takes that task over locks again.
    let lost = inventory.open_task(&task("c.org"), &worker(3), Duration::ZERO).await.unwrap();
    inventory.acquire(&lost, "reload web3").await.unwrap();
    inventory.acquire(&second, "reload web3").await.unwrap();
    assert_eq!(inventory.acquire(&lost, "reload web3").await.unwrap_err().kind(), ErrorKind::Locked);
    // And who was superseded locks and frees nothing.
    inventory.claim(lost.task, lost.epoch, &worker(4), TTL).await.unwrap().unwrap();
    assert_eq!(inventory.acquire(&lost, "reload web4").await.unwrap_err().kind(), ErrorKind::Superseded);
    assert_eq!(inventory.release(&lost, "reload web3").await.unwrap_err().kind(), ErrorKind::Superseded);
}
