//! Entities, tasks and leases to fill an inventory with.

use std::time::Duration;

use aegir_core::entity::{Codebase, Database, EntityId, EntityRef, Owner, Platform, Server, Site, SiteState};
use aegir_core::event::{Event, EventKind, StepInfo, Verdict};
use aegir_core::inventory::{Claim, Entry, Inventory, LeaseMode, NewTask, Pass, Worker};
use aegir_core::name::{DatabaseName, DatabaseUser, GrantHost, MachineName, PlatformName, ServerName, SiteUri};
use aegir_core::secret::Sealed;
use chrono::DateTime;
use uuid::Uuid;

pub(super) fn server_name(name: &str) -> ServerName {
    ServerName::parse(name).unwrap()
}

pub(super) fn platform_name(name: &str) -> PlatformName {
    PlatformName::parse(name).unwrap()
}

pub(super) fn uri(text: &str) -> SiteUri {
    SiteUri::parse(text).unwrap()
}

pub(super) fn machine_name(text: &str) -> MachineName {
    MachineName::parse(text).unwrap()
}

pub(super) fn sealed(text: &str) -> Sealed {
    Sealed::from_stored(format!("v1.{text}"))
}

pub(super) fn server(name: &str) -> Server {
    let addresses = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    Server { addresses, ..crate::entity::server(name) }
}

pub(super) fn platform(name: &str, server: &str) -> Platform {
    let codebase = Codebase {
        application: "drupal".into(),
        version: "10.2.6".into(),
        docroot: "web".into(),
        php_min: (8, 1),
        php_max: None,
        own_tool: None,
        profiles: Vec::new(),
        extensions: Vec::new(),
    };
    let path = format!("/var/aegir/platforms/{name}").into();
    Platform {
        id: EntityId::generate(),
        name: platform_name(name),
        path,
        server: server_name(server),
        codebase,
        locked: false,
        php: Some("8.2".into()),
        created: true,
        revision: 0,
    }
}

pub(super) fn site(address: &str, platform: &str) -> Site {
    Site {
        id: EntityId::generate(),
        uri: uri(address),
        platform: platform_name(platform),
        aliases: Vec::new(),
        redirect_to: None,
        profile: machine_name("standard"),
        language: machine_name("en"),
        title: "Ünïcode “title”".into(),
        email: "admin@example.com".into(),
        client: None,
        state: SiteState::Enabled,
        database: Database {
            server: ServerName::master(),
            name: DatabaseName::parse("site").unwrap(),
            user: DatabaseUser::parse("site").unwrap(),
            password: sealed("password"),
            host: "localhost".into(),
            port: 3306,
            grants: vec![GrantHost::parse("localhost").unwrap()],
        },
        hash_salt: sealed("salt"),
        installed: DateTime::from_timestamp(1_700_000_000, 123_456_789).unwrap(),
        revision: 0,
    }
}

pub(super) fn worker(pid: u32) -> Worker {
    Worker { machine: "a machine".into(), pid, started: 7, instance: 1 }
}

pub(super) fn subject(address: &str) -> EntityRef {
    EntityRef::Site(uri(address))
}

pub(super) fn owner(address: &str) -> Owner {
    Owner::new(subject(address), EntityId::default())
}

/// How long the kit's claims last.
pub(super) const TTL: Duration = Duration::from_secs(300);

pub(super) fn task(about: &str) -> NewTask {
    NewTask {
        kind: "site.verify".into(),
        subject: subject(about),
        touches: vec![(subject(about), LeaseMode::Exclusive)],
        request: None,
        by: "a tester".into(),
        parent: None,
        plan: Uuid::now_v7(),
        pass: Pass::Nobody,
    }
}

/// The same, standing on a server besides.
pub(super) fn task_on(about: &str, server: &str, mode: LeaseMode) -> NewTask {
    let mut new = task(about);
    new.touches.push((EntityRef::Server(server_name(server)), mode));
    new
}

/// Opens a task in the name of the first worker.
pub(super) async fn open(inventory: &dyn Inventory, new: &NewTask) -> Claim {
    inventory.open_task(new, &worker(1), TTL).await.unwrap()
}

/// Says something that needs nothing else.
pub(super) async fn say(inventory: &dyn Inventory, claim: &Claim, kind: &EventKind) -> Event {
    inventory.append(claim, kind, &Entry::default()).await.unwrap()
}

/// Begins a task with that many steps.
pub(super) async fn begin(inventory: &dyn Inventory, claim: &Claim, steps: usize) {
    let step = StepInfo { server: ServerName::master(), action: "test".into(), summary: "a step".into() };
    say(inventory, claim, &EventKind::TaskStarted { title: "a task".into(), steps: vec![step; steps], branches: Vec::new() }).await;
}

pub(super) fn started(step: usize) -> EventKind {
    EventKind::StepStarted { step, acquired: Vec::new(), released: Vec::new() }
}

pub(super) fn finished(verdict: Verdict) -> EventKind {
    EventKind::TaskFinished { verdict, summary: "over".into() }
}

/// Ends a task that did nothing.
pub(super) async fn end(inventory: &dyn Inventory, claim: &Claim, verdict: Verdict) {
    if verdict == Verdict::Done {
        begin(inventory, claim, 0).await;
        say(inventory, claim, &EventKind::Committed).await;
    }
    say(inventory, claim, &finished(verdict)).await;
}
