//! Whether names lead to addresses and back, asked on the master and on the server itself.
//!
//! A server behind a translated address has a name that leads to none of its own addresses, and works. So wrong names
//! warn here; what does not work because of them has a check of its own that fails.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::entity::{Server, Transport};
use crate::server::{Reply, resolve_forward, resolve_reverse};
use crate::service::Check;

/// What the master knows of a server's name.
pub(super) struct Here {
    forward: Vec<IpAddr>,
    reverse: BTreeMap<IpAddr, Vec<String>>,
}

/// Asks the master's own name service.
pub(super) async fn here(server: &Server) -> Here {
    let forward = resolve_forward(&server.hostname).await;
    let address = forward.first().or(server.addresses.first());
    let reverse = match address {
        Some(address) => {
            let names = resolve_reverse(*address, &server.hostname).await;
            if names.is_empty() { BTreeMap::new() } else { BTreeMap::from([(*address, names)]) }
        }
        None => BTreeMap::new(),
    };
    Here { forward, reverse }
}

/// A host whose name is looked up at a place.
struct Question<'a> {
    place: Place<'a>,
    hostname: &'a str,
    /// What is right.
    addresses: &'a [IpAddr],
    /// Debian gives a machine's own name an address of the loopback.
    loopback: bool,
    /// What was found, where it was asked.
    forward: Option<&'a [IpAddr]>,
    reverse: &'a BTreeMap<IpAddr, Vec<String>>,
}

enum Place<'a> {
    Master,
    There(&'a Server),
}

impl Place<'_> {
    fn on(&self) -> String {
        match self {
            Self::Master => "on the master".to_owned(),
            Self::There(server) => format!("on {}", server.name),
        }
    }
}

pub(super) fn judge(server: &Server, reply: &Reply, here: &Here, master: Option<&Server>) -> [Check; 2] {
    let local = server.transport == Transport::Local;
    let own = reply.facts.addresses.as_slice();
    let mut questions = vec![Question {
        place: Place::Master,
        hostname: &server.hostname,
        addresses: own,
        loopback: local,
        forward: Some(&here.forward),
        reverse: &here.reverse,
    }];
    if !local {
        let there = |host: &'_ Server| reply.forward.get(&host.hostname).map(Vec::as_slice);
        questions.push(Question {
            place: Place::There(server),
            hostname: &server.hostname,
            addresses: own,
            loopback: true,
            forward: there(server),
            reverse: &reply.reverse,
        });
        questions.extend(master.map(|master| Question {
            place: Place::There(server),
            hostname: &master.hostname,
            addresses: &master.addresses,
            loopback: false,
            forward: there(master),
            reverse: &reply.reverse,
        }));
    }
    let forward: Vec<_> = questions.iter().filter_map(forward).collect();
    let reverse: Vec<_> = questions.iter().filter_map(reverse).collect();
    [report("name.forward", &forward), report("name.reverse", &reverse)]
}

/// What was found, and the mending command where that is wrong.
type Found = (String, Option<String>);

fn report(name: &str, found: &[Found]) -> Check {
    let wrong: Vec<&Found> = found.iter().filter(|(_, mend)| mend.is_some()).collect();
    let join = |all: &[&Found]| all.iter().map(|(evidence, _)| evidence.as_str()).collect::<Vec<_>>().join("; ");
    if wrong.is_empty() {
        return Check::pass(name, join(&found.iter().collect::<Vec<_>>()));
    }
    let mend: Vec<&str> = wrong.iter().filter_map(|(_, mend)| mend.as_deref()).collect();
    Check::warn(name, join(&wrong), mend.join("; "))
}

fn listed(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Replaces what a hosts file says of a name; where DNS says it, its zone is the better place.
fn mend(question: &Question<'_>) -> String {
    let host = question.hostname;
    let address = question.addresses.first().map_or("ADDRESS".to_owned(), ToString::to_string);
    let short = host.split('.').next().unwrap_or_default();
    format!(
        "put it right in DNS, or as root {}: `sed -i '/[[:space:]]{}\\([[:space:]]\\|$\\)/d' /etc/hosts; echo '{address} {host} {short}' >>/etc/hosts`",
        question.place.on(),
        host.replace('.', "\\."),
    )
}

fn forward(question: &Question<'_>) -> Option<Found> {
    let (found, on, host) = (question.forward?, question.place.on(), question.hostname);
    let fits = |a: &IpAddr| question.addresses.contains(a) || (question.loopback && a.is_loopback());
    Some(if found.is_empty() {
        (format!("{on} {host} has no address"), Some(mend(question)))
    } else if question.addresses.is_empty() || found.iter().any(fits) {
        (format!("{on} {host} is {}", listed(found)), None)
    } else {
        (format!("{on} {host} is {}, and its own addresses are {}", listed(found), listed(question.addresses)), Some(mend(question)))
    })
}

fn reverse(question: &Question<'_>) -> Option<Found> {
    let (on, host) = (question.place.on(), question.hostname);
    // The master asked for what its forward answer was, the server for the first address of each.
    let address = match question.place {
        Place::Master => question.forward?.first().or(question.addresses.first())?,
        Place::There(_) => {
            question.forward?;
            question.addresses.first()?
        }
    };
    Some(match question.reverse.get(address) {
        Some(names) if names.iter().any(|n| n.trim_end_matches('.').eq_ignore_ascii_case(host)) => {
            (format!("{on} {address} is {host}"), None)
        }
        Some(names) => (format!("{on} {address} is {}, not {host}", names.join(", ")), Some(mend(question))),
        None => (format!("{on} {address} has no name"), Some(mend(question))),
    })
}
