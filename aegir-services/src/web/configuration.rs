//! The configuration firewall: tested beside the old one, swapped, reloaded, probed; else the old one is back.

use std::net::IpAddr;

use aegir_core::action::{Action, Claims, Context};
use aegir_core::entity::{Resource, ResourceKind};
use aegir_core::name::ServerName;
use aegir_core::plan::{Change, Diff};
use aegir_core::server::{FileKind, FileStat};
use aegir_core::{Error, Result};
use camino::Utf8PathBuf;

use super::candidate::{Candidate, ask_helper, sudo};
use super::change::{Before, FileChange, joined};
use super::probe::{Expect, Outside, Probe};
use super::visitor::{self, Foreign};
use super::watch;

/// Changes files of a web server's configuration, all or none, with one reload.
///
/// What the web server reads is never these files but root's copy of them, which the helper makes of what it found good.
/// The live files are touched only after it and the server's own test have accepted what stands in `DIRECTORY/.candidate`
/// beside the others. Taking over, reload and probes follow; if one fails, the old files are back and loaded before the
/// step reports it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct SwapConfiguration {
    /// In words: `the virtual host of example.org`.
    pub what: String,
    /// The directory of the server's configuration.
    pub directory: Utf8PathBuf,
    /// The files.
    pub changes: Vec<FileChange>,
    /// Host names that this makes the owner's.
    #[serde(default)]
    pub claims: Vec<String>,
    /// Host names that the owner gives up.
    #[serde(default)]
    pub gives_up: Vec<String>,
    /// Has the helper test the candidate; the files that go come behind the words.
    pub test: Vec<String>,
    /// Has the helper take the live configuration over and load it, without dropping a request.
    pub reload: Vec<String>,
    /// What must be so afterwards.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// The addresses of the machine that visitors come to.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// Has the helper say whether files are served as they are written; they come behind the words.
    #[serde(default)]
    pub same: Vec<String>,
    /// Where the copies stand that the web server reads, by the same names: there they can be seen, and not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Utf8PathBuf>,
    /// Has the helper list virtual hosts that are not ours.
    #[serde(default)]
    pub foreign: Vec<String>,
    /// Who asks for the pages from elsewhere; nobody where the web server is the master itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<Outside>,
}

/// What stood there before a change.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Seen {
    /// What stood at each file, in the order of the changes.
    files: Vec<Before>,
    /// A file that is written and has no copy that the web server reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unserved: Option<Utf8PathBuf>,
}

impl SwapConfiguration {
    fn candidate<'a>(&'a self, cx: &'a Context) -> Candidate<'a> {
        Candidate::new(cx, &self.directory, &self.changes)
    }

    /// One test, swap and reload at a time: the candidate tested must be the configuration that goes live.
    fn lock(cx: &Context) -> String {
        format!("reload {}", cx.server().name())
    }

    async fn reload(&self, cx: &Context) -> Result<()> {
        ask_helper(cx, &sudo(&self.reload)?, &self.directory, &self.changes).await
    }

    async fn swap(&self, cx: &Context, before: &[Before]) -> Result<()> {
        // After a crash what is served may be our own half-done work: nothing of it excuses a bad page.
        let bad_before = if cx.retrying() { Vec::new() } else { watch::bad_before(cx, &self.probes).await? };
        self.candidate(cx).test(&self.test).await?;
        if let Err(error) = self.go_live(cx, before, &bad_before).await {
            return Err(match self.put_back(cx, before).await {
                Ok(()) => error.hint("the configuration before it is back and in use"),
                Err(again) => error.hint(format!("putting the old configuration back failed, too: {}", again.chain().join(": "))),
            });
        }
        self.candidate(cx).remove().await
    }

    async fn go_live(&self, cx: &Context, before: &[Before], bad_before: &[bool]) -> Result<()> {
        for (change, before) in self.changes.iter().zip(before) {
            change.apply(cx, &self.directory, before).await?;
        }
        self.reload(cx).await?;
        watch::all_good(cx, &self.probes, bad_before).await?;
        self.reaches_visitors(cx, before).await?;
        match &self.outside {
            Some(outside) => watch::from_outside(cx, &self.probes, outside).await,
            None => Ok(()),
        }
    }

    /// What is new must be seen at every kind of address; for what stood there before it is a warning.
    async fn reaches_visitors(&self, cx: &Context, before: &[Before]) -> Result<()> {
        let live = self.probes.iter().find_map(|p| match &p.expect {
            Expect::Live(marker) => Some((p, marker)),
            _ => None,
        });
        let Some((probe, marker)) = live.filter(|_| !self.addresses.is_empty()) else { return Ok(()) };
        let output = cx.server().run(&visitor::question(&self.addresses, &probe.host, probe.port)).await?;
        let (lost, wholly) = visitor::shadowed(&visitor::answers(&self.addresses, &output), |m| m == marker);
        if lost.is_empty() {
            return Ok(());
        }
        let foreign = if self.foreign.is_empty() { Vec::new() } else { Foreign::read(&cx.server().run(&sudo(&self.foreign)?).await?) };
        let why = visitor::who(&lost, probe.port, &foreign);
        if !wholly || before.iter().any(Before::is_there) {
            return cx.warn(format!("visitors of {} get another site: {why}", probe.host)).await;
        }
        let error = Error::failed(format!("visitors of {} on {} would get another site", probe.host, cx.server().name()));
        Err(error.context("server", cx.server().name()).because(why).hint(format!(
            "have that virtual host answer to its own name at `*:{}`, not to one address: a web server prefers the address",
            probe.port
        )))
    }

