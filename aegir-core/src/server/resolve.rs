//! Names and addresses as the master's own name service knows them, in bounded time.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::Duration;

/// A name service that says nothing for so long has no answer.
const LIMIT: Duration = Duration::from_secs(5);

/// The addresses of a name; empty when there are none, or nobody says.
pub(crate) async fn forward(name: &str) -> Vec<IpAddr> {
    let found = tokio::time::timeout(LIMIT, tokio::net::lookup_host((name, 0))).await;
    let mut addresses: Vec<IpAddr> = found.ok().and_then(Result::ok).into_iter().flatten().map(|a| a.ip()).collect();
    addresses.dedup();
    addresses
}

/// The names of addresses; those without one are left out. The standard library has no such look-up.
pub(crate) async fn reverse(addresses: &[IpAddr]) -> BTreeMap<IpAddr, Vec<String>> {
    let mut command = tokio::process::Command::new("getent");
    command.args(["--", "hosts"]).args(addresses.iter().map(ToString::to_string));
    command.env("RES_OPTIONS", "timeout:2 attempts:1").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await;
    let text = output.ok().and_then(Result::ok).map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    names(&text)
}

/// Reads what `getent hosts` prints: an address and its names on each line.
fn names(text: &str) -> BTreeMap<IpAddr, Vec<String>> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.parse().ok()?, words.map(str::to_owned).collect()))
        })
        .collect()
}
