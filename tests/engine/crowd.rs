//! Eight workers on one inventory, with deaths, sleeps, stops and clock steps: each task ends once, and nothing is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aegir_core::action::{MakeDir, WriteFile};
use aegir_core::engine::{Faults, Outcome, Replay};
use aegir_core::entity::{EntityId, EntityRef, Owner};
use aegir_core::event::{EventKind, Verdict};
use aegir_core::inventory::orm::OrmInventory;
use aegir_core::inventory::{Inventory, LeaseMode, TaskFilter, TaskState};
use aegir_core::name::ServerName;
use aegir_core::plan::{Plan, Planned};
use aegir_core::secret::Keyring;
use aegir_core::server::{Facts, Permissions};
use aegir_core::service::Registry;
use aegir_core::settings::{Provenance, Settings};
use aegir_core::template::Content;
use aegir_core::testing::{FakeServer, Toy};
use aegir_core::{Aegir, ErrorKind};
use camino::Utf8Path;
use chrono::TimeDelta;
use tempfile::TempDir;

use crate::meddler::{At, Meddler};

const WORKERS: usize = 8;
const OPERATIONS: usize = 500;
const SUBJECTS: u64 = 6;

/// A generator that anybody can run again (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

struct Crowd {
    inventory: OrmInventory,
    server: Arc<FakeServer>,
    keyring: secrecy::SecretString,
    left: AtomicUsize,
    _directory: TempDir,
}

fn owner(subject: u64) -> Owner {
    Owner::new(EntityRef::Server(format!("s{subject}").parse().unwrap()), EntityId::default())
}

impl Crowd {
    fn aegir(&self, inventory: Arc<dyn Inventory>) -> Aegir {
        let mut settings = Settings::default();
        settings.set("lease_seconds", "1", Provenance::Default).unwrap();
        let builder = Aegir::builder(inventory, Registry::new(), Keyring::from_text(&self.keyring).unwrap());
        builder.server(self.server.clone()).settings(settings).faults(Faults::default()).build()
    }

    /// Writes a file of a subject's, and makes the directory for it first.
    async fn planned(&self, aegir: &Aegir, subject: u64, text: u64) -> aegir_core::Result<Planned> {
        let (name, owner) = (ServerName::master(), owner(subject));
        let directory = MakeDir { path: format!("/srv/s{subject}").into(), permissions: Permissions::mode(0o750) };
        let file = |name: &str| WriteFile {
            path: format!("/srv/s{subject}/{name}").into(),
            content: Content::plain(format!("{text}\n")),
            permissions: Permissions::mode(0o640),
        };
        let plan = Plan::empty().then(&name, &owner, &directory)?.then(&name, &owner, &file("a"))?.then(&name, &owner, &file("b"))?;
        let settled = Toy::settled(aegir, plan).await?;
        Ok(Planned { subject: owner.entity.clone(), touches: vec![(owner.entity, LeaseMode::Exclusive)], ..settled })
    }

