//! One bridge and one `/24` per lab, one cable per host.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::tool::{feed, tool};

/// The addresses of one lab: `10.a.b.0/24`, `fdae:a:b::/64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subnet {
    a: u8,
    b: u8,
}

impl Subnet {
    /// The first one that neither another lab nor this machine uses. Call it with the lock held.
    pub(crate) fn free(taken: &[Self]) -> io::Result<Self> {
        let here = tool("ip", &["-o", "-4", "address", "show"])?;
        let here = here + &tool("ip", &["-o", "-4", "route", "show"])?;
        (213..=219)
            .flat_map(|a| (0..=255).map(move |b| Self { a, b }))
            .find(|s| !taken.contains(s) && !here.contains(&format!(" 10.{}.{}.", s.a, s.b)))
            .ok_or_else(|| io::Error::other("no subnet is free for another lab"))
    }

    pub(crate) fn v4(self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, self.a, self.b, host)
    }

    pub(crate) fn v6(self, host: u8) -> Ipv6Addr {
        Ipv6Addr::new(0xfdae, self.a.into(), self.b.into(), 0, 0, 0, 0, host.into())
    }

    /// What tells this lab from the others; interface names hold 15 characters at most.
    pub(crate) fn id(self) -> String {
        format!("lab{}-{}", self.a, self.b)
    }

    fn bridge(self) -> String {
        format!("aegir{}-{}", self.a, self.b)
    }

    /// The outer end of a host's cable.
    pub(crate) fn cable(self, host: u8) -> String {
        format!("ae{}-{}-{host}", self.a, self.b)
    }

    pub(crate) fn create(self) -> io::Result<()> {
        let (bridge, v4, v6) = (self.bridge(), self.v4(1), self.v6(1));
        let batch = format!(
            "link add {bridge} type bridge forward_delay 0\n\
             addr add {v4}/24 dev {bridge}\n\
             addr add {v6}/64 dev {bridge} nodad\n\
             link set {bridge} up\n"
        );
        feed("ip", &["-batch", "-"], &batch).map(|_| ())
    }

    /// Puts a cable between the bridge and the network namespace of a process.
    pub(crate) fn plug(self, host: u8, init: i32) -> io::Result<()> {
        let (cable, bridge) = (self.cable(host), self.bridge());
        let batch = format!(
            "link add {cable} type veth peer name eth0 netns {init}\n\
             link set {cable} master {bridge} up\n"
        );
        feed("ip", &["-batch", "-"], &batch).map(|_| ())
    }

    /// Removes a cable that the kernel has not removed yet.
    pub(crate) fn unplug(self, host: u8) {
        // Gone already is an error, and what was wanted.
        let _ = tool("ip", &["link", "del", &self.cable(host)]);
    }

    /// Removes the bridge and what is left of the cables. The kernel also removes a cable when its
    /// host ends, but later, and the name may be wanted again before that.
    pub(crate) fn remove(self, hosts: impl Iterator<Item = u8>) {
        let mut batch = String::new();
        for cable in hosts.map(|h| self.cable(h)).chain([self.bridge()]) {
            let _ = writeln!(batch, "link del {cable}");
        }
        // Whatever is gone already is reported as an error, and is what was wanted.
        let _ = feed("ip", &["-force", "-batch", "-"], &batch);
    }
}
