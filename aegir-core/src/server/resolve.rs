//! Names and addresses as the master's own name service knows them, in bounded time.

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

/// The names of an address, empty when there are none or nobody says; no others where it has the expected one. All of
/// them are asked of `getent`: neither the standard library nor the system's own call for this tells more than the first.
pub(crate) async fn reverse(address: IpAddr, expected: &str) -> Vec<String> {
    let first = tokio::task::spawn_blocking(move || dns_lookup::lookup_addr(&address));
    match tokio::time::timeout(LIMIT, first).await {
        Ok(Ok(Ok(name))) if name.eq_ignore_ascii_case(expected) => vec![name],
        Ok(Ok(Ok(_))) => all_names(address).await,
        _ => Vec::new(),
    }
}

async fn all_names(address: IpAddr) -> Vec<String> {
    let mut command = tokio::process::Command::new("getent");
    command.args(["--", "hosts", &address.to_string()]);
    command.env("RES_OPTIONS", "timeout:2 attempts:1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let Ok(mut child) = command.spawn() else { return Vec::new() };
    let text = tokio::time::timeout(LIMIT, super::drain::small(child.stdout.take())).await.unwrap_or_default();
    text.lines().next().unwrap_or_default().split_whitespace().skip(1).map(str::to_owned).collect()
}
