//! `aegir server verify --all` of fifty servers with nothing to change, against Ansible and pyinfra in the same minute.
//!
//! The yardsticks get the four operations that an operator would write to bring about a part of the same state: two
//! directories, the web server's configuration file, the installed packages. Ours looks at all of it, and checks the
//! server besides. Connections are warm where the tool keeps them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aegir_benches::{build_release, median, time};
use aegir_testkit::fleet::Fleet;
use aegir_testkit::lab::Host;
use aegir_testkit::machine::{Program, built, program};

const SERVERS: usize = 50;
const ROUNDS: usize = 5;
/// How many servers there are when some are struck.
const DIVIDED: usize = 20;

const ANSIBLE: &str = "[defaults]
host_key_checking = False
forks = 50
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=600 -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR
control_path_dir = .
";
const PLAYBOOK: &str = "- hosts: web
  gather_facts: true
  tasks:
    - file: {path: /var/aegir/config, state: directory, mode: '0711'}
    - file: {path: /var/aegir/platforms, state: directory, mode: '0755'}
    - copy: {src: '{{ inventory_hostname }}.conf', dest: '/var/aegir/config/{{ inventory_hostname }}/apache.conf', mode: '0600'}
    - command: dpkg-query -W apache2 php-fpm curl
      changed_when: false
";
const DEPLOY: &str = "from pyinfra import host
from pyinfra.operations import apt, files
files.directory(name='config', path='/var/aegir/config', mode='711')
files.directory(name='platforms', path='/var/aegir/platforms', mode='755')
files.put(name='conf', src=host.data.fqdn + '.conf', dest='/var/aegir/config/' + host.data.fqdn + '/apache.conf', mode='600')
apt.packages(name='packages', packages=['apache2', 'php-fpm', 'curl'])
";