    /// One operation by a worker that may die, sleep, or be stopped anywhere in it.
    async fn operate(&self, dice: &mut Dice) {
        let (subject, text, event) = (dice.roll(SUBJECTS), dice.roll(1000), 1 + dice.roll(9));
        let fate = dice.roll(10);
        let at = match fate {
            0 | 1 => At::DieBefore(event),
            2 | 3 => At::DieAfter(event),
            4 => At::CancelAfter(event),
            5 => At::SleepBefore(event),
            _ => At::WaitBefore(u64::MAX),
        };
        if fate == 6 {
            self.inventory.step_clock(TimeDelta::hours(if dice.roll(2) == 0 { 1 } else { -1 }));
        }
        let meddler = Meddler::new(Arc::new(self.inventory.clone()), at);
        let aegir = self.aegir(meddler.clone());
        let Ok(planned) = self.planned(&aegir, subject, text).await else { return };
        if planned.is_empty() {
            return;
        }
        let sleeper = meddler.clone();
        // Who sleeps wakes up when others may long have taken over.
        let alarm = tokio::spawn(async move {
            sleeper.reached().await;
            tokio::time::sleep(Duration::from_millis(1300)).await;
            sleeper.go_on();
        });
        match aegir.submit(planned).await {
            Ok(running) => {
                match running.outcome().await {
                    Ok(Outcome::Done { .. } | Outcome::RolledBack(_)) => {}
                    Ok(other) => panic!("{other:?}"),
                    // It died, or its task was taken from it.
                    Err(error) => assert!(meddler.is_dead() || error.kind() == ErrorKind::Superseded, "{error:?}"),
                }
            }
            Err(error) => {
                let expected = matches!(error.kind(), ErrorKind::Locked | ErrorKind::Conflict | ErrorKind::Superseded);
                assert!(expected || meddler.is_dead(), "{error:?}");
            }
        }
        alarm.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_workers_lose_and_double_nothing() {
    let directory = TempDir::new().unwrap();
    let path = Utf8Path::from_path(directory.path()).unwrap().join("aegir.db");
    let crowd = Arc::new(Crowd {
        inventory: OrmInventory::open(&path).await.unwrap(),
        server: Arc::new(FakeServer::new(ServerName::master(), Facts::default(), &["/srv"])),
        keyring: Keyring::generate().unwrap().to_file_text(),
        left: AtomicUsize::new(OPERATIONS),
        _directory: directory,
    });
    let workers: Vec<_> = (0..WORKERS)
        .map(|number| {
            let crowd = crowd.clone();
            tokio::spawn(async move {
                let mut dice = Dice(4711 + number as u64);
                while crowd.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                    crowd.operate(&mut dice).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    // Whoever comes last ends what is left; what slept elsewhere counts as lost when its time is over.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    crowd.inventory.step_clock(TimeDelta::hours(3));
    let last = crowd.aegir(Arc::new(crowd.inventory.clone()));
    last.recover().await.unwrap();
    last.recover().await.unwrap();

    let inventory: &dyn Inventory = &crowd.inventory;
    assert_eq!(inventory.leases().await.unwrap(), []);
    let tasks = inventory.tasks(&TaskFilter::default()).await.unwrap();
    assert!(tasks.len() > OPERATIONS / 4, "only {} tasks", tasks.len());
    let mut ends: BTreeMap<TaskState, usize> = BTreeMap::new();
    let mut newest: BTreeMap<String, String> = BTreeMap::new();
    for task in tasks.iter().rev() {
        assert!(matches!(task.state, TaskState::Done | TaskState::RolledBack), "{task:?}");
        let entries = inventory.entries(task.id, 0).await.unwrap();
        Replay::of(&entries).unwrap();
        let ended: Vec<&Verdict> = entries
            .iter()
            .filter_map(|e| if let EventKind::TaskFinished { verdict, .. } = &e.event.kind { Some(verdict) } else { None })
            .collect();
        assert_eq!(ended.len(), 1, "task {} ended {ended:?}", task.id);
        *ends.entry(task.state).or_default() += 1;
        if task.state == TaskState::Done {
            let step = task.plan.steps().last().copied().cloned();
            let text = step.and_then(|s| s.params["content"].to_string().split('"').rev().find(|t| t.ends_with("\\n")).map(str::to_owned));
            newest.insert(task.subject.to_string(), text.unwrap_or_default());
        }
    }
    assert!(ends.values().all(|count| *count > 5) && ends.len() == 2, "{ends:?}");
    // The world is what the journal says, and the ledger knows every part of it.
    for subject in 0..SUBJECTS {
        let owned = inventory.owned_by(&owner(subject)).await.unwrap();
        let paths: Vec<&str> = owned.iter().map(|r| r.name.as_str()).collect();
        let there = |path: &str| crowd.server.world().iter().any(|line| line.starts_with(&format!("{path} ")));
        for path in [format!("/srv/s{subject}"), format!("/srv/s{subject}/a"), format!("/srv/s{subject}/b")] {
            assert_eq!(there(&path), paths.contains(&path.as_str()), "{path}: {paths:?}");
        }
    }
    assert_eq!(newest.len(), usize::try_from(SUBJECTS).unwrap());
}
