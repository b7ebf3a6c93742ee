//! Several processes, each with several inventories and many tasks, on one file: nothing lost, nothing doubled.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use aegir_core::ErrorKind;
use aegir_core::entity::{EntityId, EntityRef, Owner, Resource};
use aegir_core::event::EventKind;
use aegir_core::inventory::orm::OrmInventory;
use aegir_core::inventory::{Entry, Journal as _, Lease, LeaseMode, Ledger as _, Locks as _, Task, TaskFilter, TaskId, TaskState, Worker};
use aegir_core::name::{ServerName, SiteUri};
use aegir_core::plan::Plan;
use camino::Utf8Path;
use chrono::{TimeDelta, Utc};
use tempfile::TempDir;
use uuid::Uuid;

use super::path;

/// Set in the processes that the test starts from itself: the file to crowd around, and which of them this is.
const FILE: &str = "AEGIR_TEST_CROWD_FILE";
const NUMBER: &str = "AEGIR_TEST_CROWD_NUMBER";

const PROCESSES: u32 = 3;
const CONNECTIONS: u32 = 2;
const HANDS: u32 = 4;
const ROUNDS: u32 = 4;
const ALL_TASKS: u32 = PROCESSES * CONNECTIONS * HANDS * ROUNDS;

fn worker(number: u32) -> Worker {
    Worker { machine: "crowd".into(), pid: number, started: 0 }
}

fn task(subject: EntityRef, worker: Worker) -> Task {
    Task {
        id: TaskId(0),
        kind: "crowd".into(),
        subject,
        plan: Plan::empty(),
        state: TaskState::Running,
        worker: Some(worker),
        created: Utc::now(),
        ended: None,
    }
}

/// One hand: makes tasks, writes events in its own and in the shared one, fights for the shared lock and path.
async fn work(inventory: OrmInventory, number: u32) {
    let subject = EntityRef::Site(SiteUri::parse(&format!("site{number}.example")).unwrap());
    let me = Owner::new(subject.clone(), EntityId::generate());
    let prize = Resource::path(&ServerName::master(), "/srv/prize");
    for round in 0..ROUNDS {
        let id = inventory.create_task(&task(subject.clone(), worker(number)), Uuid::now_v7(), &[]).await.unwrap();
        let shared = EventKind::StepSucceeded { step: (number * ROUNDS + round) as usize };
        inventory.append(TaskId(1), &shared, &Entry::default()).await.unwrap();
        let lock = Lease {
            key: "prize".into(),
            mode: LeaseMode::Exclusive,
            worker: worker(number),
            task: id,
            expires: Utc::now() + TimeDelta::minutes(5),
        };
        while let Err(error) = inventory.acquire(&lock).await {
            assert!(error.kind() == ErrorKind::Locked && error.message().starts_with("prize is locked by task"), "{error:?}");
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        // Only who holds the lock gets here, so that the path has no owner.
        let take = Entry { acquire: vec![(prize.clone(), me.clone())], ..Entry::default() };
        inventory.append(id, &EventKind::Committed, &take).await.unwrap();
        assert_eq!(inventory.owner(&prize).await.unwrap(), Some(me.clone()));
        let give = Entry { release: vec![prize.clone()], ..Entry::default() };
        inventory.append(id, &EventKind::Committed, &give).await.unwrap();
        inventory.extend(id, &worker(number), Utc::now() + TimeDelta::minutes(5)).await.unwrap();
        let end = Entry { state: Some(TaskState::Done), ..Entry::default() };
        inventory.append(id, &EventKind::Committed, &end).await.unwrap();
    }
}

/// One process: opens the file, perhaps as the first, and works on it with many hands.
async fn crowd(file: &Utf8Path, process: u32) {
    let mut hands = Vec::new();
    for connection in 0..CONNECTIONS {
        let inventory = OrmInventory::open(file).await.unwrap();
        // Whoever comes first makes the shared task; the plan's identity lets nobody else.
        match inventory.create_task(&task(EntityRef::Server(ServerName::master()), worker(0)), Uuid::from_u128(1), &[]).await {
            Ok(id) => assert_eq!(id, TaskId(1)),
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
            let mut command = Command::new(&program);
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
        assert_eq!((task.state, inventory.entries(task.id, 0).await.unwrap().len()), (TaskState::Done, 3));
    }
    assert_eq!(inventory.leases().await.unwrap(), []);
}
