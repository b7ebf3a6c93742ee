//! Who the commands run as on a server: the account, its shell, its groups.

use super::connection::LOGIN;
use crate::entity::{Server, Transport};
use crate::server::Facts;
use crate::service::{Check, as_root};

/// That it ran our questions shows that it lets us in and has a shell; there is no such thing on the master.
pub(super) fn login(server: &Server, facts: &Facts) -> Option<Check> {
    let remote = matches!(server.transport, Transport::Ssh { .. });
    remote.then(|| Check::pass(LOGIN, format!("as {} without a password, shell {}", facts.user, facts.shell)))
}

pub(super) fn user(server: &Server, facts: &Facts) -> Check {
    let evidence = format!("commands run as {} (uid {}, gid {})", facts.user, facts.uid, facts.gid);
    if facts.user == server.user {
        return Check::pass("user", evidence);
    }
    let mend = match &server.transport {
        Transport::Local => format!("run aegir as {0}: `sudo -u {0} aegir …`", server.user),
        Transport::Ssh { host, .. } => format!("connect as that account: `aegir server edit {} --ssh {}@{host}`", server.name, server.user),
    };
    Check::fail("user", format!("{evidence}, not as {}", server.user), mend)
}

pub(super) fn web_group(server: &Server, facts: &Facts) -> Check {
    if facts.groups.contains(&server.web_group) {
        return Check::pass("web-group", format!("{} is in the group {}", facts.user, server.web_group));
    }
    let join = as_root(server, format_args!("usermod -aG {} {}", server.web_group, server.user));
    let again = match &server.transport {
        Transport::Local => "then log in again".to_owned(),
        // The account of an open connection keeps the groups it came with.
        Transport::Ssh { .. } => format!("then end its open connections: `pkill -u {} sshd` there", server.user),
    };
    Check::fail(
        "web-group",
        format!("{} is in {}, not in {}", facts.user, facts.groups.join(", "), server.web_group),
        format!("{join}, {again}"),
    )
}
