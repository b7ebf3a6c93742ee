//! Bringing a tree of code to servers against `rsync` over a warm connection, on the same lab hosts in the same minute.
#![expect(clippy::unwrap_used, reason = "a bench may panic where it likes")]

#[path = "../../tests/transport/remote.rs"]
#[expect(dead_code, reason = "shared with the tests of transports, which use more of it")]
mod remote;

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aegir_benches::{median, time};
use aegir_core::distribution::{Ground, Keep, Progress, Push};
use aegir_core::server::{OwnedPath, Server};
use aegir_testkit::lab::Host;
use aegir_testkit::machine::program;
use camino::{Utf8Path, Utf8PathBuf};
use remote::Remote;

const FILES: u32 = 18_000;
const BYTES: u64 = 140_000_000;
const ROUNDS: usize = 5;
/// What was read of the source may be used for a moment; every round reads it anew.
const MOMENT: Duration = Duration::from_millis(1100);
const TARGET: &str = "/var/aegir/tree";

fn main() {
    // `cargo test --benches` asks with this whether we are here.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let source = Utf8PathBuf::from_path_buf(dir.path().join("source")).unwrap();
    plant(source.as_std_path());
    let remote = Remote::new("web1");
    let mut peers = vec![Peer::new(&runtime, &remote, remote.host.clone())];
    let only = std::env::args().find(|a| ["first", "slow", "unchanged", "four"].contains(&a.as_str()));
    let wanted = |what: &str| only.as_deref().is_none_or(|only| only == what);
    if wanted("first") {
        let times = rounds(ROUNDS, &peers[..1], &["-a"], &runtime, &source, true);
        tell("first push", times, 0.9);
    }
    if wanted("slow") {
        peers[0].host.slow(100_000, Duration::ZERO).unwrap();
        let times = rounds(2, &peers[..1], &["-az"], &runtime, &source, true);
        peers[0].host.full_speed();
        tell("first push at 100 Mbit/s", times, 0.9);
    }
    if wanted("unchanged") {
        ours(&runtime, &peers, &source);
        let times = rounds(ROUNDS, &peers[..1], &["-a"], &runtime, &source, false);
        tell("unchanged", times, 0.3);
    }
    if wanted("four") {
        for name in ["web2", "web3", "web4"] {
            let host = remote.lab.host(name);
            remote.let_in(&host);
            peers.push(Peer::new(&runtime, &remote, host));
        }
        ours(&runtime, &peers, &source);
        let times = rounds(ROUNDS, &peers, &["-a"], &runtime, &source, false);
        tell("unchanged on four servers", times, 0.4);
    }
}

/// A server with a warm connection for each side.
struct Peer {
    host: Host,
    server: Arc<dyn Server>,
    socket: Utf8PathBuf,
    /// Holds the connection for `rsync`.
    master: Child,
}

impl Peer {
    fn new(runtime: &tokio::runtime::Runtime, remote: &Remote, host: Host) -> Self {
        runtime.block_on(remote.pin(&host));
        let mut config = remote.config(&host);
        config.persist = Duration::from_secs(600);
        let server = Arc::new(aegir_core::server::SshServer::new(host.name().parse().unwrap(), "/var/aegir".into(), config));
        let socket = remote.root().join(format!("{}.socket", host.name()));
        let known = format!("UserKnownHostsFile={}", remote.known_hosts());
        let key = remote.root().join("keys/id_ed25519");
        let to = format!("aegir@{}", host.v4());
        let ssh = program("ssh").args(["-M", "-N", "-S", socket.as_str(), "-o", &known, "-i", key.as_str(), &to]).spawn();
        let peer = Self { host, server, socket, master: ssh.unwrap() };
        while !peer.socket.exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        peer
    }

    fn rsync(&self, args: &[&str], source: &Utf8Path) -> Child {
        let to = format!("aegir@{}:{TARGET}/", self.host.v4());
        let ssh = format!("ssh -S {}", self.socket);
        program("rsync").args(args).args(["--delete", "-e", &ssh, &format!("{source}/"), &to]).stdout(Stdio::null()).spawn().unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.master.kill();
        let _ = self.master.wait();
    }
}

async fn push(server: Arc<dyn Server>, source: Utf8PathBuf) {
    let (target, keep) = (Utf8Path::new(TARGET), Keep::nothing());
    let owned = |path: &Utf8Path| OwnedPath::unchecked(path);
    let ground = Ground { target: owned(target), partial: Some(owned(&Push::partial(target))), previous: owned(&Push::previous(target)) };
    let push = Push { source: &source, target, keep: &keep };
    let before = push.look(&*server).await.unwrap();
    if !before.is_same() {
        push.apply(&*server, &before, &ground, "task-1", &Arc::new(Progress::default())).await.unwrap();
    }
}

