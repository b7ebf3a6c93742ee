//! A server that is gone for good: what unfinished tasks began there is given up, and nothing waits for it any more.

use std::sync::Arc;

use aegir_core::action::{Action, Context, MakeDir};
use aegir_core::engine::{Fails, Faults, Outcome};
use aegir_core::entity::{EntityId, EntityRef, Owner, ResourceKind, Server, Transport};
use aegir_core::event::EventKind;
use aegir_core::inventory::{Inventory, LeaseMode, TaskFilter, TaskId, TaskState};
use aegir_core::name::ServerName;
use aegir_core::plan::{Change, Diff, Plan, Planned};
use aegir_core::secret::Keyring;
use aegir_core::server::{Facts, Permissions};
use aegir_core::service::Registry;
use aegir_core::task::Request;
use aegir_core::testing::{FakeServer, Toy};
use aegir_core::{Aegir, ErrorKind, Result, Start};
use aegir_testkit::entity;
use tempfile::TempDir;

use crate::meddler::{At, Meddler};
use crate::world::{KINDS, Kind, inventory};

/// Changes nothing, and needs another server to take that back.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Lean {
    on: ServerName,
}

impl Action for Lean {
    const NAME: &'static str = "test.lean";
    type Before = ();
    type Output = ();

    fn summary(&self) -> String {
        format!("lean on {}", self.on)
    }

    async fn observe(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    fn diff(&self, _cx: &Context, (): &()) -> Result<Diff> {
        Ok(Diff::new(Change::Run, "leans\n"))
    }

    async fn apply(&self, _cx: &Context, (): &()) -> Result<()> {
        Ok(())
    }

    async fn undo(&self, cx: &Context, (): &()) -> Result<()> {
        cx.other_server(&self.on).await?.reach().await
    }
}

/// A master and two remote servers, none of which has anything yet.
struct Fleet {
    inventory: Arc<dyn Inventory>,
    master: Arc<FakeServer>,
    web1: Arc<FakeServer>,
    web2: Arc<FakeServer>,
    keyring: String,
    _directory: TempDir,
}

fn name(text: &str) -> ServerName {
    text.parse().unwrap()
}

fn subject() -> EntityRef {
    EntityRef::Server(name("web1"))
}

fn owner() -> Owner {
    Owner::new(subject(), EntityId::default())
}

fn fake(text: &str) -> Arc<FakeServer> {
    Arc::new(FakeServer::new(name(text), Facts::default(), &["/srv", "/var/aegir/keys"]))
}

fn ssh(text: &str) -> Server {
    let transport = Transport::Ssh { user: None, host: format!("{text}.example.com"), port: None };
    Server { transport, ..entity::server(text) }
}

fn offline(server: &str) -> Request {
    Request::DeleteServer { server: name(server), offline: true }
}

impl Fleet {
    async fn new(kind: Kind) -> Self {
        let (inventory, directory) = inventory(kind).await;
        for server in ["web1", "web2"] {
            inventory.save_server(&ssh(server)).await.unwrap();
        }
        let keyring = secrecy::ExposeSecret::expose_secret(&Keyring::generate().unwrap().to_file_text()).to_owned();
        Self { inventory, master: fake("server_master"), web1: fake("web1"), web2: fake("web2"), keyring, _directory: directory }
    }

    fn aegir_on(&self, inventory: Arc<dyn Inventory>, faults: Faults) -> Aegir {
        let keyring = Keyring::from_text(&self.keyring.clone().into()).unwrap();
        let mut registry = Registry::new();
        registry.actions_mut().add::<Lean>();
        let builder = Aegir::builder(inventory, registry, keyring).faults(faults);
        [&self.master, &self.web1, &self.web2].into_iter().fold(builder, |builder, server| builder.server(server.clone())).build()
    }

    fn aegir(&self) -> Aegir {
        self.aegir_on(self.inventory.clone(), Faults::default())
    }

    /// A task of `web1`'s that made something on all servers, and then lost `web1` on its way back.
    async fn waiting() -> Self {
        Self::waiting_in(Kind::Memory).await
    }

    async fn waiting_in(kind: Kind) -> Self {
        let fleet = Self::new(kind).await;
        let directory = MakeDir { path: "/srv/made".into(), permissions: Permissions::mode(0o750) };
        let mut plan = Plan::empty();
        for server in ["server_master", "web2", "web1", "web2", "web1"] {
            let path = format!("/srv/made{}", plan.steps().len());
            plan = plan.then(&name(server), &owner(), &MakeDir { path: path.into(), ..directory.clone() }).unwrap();
        }
        fleet.lose(plan).await;
        fleet
    }

