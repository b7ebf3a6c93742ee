//! Several processes, each with several inventories and many tasks, on one file: nothing lost, nothing doubled.

use std::collections::BTreeSet;
use std::process::Stdio;

use aegir_core::ErrorKind;
use aegir_core::entity::{EntityId, EntityRef, Owner, Resource};
use aegir_core::event::{EventKind, Verdict};
use aegir_core::inventory::orm::OrmInventory;
use aegir_core::inventory::{
    Entry, Journal as _, LeaseMode, Ledger as _, Locks as _, NewTask, Pass, TaskFilter, TaskId, TaskState, Worker,
};
use aegir_core::name::{ServerName, SiteUri};
use aegir_testkit::machine::built;
use camino::Utf8Path;
use tempfile::TempDir;
use uuid::Uuid;

use super::path;

/// Set in the processes that the test starts from itself: the file to crowd around, and which of them this is.
const FILE: &str = "AEGIR_TEST_CROWD_FILE";
const NUMBER: &str = "AEGIR_TEST_CROWD_NUMBER";

const TTL: std::time::Duration = std::time::Duration::from_secs(300);
const PROCESSES: u32 = 3;
const CONNECTIONS: u32 = 2;
const HANDS: u32 = 4;
const ROUNDS: u32 = 4;
const ALL_TASKS: u32 = PROCESSES * CONNECTIONS * HANDS * ROUNDS;

fn worker(number: u32) -> Worker {
    Worker { machine: "crowd".into(), pid: number, started: 0, instance: 0 }
}

fn task(subject: EntityRef, plan: Uuid) -> NewTask {
    NewTask {
        kind: "crowd".into(),
        touches: vec![(subject.clone(), LeaseMode::Exclusive)],
        subject,
        request: None,
        by: "the crowd".into(),
        parent: None,
        plan,
        pass: Pass::Nobody,
    }
}

/// One hand: makes tasks, fights for the shared lock and path, and to be the one that takes a task over.
async fn work(inventory: OrmInventory, number: u32) {
    let subject = EntityRef::Site(SiteUri::parse(&format!("site{number}.example")).unwrap());
    let me = Owner::new(subject.clone(), EntityId::generate());
    let prize = Resource::path(&ServerName::master(), "/srv/prize");
    for round in 0..ROUNDS {
        let mut claim = inventory.open_task(&task(subject.clone(), Uuid::now_v7()), &worker(number), TTL).await.unwrap();
        let said = EventKind::Warning { step: (number * ROUNDS + round) as usize, message: "here".into() };
        // Everybody takes the shared task from everybody else: whoever is superseded meanwhile tries again.
        loop {
            let shared = inventory.task(TaskId(1)).await.unwrap().unwrap();
            let Some(taken) = inventory.claim(shared.id, shared.epoch, &worker(number), TTL).await.unwrap() else { continue };
            match inventory.append(&taken, &said, &Entry::default()).await {
                Ok(_) => break,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Superseded, "{error:?}"),
            }
        }
        while let Err(error) = inventory.acquire(&claim, "prize").await {
            assert!(error.kind() == ErrorKind::Locked && error.message().starts_with("prize is locked by task"), "{error:?}");
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        // Only who holds the lock gets here, so that the path has no owner.
        let take = Entry { acquire: vec![(prize.clone(), me.clone())], ..Entry::default() };
        inventory.append(&claim, &said, &take).await.unwrap();
        assert_eq!(inventory.owner(&prize).await.unwrap(), Some(me.clone()));
        let give = Entry { release: vec![prize.clone()], ..Entry::default() };
        inventory.append(&claim, &said, &give).await.unwrap();
        inventory.release(&claim, "prize").await.unwrap();
        inventory.beat(&claim, TTL).await.unwrap();
        claim = inventory.claim(claim.task, claim.epoch, &worker(number), TTL).await.unwrap().unwrap();
        let end = EventKind::TaskFinished { verdict: Verdict::RolledBack, summary: String::new() };
        inventory.append(&claim, &end, &Entry::default()).await.unwrap();
    }
}

/// One process: opens the file, perhaps as the first, and works on it with many hands.
async fn crowd(file: &Utf8Path, process: u32) {
    let mut hands = Vec::new();
    for connection in 0..CONNECTIONS {
        let inventory = OrmInventory::open(file).await.unwrap();
        // Whoever comes first makes the shared task; the plan's identity lets nobody else.
        match inventory.open_task(&task(EntityRef::Server(ServerName::master()), Uuid::from_u128(1)), &worker(0), TTL).await {
            Ok(claim) => assert_eq!(claim.task, TaskId(1)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}"),
        }
        for hand in 0..HANDS {
            let number = (process * CONNECTIONS + connection) * HANDS + hand;
            hands.push(tokio::spawn(work(inventory.clone(), number)));
        }
    }
    for hand in hands {
        hand.await.unwrap();
    }
}

/// No test of its own: what the processes of the next one run.
#[tokio::test(flavor = "multi_thread")]
async fn hands_in_another_process() {
    if let (Ok(file), Ok(number)) = (std::env::var(FILE), std::env::var(NUMBER)) {
        crowd(Utf8Path::new(&file), number.parse().unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_share_one_file() {
    let directory = TempDir::new().unwrap();
    let file = path(&directory, "aegir.db");
    let program = std::env::current_exe().unwrap();
    let others: Vec<_> = (1..PROCESSES)
        .map(|number| {
            let mut command = built(&program);
            command.args(["--exact", "crowd::hands_in_another_process"]).env(FILE, &file).env(NUMBER, number.to_string());
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    crowd(&file, 0).await;
    for other in others {
        let output = other.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    let inventory = OrmInventory::open_existing(&file).await.unwrap();
    let tasks = inventory.tasks(&TaskFilter::default()).await.unwrap();
    assert_eq!(tasks.iter().map(|t| t.id.0).collect::<Vec<_>>(), (1..=i64::from(ALL_TASKS) + 1).rev().collect::<Vec<_>>());
    let shared = inventory.entries(TaskId(1), 0).await.unwrap();
    assert_eq!(shared.iter().map(|e| e.event.seq).collect::<Vec<_>>(), (1..=u64::from(ALL_TASKS)).collect::<Vec<_>>());
    let steps: BTreeSet<String> = shared.iter().map(|e| serde_json::to_string(&e.event.kind).unwrap()).collect();
    assert_eq!(steps.len(), ALL_TASKS as usize, "an event was lost or doubled");
    for task in &tasks[..tasks.len() - 1] {
        assert_eq!((task.state, inventory.entries(task.id, 0).await.unwrap().len()), (TaskState::RolledBack, 3));
    }
    assert!(inventory.leases().await.unwrap().iter().all(|lease| lease.task == TaskId(1)));
}