fn ours(runtime: &tokio::runtime::Runtime, peers: &[Peer], source: &Utf8Path) {
    runtime.block_on(async {
        let mut all = tokio::task::JoinSet::new();
        for peer in peers {
            all.spawn(push(peer.server.clone(), source.to_owned()));
        }
        all.join_all().await;
    });
}

fn theirs(peers: &[Peer], args: &[&str], source: &Utf8Path) {
    let all: Vec<Child> = peers.iter().map(|p| p.rsync(args, source)).collect();
    for mut one in all {
        assert!(one.wait().unwrap().success());
    }
}

/// Medians: theirs, ours. The two take turns; the first round warms caches and is not counted.
fn rounds(
    count: usize,
    peers: &[Peer],
    args: &[&str],
    runtime: &tokio::runtime::Runtime,
    source: &Utf8Path,
    anew: bool,
) -> (Duration, Duration) {
    let clear = || {
        if anew {
            peers.iter().for_each(|p| drop(p.host.exec(["rm", "-rf", TARGET]).ok()));
        }
        std::thread::sleep(MOMENT);
    };
    let (mut by_rsync, mut by_aegir) = (Vec::new(), Vec::new());
    for round in 0..=count {
        clear();
        let rsync = time(|| theirs(peers, args, source));
        clear();
        let aegir = time(|| ours(runtime, peers, source));
        if round > 0 {
            by_rsync.push(rsync);
            by_aegir.push(aegir);
        }
    }
    (median(by_rsync), median(by_aegir))
}

fn tell(what: &str, (rsync, aegir): (Duration, Duration), limit: f64) {
    let ratio = aegir.as_secs_f64() / rsync.as_secs_f64();
    let met = if ratio <= limit { "met" } else { "missed" };
    let _ = writeln!(std::io::stdout(), "{what}: rsync {rsync:.3?}, aegir {aegir:.3?}, ratio {ratio:.2}, limit {limit:.2} ({met})");
}

/// A tree like a large Drupal: mostly small text that packs well, every twentieth file an image that does not.
fn plant(root: &Path) {
    let words: Vec<String> =
        (0..400_u32).map(|n| format!("{}_{}", ["node", "form", "field", "render", "cache"][n as usize % 5], noise(n, 4))).collect();
    let mut bytes = 0;
    for file in 0..FILES {
        let dir = root.join(format!("web/modules/m{}/src/d{}", file / 300, file / 20 % 15));
        std::fs::create_dir_all(&dir).unwrap();
        let left = BYTES.saturating_sub(bytes);
        let mean = left / u64::from(FILES - file);
        let picture = file % 20 == 0;
        // Sizes spread around the mean, as those of real code do: most below, some far above.
        let size = usize::try_from(mean * u64::from(file.wrapping_mul(2_654_435_761) >> 16 & 0xff) / 128).unwrap().max(40);
        let (name, content) =
            if picture { (format!("i{file}.png"), random(file, size)) } else { (format!("C{file}.php"), text(file, size, &words)) };
        bytes += content.len() as u64;
        std::fs::write(dir.join(name), content).unwrap();
    }
}

fn random(seed: u32, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn noise(seed: u32, length: usize) -> String {
    random(seed, length).iter().map(|b| format!("{b:02x}")).collect()
}

fn text(seed: u32, size: usize, words: &[String]) -> Vec<u8> {
    let choice = random(seed, size / 4 + 8);
    let mut text = String::from("<?php\n\nnamespace Drupal\\module;\n\n");
    for pair in choice.chunks_exact(2) {
        let word = &words[usize::from(u16::from_le_bytes([pair[0], pair[1]])) % words.len()];
        let shape = pair[0] % 7;
        text += &match shape {
            0 => format!("  public function {word}(array $build) {{\n"),
            1 => format!("    $this->{word}->set('{word}', {});\n", pair[1]),
            2 => "    return $build;\n  }\n\n".to_owned(),
            3 => format!("    // {word} {:x}{:x}\n", pair[0], pair[1]),
            _ => format!("    ${word} = t('{word} @n', ['@n' => {}]);\n", u16::from(pair[0]) * u16::from(pair[1])),
        };
        if text.len() >= size {
            break;
        }
    }
    text.truncate(size);
    text.into_bytes()
}
