//! What goes wrong between two machines, and what is said about it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aegir_core::server::{Command, FileSpec, Inquiry, Permissions, Server};
use aegir_core::{Error, ErrorKind};
use camino::Utf8Path;

use crate::remote::{CONNECT, Remote, SILENCE, until};

/// For what the machine itself takes when it is busy.
const SLACK: Duration = Duration::from_secs(3);

fn unreachable(error: &Error, name: &str) {
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert!(error.message().contains(name), "{error:?}");
    assert!(error.hints().iter().any(|h| h.contains(&format!("aegir doctor {name}"))), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_down_is_unreachable_in_time() {
    let remote = Remote::new("web1");
    let server = remote.server();
    remote.host.cut();
    let begun = Instant::now();
    // Ten at once wait together, not in a row.
    let all: Vec<_> = (0..10)
        .map(|_| {
            tokio::spawn({
                let server = server.clone();
                async move { server.stat("/".into()).await }
            })
        })
        .collect();
    for one in all {
        unreachable(&one.await.unwrap().unwrap_err(), "web1");
    }
    assert!(begun.elapsed() < CONNECT + SLACK, "{:?}", begun.elapsed());
    remote.host.heal();
    server.stat("/".into()).await.unwrap().unwrap();
    server.disconnect().await.unwrap();
    remote.host.power_off();
    let begun = Instant::now();
    unreachable(&server.run(&Command::new("true")).await.unwrap_err(), "web1");
    assert!(begun.elapsed() < CONNECT + SLACK, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_sshd_is_unreachable_in_time() {
    let remote = Remote::new("web1");
    let server = remote.server();
    remote.host.silence_sshd();
    let begun = Instant::now();
    unreachable(&server.facts().await.unwrap_err(), "web1");
    assert!(begun.elapsed() < CONNECT + SLACK, "{:?}", begun.elapsed());
    remote.host.wake_sshd();
    server.facts().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_cut_during_a_command_is_noticed_and_the_next_call_works() {
    let remote = Remote::new("web1");
    let server = remote.server();
    server.stat("/".into()).await.unwrap();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let begin = Mutex::new(Some(begin));
    let sink = Arc::new(move |_: &str| {
        let _ = begin.lock().unwrap().take().map(|begin| begin.send(()));
    });
    let script = "echo x >> /var/aegir/count; echo begun; exec sleep 4321";
    let command = Command::new("sh").args(["-c", script]).lines(sink).timeout(Duration::from_secs(600));
    let running = tokio::spawn({
        let server = server.clone();
        async move { server.run(&command).await }
    });
    begun.await.unwrap();
    remote.host.cut();
    let cut = Instant::now();
    unreachable(&running.await.unwrap().unwrap_err(), "web1");
    assert!(cut.elapsed() < SILENCE * 2 + SLACK, "{:?}", cut.elapsed());
    unreachable(&server.stat("/".into()).await.unwrap_err(), "web1");
    remote.host.heal();
    server.stat("/".into()).await.unwrap().unwrap();
    assert_eq!(server.read("/var/aegir/count".into()).await.unwrap().unwrap(), b"x\n", "it was not run again");
    // Its limit of ten minutes is far away. Yet sshd hears that the old connection is gone, and the watcher from sshd.
    until("the command is gone", Duration::from_secs(20), || !remote.runs("sleep 4321")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_stays_dead_ends_the_command_soon_after_its_limit() {
    let remote = Remote::new("web1");
    let server = remote.server();
    let command = Command::new("sleep").arg("4321").timeout(Duration::from_secs(2));
    let running = tokio::spawn({
        let server = server.clone();
        async move { server.run(&command).await }
    });
    until("it runs", SLACK, || remote.runs("sleep 4321")).await;
    remote.host.cut();
    assert!(matches!(running.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout | ErrorKind::Unreachable));
    until("the command is gone", Duration::from_secs(12), || !remote.runs("sleep 4321")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_when_the_link_breaks_is_there_whole_or_not_at_all() {
    let remote = Remote::new("web1");
    let server = remote.server();
    let path = Utf8Path::new("/var/aegir/file");
    let file = |byte: u8| FileSpec { path: path.to_owned(), content: vec![byte; 20_000_000], permissions: Permissions::mode(0o600) };
    server.write(&file(b'a')).await.unwrap();
    let writing = tokio::spawn({
        let (server, file) = (server.clone(), file(b'b'));
        async move { server.write(&file).await }
    });
    until("it is being written", SLACK, || remote.host.exec(["sh", "-c", "ls -A /var/aegir | grep -q aegir-"]).success()).await;
    remote.host.cut();
    let written = writing.await.unwrap();
    remote.host.heal();
    // The way back is known a moment after the cable is in again.
    let begun = std::time::Instant::now();
    let content = loop {
        match server.read(path).await {
            Err(error) if error.kind() == ErrorKind::Unreachable && begun.elapsed() < SLACK => {
                tokio::time::sleep(Duration::from_millis(200)).await
            }
            read => break read.unwrap().unwrap(),
        }
    };
    assert_eq!(content.len(), 20_000_000);
    assert!(content.iter().all(|b| *b == content[0]));
    if let Err(error) = written {
        unreachable(&error, "web1");
    }
    server.write(&file(b'c')).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_broke_is_made_again_for_what_does_no_harm_twice() {
    let remote = Remote::new("web1");
    let server = remote.server();
    for _ in 0..3 {
        server.stat("/".into()).await.unwrap();
        remote.host.exec(["pkill", "-KILL", "-u", "aegir", "-x", "sshd"]).ok();
        server.stat("/".into()).await.unwrap().unwrap();
        remote.host.exec(["pkill", "-KILL", "-u", "aegir", "-x", "sshd"]).ok();
        server.facts().await.unwrap();
    }
    let killer = Command::new("sh").args(["-c", "echo x >> /var/aegir/count; pkill -KILL -u aegir -x sshd; sleep 30"]);
    unreachable(&server.run(&killer).await.unwrap_err(), "web1");
    assert_eq!(server.read("/var/aegir/count".into()).await.unwrap().unwrap(), b"x\n");
    let _ = server.run(&killer.clone().idempotent()).await.unwrap_err();
    assert_eq!(server.read("/var/aegir/count".into()).await.unwrap().unwrap(), b"x\nx\nx\n", "what says so is tried twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_killed_on_the_server_is_no_lost_connection() {
    let remote = Remote::new("web1");
    let server = remote.server();
    let error = server.run(&Command::new("sh").args(["-c", "kill -KILL -$(ps -o pgid= $$ | tr -d ' ')"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed, "{error:?}");
    assert_eq!(remote.sessions(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dead_server_delays_no_other() {
    let remote = Remote::new("web1");
    let other = remote.lab.host("web2");
    remote.let_in(&other);
    remote.pin(&other).await;
    let (dead, well) = (remote.server(), remote.another(&other));
    well.stat("/".into()).await.unwrap();
    remote.host.cut();
    let waiting = tokio::spawn(async move { dead.facts().await });
    let begun = Instant::now();
    for _ in 0..5 {
        well.facts().await.unwrap();
    }
    assert!(!waiting.is_finished() && begun.elapsed() < CONNECT, "{:?}", begun.elapsed());
    unreachable(&waiting.await.unwrap().unwrap_err(), "web1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_hangs_ends_with_its_limit_whoever_still_waits() {
    let remote = Remote::new("web1");
    let server = remote.server();
    let inquiry = Inquiry { questions: vec![Command::new("sleep").arg("4321")], limit: Some(Duration::from_secs(1)), ..Inquiry::default() };
    assert_eq!(server.inquire(&inquiry).await.unwrap_err().kind(), ErrorKind::Timeout);
    until("it is gone there as well", Duration::from_secs(12), || !remote.runs("sleep 4321")).await;
    let asking = tokio::spawn(async move { server.inquire(&inquiry).await });
    until("it runs", SLACK, || remote.runs("sleep 4321")).await;
    remote.host.cut();
    assert!(matches!(asking.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout | ErrorKind::Unreachable));
    until("it is gone there as well", Duration::from_secs(12), || !remote.runs("sleep 4321")).await;
}
