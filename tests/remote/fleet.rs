//! A master and servers that it manages, with the platform and the site that these tests work on.

use std::ops::{Deref, DerefMut};

use aegir_testkit::fleet::Fleet as Servers;
use aegir_testkit::installation::world_of;
use aegir_testkit::lab::{Base, Host, Page, Run, Suite, World};

use crate::BINARY;

/// A master and other machines; `web1` is called `web1.example.com` in Aegir.
pub(crate) struct Fleet {
    servers: Servers,
}

impl Fleet {
    /// A master, and web servers of these names without databases.
    pub(crate) fn of(web: &[&str]) -> Self {
        Self { servers: Servers::new(BINARY, web) }
    }

    /// A master, and web servers of these names that have a database service each.
    pub(crate) fn of_both(names: &[&str]) -> Self {
        let servers = Servers::bare(BINARY, names);
        servers.remotes.iter().for_each(|remote| servers.enrol(remote, &["--web", "apache", "--db", "mysql"]));
        Self { servers }
    }

    /// The same with the platform `wp` on `web1`: Debian's WordPress.
    pub(crate) fn with_wordpress() -> Self {
        let fleet = Self::of(&["web1"]);
        fleet.add_platform("wp", "web1.example.com").ok();
        fleet
    }

    /// The same with the site `one.example.com`, titled `One`.
    pub(crate) fn with_site() -> Self {
        let fleet = Self::with_wordpress();
        fleet.install("one.example.com", "One").ok();
        fleet
    }

    /// One more machine, for databases alone.
    pub(crate) fn join_database(&mut self, name: &str) -> Host {
        self.join_database_of(name, Suite::default())
    }

    /// The same, of any Debian release.
    pub(crate) fn join_database_of(&mut self, name: &str, suite: Suite) -> Host {
        let host = self.servers.join(name, suite);
        self.enrol(&host, &["--web", "none", "--db", "mysql"]);
        host
    }

    /// Adds WordPress as a platform on a server.
    pub(crate) fn add_platform(&self, name: &str, server: &str) -> Run {
        let path = format!("/var/aegir/platforms/{name}");
        self.aegir(["platform", "add", name, "--path", &path, "--server", server, "--from", Base::WORDPRESS])
    }

    /// One of the machines.
    pub(crate) fn remote(&self, name: &str) -> &Host {
        self.remotes.iter().find(|h| h.name() == name).unwrap_or_else(|| panic!("the fleet has no {name}"))
    }

    /// The front page of a site on `web1`.
    pub(crate) fn page(&self, uri: &str) -> Page {
        self.remote("web1").http(80, uri, "/")
    }

    /// Everything on every machine that a task could have changed.
    pub(crate) fn worlds(&self) -> Vec<World> {
        std::iter::once(&self.master.host).chain(&self.remotes).map(world_of).collect()
    }

    /// Fails the test unless nothing has changed on any machine since `before`.
    #[track_caller]
    pub(crate) fn assert_unchanged(&self, before: &[World], what: &str) {
        for (index, (old, new)) in before.iter().zip(self.worlds()).enumerate() {
            let changes = old.diff(&new);
            assert!(changes.is_empty(), "{what} left changes on machine {index}:\n{}", changes.join("\n"));
        }
    }
}

impl From<Servers> for Fleet {
    fn from(servers: Servers) -> Self {
        Self { servers }
    }
}

impl Deref for Fleet {
    type Target = Servers;

    fn deref(&self) -> &Servers {
        &self.servers
    }
}

impl DerefMut for Fleet {
    fn deref_mut(&mut self) -> &mut Servers {
        &mut self.servers
    }
}