fn main() {
    // `cargo test --benches` asks with this whether we are here.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let only = std::env::args().find(|a| ["yardsticks", "pyinfra", "partition"].contains(&a.as_str()));
    let wanted = |what: &str| only.as_deref().is_none_or(|only| only == what);
    let binary = build_release("aegir-cli", "aegir");
    let (all, pyinfra) = (wanted("yardsticks"), wanted("pyinfra"));
    let names: Vec<String> = (1..=if all || pyinfra { SERVERS } else { DIVIDED }).map(|n| format!("web{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let fleet = Fleet::new(&binary.display().to_string(), &names);
    if all || pyinfra {
        // Ansible alone takes minutes.
        yardsticks(&fleet, all);
    }
    if wanted("partition") {
        partition(&fleet);
    }
}

/// Twenty servers, of which three are dead, two slow and one silent: when the other fourteen have ended, against the same
/// with nothing wrong.
fn partition(fleet: &Fleet) {
    fleet.master.host.write("/etc/aegir/aegir.toml", "connect_seconds = 3\nsilence_seconds = 3\n");
    fleet.master.host.exec(["pkill", "-u", "aegir", "-x", "ssh"]);
    let servers: Vec<&str> = fleet.remotes[..DIVIDED].iter().map(Host::fqdn).collect();
    let (struck, healthy) = fleet.remotes[..DIVIDED].split_at(6);
    let last = || {
        let run = fleet.master.aegir(["server", "verify"].into_iter().chain(servers.iter().copied()).chain(["--json"]));
        let list: serde_json::Value = serde_json::from_str(&run.stdout).expect("a list of outcomes");
        let of = |item: &serde_json::Value| healthy.iter().any(|h| item["name"] == h.fqdn());
        let items = list["items"].as_array().expect("a list");
        let ended = items.iter().filter(|i| of(i)).map(|i| {
            assert_eq!(i["result"], "nothing_to_do", "{i}");
            i["seconds"].as_f64().expect("a number")
        });
        Duration::from_secs_f64(ended.fold(0.0, f64::max))
    };
    // The first one opens the connections.
    let _ = last();
    let undisturbed = median((0..ROUNDS).map(|_| last()).collect());
    struck[..3].iter().for_each(Host::cut);
    struck[3..5].iter().for_each(|host| host.slow(8, Duration::ZERO).expect("a slow network"));
    struck[5].silence_sshd();
    struck[5].exec(["pkill", "-STOP", "-x", "sshd"]);
    let disturbed = median((0..ROUNDS).map(|_| last()).collect());
    let ratio = disturbed.as_secs_f64() / undisturbed.as_secs_f64();
    let verdict = if ratio <= 1.1 { "met" } else { "missed" };
    let _ = writeln!(
        std::io::stdout(),
        "partition: 14 healthy of {DIVIDED}: undisturbed {undisturbed:.2?}, beside 3 dead, 2 slow, 1 silent {disturbed:.2?}, ratio {ratio:.2}, limit 1.10 ({verdict})"
    );
}

fn yardsticks(fleet: &Fleet, with_ansible: bool) {
    let venv = venv();
    let work = tempfile::tempdir().expect("a directory to work in");
    prepare(fleet, work.path()).expect("the files of the yardsticks");
    let python = pack_python();
    fleet.remotes.iter().for_each(|host| drop(host.command(["tar", "-C", "/", "-xf", "-"]).stdin(python.clone()).run().ok()));

    let run = |program: &str, args: &[&str]| {
        let output = built(venv.join("bin").join(program)).args(args).current_dir(work.path()).output().expect("a yardstick starts");
        assert!(
            output.status.success(),
            "{program}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let (mut ours, mut ansible, mut pyinfra) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let times = [
            time(|| drop(fleet.master.aegir(["server", "verify", "--all"]).ok())),
            time(|| {
                if with_ansible {
                    run("ansible-playbook", &["-i", "hosts.ini", "play.yml"])
                }
            }),
            time(|| run("pyinfra", &["-y", "hosts.py", "deploy.py"])),
        ];
        // The first round opens connections, and lets the yardsticks write what they find missing.
        if round > 0 {
            ours.push(times[0]);
            ansible.push(times[1]);
            pyinfra.push(times[2]);
        }
    }
    let ours = median(ours);
    let all = [("pyinfra", median(pyinfra), 0.3), ("ansible", median(ansible), 0.1)];
    for (name, theirs, limit) in all.into_iter().take(1 + usize::from(with_ansible)) {
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        let verdict = if ratio <= limit { "met" } else { "missed" };
        let _ = writeln!(
            std::io::stdout(),
            "fleet: {SERVERS} servers: aegir {ours:.2?}, {name} {theirs:.2?}, ratio {ratio:.3}, limit {limit} ({verdict})"
        );
    }
}

/// Both tools, from PyPI, beside the build.
fn venv() -> PathBuf {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench-venv");
    if !venv.join("bin/pyinfra").exists() {
        let run = |mut command: Program, args: &[&str]| {
            assert!(command.args(args).status().is_ok_and(|s| s.success()), "{command:?} failed");
        };
        run(program("python3"), &["-m", "venv", &venv.display().to_string()]);
        run(built(venv.join("bin/pip")), &["-q", "install", "ansible-core", "pyinfra"]);
    }
    venv
}

/// Inventories, the key, and each server's configuration as it stands.
fn prepare(fleet: &Fleet, work: &Path) -> std::io::Result<()> {
    let key = work.join("key");
    std::fs::write(&key, fleet.master.host.read("/var/aegir/keys/id_ed25519"))?;
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let (mut ini, mut list) = (String::from("[web]\n"), String::from("web = [\n"));
    for host in &fleet.remotes {
        let (fqdn, address) = (host.fqdn(), host.v4());
        let _ = writeln!(ini, "{fqdn} ansible_host={address} ansible_user=aegir ansible_ssh_private_key_file={}", key.display());
        let _ = writeln!(
            list,
            "    ('{address}', {{'fqdn': '{fqdn}', 'ssh_user': 'aegir', 'ssh_key': '{}', 'ssh_strict_host_key_checking': 'no'}}),",
            key.display()
        );
        std::fs::write(work.join(format!("{fqdn}.conf")), host.read(&format!("/var/aegir/config/{fqdn}/apache.conf")))?;
    }
    ini.push_str("[web:vars]\nansible_python_interpreter=/usr/bin/python3\n");
    list.push_str("]\n");
    for (name, text) in [("hosts.ini", &*ini), ("hosts.py", &list), ("ansible.cfg", ANSIBLE), ("play.yml", PLAYBOOK), ("deploy.py", DEPLOY)]
    {
        std::fs::write(work.join(name), text)?;
    }
    Ok(())
}

/// Ansible needs Python on the servers, which the lab's Debian leaves out: this machine's, which must be Debian 12's.
fn pack_python() -> Vec<u8> {
    let packed = program("tar")
        .args(["-C", "/", "--exclude=*/test", "--exclude=*/idlelib", "--exclude=*/lib2to3", "--exclude=config-3*", "-cf", "-"])
        .args(["usr/bin/python3", "usr/bin/python3.11", "usr/lib/python3.11"])
        .output()
        .expect("tar starts");
    assert!(packed.status.success(), "this machine has no Debian 12 Python: {}", String::from_utf8_lossy(&packed.stderr));
    packed.stdout
}
