//! Commands: arguments as they are, all streams at once, truthful ends.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aegir_core::ErrorKind;
use aegir_core::server::{Command, Input, Output};
use camino::Utf8Path;

use super::{Kit, ODD};

const MANY: usize = 3_000_000;

pub(super) async fn all(kit: &Kit, dir: &Utf8Path) {
    arguments(kit).await;
    statuses(kit).await;
    streams(kit).await;
    bounds(kit).await;
    surroundings(kit, dir).await;
    what_does_not_start(kit, dir).await;
    limits(kit, dir).await;
    at_once(kit).await;
    assert!(!kit.server.facts().await.unwrap().user.is_empty());
    assert!(kit.names(dir).await.is_empty(), "no argument reached a shell");
}

async fn sh(kit: &Kit, script: &str) -> Output {
    kit.server.run(&Command::new("sh").args(["-c", script])).await.unwrap()
}

async fn arguments(kit: &Kit) {
    let mut args: Vec<String> = ODD.map(str::to_owned).to_vec();
    args.extend(["", "--", "-n", "!!", "!x", "=ls", "{a,b}", ";", "&& false", "# no", "a'b!c\"d\\e$f", "\r\t\x07\x1b"].map(str::to_owned));
    let every: String = (1..=0x7f_u8).map(char::from).chain('\u{80}'..'\u{180}').collect();
    args.extend(every.chars().map(String::from));
    args.push(every);
    args.push(String::new());
    let output = kit.server.run(&Command::new("printf").arg("%s\\0").args(&args)).await.unwrap();
    let came: Vec<&[u8]> = output.stdout.split(|b| *b == 0).collect();
    let went: Vec<&[u8]> = args.iter().map(String::as_bytes).chain([&b""[..]]).collect();
    assert_eq!(came, went);
    let long = "x'".repeat(10_000);
    assert_eq!(kit.server.run(&Command::new("printf").args(["%s", &long])).await.unwrap().text(), long);
    assert!(kit.server.run(&Command::new("printf").arg("a\0b")).await.is_err(), "no kernel takes a NUL byte");
}

async fn statuses(kit: &Kit) {
    for status in [0, 1, 77, 126, 127, 128, 254, 255] {
        assert_eq!(sh(kit, &format!("exit {status}")).await.status, status);
        assert_eq!(sh(kit, &format!("echo no >&2; exit {status}")).await.error_text(), "no\n");
    }
    for (signal, status) in [("TERM", 143), ("KILL", 137), ("PIPE", 141), ("SEGV", 139)] {
        let output = sh(kit, &format!("kill -{signal} $$; sleep 5")).await;
        assert_eq!((output.status, output.error_text().as_str()), (status, ""), "SIG{signal}");
    }
    assert_eq!(sh(kit, "kill -INT $$; sleep 5").await.status, 130, "nothing is ignored for it");
}

async fn streams(kit: &Kit) {
    let input: Vec<u8> = (0..MANY).map(|i| (i % 251) as u8).collect();
    let both = Command::new("sh").args(["-c", "head -c 3000000 /dev/zero >&2 & cat; wait"]).input(Input::Bytes(input.clone()));
    let output = kit.server.run(&both).await.unwrap();
    assert!(output.stdout == input && output.ok());
    assert!(
        output.error_text().contains("bytes left out") && output.stderr.len() < MANY,
        "of a long standard error the middle is left out"
    );
    for unread in ["true", "exec 0<&-; echo x", "head -c 10 >/dev/null"] {
        let command = Command::new("sh").args(["-c", unread]).input(Input::Bytes(input.clone()));
        assert!(kit.server.run(&command).await.unwrap().ok(), "{unread}: input that nobody reads is no error");
    }
    assert_eq!(sh(kit, "cat").await.text(), "", "without input there is an end of it at once");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (sink, begun) = (heard.clone(), Instant::now());
    let lines = Command::new("sh")
        .args(["-c", "echo a; sleep 1; echo; printf 'c d'"])
        .lines(Arc::new(move |line| sink.lock().unwrap().push((line.to_owned(), begun.elapsed()))));
    assert_eq!(kit.server.run(&lines).await.unwrap().text(), "a\n\nc d");
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard.iter().map(|(line, _)| line.as_str()).collect::<Vec<_>>(), ["a", "", "c d"]);
    assert!(heard[1].1 - heard[0].1 > Duration::from_millis(700), "lines are heard as they come");
}

