//! Unix sockets of the server made reachable here, over the shared connection.

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use openssh::{ForwardType, Session, Socket};

use super::link::{Link, exclusive};
use crate::{Error, Result};

/// How long another process of ours may be at the same.
const TURN: Duration = Duration::from_secs(15);

/// The local socket that leads there, made now where it is not open.
///
/// It is held by the process behind the control socket, lives as long as the connection, and serves every process of
/// ours: its name follows from where it leads. Nothing connects to it here, as that would show in the other side's logs.
pub(super) async fn open(link: &Link, remote: &Utf8Path) -> Result<Utf8PathBuf> {
    let local = local_name(&link.config.socket()?, remote);
    let problem = |what: &str| {
        Error::failed(format!("opening a way to {remote} on {}{what}", link.name)).context("server", &link.name).context("file", remote)
    };
    let session = link.session(Instant::now()).await?;
    // Another process could remove what this one has just made.
    let lock = exclusive(local.with_extension("lock"), TURN).await.map_err(|e| problem(": the lock of the socket").because(e))?;
    let first = request(&session, &local, remote).await;
    // The same twice is no error, and makes no second socket in the place of one that somebody removed; and one that an
    // earlier connection left is in the way of a new one.
    if first.is_err() || !local.exists() {
        let _ = session.close_port_forward(ForwardType::Local, local.as_std_path(), remote.as_std_path()).await;
        let _ = std::fs::remove_file(&local);
        request(&session, &local, remote).await.map_err(|e| problem("").because(e))?;
    }
    drop(lock);
    Ok(local)
}

async fn request(session: &Session, local: &Utf8Path, remote: &Utf8Path) -> Result<(), openssh::Error> {
    let (listen, connect): (Socket<'_>, Socket<'_>) = (local.as_std_path().into(), remote.as_std_path().into());
    session.request_port_forward(ForwardType::Local, listen, connect).await
}

/// Beside the control socket: in a directory that nobody else can enter.
fn local_name(control: &Utf8Path, remote: &Utf8Path) -> Utf8PathBuf {
    let hash = blake3::hash(remote.as_str().as_bytes()).to_hex();
    control.with_file_name(format!("{}.{}", control.file_name().unwrap_or_default(), &hash[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_socket_has_a_short_name_of_its_own() {
        let control = Utf8Path::new("/var/aegir/run/ssh/0123456789abcdef");
        let one = local_name(control, "/run/mysqld/mysqld.sock".into());
        assert_eq!(one.parent(), control.parent());
        assert_eq!(one.as_str().len(), control.as_str().len() + 9);
        assert_ne!(one, local_name(control, "/run/other.sock".into()));
    }
}