    /// Fails after the last step of a plan, and loses that step's server at its undo.
    async fn lose(&self, plan: Plan) {
        let last = plan.steps().len() - 1;
        let faults = Faults { fail: Some(Fails::After(last)), lose_undo: Some(last), ..Faults::default() };
        let aegir = self.aegir_on(self.inventory.clone(), faults);
        let settled = Toy::settled(&aegir, plan).await.unwrap();
        let planned = Planned { subject: subject(), touches: vec![(subject(), LeaseMode::Exclusive)], ..settled };
        let outcome = aegir.submit(planned).await.unwrap().outcome().await.unwrap();
        assert!(matches!(outcome, Outcome::Waiting(_)), "{outcome:?}");
    }

    async fn states(&self) -> Vec<TaskState> {
        self.inventory.tasks(&TaskFilter::default()).await.unwrap().iter().rev().map(|task| task.state).collect()
    }

    /// The steps of the first task that were given up.
    async fn given_up(&self) -> Vec<usize> {
        let entries = self.inventory.entries(TaskId(1), 0).await.unwrap();
        let given_up = |kind: &EventKind| if let EventKind::StepGivenUp { step, .. } = kind { Some(*step) } else { None };
        entries.iter().filter_map(|entry| given_up(&entry.event.kind)).collect()
    }

    /// What the ledger has of the waiting task, as servers.
    async fn ledger(&self) -> Vec<String> {
        let owned = self.inventory.owned_by(&owner()).await.unwrap();
        assert!(owned.iter().all(|resource| resource.kind == ResourceKind::Path));
        owned.into_iter().map(|resource| resource.server.to_string()).collect()
    }

