//! A master and remote servers beside it, prepared by hand, and their checks as an operator sees them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aegir_testkit::installation::Installation;
use aegir_testkit::lab::{Host, Service};
use serde_json::{Value, json};

/// The command under test.
const BINARY: &str = env!("CARGO_BIN_EXE_aegir-on-trial");
const MODULES: [&str; 9] = ["proxy", "proxy_fcgi", "setenvif", "rewrite", "headers", "env", "alias", "dir", "authz_core"];

/// A master that `init` prepared, and a remote web server that uses its databases.
pub(crate) struct Pair {
    pub(crate) master: Installation,
    pub(crate) web1: Host,
}

/// One check, as `--json` shows it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) finding: String,
    pub(crate) evidence: String,
    pub(crate) mend: String,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(BINARY)
    }

    /// With another build of the command.
    pub(crate) fn with(binary: &str) -> Self {
        let master = Installation::prepared(binary);
        master
            .host
            .exec_as(
                "aegir",
                ["sh", "-c", "test -f /var/aegir/keys/id_ed25519 || ssh-keygen -q -t ed25519 -N '' -f /var/aegir/keys/id_ed25519"],
            )
            .ok();
        let web1 = remote(&master, "web1");
        let pair = Self { master, web1 };
        pair.enrol("web1");
        pair
    }

    /// What `server add` will ask the front door.
    pub(crate) fn enrol(&self, name: &str) {
        let host = format!("{name}.example.com");
        let errand = json!({ "dry_run": false, "request": { "task": "enrol_server", "name": name, "hostname": host,
            "transport": { "type": "ssh", "host": host, "user": "aegir" }, "services": { "web": { "type": "apache", "config": {} } } } });
        self.master.command(["__enrol"]).stdin(errand.to_string()).run().ok();
    }

    /// The checks that a command shows, by server and name, and its exit code.
    pub(crate) fn ask(&self, args: &[&str]) -> (BTreeMap<(String, String), Found>, i32) {
        let run = self.master.aegir(args.iter().copied().chain(["--json"]));
        let document: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {} {}", run.stdout, run.stderr));
        let word = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let found = |item: &Value| Found { finding: word(item, "finding"), evidence: word(item, "evidence"), mend: word(item, "mend") };
        let items = document["items"].as_array().unwrap();
        (items.iter().map(|i| ((word(i, "server"), word(i, "name")), found(i))).collect(), run.status)
    }

    /// The checks of one server.
    pub(crate) fn doctor(&self, server: &str) -> (BTreeMap<String, Found>, i32) {
        let (found, status) = self.ask(&["doctor", server]);
        (found.into_iter().map(|((_, name), found)| (name, found)).collect(), status)
    }

    /// Breaks something, expects one check to find it (and no other to fail), mends it, expects all to be well.
    #[track_caller]
    pub(crate) fn broken(&self, case: &Case<'_>) {
        let before = self.doctor(case.server).0;
        (case.breaks)();
        let (checks, status) = self.doctor(case.server);
        let found = checks.get(case.check).unwrap_or_else(|| panic!("there is no check {}: {}", case.check, told(&checks)));
        assert_eq!(found.finding, case.finding, "{}: {}", case.check, told(&checks));
        assert!(found.evidence.contains(case.evidence), "{}: {}", case.check, told(&checks));
        assert!(found.mend.contains(case.mend), "{}: {}", case.check, told(&checks));
        let failed: Vec<&String> = checks.iter().filter(|(_, f)| f.finding == "fail").map(|(name, _)| name).collect();
        let wanted: &[&str] = if case.finding == "fail" { &[case.check] } else { &[] };
        assert!(case.also || failed == wanted, "{failed:?}: {}", told(&checks));
        assert_eq!(status, case.status, "{}", told(&checks));
        (case.mends)(found);
        let (after, _) = self.doctor(case.server);
        let finding = |checks: &BTreeMap<String, Found>| checks.iter().map(|(n, f)| (n.clone(), f.finding.clone())).collect::<Vec<_>>();
        assert_eq!(finding(&before), finding(&after), "{} is not mended: {}", case.check, told(&after));
    }

    /// Does what a check says mends it: the last command of the text, on the host it names, as root.
    pub(crate) fn mend(&self, found: &Found) {
        let command = found.mend.split('`').nth(1).unwrap_or_else(|| panic!("no command in “{}”", found.mend));
        let place = found.mend.split('`').next().unwrap();
        let host = if place.contains("on web1") { &self.web1 } else { &self.master.host };
        // What a started service prints must keep nobody waiting.
        host.command(["sh", "-c", command]).run().ok();
    }

    /// Ends the connection that commands share, as time does.
    pub(crate) fn disconnect(&self, host: &Host) {
        let _ = host.exec(["pkill", "-KILL", "-u", "aegir", "-x", "sshd"]);
        let _ = self.master.host.exec(["pkill", "-KILL", "-x", "-u", "aegir", "ssh"]);
    }
}

