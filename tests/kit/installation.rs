//! A lab host with Aegir on it, driven the way an operator drives it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Base, Host, Invocation, Kind, Lab, Layer, Page, Run, Service, Suite, World};

/// The host's name.
const MASTER: &str = "master.example.com";
/// What runs on it.
const SERVICES: [Service; 3] = [Service::MariaDb, Service::PhpFpm, Service::Apache];
/// The command inside the host.
const AEGIR: &str = "/usr/local/bin/aegir";
/// Everything of a host that a task could change; the inventory is compared through the command.
const WATCHED: [&str; 7] =
    ["/var/aegir", "/etc/apache2", "/etc/sudoers.d", "/tmp", "/usr/local/lib/aegir", "/etc/aegir", "/var/lib/aegir/apache/live"];
/// The inventory's files, the cache that Drush keeps in the home of whoever runs it, and sockets of connections.
const PASSING: [&str; 3] = ["/var/aegir/aegir.db*", "/var/aegir/.drush", "/var/aegir/run"];

/// Everything on a host that a task could have changed.
#[must_use]
pub fn world_of(host: &Host) -> World {
    World::without(host, &WATCHED, &PASSING)
}

/// A host of its own lab, with services running and the command installed.
#[derive(Debug)]
pub struct Installation {
    /// The host.
    pub host: Host,
    lab: Lab,
}

/// What was done before a test begins; each includes what comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// `aegir init` was run.
    Prepared,
    /// There is the platform `wp`.
    WordPress,
    /// There is the site `one.example.com`.
    Site,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::WordPress => "wordpress",
            Self::Site => "site",
        }
    }

    /// A host to which it was done.
    fn kept(self, binary: &str, suite: Suite) -> io::Result<Kind> {
        let below = match self {
            Self::Prepared => suite.into(),
            Self::WordPress => Self::Prepared.kept(binary, suite)?,
            Self::Site => Self::WordPress.kept(binary, suite)?,
        };
        // The command and these steps decide what comes of them; the layers below are in the key by themselves.
        let parts = [&hash(binary)?[..], include_str!("installation.rs").as_bytes(), include_str!("lab/service.rs").as_bytes()];
        let layer = Layer::ensure(self.name(), &parts, &below, MASTER, |lab, host| {
            let this = Installation { host, lab };
            this.host.copy_in(binary, AEGIR, 0o755);
            this.start_services();
            self.reach(&this);
            SERVICES.iter().for_each(|service| this.host.stop(*service));
            this.lab
        })?;
        Ok((suite, layer).into())
    }

    /// Does it, on a host where everything before it was done.
    fn reach(self, aegir: &Installation) {
        match self {
            Self::Prepared => aegir.init().ok(),
            Self::WordPress => {
                let path = "/var/aegir/platforms/wp";
                aegir.aegir(["platform", "add", "wp", "--path", path, "--server", "server_master", "--from", Base::WORDPRESS]).ok()
            }
            Self::Site => aegir.install("one.example.com", "One").ok(),
        };
    }
}

/// What is in the command's file; read once per process.
fn hash(binary: &str) -> io::Result<[u8; 32]> {
    static KNOWN: Mutex<BTreeMap<String, [u8; 32]>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(hash) = known.get(binary) {
        return Ok(*hash);
    }
    let hash = *blake3::Hasher::new().update_reader(File::open(binary)?)?.finalize().as_bytes();
    known.insert(binary.to_owned(), hash);
    Ok(hash)
}

impl Installation {
    /// A host with services and the command; `aegir init` was not run. `binary` is the built command.
    #[must_use]
    pub fn bare(binary: &str) -> Self {
        Self::bare_of(binary, Suite::default())
    }

    /// The same on any Debian release.
    #[must_use]
    pub fn bare_of(binary: &str, suite: Suite) -> Self {
        let lab = Lab::new();
        let host = lab.host_of(MASTER, suite);
        host.copy_in(binary, AEGIR, 0o755);
        let this = Self { host, lab };
        this.start_services();
        this
    }

    /// The same after `aegir init`.
    #[must_use]
    pub fn prepared(binary: &str) -> Self {
        Self::prepared_of(binary, Suite::default())
    }

    /// The same on any Debian release.
    #[must_use]
    pub fn prepared_of(binary: &str, suite: Suite) -> Self {
        Self::at(Stage::Prepared, binary, suite)
    }

    /// The same with the platform `wp`: Debian's WordPress.
    #[must_use]
    pub fn with_wordpress(binary: &str) -> Self {
        Self::at(Stage::WordPress, binary, Suite::default())
    }

    /// The same with the site `one.example.com`, titled `One`.
    #[must_use]
    pub fn with_site(binary: &str) -> Self {
        Self::at(Stage::Site, binary, Suite::default())
    }

    /// Starts from a host to which it was done before, when there is one; otherwise it is done now, and kept.
    fn at(stage: Stage, binary: &str, suite: Suite) -> Self {
        let kind = stage.kept(binary, suite).unwrap_or_else(|e| panic!("failed to prepare a host: {e}"));
        let lab = Lab::new();
        let host = lab.host_of(MASTER, kind);
        let this = Self { host, lab };
        this.start_services();
        // Its addresses are new.
        this.aegir(["server", "verify", "server_master"]).ok();
        this
    }

    fn start_services(&self) {
        SERVICES.iter().for_each(|service| self.host.start(*service));
    }