    fn made(server: &FakeServer) -> usize {
        server.world().iter().filter(|line| line.starts_with("/srv/made")).count()
    }
}

async fn run(aegir: &Aegir, request: &Request) -> Result<Outcome> {
    match aegir.start(aegir.make_way(request).await?, &Default::default(), |_| Ok(true)).await? {
        Start::Running(task) => task.outcome().await,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_waits_for_it_ends_when_it_is_deleted() {
    for kind in KINDS {
        let fleet = Fleet::waiting_in(kind).await;
        assert_eq!(fleet.ledger().await.len(), 5);
        fleet.web1.unplug(true);
        let aegir = fleet.aegir();
        let planned = aegir.plan(&offline("web1")).await.unwrap();
        assert_eq!(planned.gone, [name("web1")]);
        let told = |warning: &String| warning.contains("task 1 ") && warning.contains("/srv/made4") && warning.contains("/srv/made2");
        assert!(planned.warnings.iter().any(told), "{:?}", planned.warnings);
        assert!(aegir.make_way(&offline("web1")).await.unwrap().recovered.is_empty());
        assert_eq!(fleet.states().await, [TaskState::Waiting], "nothing ends before somebody agreed");
        let outcome = aegir.submit(planned).await.unwrap().outcome().await.unwrap();
        assert!(matches!(outcome, Outcome::Done { warnings: 0, .. }), "{outcome:?}");
        assert_eq!(fleet.states().await, [TaskState::RolledBack, TaskState::Done]);
        assert_eq!(fleet.given_up().await, [4, 2], "and only these");
        assert_eq!([&fleet.master, &fleet.web1, &fleet.web2].map(|s| Fleet::made(s)), [0, 2, 0], "taken back wherever that was possible");
        assert_eq!(fleet.ledger().await, [""; 0]);
        assert_eq!(fleet.inventory.leases().await.unwrap(), []);
        assert!(fleet.inventory.server(&name("web1")).await.unwrap().is_none());
        let last = fleet.inventory.entries(TaskId(1), 0).await.unwrap().pop().unwrap();
        let EventKind::TaskFinished { summary, .. } = last.event.kind else { panic!("{last:?}") };
        assert!(summary.contains("/srv/made4") && summary.contains("web1, which is gone"), "{summary}");
    }
}

#[tokio::test]
async fn one_that_answers_is_not_gone() {
    let fleet = Fleet::waiting().await;
    let aegir = fleet.aegir();
    let refused = aegir.plan(&offline("web1")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert_eq!(refused.hints(), ["`aegir server delete web1`"]);
    fleet.web1.unplug(true);
    let planned = aegir.plan(&offline("web1")).await.unwrap();
    // It comes back while an operator thinks about it.
    fleet.web1.unplug(false);
    assert_eq!(aegir.submit(planned).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(run(&aegir, &offline("web1")).await.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!((fleet.states().await, fleet.given_up().await), (vec![TaskState::Waiting], Vec::new()));
    assert!(matches!(aegir.recover().await.unwrap()[0].outcome, Outcome::RolledBack(_)));
    assert_eq!([&fleet.master, &fleet.web1, &fleet.web2].map(|s| Fleet::made(s)), [0, 0, 0]);
}

#[tokio::test]
async fn a_server_that_is_only_silent_is_waited_for_all_the_same() {
    let fleet = Fleet::waiting().await;
    fleet.web1.unplug(true);
    fleet.web2.unplug(true);
    let outcome = run(&fleet.aegir(), &offline("web1")).await.unwrap();
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    assert_eq!(fleet.states().await, [TaskState::Waiting, TaskState::Done]);
    assert_eq!(fleet.given_up().await, [4, 2], "what is behind the silent server in the order, too");
    assert_eq!(fleet.ledger().await, ["server_master", "web2", "web2"]);
    fleet.web2.unplug(false);
    assert!(matches!(fleet.aegir().recover().await.unwrap()[0].outcome, Outcome::RolledBack(_)));
    assert_eq!([&fleet.master, &fleet.web2].map(|s| Fleet::made(s)), [0, 0]);
    assert_eq!(fleet.ledger().await, [""; 0]);
}

#[tokio::test]
async fn what_lives_elsewhere_and_needs_it_is_left_to_a_person() {
    let fleet = Fleet::new(Kind::Memory).await;
    let made = MakeDir { path: "/srv/made".into(), permissions: Permissions::mode(0o750) };
    let plan = ["server_master", "web1"].iter().fold(Plan::empty(), |plan, on| plan.then(&name(on), &owner(), &made).unwrap());
    fleet.lose(plan.then(&name("server_master"), &owner(), &Lean { on: name("web1") }).unwrap()).await;
    fleet.web1.unplug(true);
    let outcome = run(&fleet.aegir(), &offline("web1")).await.unwrap();
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    assert_eq!(fleet.states().await, [TaskState::Stuck, TaskState::Done], "to wait for it would be to wait for ever");
    assert_eq!((fleet.given_up().await, fleet.ledger().await), (vec![1], vec!["server_master".to_owned()]));
}

#[tokio::test]
async fn one_that_nothing_knows_any_more_is_gone() {
    let mut fleet = Fleet::waiting().await;
    fleet.inventory.delete_server(&name("web1")).await.unwrap();
    // Nobody hands this one in.
    fleet.web1 = fake("somebody-else");
    let ended = fleet.aegir().recover().await.unwrap();
    let Outcome::RolledBack(report) = &ended[0].outcome else { panic!("{ended:?}") };
    assert!(report.context.iter().any(|(key, what)| key == "given up" && what.contains("/srv/made2")), "{report:?}");
    assert_eq!((fleet.given_up().await, fleet.ledger().await.len()), (vec![4, 2], 0));
}

#[tokio::test]
async fn killed_at_any_event_it_ends_at_the_next_try() {
    for kind in KINDS {
        'events: for event in 1.. {
            for at in [At::DieBefore(event), At::DieAfter(event)] {
                let fleet = Fleet::waiting_in(kind).await;
                fleet.web1.unplug(true);
                let mortal = Meddler::new(fleet.inventory.clone(), at);
                let result = run(&fleet.aegir_on(mortal.clone(), Faults::default()), &offline("web1")).await;
                assert_eq!(result.is_err(), mortal.is_dead(), "{at:?}: {result:?}");
                fleet.aegir().recover().await.unwrap();
                if fleet.inventory.server(&name("web1")).await.unwrap().is_some() {
                    let outcome = run(&fleet.aegir(), &offline("web1")).await.unwrap();
                    assert!(matches!(outcome, Outcome::Done { .. }), "{at:?}: {outcome:?}");
                }
                let states = fleet.states().await;
                assert!(states.iter().all(|s| matches!(s, TaskState::RolledBack | TaskState::Done)), "{at:?}: {states:?}");
                assert_eq!((fleet.given_up().await, fleet.ledger().await.len()), (vec![4, 2], 0), "{at:?}");
                assert_eq!([&fleet.master, &fleet.web1, &fleet.web2].map(|s| Fleet::made(s)), [0, 2, 0], "{at:?}");
                if !mortal.is_dead() {
                    assert!(event > 15, "only {event} events");
                    break 'events;
                }
            }
        }
    }
}
