//! How a server is reached, and the options that OpenSSH gets for it.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::name::shown;
use crate::{Error, Result};

/// OpenSSH makes the socket under a longer name first (17 bytes more), and the kernel takes 107 in all.
const LONGEST_SOCKET: usize = 107 - 17;
/// What `ssh` uses by itself where nobody names a key; naming ours would switch them off.
const USUAL_KEYS: [&str; 3] = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/// How a server is reached. Plain data: the library reads no environment and no home directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshConfig {
    /// What `ssh` is told to connect to: a name, an address, or an alias of `~/.ssh/config`.
    pub host: String,
    /// The port; `None` leaves it to `ssh`.
    pub port: Option<u16>,
    /// The account; `None` leaves it to `ssh`.
    pub user: Option<String>,
    /// Aegir's own private key, offered beside the keys that `ssh` finds.
    pub identity: Utf8PathBuf,
    /// Aegir's own file of pinned host keys; no other is looked at.
    pub known_hosts: Utf8PathBuf,
    /// The directory of the control sockets; made with mode 0700.
    pub control_dir: Utf8PathBuf,
    /// Another configuration file than the usual ones.
    pub config_file: Option<Utf8PathBuf>,
    /// How long a new connection may take.
    pub connect_timeout: Duration,
    /// After this long without a sign of life the server counts as gone; at least two seconds.
    pub silence: Duration,
    /// How long the connection stays open for later commands when nobody uses it.
    pub persist: Duration,
    /// How many commands run on it at once; sshd allows ten sessions, and files take one.
    pub sessions: usize,
}

impl SshConfig {
    /// The usual ways of an Aegir whose directory is `root`, to a host.
    pub fn new(host: impl Into<String>, root: &Utf8Path) -> Self {
        Self {
            host: host.into(),
            port: None,
            user: None,
            identity: root.join("keys/id_ed25519"),
            known_hosts: root.join("keys/known_hosts"),
            control_dir: root.join("run/ssh"),
            config_file: None,
            connect_timeout: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            persist: Duration::from_secs(600),
            sessions: 8,
        }
    }

    /// With a port.
    #[must_use]
    pub fn port(mut self, port: Option<u16>) -> Self {
        self.port = port;
        self
    }

    /// With an account.
    #[must_use]
    pub fn user(mut self, user: Option<String>) -> Self {
        self.user = user;
        self
    }

    /// The name its keys are pinned under.
    pub fn known_name(&self) -> String {
        super::host_key::known_name(&self.host, self.port)
    }

    /// As a person would write it: `user@host:port`.
    pub fn destination(&self) -> String {
        let user = self.user.as_ref().map(|u| format!("{u}@")).unwrap_or_default();
        let port = self.port.map(|p| format!(":{p}")).unwrap_or_default();
        format!("{user}{}{port}", self.host)
    }

    /// The control socket. Everything that decides where a connection leads is in its name, hashed: a path
    /// to a socket must be short.
    pub(super) fn socket(&self) -> Result<Utf8PathBuf> {
        let identity = format!("{:?}", (&self.host, self.port, &self.user, &self.identity, &self.known_hosts, &self.config_file));
        let hash = blake3::hash(identity.as_bytes()).to_hex();
        let path = self.control_dir.join(&hash[..16]);
        if path.as_str().len() > LONGEST_SOCKET {
            return Err(Error::refused(format!("the path of the control socket {path} is too long"))
                .hint("choose a shorter root for Aegir: a socket's path has 107 bytes at most"));
        }
        Ok(path)
    }

    /// Refuses a root of Aegir's below which no other server could ever be reached.
    pub(crate) fn check_root(root: &Utf8Path) -> Result<()> {
        Self::new("localhost", root).socket().map(drop)
    }

    /// The connection counts as dead when that many questions, one interval apart, stayed without answer.
    fn questions(&self) -> (u64, u64) {
        let silence = self.silence.as_secs().max(2);
        let interval = (silence / 3).max(1);
        (interval, silence / interval)
    }

    /// Refuses what `ssh` could take for something else than a host or a user.
    pub(crate) fn check(&self) -> Result<()> {
        let host = |c: char| c.is_alphanumeric() || "-._:%[]".contains(c);
        if self.host.is_empty() || self.host.starts_with('-') || !self.host.chars().all(host) {
            return Err(Error::invalid(format!("{} is no host to connect to", shown(&self.host))));
        }
        let user = |c: char| c.is_alphanumeric() || "-._@+".contains(c);
        match &self.user {
            Some(u) if u.is_empty() || u.starts_with('-') || !u.chars().all(user) => {
                Err(Error::invalid(format!("{} is no user to connect as", shown(u))))
            }
            _ => Ok(()),
        }
    }

