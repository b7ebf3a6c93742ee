//! A local way to a socket on a server, so that what speaks to a socket need not know how the server is reached.

use camino::{Utf8Path, Utf8PathBuf};

/// A Unix socket of this machine that leads to one on a server, as the account that Aegir works as there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    path: Utf8PathBuf,
    direct: bool,
}

impl Tunnel {
    /// The socket itself, on this machine.
    pub fn direct(path: &Utf8Path) -> Self {
        Self { path: path.to_owned(), direct: true }
    }

    /// A socket that leads to one on another machine.
    pub fn leading(path: Utf8PathBuf) -> Self {
        Self { path, direct: false }
    }

    /// Where to connect.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Whether it is the socket itself. Behind another one there is always somebody who takes the connection, who then
    /// closes it when nobody listens on the server.
    pub fn is_direct(&self) -> bool {
        self.direct
    }
}
