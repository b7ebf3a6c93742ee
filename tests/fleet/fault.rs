//! What can happen to a server on its own, as one list for all tests.

use aegir_testkit::fleet::Fleet;
use aegir_testkit::lab::{Host, Service};

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing arrives any more.
    Cut,
    /// Nothing that it says arrives.
    HalfCut,
    /// Its sshd and everybody it let in are killed, and nobody listens.
    Killed,
    /// It accepts connections and says nothing.
    Silent,
    /// There is no room left.
    Full,
    /// Its host key is another one.
    OtherKey,
    /// There is no PHP.
    NoPhp,
    /// The way there is slow.
    Slow,
}

/// What keeps Aegir from talking to a server.
pub(crate) const UNREACHABLE: [Fault; 4] = [Fault::Cut, Fault::HalfCut, Fault::Killed, Fault::Silent];

impl Fault {
    /// What takes its time and changes nothing yet: whoever strikes in the middle of something has none.
    pub(crate) fn prepare(self, host: &Host) {
        if self == Self::OtherKey {
            host.exec(["sh", "-c", "mkdir -p /root/other/etc/ssh && ssh-keygen -A -f /root/other"]).ok();
        }
    }

    pub(crate) fn strike(self, host: &Host) {
        match self {
            Self::Cut => host.cut(),
            Self::HalfCut => host.half_cut(),
            Self::Killed => {
                host.stop(Service::Sshd);
                host.exec(["sh", "-c", "while pkill -KILL -x sshd; do sleep 0.05; done"]);
            }
            Self::Silent => {
                host.silence_sshd();
                host.exec(["pkill", "-STOP", "-x", "sshd"]);
            }
            Self::Full => host.fill_disk("/var/aegir"),
            Self::Slow => host.slow(1_000, std::time::Duration::ZERO).unwrap(),
            Self::OtherKey => {
                host.exec(["sh", "-c", "mkdir /root/keys && mv /etc/ssh/ssh_host_* /root/keys && mv /root/other/etc/ssh/* /etc/ssh/"]).ok();
                Self::restart(host);
            }
            Self::NoPhp => {
                host.stop(Service::PhpFpm);
                host.exec(["sh", "-c", "mv /etc/php /etc/php.away; for p in /usr/bin/php[0-9]*; do mv $p /root/; done"]).ok();
            }
        }
    }

    pub(crate) fn mend(self, host: &Host) {
        match self {
            Self::Cut => host.heal(),
            Self::HalfCut | Self::Slow => host.full_speed(),
            Self::Killed => host.start(Service::Sshd),
            Self::Silent => {
                host.wake_sshd();
                host.exec(["pkill", "-CONT", "-x", "sshd"]);
            }
            Self::Full => host.free_disk("/var/aegir", 512 << 20),
            Self::OtherKey => {
                host.exec(["sh", "-c", "rm /etc/ssh/ssh_host_*; mv /root/keys/* /etc/ssh/ && rmdir /root/keys"]).ok();
                Self::restart(host);
            }
            Self::NoPhp => {
                host.exec(["sh", "-c", "mv /etc/php.away /etc/php; mv /root/php[0-9]* /usr/bin/"]).ok();
                host.start(Service::PhpFpm);
            }
        }
    }

    fn restart(host: &Host) {
        host.stop(Service::Sshd);
        host.exec(["sh", "-c", "while pkill -KILL -x sshd; do sleep 0.05; done"]);
        host.start(Service::Sshd);
    }
}

/// Short patience, so that what is gone is noticed while a test waits.
pub(crate) fn impatient(fleet: &Fleet) {
    fleet.master.host.write("/etc/aegir/aegir.toml", "connect_seconds = 3\nsilence_seconds = 3\n");
    // What is open was opened with the usual patience.
    fleet.master.host.exec(["pkill", "-u", "aegir", "-x", "ssh"]);
}