    /// Its lab, for further hosts.
    #[must_use]
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Runs `aegir init` as root, for the stage `test`: production wants names typed.
    #[must_use]
    pub fn init(&self) -> Run {
        self.host.command([AEGIR, "init", "--hostname", "master.example.com", "--stage", "test"]).timeout(Duration::from_secs(300)).run()
    }

    /// The command as user `aegir`, not yet run.
    pub fn command<'a>(&'a self, args: impl IntoIterator<Item = &'a str>) -> Invocation<'a> {
        let argv: Vec<&str> = std::iter::once(AEGIR).chain(args).collect();
        self.host.command(argv).user("aegir").timeout(Duration::from_secs(180))
    }

    /// Runs the command as user `aegir`.
    #[must_use]
    pub fn aegir<'a>(&'a self, args: impl IntoIterator<Item = &'a str>) -> Run {
        self.command(args).run()
    }

    /// Runs the command as user `aegir`, and says the most memory that it had at once, in bytes.
    ///
    /// # Panics
    /// When nobody could look at it.
    #[must_use]
    pub fn peak<'a>(&'a self, args: impl IntoIterator<Item = &'a str>) -> (Run, u64) {
        const WATCH: &str = r#"use POSIX ':sys_wait_h';
            my $pid = fork; defined $pid or die; if (!$pid) { exec @ARGV or die }
            my $peak = 0;
            until (waitpid($pid, WNOHANG) == $pid) {
                if (open my $f, '<', "/proc/$pid/status") { while (<$f>) { $peak = $1 if /^VmHWM:\s+(\d+)/ && $1 > $peak } }
                select undef, undef, undef, 0.01;
            }
            my $status = $? >> 8; print STDERR "PEAK $peak\n"; exit $status;"#;
        let argv: Vec<&str> = ["/usr/bin/perl", "-e", WATCH, AEGIR].into_iter().chain(args).collect();
        let run = self.host.command(argv).user("aegir").timeout(Duration::from_secs(180)).run();
        let peak = run.stderr.rsplit_once("PEAK ").and_then(|(_, kilobytes)| kilobytes.trim().parse::<u64>().ok());
        let peak = peak.unwrap_or_else(|| panic!("nobody watched it: {}", run.stderr)) * 1024;
        (run, peak)
    }

    /// Runs the command with failures ordered.
    #[must_use]
    pub fn faulty<'a>(&'a self, fault: &str, args: impl IntoIterator<Item = &'a str>) -> Run {
        self.command(args).env("AEGIR_FAULT", fault).run()
    }

    /// What the command prints with `--json`.
    #[must_use]
    pub fn json<'a>(&'a self, args: impl IntoIterator<Item = &'a str>) -> Value {
        let text = self.aegir(args.into_iter().chain(["--json"])).ok();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("the command printed no JSON ({e}): {text}"))
    }

    /// Installs a site on the platform `wp`.
    #[must_use]
    pub fn install(&self, uri: &str, title: &str) -> Run {
        self.aegir(["site", "install", uri, "--platform", "wp", "--title", title])
    }

    /// The front page of a site.
    #[must_use]
    pub fn page(&self, uri: &str) -> Page {
        self.host.http(80, uri, "/")
    }

    /// Retries every task that is stuck; whether none is any more.
    #[must_use]
    pub fn take_back_what_is_stuck(&self) -> bool {
        let stuck = self.json(["task", "list", "--state", "stuck"])["items"].take();
        stuck.as_array().into_iter().flatten().all(|task| self.aegir(["task", "retry", &task["id"].to_string()]).success())
    }

    /// Everything that a task could have changed.
    #[must_use]
    pub fn world(&self) -> World {
        world_of(&self.host)
    }

    /// Everything that the inventory says, as comparable text: entities, without revisions, and leases.
    #[must_use]
    pub fn knowledge(&self) -> String {
        let lists = [["server", "list"], ["platform", "list"], ["site", "list"]].map(|args| {
            let mut items = self.json(args)["items"].take();
            for item in items.as_array_mut().into_iter().flatten() {
                item.as_object_mut().map(|entity| entity.remove("revision"));
            }
            items.to_string()
        });
        lists.join("\n")
    }

    /// Every row of the inventory. Not its file: a look may move what was written before from the log into it.
    #[must_use]
    pub fn rows(&self) -> String {
        const DUMP: &str = r#"$d = new PDO('sqlite:/var/aegir/aegir.db');
            foreach ($d->query("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence' ORDER BY name") as $t)
                foreach ($d->query("SELECT * FROM \"$t[0]\"", PDO::FETCH_NUM) as $row) echo $t[0], ' ', json_encode($row), "\n";"#;
        self.host.exec_as("aegir", ["php", "-r", DUMP]).ok()
    }

    /// Every row of the ownership ledger.
    #[must_use]
    pub fn ledger(&self) -> String {
        let rows = self.rows();
        let mut ledger: Vec<&str> = rows.lines().filter(|row| row.starts_with("ledger ")).collect();
        ledger.sort_unstable();
        ledger.join("\n")
    }

    /// Fails the test unless nothing has changed since `before`.
    #[track_caller]
    pub fn assert_unchanged(&self, before: &World, what: &str) {
        let changes = before.diff(&self.world());
        assert!(changes.is_empty(), "{what} left changes:\n{}", changes.join("\n"));
    }
}
