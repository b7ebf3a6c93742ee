//! What things cost, to be read by a person: `cargo test --test transport figures -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use aegir_core::server::{Command, FileSpec, Permissions, Server};
use aegir_testkit::machine::program;
use camino::Utf8PathBuf;

use crate::remote::Remote;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement and no test"]
async fn figures() {
    let remote = Remote::new("web1");
    let server = remote.server();
    let file = |name: String| FileSpec {
        path: Utf8PathBuf::from("/var/aegir").join(name),
        content: vec![b'x'; 1024],
        permissions: Permissions::mode(0o640),
    };
    let begun = Instant::now();
    server.connect().await.unwrap();
    println!("connect            {:?}", begun.elapsed());
    let begun = Instant::now();
    server.stat("/".into()).await.unwrap();
    println!("first stat (sftp)  {:?}", begun.elapsed());
    let mut times: Vec<(&str, Vec<Duration>)> =
        ["stat", "run true", "ssh -S … true", "read 1 KB", "write 1 KB", "list", "facts"].map(|n| (n, Vec::new())).into();
    server.write(&file("one".into())).await.unwrap();
    let socket = std::fs::read_dir(&server.config().control_dir)
        .unwrap()
        .flatten()
        .find(|e| !e.file_name().to_string_lossy().contains('.'))
        .unwrap();
    let path = format!("ControlPath={}", socket.path().display());
    for _ in 0..50 {
        for (name, all) in &mut times {
            let begun = Instant::now();
            match *name {
                "stat" => drop(server.stat("/var/aegir/one".into()).await.unwrap()),
                "run true" => drop(server.run(&Command::new("true")).await.unwrap()),
                // The yardstick: what a session costs without quoting, limits and a watcher.
                "ssh -S … true" => {
                    assert!(program("ssh").args(["-o", &path, "web1", "true"]).status().unwrap().success())
                }
                "read 1 KB" => drop(server.read("/var/aegir/one".into()).await.unwrap()),
                "write 1 KB" => server.write(&file("one".into())).await.unwrap(),
                "list" => drop(server.list("/etc".into()).await.unwrap()),
                _ => drop(server.facts().await.unwrap()),
            }
            all.push(begun.elapsed());
        }
    }
    for (name, mut all) in times {
        all.sort();
        println!("{name:18} {:?} (median of {})", all[all.len() / 2], all.len());
    }
    let begun = Instant::now();
    for number in 0..200 {
        server.write(&file(format!("row{number}"))).await.unwrap();
    }
    println!("200 writes, in row {:?}", begun.elapsed());
    let begun = Instant::now();
    let all: Vec<_> = (0..200)
        .map(|number| {
            tokio::spawn({
                let (server, file) = (server.clone(), file(format!("at once{number}")));
                async move { server.write(&file).await }
            })
        })
        .collect();
    for one in all {
        one.await.unwrap().unwrap();
    }
    println!("200 writes at once {:?}", begun.elapsed());
    let big = FileSpec { content: vec![7; 30_000_000], ..file("big".into()) };
    let begun = Instant::now();
    server.write(&big).await.unwrap();
    println!("write 30 MB        {:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(server.read(&big.path).await.unwrap().unwrap().len(), 30_000_000);
    println!("read 30 MB         {:?}", begun.elapsed());
}
