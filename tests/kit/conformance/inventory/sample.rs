//! Entities, tasks and leases to fill an inventory with.

use aegir_core::entity::{Codebase, Database, EntityId, EntityRef, Owner, Platform, Server, Site, SiteState};
use aegir_core::inventory::{Lease, LeaseMode, Task, TaskId, TaskState, Worker};
use aegir_core::name::{DatabaseName, DatabaseUser, GrantHost, MachineName, PlatformName, ServerName, SiteUri};
use aegir_core::plan::Plan;
use aegir_core::secret::Sealed;
use chrono::{DateTime, TimeDelta, Utc};

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
    Worker { machine: "a machine".into(), pid, started: 7 }
}

pub(super) fn subject(address: &str) -> EntityRef {
    EntityRef::Site(uri(address))
}

pub(super) fn owner(address: &str) -> Owner {
    Owner::new(subject(address), EntityId::default())
}

pub(super) fn task(about: &str) -> Task {
    Task {
        id: TaskId(0),
        kind: "site.verify".into(),
        subject: subject(about),
        plan: Plan::empty(),
        state: TaskState::Running,
        worker: Some(worker(1)),
        created: DateTime::from_timestamp(1_700_000_000, 987_654_321).unwrap(),
        ended: None,
    }
}

pub(super) fn lease(key: &str, mode: LeaseMode, task: i64) -> Lease {
    Lease { key: key.into(), mode, worker: worker(1), task: TaskId(task), expires: Utc::now() + TimeDelta::minutes(5) }
}