    /// What every connection gets. The first value of an option wins, so none of these can be changed by
    /// `~/.ssh/config`; what is not here (jump hosts, proxies, ciphers, agents, addresses) is the operator's.
    pub(super) fn options(&self) -> Result<Vec<String>> {
        self.check()?;
        let (interval, count) = self.questions();
        let mut options = vec![
            // Never a question: there is nobody to answer.
            "BatchMode=yes".to_owned(),
            // Only pinned keys, only in our file, and nothing is ever written to it by ssh.
            "StrictHostKeyChecking=yes".to_owned(),
            format!("UserKnownHostsFile={}", quoted(&self.known_hosts)?),
            "GlobalKnownHostsFile=/dev/null".to_owned(),
            "KnownHostsCommand=none".to_owned(),
            "UpdateHostKeys=no".to_owned(),
            "VerifyHostKeyDNS=no".to_owned(),
            "CheckHostIP=no".to_owned(),
            format!("HostKeyAlias={}", self.known_name()),
            format!("IdentityFile={}", quoted(&self.identity)?),
            // Every processor of today has instructions for it, and a tree on its way is limited by its encryption.
            "Ciphers=^aes128-gcm@openssh.com,aes256-gcm@openssh.com".to_owned(),
        ];
        options.extend(USUAL_KEYS.map(|key| format!("IdentityFile={key}")));
        options.extend([
            format!("ConnectTimeout={}", self.connect_timeout.as_secs().max(1)),
            "ConnectionAttempts=1".to_owned(),
            format!("ServerAliveInterval={interval}"),
            format!("ServerAliveCountMax={count}"),
            // What a person's shell may want from the connection is none of ours.
            "ClearAllForwardings=yes".to_owned(),
            "ForwardAgent=no".to_owned(),
            "ForwardX11=no".to_owned(),
            "Tunnel=no".to_owned(),
            "PermitLocalCommand=no".to_owned(),
            "RemoteCommand=none".to_owned(),
            "RequestTTY=no".to_owned(),
            "EscapeChar=none".to_owned(),
            // The reasons of failures, also those that the server gives; they are shown only where it fails.
            "LogLevel=INFO".to_owned(),
        ]);
        let mut args: Vec<String> = options.into_iter().flat_map(|o| ["-o".to_owned(), o]).collect();
        if let Some(file) = &self.config_file {
            args.extend(["-F".to_owned(), file.to_string()]);
        }
        if let Some(port) = self.port {
            args.extend(["-p".to_owned(), port.to_string()]);
        }
        if let Some(user) = &self.user {
            args.extend(["-l".to_owned(), user.clone()]);
        }
        Ok(args)
    }

    /// What the connection that all others share gets.
    pub(super) fn master_options(&self, socket: &Utf8Path) -> Result<Vec<String>> {
        let mut args = self.options()?;
        let own = [
            "ControlMaster=yes".to_owned(),
            format!("ControlPath={}", quoted(socket)?),
            format!("ControlPersist={}s", self.persist.as_secs().max(1)),
        ];
        args.extend(own.into_iter().flat_map(|o| ["-o".to_owned(), o]));
        Ok(args)
    }
}

/// A path as a value of an option: one word, and no `%` or `${…}` that `ssh` would replace.
pub(super) fn quoted(path: &Utf8Path) -> Result<String> {
    if path.as_str().contains(['"', '\\', '\n']) || path.as_str().contains("${") {
        return Err(Error::invalid(format!("ssh cannot use the path {}", shown(path.as_str()))));
    }
    Ok(format!("\"{}\"", path.as_str().replace('%', "%%")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_hosts_users_and_paths_are_refused() {
        let good = SshConfig::new("web1.example.com", "/var/aegir".into());
        assert!(good.options().is_ok());
        for host in ["", "-oProxyCommand=x", "a b", "a;b", "$(x)", "a\nb"] {
            assert!(SshConfig::new(host, "/var/aegir".into()).options().is_err(), "{host}");
        }
        assert!(good.clone().user(Some("-x".into())).options().is_err());
        assert!(SshConfig::new("h", "/a\"b".into()).options().is_err());
        assert!(SshConfig::new("h", &Utf8PathBuf::from(format!("/{}", "x".repeat(90)))).socket().is_err());
        assert_ne!(good.socket().unwrap(), good.clone().port(Some(23)).socket().unwrap());
    }

    #[test]
    fn silence_is_kept_in_whole_seconds() {
        let mut config = SshConfig::new("h", "/r".into());
        assert_eq!(config.questions(), (10, 3));
        config.silence = Duration::ZERO;
        assert_eq!(config.questions(), (1, 2));
    }
}
