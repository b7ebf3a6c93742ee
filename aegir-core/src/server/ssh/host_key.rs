//! Host keys: asking a server for them, their fingerprints, and the file they are pinned in.

use std::process::Stdio;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::config::{SshConfig, quoted};
use crate::name::shown;
use crate::server::drain;
use crate::{Error, Result};

/// A public key of a server.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HostKey {
    /// `ssh-ed25519`, `ecdsa-sha2-nistp256`, …
    pub kind: String,
    /// `SHA256:…`, as OpenSSH shows it.
    pub fingerprint: String,
    /// The line of a known_hosts file, without a line end.
    pub line: String,
}

impl HostKey {
    /// Reads a line of a known_hosts file; `None` when it is no key. Marked lines (`@revoked`) are none.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (name, kind, key) = (words.next()?, words.next()?, words.next()?);
        let plain = |c: char| c.is_ascii_alphanumeric() || "-@.".contains(c);
        if name.starts_with(['#', '@']) || !kind.chars().all(plain) {
            return None;
        }
        let blob = data_encoding::BASE64.decode(key.as_bytes()).ok()?;
        // The blob begins with its own kind: what does not is no key.
        let length = usize::try_from(u32::from_be_bytes(blob.get(..4)?.try_into().ok()?)).ok()?;
        if blob.get(4..4 + length)? != kind.as_bytes() {
            return None;
        }
        let fingerprint = format!("SHA256:{}", data_encoding::BASE64_NOPAD.encode(&Sha256::digest(&blob)));
        Some(Self { kind: kind.to_owned(), fingerprint, line: format!("{name} {kind} {key}") })
    }

    /// The same key under another name.
    fn named(&self, name: &str) -> Self {
        let key = self.line.split_once(' ').map_or("", |(_, key)| key);
        Self { line: format!("{name} {key}"), ..self.clone() }
    }
}

/// The name that a known_hosts file has for a host and a port.
pub(super) fn known_name(host: &str, port: Option<u16>) -> String {
    match port {
        None | Some(22) => host.to_owned(),
        Some(port) => format!("[{host}]:{port}"),
    }
}

/// The keys pinned for a host in the text of a known_hosts file.
pub fn pinned_host_keys(known_hosts: &str, host: &str, port: Option<u16>) -> Vec<HostKey> {
    let name = known_name(host, port);
    let ours = |line: &&str| line.split_whitespace().next().is_some_and(|names| names.split(',').any(|n| n == name));
    known_hosts.lines().filter(ours).filter_map(HostKey::parse).collect()
}

/// The text of a known_hosts file in which a host has exactly these keys, in the place of those it had; what other hosts
/// have stays.
#[must_use]
pub fn pin_host_keys(known_hosts: &str, host: &str, port: Option<u16>, keys: &[HostKey]) -> String {
    let name = known_name(host, port);
    let mut pins: String = keys.iter().map(|key| key.named(&name).line + "\n").collect();
    let mut text = String::new();
    for line in known_hosts.lines() {
        let (names, rest) = line.trim_start().split_once(char::is_whitespace).unwrap_or((line, ""));
        if !names.split(',').any(|n| n == name) {
            text += line;
        } else {
            // A line may name several hosts; the others keep it.
            let others: Vec<&str> = names.split(',').filter(|n| *n != name).collect();
            if others.is_empty() {
                text += &std::mem::take(&mut pins);
                continue;
            }
            text += &format!("{} {rest}", others.join(","));
        }
        text.push('\n');
    }
    text + &pins
}

/// Writes keys that an operator agreed to, and that are pinned nowhere yet, to a file that only this process uses.
pub(crate) fn agreed_file(config: &SshConfig, keys: &[HostKey]) -> Result<camino::Utf8PathBuf> {
    let text = pin_host_keys("", &config.host, config.port, keys);
    let hash = blake3::hash(text.as_bytes()).to_hex();
    let file = config.control_dir.join(format!("agreed-{}-{}", std::process::id(), &hash[..16]));
    super::link::make_control_dir(&config.control_dir)?;
    match std::fs::write(&file, text) {
        Ok(()) => Ok(file),
        Err(e) => Err(Error::failed(format!("writing the agreed host keys to {file}")).context("file", &file).because(e)),
    }
}

/// Asks a server for its host keys, without logging in and without believing them.
pub async fn scan_host_keys(host: &str, port: Option<u16>, limit: Duration) -> Result<Vec<HostKey>> {
    if host.is_empty() || host.starts_with('-') || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == ',' || c == '/') {
        return Err(Error::invalid(format!("{} is no host to ask for keys", shown(host))));
    }
    let (seconds, port_text) = (limit.as_secs().max(1).to_string(), port.unwrap_or(22).to_string());
    let mut command = tokio::process::Command::new("ssh-keyscan");
    command.args(["-T", &seconds, "-p", &port_text, "--", host]);
    let text = ask(command, limit + Duration::from_secs(1)).await?;
    let mut keys = keys_in(&text, &known_name(host, port));
    keys.sort_by_key(|k| (k.kind != "ssh-ed25519", k.kind.clone()));
    if keys.is_empty() {
        return Err(Error::unreachable(format!("{host} port {port_text} shows no host key"))
            .because(silence(host, port.unwrap_or(22), limit).await)
            .hint(format!("check the name and that sshd runs there: `ssh-keyscan -p {port_text} {host}`")));
    }
    Ok(keys)
}

