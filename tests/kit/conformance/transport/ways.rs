//! What leads here from a machine: files fetched in pieces, sockets reached through a local one.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use aegir_core::server::Command;
use camino::{Utf8Path, Utf8PathBuf};

use super::{Kit, ODD, spec, tells};

/// More than one round of pieces in flight.
const BIG: usize = 5_000_001;
/// The SHA-256 of nothing.
const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// Says hello to each of some connections.
const LISTENER: &str = r#"
    alarm 60; unlink $ARGV[0];
    my $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $ARGV[0], Listen => 5) or die "$!";
    for (1..$ARGV[1]) { my $one = $socket->accept or die "$!"; print $one "hello\n"; close $one; }
"#;

pub(super) async fn all(kit: &Kit, dir: &Utf8Path) {
    fetching(kit, dir).await;
    if kit.can.commands {
        forwarding(kit, dir).await;
    }
}

async fn fetching(kit: &Kit, dir: &Utf8Path) {
    let here = tempfile::tempdir().unwrap();
    let here = Utf8Path::from_path(here.path()).unwrap();
    let into = here.join("into");
    let mut big = spec(&dir.join("big"), "");
    big.content = (0..BIG).map(|i| u8::try_from(i % 251).unwrap()).collect();
    kit.server.write(&big).await.unwrap();
    kit.put(&dir.join("empty"), "").await;
    for odd in ODD {
        kit.put(&dir.join(odd), odd).await;
    }
    for (name, size) in ODD.iter().map(|o| (*o, o.len())).chain([("empty", 0), ("big", BIG)]) {
        let fetched = kit.server.fetch(&dir.join(name), &into).await.unwrap();
        assert_eq!(fetched.size, size as u64, "{name:?}");
        let bytes = std::fs::read(&into).unwrap();
        assert!(kit.server.read(&dir.join(name)).await.unwrap().unwrap() == bytes, "{name:?} comes as it is");
        assert_eq!(std::fs::metadata(&into).unwrap().permissions().mode() & 0o7777, 0o600, "nobody else can read it");
        if size == 0 {
            assert_eq!(fetched.sha256, OF_NOTHING);
        }
        if kit.can.commands {
            let said = kit.server.run(&Command::new("sha256sum").arg("-b").arg("--").arg(dir.join(name))).await.unwrap().text();
            assert!(said.contains(&fetched.sha256), "{name:?}: {said} is not {}", fetched.sha256);
        }
        std::fs::remove_file(&into).unwrap();
    }

    std::fs::write(&into, "mine").unwrap();
    let path = dir.join("empty");
    tells(&kit.server.fetch(&path, &into).await.unwrap_err(), &path);
    assert_eq!(std::fs::read(&into).unwrap(), b"mine", "nothing is replaced");
    std::fs::remove_file(&into).unwrap();
    for nothing in [dir.join("none"), dir.to_owned()] {
        tells(&kit.server.fetch(&nothing, &into).await.unwrap_err(), &nothing);
        assert!(!into.exists(), "a failed fetch leaves nothing");
    }
    for name in kit.names(dir).await {
        kit.remove(&dir.join(name)).await;
    }
}

async fn forwarding(kit: &Kit, dir: &Utf8Path) {
    let socket = dir.join("socket");
    let listener = Command::new("perl").args(["-MIO::Socket::UNIX", "-e", LISTENER, socket.as_str(), "3"]);
    let client = async {
        let begun = Instant::now();
        while kit.server.stat(&socket).await.unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(20), "nobody listens");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let first = kit.server.forward(&socket).await.unwrap();
        assert_eq!(hello(first.path()).await, "hello\n");
        assert_eq!(kit.server.forward(&socket).await.unwrap(), first, "the same way again");
        assert_eq!(hello(first.path()).await, "hello\n");
        if !first.is_direct() {
            std::fs::remove_file(first.path()).unwrap();
        }
        let again = kit.server.forward(&socket).await.unwrap();
        assert_eq!(hello(again.path()).await, "hello\n", "also when somebody removed it");
    };
    let (run, ()) = tokio::join!(kit.server.run(&listener), client);
    assert!(run.as_ref().unwrap().ok(), "{run:?}");
    kit.remove(&socket).await;
}

async fn hello(socket: &Utf8Path) -> String {
    let socket = Utf8PathBuf::from(socket);
    let ask = move || {
        let mut said = String::new();
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.read_to_string(&mut said).unwrap();
        said
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}