/// No command fills the memory of who runs it, and one that tries is ended (A10).
async fn bounds(kit: &Kit) {
    let endless = |command: Command| async move {
        let begun = Instant::now();
        let result = kit.server.run(&command.timeout(Duration::from_secs(30))).await;
        assert!(begun.elapsed() < Duration::from_secs(20), "it was waited for");
        result
    };
    for command in [Command::new("yes"), Command::new("yes").only_reads(), Command::new("yes").lines(Arc::new(|_| {}))] {
        let error = endless(command).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
        assert!(error.message().contains("it printed more than 8.3 MB"), "{error:?}");
        assert!(["server", "command"].iter().all(|key| error.contexts().iter().any(|(k, _)| k == key)), "{error:?}");
    }
    for command in [Command::new("yes").cut(5), Command::new("yes").only_reads().cut(5)] {
        assert_eq!(endless(command).await.unwrap().text(), "y\ny\ny");
    }
    let more = Command::new("head").args(["-c", "10000000", "/dev/zero"]).most(10_000_000);
    assert_eq!(kit.server.run(&more).await.unwrap().stdout.len(), 10_000_000, "who asks for more gets more");
    let fed = kit.server.feed(&Command::new("yes"), tokio::sync::mpsc::channel(1).1).await.unwrap_err();
    assert_eq!(fed.kind(), ErrorKind::Refused, "{fed:?}");
    assert!(kit.server.run(&Command::new("true")).await.unwrap().ok());
}

async fn surroundings(kit: &Kit, dir: &Utf8Path) {
    let output = kit.server.run(&Command::new("env").arg("-0").env("X", "a 'b'\n$c").env("HOME", "/h")).await.unwrap();
    let text = output.text();
    let mut vars: Vec<&str> = text.split_terminator('\0').collect();
    vars.sort_unstable();
    assert_eq!(
        vars,
        ["HOME=/h", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "X=a 'b'\n$c"]
    );
    let odd = dir.join("- odd\n'$(dir)'");
    kit.dir(&odd).await;
    assert_eq!(kit.server.run(&Command::new("pwd").cwd(&odd)).await.unwrap().text(), format!("{odd}\n"));
    kit.remove(&odd).await;
}

async fn what_does_not_start(kit: &Kit, dir: &Utf8Path) {
    let missing = kit.server.run(&Command::new("no-such-program")).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Refused, "{missing:?}");
    assert!(missing.message().contains("no-such-program") && !missing.hints().is_empty(), "{missing:?}");
    let nowhere = kit.server.run(&Command::new("true").cwd(dir.join("none"))).await.unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::Refused, "{nowhere:?}");
}

async fn limits(kit: &Kit, dir: &Utf8Path) {
    let pids = dir.join("pids");
    let script = r#"sleep 300 & echo $! $$ > "$1"; wait"#;
    let begun = Instant::now();
    let error = kit
        .server
        .run(&Command::new("sh").args(["-c", script, "sh", pids.as_str()]).timeout(Duration::from_millis(1500)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    gone(kit, &kit.text(&pids).await.unwrap()).await;
    // Whoever asked is gone: a dropped future stands for a killed process, whose pipes close the same way.
    kit.remove(&pids).await;
    let (server, path) = (kit.server.clone(), pids.clone());
    let asking = tokio::spawn(async move { server.run(&Command::new("sh").args(["-c", script, "sh", path.as_str()])).await });
    let written = async {
        loop {
            match kit.text(&pids).await {
                Some(text) if text.ends_with('\n') => return text,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let running = tokio::time::timeout(Duration::from_secs(10), written).await.unwrap();
    asking.abort();
    // Here the group is only killed where the transport promises it; a child of ours dies with us.
    let first = running.split_whitespace().nth(1).unwrap().to_owned();
    gone(kit, &first).await;
    kit.remove(&pids).await;
}

/// Waits until none of the processes lives; one that nobody has buried yet is dead, too.
async fn gone(kit: &Kit, pids: &str) {
    let script = r#"for p; do case $(cut -d' ' -f3 "/proc/$p/stat" 2>/dev/null) in ''|Z) ;; *) exit 1;; esac; done"#;
    for _ in 0..100 {
        if kit.server.run(&Command::new("sh").args(["-c", script, "sh"]).args(pids.split_whitespace())).await.unwrap().ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{pids} still run");
}

/// More at once than a machine may allow: they wait for each other.
async fn at_once(kit: &Kit) {
    let all: Vec<_> = (0..30)
        .map(|number| {
            let server = kit.server.clone();
            tokio::spawn(async move { server.run(&Command::new("echo").arg(number.to_string())).await.unwrap().text() })
        })
        .collect();
    for (number, one) in all.into_iter().enumerate() {
        assert_eq!(one.await.unwrap(), format!("{number}\n"));
    }
}
