//! Makes the SSH key pair that Aegir logs in to its servers with, and an empty file for pinned host keys.

use camino::{Utf8Path, Utf8PathBuf};

use crate::Result;
use crate::action::{Action, Claims, Context};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::{Command, FileSpec, Id, Permissions};

/// Makes a key pair and a file of pinned host keys where there is none; neither is ever replaced: other machines know
/// them. The private key is made on the machine and read by nobody but `ssh`.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct KeyPair {
    /// The private key; the public one is beside it, ending in `.pub`.
    pub path: Utf8PathBuf,
    /// The file of pinned host keys.
    pub known_hosts: Utf8PathBuf,
    /// Whose they are.
    pub owner: String,
    /// What the public key says it is.
    pub comment: String,
}

/// What stood there.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KeyPairBefore {
    private: bool,
    public: bool,
    known_hosts: bool,
}

impl KeyPair {
    fn public(&self) -> Utf8PathBuf {
        format!("{}.pub", self.path).into()
    }

    /// A key that is half written must not stand in its place; `ssh-keygen` writes the public one beside it.
    fn draft(&self) -> (Utf8PathBuf, Utf8PathBuf) {
        let draft = self.path.with_file_name(format!(".{}.aegir-new", self.path.file_name().unwrap_or_default()));
        let public = format!("{draft}.pub").into();
        (draft, public)
    }

    fn permissions(&self, mode: u32) -> Permissions {
        let id = || Some(Id::Name(self.owner.clone()));
        Permissions { mode, owner: id(), group: id() }
    }

    async fn tool(&self, cx: &Context, command: Command) -> Result<String> {
        let doing = format!("making the key pair {} on {}", self.path, cx.server().name());
        let output = cx.server().run(&command).await?.require_ok(&command, &doing);
        Ok(output.map_err(|e| e.context("file", &self.path).hint("as root: `apt-get install openssh-client`"))?.text())
    }

    async fn make_private(&self, cx: &Context) -> Result<()> {
        let (draft, public) = self.draft();
        cx.remove(&draft).await?;
        cx.remove(&public).await?;
        let make = ["-q", "-t", "ed25519", "-N", "", "-C", &self.comment, "-f", draft.as_str()];
        self.tool(cx, Command::new("ssh-keygen").args(make)).await?;
        let owner = format!("{0}:{0}", self.owner);
        self.tool(cx, Command::new("chown").args(["--", &owner, draft.as_str()])).await?;
        cx.remove(&public).await?;
        cx.server().rename(&draft, &self.path).await
    }

    async fn place(&self, cx: &Context, path: &Utf8Path, content: String, mode: u32) -> Result<()> {
        cx.server().write(&FileSpec { path: path.to_owned(), content: content.into_bytes(), permissions: self.permissions(mode) }).await
    }

    async fn look(&self, cx: &Context) -> Result<KeyPairBefore> {
        Ok(KeyPairBefore {
            private: cx.server().stat(&self.path).await?.is_some(),
            public: cx.server().stat(&self.public()).await?.is_some(),
            known_hosts: cx.server().stat(&self.known_hosts).await?.is_some(),
        })
    }
}

impl Action for KeyPair {
    const NAME: &'static str = "machine.key_pair";
    type Before = KeyPairBefore;
    type Output = ();

    fn summary(&self) -> String {
        format!("make the SSH key pair {}", self.path)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        let (draft, public) = self.draft();
        let path = |p: Utf8PathBuf| Resource::path(server, p);
        Claims {
            acquire: [self.path.clone(), self.public(), self.known_hosts.clone(), draft.clone(), public.clone()].map(path).to_vec(),
            release: [draft, public].map(path).to_vec(),
        }
    }

    async fn observe(&self, cx: &Context) -> Result<KeyPairBefore> {
        self.look(cx).await
    }

    fn diff(&self, _cx: &Context, before: &KeyPairBefore) -> Result<Diff> {
        let missing = [
            (before.private, format!("+ {} mode 0600 {}: (secret)\n", self.path, self.owner)),
            (before.public, format!("+ {} mode 0644 {}\n", self.public(), self.owner)),
            (before.known_hosts, format!("+ {} mode 0600 {}: empty\n", self.known_hosts, self.owner)),
        ];
        let text: String = missing.into_iter().filter(|(stands, _)| !stands).map(|(_, line)| line).collect();
        Ok(if text.is_empty() { Diff::same() } else { Diff::new(Change::Create, text) })
    }

    async fn apply(&self, cx: &Context, _before: &KeyPairBefore) -> Result<()> {
        let now = self.look(cx).await?;
        if !now.private {
            self.make_private(cx).await?;
        }
        if !now.public || !now.private {
            let public = self.tool(cx, Command::new("ssh-keygen").args(["-y", "-f", self.path.as_str()])).await?;
            let line = if public.contains(&self.comment) { public } else { format!("{} {}\n", public.trim_end(), self.comment) };
            self.place(cx, &self.public(), line, 0o644).await?;
        }
        if !now.known_hosts {
            self.place(cx, &self.known_hosts, String::new(), 0o600).await?;
        }
        Ok(())
    }

    async fn undo(&self, cx: &Context, before: &KeyPairBefore) -> Result<()> {
        let (draft, public) = self.draft();
        let stood = [
            (false, draft),
            (false, public),
            (before.private, self.path.clone()),
            (before.public, self.public()),
            (before.known_hosts, self.known_hosts.clone()),
        ];
        for (stood, path) in stood {
            if !stood {
                cx.remove(&path).await?;
            }
        }
        Ok(())
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}, as root: `rm {} {}` if they were new", self.path, self.public())
    }
}