/// Returns why nobody answers at a port, in the system's words: the name has no address, nothing listens, no way there.
async fn silence(host: &str, port: u16, limit: Duration) -> String {
    match tokio::time::timeout(limit, tokio::net::TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => {
            "something listens there, and it says no key: an sshd that just turned somebody away may do so for a minute".to_owned()
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer in {} s", limit.as_secs()),
    }
}

impl SshConfig {
    /// Asks for the host keys on the way a connection would take: also through jump hosts and aliases of
    /// `~/.ssh/config`, which `ssh-keyscan` knows nothing of.
    pub async fn scan_host_keys(&self) -> Result<Vec<HostKey>> {
        let direct = scan_host_keys(&self.host, self.port, self.connect_timeout).await;
        match direct {
            Err(error) if error.kind() == crate::ErrorKind::Unreachable => {
                let through = self.scan_through().await.unwrap_or_default();
                if through.is_empty() { Err(error) } else { Ok(through) }
            }
            other => other,
        }
    }

    /// Lets `ssh` write the key to a file nobody else looks at; it logs in nowhere.
    async fn scan_through(&self) -> Result<Vec<HostKey>> {
        super::link::make_control_dir(&self.control_dir)?;
        let file = self.control_dir.join(format!("scan-{}", uuid::Uuid::now_v7().simple()));
        let mut command = tokio::process::Command::new("ssh");
        let first = [
            "StrictHostKeyChecking=accept-new".to_owned(),
            format!("UserKnownHostsFile={}", quoted(&file)?),
            "HashKnownHosts=no".to_owned(),
            "PreferredAuthentications=none".to_owned(),
            "ControlPath=none".to_owned(),
        ];
        command.args(first.iter().flat_map(|o| ["-o", o])).args(self.options()?).args(["--", &self.host, "true"]);
        let asked = ask(command, self.connect_timeout + Duration::from_secs(2)).await;
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let _ = std::fs::remove_file(&file);
        asked.map(|_| keys_in(&text, &self.known_name()))
    }
}

fn keys_in(text: &str, name: &str) -> Vec<HostKey> {
    text.lines().filter_map(HostKey::parse).map(|key| key.named(name)).collect()
}

async fn ask(mut command: tokio::process::Command, limit: Duration) -> Result<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| {
        Error::refused("asking for host keys: OpenSSH's client does not start")
            .because(error)
            .hint("install openssh-client on this machine")
    })?;
    let answered = async {
        let text = drain::small(child.stdout.take()).await;
        let _ = child.wait().await;
        text
    };
    // Nothing in time is the same as no keys.
    Ok(tokio::time::timeout(limit, answered).await.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    // A key with its fingerprint as `ssh-keygen -lf` prints it.
    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    const FINGERPRINT: &str = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU";

    #[test]
    fn fingerprints_are_those_of_openssh() {
        let key = HostKey::parse(&format!("github.com {KEY} comment")).unwrap();
        assert_eq!((key.kind.as_str(), key.fingerprint.as_str()), ("ssh-ed25519", FINGERPRINT));
        for odd in [
            "",
            "# web1 SSH-2.0",
            "web1 ssh-rsa AAAA",
            &format!("@revoked web1 {KEY}"),
            &format!("web1 {}", KEY.replace("ssh-ed25519", "ssh-rsa")),
        ] {
            assert!(HostKey::parse(odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn pinning_touches_only_its_host() {
        let key = HostKey::parse(&format!("x {KEY}")).unwrap();
        let before = format!("# ours\nweb2 {KEY}\nweb1,web3 {KEY}\nweb1 ssh-rsa old\n");
        let after = pin_host_keys(&before, "web1", None, std::slice::from_ref(&key));
        assert_eq!(after, format!("# ours\nweb2 {KEY}\nweb3 {KEY}\nweb1 {KEY}\n"));
        assert_eq!(pin_host_keys(&after, "web1", Some(22), std::slice::from_ref(&key)), after, "twice is once");
        let other = pin_host_keys("", "web1", Some(2222), std::slice::from_ref(&key));
        assert_eq!(other, format!("[web1]:2222 {KEY}\n"));
        assert_eq!(pinned_host_keys(&other, "web1", Some(2222))[0].fingerprint, FINGERPRINT);
        assert!(pinned_host_keys(&other, "web1", None).is_empty());
    }
}
