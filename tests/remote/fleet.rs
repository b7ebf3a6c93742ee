//! A master and servers that it manages over SSH.

use aegir_testkit::installation::Installation;
use aegir_testkit::lab::{Base, Host, Page, Run, Service, World};

use crate::BINARY;

/// A master whose database server listens for the others, and other machines.
pub(crate) struct Fleet {
    pub(crate) master: Installation,
    remotes: Vec<Host>,
}

impl Fleet {
    /// A master, and web servers of these names without databases.
    pub(crate) fn of(web: &[&str]) -> Self {
        let master = Installation::bare(BINARY);
        master.init().ok();
        master.host.exec_as("aegir", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/var/aegir/keys/id_ed25519"]).ok();
        let mut fleet = Self { master, remotes: Vec::new() };
        for name in web {
            fleet.join(name, "web", "apache");
        }
        fleet
    }

    /// The same with the platform `wp` on `web1`: Debian's WordPress.
    pub(crate) fn with_wordpress() -> Self {
        let fleet = Self::of(&["web1"]);
        fleet.add_platform("wp", "web1").ok();
        fleet
    }

    /// The same with the site `one.example.com`, titled `One`.
    pub(crate) fn with_site() -> Self {
        let fleet = Self::with_wordpress();
        fleet.master.install("one.example.com", "One").ok();
        fleet
    }

    /// One more machine.
    pub(crate) fn join(&mut self, name: &str, service: &str, service_type: &str) -> Host {
        let host = self.master.lab().host(name);
        host.copy_in(BINARY, "/usr/local/bin/aegir", 0o755);
        host.start(Service::Sshd);
        if service == "web" {
            host.start(Service::PhpFpm);
            host.start(Service::Apache);
            host.exec(["aegir", "init", "--hostname", &format!("{name}.example.com"), "--db", "none"]).ok();
            host.exec(["sed", "-i", &format!("s,server_master,{name},g"), "/etc/apache2/conf-available/aegir.conf"]).ok();
        } else {
            host.exec(["aegir", "init", "--hostname", &format!("{name}.example.com"), "--web", "none", "--db", "none"]).ok();
            host.start(Service::MariaDb);
            host.exec(["mariadb", "-e", "CREATE USER aegir@localhost IDENTIFIED VIA unix_socket; GRANT ALL ON *.* TO aegir@localhost WITH GRANT OPTION"]).ok();
        }
        host.exec(["sh", "-c", "rm -rf /var/aegir/aegir.db* /var/aegir/config/* /var/aegir/run; install -d -m 700 -o aegir -g aegir /var/aegir/.ssh"]).ok();
        host.write("/var/aegir/.ssh/authorized_keys", self.master.host.read("/var/aegir/keys/id_ed25519.pub"));
        let scan = format!("ssh-keyscan {name}.example.com 2>/dev/null >> /var/aegir/keys/known_hosts");
        self.master.host.exec_as("aegir", ["sh", "-c", &scan]).ok();
        let request = format!(
            r#"{{"request":{{"task":"enrol_server","name":"{name}","hostname":"{name}.example.com","transport":{{"type":"ssh","host":"{name}.example.com","user":"aegir"}},"services":{{"{service}":{{"type":"{service_type}","config":{{}}}}}}}},"dry_run":false}}"#
        );
        self.master.command(["__enrol"]).stdin(request).run().ok();
        self.remotes.push(host.clone());
        host
    }

    /// Adds WordPress as a platform on a server.
    pub(crate) fn add_platform(&self, name: &str, server: &str) -> Run {
        let path = format!("/var/aegir/platforms/{name}");
        self.master.aegir(["platform", "add", name, "--path", &path, "--server", server, "--from", Base::WORDPRESS])
    }

    /// One of the machines.
    pub(crate) fn host(&self, name: &str) -> &Host {
        self.remotes.iter().find(|h| h.name() == name).unwrap_or_else(|| panic!("the fleet has no {name}"))
    }

    /// The front page of a site on `web1`.
    pub(crate) fn page(&self, uri: &str) -> Page {
        self.host("web1").http(80, uri, "/")
    }

    /// Everything on every machine that a task could have changed.
    pub(crate) fn worlds(&self) -> Vec<World> {
        std::iter::once(&self.master.host).chain(&self.remotes).map(Installation::world_of).collect()
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