/// Something to break.
pub(crate) struct Case<'a> {
    pub(crate) server: &'a str,
    pub(crate) check: &'a str,
    pub(crate) finding: &'a str,
    pub(crate) evidence: &'a str,
    pub(crate) mend: &'a str,
    pub(crate) status: i32,
    /// Others may fail with it.
    pub(crate) also: bool,
    pub(crate) breaks: &'a dyn Fn(),
    pub(crate) mends: &'a dyn Fn(&Found),
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self { server: "web1", check: "", finding: "fail", evidence: "", mend: "", status: 8, also: false, breaks: &|| {}, mends: &|_| {} }
    }
}

pub(crate) fn told(checks: &BTreeMap<String, Found>) -> String {
    checks.iter().fold(String::new(), |mut text, (name, f)| {
        let _ = writeln!(text, "\n{name} {}: {} | {}", f.finding, f.evidence, f.mend);
        text
    })
}

/// A host as the bootstrap script leaves it, with its key pinned on the master.
pub(crate) fn remote(master: &Installation, name: &str) -> Host {
    let host = master.lab().host(name);
    host.start(Service::PhpFpm);
    host.start(Service::Apache);
    let key = master.host.read("/var/aegir/keys/id_ed25519.pub");
    host.exec(["useradd", "-m", "-s", "/bin/bash", "-G", "www-data", "aegir"]).ok();
    host.exec(["install", "-d", "-m", "700", "-o", "aegir", "-g", "aegir", "/home/aegir/.ssh"]).ok();
    host.write("/home/aegir/.ssh/authorized_keys", key);
    host.exec(["install", "-d", "-m", "711", "-o", "aegir", "-g", "aegir", "/var/aegir"]).ok();
    let as_there = |file: &str, mode: &str| {
        host.write(file, master.host.read(file).replace("config/server_master", &format!("config/{name}")));
        host.exec(["chmod", mode, file]).ok();
    };
    host.exec(["mkdir", "-p", "/usr/local/lib/aegir", "/etc/aegir"]).ok();
    as_there("/etc/apache2/conf-available/aegir.conf", "644");
    as_there("/usr/local/lib/aegir/helper", "755");
    as_there("/etc/sudoers.d/aegir", "440");
    as_there("/etc/sudoers.d/aegir-accounts", "440");
    host.exec(["a2enmod", "-q"].into_iter().chain(MODULES)).ok();
    host.exec(["a2enconf", "-q", "aegir"]).ok();
    host.exec(["apache2ctl", "restart"]).ok();
    host.start(Service::Sshd);
    pin(master, &host);
    host
}

/// What `server edit --host-key` writes when the operator agrees.
pub(crate) fn pin(master: &Installation, host: &Host) {
    let script =
        format!("f=/var/aegir/keys/known_hosts; touch $f; ssh-keygen -q -R {0} -f $f; ssh-keyscan -t ed25519 {0} >>$f", host.fqdn());
    master.host.exec_as("aegir", ["sh", "-c", &script]).ok();
}