    /// Reloads only when something may have gone live: another's broken file must not keep a task that
    /// touched nothing from being taken back. The candidate stays until all is done, and tells.
    async fn put_back(&self, cx: &Context, before: &[Before]) -> Result<()> {
        let mut touched = self.candidate(cx).is_left().await?;
        for (change, before) in self.changes.iter().zip(before) {
            if change.observe(cx, &self.directory).await? != *before {
                change.restore(cx, &self.directory, before).await?;
                touched = true;
            }
        }
        if touched && let Err(error) = self.reload(cx).await {
            self.serves_what_is_written(cx, error).await?;
        }
        self.candidate(cx).remove().await
    }

    /// What cannot be loaded again because of somebody else's file is back all the same where nothing newer was taken over.
    async fn serves_what_is_written(&self, cx: &Context, error: Error) -> Result<()> {
        if self.same.is_empty() {
            return Err(error);
        }
        let same = sudo(&self.same)?.args(self.changes.iter().map(|c| &c.path));
        if !cx.server().run(&same).await?.ok() {
            return Err(error);
        }
        cx.warn(format!("nothing new is served, and yet: {}", error.chain().join(": "))).await
    }

    /// Returns a file that is written and not served, as far as that can be seen without root's rights.
    async fn unserved(&self, before: &[Before], cx: &Context) -> Option<Utf8PathBuf> {
        let served = self.served.as_ref()?;
        let written: Vec<&FileChange> =
            self.changes.iter().zip(before).filter(|(c, before)| c.content.is_some() && before.is_there()).map(|(c, _)| c).collect();
        let copies = match cx.server().stat(served).await {
            // It leads to one of two trees beside it, and is never gone through: what is asked is about that one.
            Ok(Some(FileStat { kind: FileKind::Link(to), .. })) => served.with_file_name(to),
            Ok(Some(_)) => served.clone(),
            Ok(None) => return written.first().map(|change| change.at(&self.directory)),
            // What may not be looked for says nothing: an older helper keeps its copies closed.
            Err(_) => return None,
        };
        for change in written {
            if let Ok(None) = cx.server().stat(&change.at(&copies)).await {
                return Some(change.at(&self.directory));
            }
        }
        None
    }

    fn files(&self, gone: bool) -> impl Iterator<Item = Utf8PathBuf> {
        self.changes.iter().filter(move |c| c.content.is_none() == gone).map(|c| c.at(&self.directory))
    }
}

impl Action for SwapConfiguration {
    const NAME: &'static str = "web.configure";
    type Before = Seen;
    type Output = ();

    fn summary(&self) -> String {
        format!("configure {}", self.what)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        let host = |name: &String| Resource::new(ResourceKind::Vhost, server, name);
        Claims {
            acquire: self.files(false).map(|p| Resource::path(server, p)).chain(self.claims.iter().map(host)).collect(),
            release: self.files(true).map(|p| Resource::path(server, p)).chain(self.gives_up.iter().map(host)).collect(),
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Self::Before> {
        let mut files = Vec::with_capacity(self.changes.len());
        for change in &self.changes {
            files.push(change.observe(cx, &self.directory).await?);
        }
        let unserved = self.unserved(&files, cx).await;
        Ok(Seen { files, unserved })
    }

    fn diff(&self, cx: &Context, before: &Self::Before) -> Result<Diff> {
        if before.files.len() != self.changes.len() {
            return Err(Error::internal("what was seen of a configuration does not fit its changes"));
        }
        let diffs: Result<Vec<Diff>> =
            self.changes.iter().zip(&before.files).map(|(change, before)| change.diff(cx, &self.directory, before)).collect();
        let mut diff = joined(diffs?);
        if let Some(file) = &before.unserved {
            diff = diff.also(format!("{file} is written, and the web server's copy of it is gone"));
        }
        if diff.change == Change::Same {
            return Ok(diff);
        }
        let diff = diff.also(format!("$ {}", sudo(&self.test)?)).also(format!("$ {}", sudo(&self.reload)?));
        Ok(self.probes.iter().fold(diff, |diff, probe| diff.also(format!("? {}", probe.in_words()))))
    }

    async fn apply(&self, cx: &Context, before: &Self::Before) -> Result<()> {
        cx.exclusively(&Self::lock(cx), self.swap(cx, &before.files)).await
    }

    async fn undo(&self, cx: &Context, before: &Self::Before) -> Result<()> {
        cx.exclusively(&Self::lock(cx), self.put_back(cx, &before.files)).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        let files: Vec<String> = self.changes.iter().map(|c| c.at(&self.directory).into_string()).collect();
        format!("on {server}: put {} back as before, then `sudo {}`", files.join(", "), self.reload.join(" "))
    }
}
