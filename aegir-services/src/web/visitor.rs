//! Asks a web server the way visitors do: at the machine's own addresses, not at the loopback one alone.
//!
//! A virtual host for one address comes before all that are for every address, whatever name is asked for; a probe at
//! 127.0.0.1 does not see that. The question leaves from the loopback address, so that the marker answers it.

use std::net::IpAddr;

use aegir_core::server::{Command, Output};

use super::probe::{MARKER, PROBE_PATH};

/// What stands behind each answer.
const END: &str = "<end of answer>";
/// More addresses than this say nothing new.
const AT_MOST: usize = 8;

/// What answers at one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A virtual host of ours, with this marker.
    Marked(String),
    /// One that is not ours.
    Stranger,
    /// Nothing answers HTTP there.
    Silence,
}

/// One process asks at all addresses, in their order.
pub(crate) fn question(addresses: &[IpAddr], host: &str, port: u16) -> Command {
    let mut command = Command::new("curl").only_reads();
    for (index, address) in addresses.iter().take(AT_MOST).enumerate() {
        let (from, at) = match address {
            IpAddr::V4(ip) => ("127.0.0.1", ip.to_string()),
            IpAddr::V6(ip) => ("::1", format!("[{ip}]")),
        };
        command = command
            .args(if index == 0 { &[][..] } else { &["--next"][..] })
            .args(["--silent", "--http1.1", "--globoff", "--noproxy", "*", "--connect-timeout", "2", "--max-time", "5"])
            .args(["--interface", from, "--header", &format!("Host: {host}"), "--user-agent", "Aegir"])
            .args(["--output", "/dev/null", "--dump-header", "-", "--write-out", &format!("{END}%{{http_code}}\\n")])
            .arg(format!("http://{at}:{port}{PROBE_PATH}"));
    }
    command
}

/// Reads the answers, each with its address.
pub(crate) fn answers(addresses: &[IpAddr], output: &Output) -> Vec<(IpAddr, Found)> {
    let text = output.text();
    let mut found = Vec::new();
    let mut rest = text.as_str();
    for address in addresses {
        let Some((head, next)) = rest.split_once(END) else { break };
        let (status, next) = next.split_once('\n').unwrap_or((next, ""));
        let marker = head.lines().filter_map(|l| l.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case(MARKER));
        found.push((
            *address,
            match (marker, status.trim()) {
                (_, "000") => Found::Silence,
                (Some((_, value)), _) => Found::Marked(value.trim().to_owned()),
                (None, _) => Found::Stranger,
            },
        ));
        rest = next;
    }
    found
}

/// The addresses at which strangers answer, and whether visitors of one family reach nothing else.
pub(crate) fn shadowed(found: &[(IpAddr, Found)], ours: impl Fn(&str) -> bool) -> (Vec<IpAddr>, bool) {
    let is_ours = |found: &Found| matches!(found, Found::Marked(marker) if ours(marker));
    let lost: Vec<IpAddr> = found.iter().filter(|(_, f)| *f != Found::Silence && !is_ours(f)).map(|(a, _)| *a).collect();
    let reached = |v6: bool| found.iter().any(|(a, f)| a.is_ipv6() == v6 && is_ours(f));
    let wholly = lost.iter().any(|a| !reached(a.is_ipv6()));
    (lost, wholly)
}

/// A virtual host that is not Aegir's, as the helper lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// Its address and port: `10.0.0.5:80`, `*:80`.
    address: String,
    /// A name that its file gives it; `-` for none.
    name: String,
    file: String,
    line: String,
}

impl Foreign {
    /// Reads the helper's list.
    pub(crate) fn read(output: &Output) -> Vec<Self> {
        let line = |line: &str| {
            let mut fields = line.split('\t').map(str::to_owned);
            Some(Self { address: fields.next()?, name: fields.next()?, file: fields.next()?, line: fields.next()? })
        };
        if output.ok() { output.text().lines().filter_map(line).collect() } else { Vec::new() }
    }

    fn at(&self, port: u16) -> Option<&str> {
        let (at, its) = self.address.rsplit_once(':')?;
        (its == "*" || its == port.to_string()).then_some(at)
    }

    /// Whether it answers there before any that is for all addresses.
    fn is_for(&self, address: IpAddr, port: u16) -> bool {
        self.at(port).is_some_and(|at| at.trim_matches(['[', ']']).parse() == Ok(address))
    }

    /// Whether it has a name on a port.
    pub(crate) fn has_name(&self, host: &str, port: u16) -> bool {
        self.name.eq_ignore_ascii_case(host) && self.at(port).is_some()
    }

    /// The file that it stands in.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// In words, for errors: where an operator finds it.
    pub(crate) fn in_words(&self) -> String {
        let name = if self.name == "-" { "without a name" } else { &self.name };
        format!("<VirtualHost {}> {name} in {}, line {}", self.address, self.file, self.line)
    }
}

/// Who answers at these addresses, as far as the list tells.
pub(crate) fn who(lost: &[IpAddr], port: u16, foreign: &[Foreign]) -> String {
    let there: Vec<String> = lost.iter().map(ToString::to_string).collect();
    let hosts: Vec<String> = foreign.iter().filter(|f| lost.iter().any(|a| f.is_for(*a, port))).map(Foreign::in_words).collect();
    let hosts = if hosts.is_empty() { "a virtual host that is not Aegir's".to_owned() } else { hosts.join("; ") };
    format!("at {} answers {hosts}", there.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|a| a.parse().unwrap()).collect()
    }

    #[test]
    fn reads_who_answers_where() {
        let at = addresses(&["10.0.0.5", "10.0.0.6", "fd00::5"]);
        let said = format!(
            "HTTP/1.1 204 No Content\r\nX-Aegir-Configuration: a.org 12\r\n\r\n{END}204\nHTTP/1.1 200 OK\r\n\r\n{END}200\n{END}000\n"
        );
        let found = answers(&at, &Output { status: 7, stdout: said.into(), stderr: Vec::new() });
        let kinds: Vec<Found> = found.iter().map(|(_, f)| f.clone()).collect();
        assert_eq!(kinds, [Found::Marked("a.org 12".into()), Found::Stranger, Found::Silence]);
        assert_eq!(shadowed(&found, |m| m == "a.org 12"), (addresses(&["10.0.0.6"]), false));
        assert_eq!(shadowed(&found, |m| m == "a.org 13"), (addresses(&["10.0.0.5", "10.0.0.6"]), true));
        assert_eq!(shadowed(&found[1..2], |_| true), (addresses(&["10.0.0.6"]), true));
    }

    #[test]
    fn reads_whose_virtual_hosts_there_are() {
        let list = "10.0.0.5:80\to.org\t/etc/apache2/sites-enabled/o.conf\t3\n*:80\t-\t/etc/x.conf\t1\n[fd00::5]:*\ta.org\t/y\t2\n";
        let foreign = Foreign::read(&Output { status: 0, stdout: list.into(), stderr: Vec::new() });
        let of =
            |f: &Foreign| (f.is_for("10.0.0.5".parse().unwrap(), 80), f.is_for("fd00::5".parse().unwrap(), 8080), f.has_name("A.org", 80));
        assert_eq!(foreign.iter().map(of).collect::<Vec<_>>(), [(true, false, false), (false, false, false), (false, true, true)]);
        let said = who(&addresses(&["10.0.0.5"]), 80, &foreign);
        assert_eq!(said, "at 10.0.0.5 answers <VirtualHost 10.0.0.5:80> o.org in /etc/apache2/sites-enabled/o.conf, line 3");
    }
}
