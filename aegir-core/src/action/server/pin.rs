//! Pins the host keys of a server in Aegir's own file, on the master.

use std::time::Duration;

use camino::Utf8PathBuf;

use crate::Result;
use crate::action::{Action, Context};
use crate::connections::ssh_config;
use crate::entity::Transport;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::{FileSpec, HostKey, Permissions, SshServer, pin_host_keys, pinned_host_keys};

/// How long closing a connection that nobody answers on may take.
const CLOSE: Duration = Duration::from_secs(10);

/// Makes these the only keys that a server may show; none takes its pins away. A connection that was opened with other
/// keys is closed. Runs on the master.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct PinHostKeys {
    /// The server whose keys they are.
    pub of: ServerName,
    /// How it is reached: the keys are pinned for this host and port.
    pub transport: Transport,
    /// The keys.
    pub keys: Vec<HostKey>,
}

impl PinHostKeys {
    fn file(cx: &Context) -> Utf8PathBuf {
        cx.core.settings.root().join("keys/known_hosts")
    }

    fn place(&self) -> Option<(&str, Option<u16>)> {
        match &self.transport {
            Transport::Ssh { host, port, .. } => Some((host, *port)),
            Transport::Local => None,
        }
    }

    async fn text(cx: &Context) -> Result<String> {
        let bytes = cx.server().read(&Self::file(cx)).await?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Two tasks may pin at once: each reads and writes the whole file.
    async fn write(&self, cx: &Context, keys: &[HostKey]) -> Result<()> {
        let Some((host, port)) = self.place() else { return Ok(()) };
        cx.exclusively("known_hosts", async {
            let before = Self::text(cx).await?;
            let after = pin_host_keys(&before, host, port, keys);
            if after == before {
                return Ok(());
            }
            let file = FileSpec { path: Self::file(cx), content: after.into_bytes(), permissions: Permissions::mode(0o600) };
            cx.server().write(&file).await
        })
        .await?;
        self.close(cx).await;
        Ok(())
    }

    /// Best effort: a connection that does not close ends by itself, and is asked for its key when it is made again.
    async fn close(&self, cx: &Context) {
        cx.core.connections.forget(&self.of);
        if let Some(config) = ssh_config(&self.transport, &cx.core.settings) {
            let shared = SshServer::new(self.of.clone(), &cx.core.settings.root(), config);
            let _ = tokio::time::timeout(CLOSE, shared.disconnect()).await;
        }
    }
}

impl Action for PinHostKeys {
    const NAME: &'static str = "server.pin";
    /// The keys that were pinned.
    type Before = Vec<HostKey>;
    type Output = ();

    fn summary(&self) -> String {
        let of = self.place().map_or("", |(host, _)| host);
        if self.keys.is_empty() {
            return format!("forget the host keys of {of}");
        }
        format!("pin the host keys of {of}: {}", self.keys.iter().map(|k| k.fingerprint.as_str()).collect::<Vec<_>>().join(", "))
    }

    async fn observe(&self, cx: &Context) -> Result<Vec<HostKey>> {
        let Some((host, port)) = self.place() else { return Ok(Vec::new()) };
        Ok(pinned_host_keys(&Self::text(cx).await?, host, port))
    }

    fn diff(&self, _cx: &Context, before: &Vec<HostKey>) -> Result<Diff> {
        let lines =
            |sign: char, keys: &[HostKey]| keys.iter().map(|k| format!("{sign} {} {}\n", k.kind, k.fingerprint)).collect::<String>();
        let change = match (before.is_empty(), self.keys.is_empty()) {
            _ if *before == self.keys => return Ok(Diff::same()),
            (true, _) => Change::Create,
            (false, true) => Change::Remove,
            (false, false) => Change::Change,
        };
        Ok(Diff::new(change, lines('-', before) + &lines('+', &self.keys)))
    }

    async fn apply(&self, cx: &Context, _before: &Vec<HostKey>) -> Result<()> {
        self.write(cx, &self.keys).await
    }

    async fn undo(&self, cx: &Context, before: &Vec<HostKey>) -> Result<()> {
        self.write(cx, before).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: put the lines of {} in ROOT/keys/known_hosts back as they were", self.of)
    }
}
