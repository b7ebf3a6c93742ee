//! Whether the program that works for Aegir as root is there, kept by root alone, and of this build.

use crate::entity::Server;
use crate::server::{Command, Output};
use crate::service::helper::{Handshake, PATH};
use crate::service::{Check, as_root, set_up};

/// It says who it is to anybody: no sudo is needed for that.
pub(super) fn question() -> Command {
    Command::new(PATH).arg("version").only_reads()
}

pub(super) fn judge(server: &Server, verbs: &[String], answer: &Output) -> Check {
    let fail = |evidence: String| Check::fail("helper", evidence, set_up(server));
    match Handshake::read(answer, verbs, &server.config_dir()) {
        Handshake::Same => Check::pass("helper", format!("{PATH} is of this build")),
        Handshake::OtherBuild(was) => Check::warn("helper", format!("{PATH} is of another build, {was}"), set_up(server)),
        Handshake::OtherProtocol(was) if Handshake::is_older(was) => {
            fail(format!("{PATH} is older than this Aegir: it speaks version {was}"))
        }
        Handshake::OtherProtocol(was) => Check::fail(
            "helper",
            format!("{PATH} is newer than this Aegir: it speaks version {was}"),
            "install the newer Aegir on the master, which wrote it",
        ),
        Handshake::Elsewhere(at) => fail(format!(
            "{PATH} was made for {at}, not for {}; is it another server's name that the machine was prepared for?",
            server.config_dir()
        )),
        Handshake::Unsafe => Check::fail(
            "helper",
            format!("others than root could change {PATH}, which root runs"),
            as_root(server, format_args!("chown root: /usr/local/lib/aegir {PATH} && chmod go-w /usr/local/lib/aegir {PATH}")),
        ),
        Handshake::Silent => fail(format!("there is no {PATH} that answers")),
    }
}
