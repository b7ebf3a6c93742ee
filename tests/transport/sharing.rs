//! One connection per server, for every step and for later commands; nobody else gets at it.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use aegir_core::server::{Command, Server};
use aegir_testkit::lab::Service;
use aegir_testkit::machine::program;

use crate::remote::{Remote, until};

#[tokio::test(flavor = "multi_thread")]
async fn later_commands_find_the_connection_open() {
    let remote = Remote::new("web1");
    let first = remote.server();
    // Two processes at once open one connection, not two.
    let second = remote.another(&remote.host);
    let (one, two) = tokio::join!(first.facts(), second.facts());
    assert_eq!(one.unwrap().user, two.unwrap().user);
    first.stat("/".into()).await.unwrap();
    second.stat("/".into()).await.unwrap();
    assert_eq!(remote.sessions(), 1);
    drop((first, second));
    // sshd that takes no new connections shows that none is needed.
    remote.host.silence_sshd();
    let third = remote.another(&remote.host);
    third.run(&Command::new("true")).await.unwrap();
    remote.host.wake_sshd();
    third.disconnect().await.unwrap();
    until("the connection is closed", Duration::from_secs(5), || remote.sessions() == 0).await;
    third.stat("/".into()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_ours_alone_and_ends_by_itself() {
    let remote = Remote::new("web1");
    remote.pin(&remote.host).await;
    let mut config = remote.config(&remote.host);
    config.persist = Duration::from_secs(1);
    let dir = config.control_dir.clone();
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777)).unwrap();
    let server = aegir_core::server::SshServer::new("web1".parse().unwrap(), "/var/aegir".into(), config);
    server.run(&Command::new("true")).await.unwrap();
    assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    until("the connection ends when nobody uses it", Duration::from_secs(6), || remote.sessions() == 0).await;
    server.run(&Command::new("true")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_left_is_no_obstacle() {
    let remote = Remote::new("web1");
    let server = remote.server();
    server.run(&Command::new("true")).await.unwrap();
    let socket = std::fs::read_dir(remote.config(&remote.host).control_dir)
        .unwrap()
        .flatten()
        .find(|e| !e.file_name().to_string_lossy().contains('.'))
        .unwrap()
        .path();
    let path = format!("ControlPath={}", socket.display());
    let said = program("ssh").args(["-o", &path, "-O", "check", "web1"]).output().unwrap();
    let said = String::from_utf8(said.stderr).unwrap();
    let pid = said.split_once("pid=").unwrap().1.split_once(')').unwrap().0;
    assert!(program("kill").args(["-KILL", pid]).status().unwrap().success(), "{said}");
    assert!(socket.exists(), "the socket stays");
    server.run(&Command::new("true")).await.unwrap();
    server.stat("/".into()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_sessions_than_commands_only_take_longer() {
    let remote = Remote::new("web1");
    remote.host.write("/etc/ssh/sshd_config.d/few.conf", "MaxSessions 3\n");
    remote.host.stop(Service::Sshd);
    remote.host.start(Service::Sshd);
    let server = remote.server();
    let all: Vec<_> = (0..24)
        .map(|_| {
            tokio::spawn({
                let server = server.clone();
                async move { server.run(&Command::new("sleep").arg("0.1")).await }
            })
        })
        .collect();
    for one in all {
        assert!(one.await.unwrap().unwrap().ok());
    }
    server.stat("/".into()).await.unwrap().unwrap();
}
