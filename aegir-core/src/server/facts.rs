//! What a machine is, gathered on the machine itself by one constant script.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use camino::Utf8PathBuf;

use super::{Command, Fpm};
use crate::text::{short, steers};
use crate::{Error, Result};

/// A PHP on the machine.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Php {
    /// Its version, (8, 2).
    pub version: (u32, u32),
    /// Its command line program.
    pub cli: Option<Utf8PathBuf>,
    /// Where its FPM takes connections, as its pools say.
    pub fpm: Option<Fpm>,
}

impl Php {
    /// The version in words: `8.2`.
    pub fn version_text(&self) -> String {
        format!("{}.{}", self.version.0, self.version.1)
    }
}

/// The file system that holds Aegir's root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Disk {
    /// Bytes in all.
    pub total: u64,
    /// Bytes free for us.
    pub free: u64,
    /// Inodes in all; 0 where the file system makes them as it needs them.
    #[serde(default)]
    pub inodes: u64,
    /// Inodes free.
    pub inodes_free: u64,
}

/// What a machine is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Facts {
    /// `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    /// Its fully qualified host name.
    pub hostname: String,
    /// Its addresses without loopback and link-local ones, v4 first.
    pub addresses: Vec<IpAddr>,
    /// Processors.
    pub cpus: u32,
    /// Seconds since 1970 on its clock.
    pub clock: i64,
    /// The account the commands ran as.
    pub user: String,
    /// That account's number.
    #[serde(default)]
    pub uid: u32,
    /// The number of its first group.
    #[serde(default)]
    pub gid: u32,
    /// Its login shell; empty where the machine's own list does not have it.
    #[serde(default)]
    pub shell: String,
    /// The groups of that account.
    pub groups: Vec<String>,
    /// The group web servers run as: the first of the usual ones that exists.
    pub web_group: Option<String>,
    /// The PHP versions, oldest first.
    pub php: Vec<Php>,
    /// Apache's version: `Apache/2.4.67-1~deb12u1`.
    pub apache: Option<String>,
    /// Nginx's version: `nginx/1.22.1-9`.
    pub nginx: Option<String>,
    /// The database client's version.
    pub db_client: Option<String>,
    /// The file system that holds Aegir's root.
    pub disk: Disk,
    /// Packages of web and database servers that are installed, with their versions.
    #[serde(default)]
    pub packages: BTreeMap<String, String>,
    /// Unix sockets that somebody listens on: whoever connects there is served, now or when its turn comes.
    #[serde(default)]
    pub listening: BTreeSet<Utf8PathBuf>,
    /// TCP ports that somebody listens on.
    #[serde(default)]
    pub ports: BTreeSet<u16>,
}

/// Bytes of one thing that a machine says of itself, and how many of a kind are kept: they are stored, and shown.
const LONGEST_FACT: usize = 4096;
const MOST_FACTS: usize = 10_000;
/// The usual groups of web servers, the likeliest first.
const WEB_GROUPS: [&str; 5] = ["www-data", "apache", "nginx", "www", "http"];
/// Packages that bring the program `mysql`, by how their names begin.
const CLIENTS: [&str; 4] = ["mariadb-client-core", "mariadb-client", "mysql-client", "mysql-community-client"];

impl Facts {
    /// The command that gathers them; `root` is Aegir's directory there.
    pub fn command(root: &str) -> Command {
        Self::script([root, "-", "", "", ""])
    }

    /// The script's own arguments are explained in it.
    pub(super) fn script(args: [&str; 5]) -> Command {
        Command::new("sh").args(["-c", include_str!("facts.sh"), "aegir"]).args(args).only_reads()
    }

    /// Reads what the script printed: `key<TAB>value` lines, and below some of them lines of other programs.
    pub fn parse(text: &str) -> Result<Self> {
        let mut facts = Self { cpus: 1, ..Self::default() };
        let mut reading = Reading::default();
        for line in text.lines() {
            match line.split_once('\t') {
                Some(("end", _)) => {
                    reading.finish(&mut facts);
                    facts.tidy();
                    return Ok(facts);
                }
                Some((key, value)) if value.len() <= LONGEST_FACT => {
                    key.clone_into(&mut reading.section);
                    facts.take(key, value, &mut reading);
                }
                None if line.len() <= LONGEST_FACT => reading.line(line, &mut facts),
                // Nothing true of a machine is so long.
                _ => {}
            }
        }
        Err(Error::failed("gathering facts: the script was cut short"))
    }

    /// Keeps what people read on every list short and harmless; a path or package that no honest machine has is left out.
    fn tidy(&mut self) {
        let harmless = |path: Option<String>| path.is_none_or(|p| !p.contains(steers));
        for text in [&mut self.os, &mut self.hostname, &mut self.user, &mut self.shell] {
            *text = short(text, 253);
        }
        for text in [&mut self.apache, &mut self.nginx, &mut self.db_client].into_iter().flatten() {
            *text = short(text, 120);
        }
        self.groups.iter_mut().for_each(|group| *group = short(group, 64));
        self.php.retain(|php| harmless(php.cli.as_ref().map(ToString::to_string)) && harmless(php.fpm.as_ref().map(ToString::to_string)));
        self.packages.retain(|name, version| !name.contains(steers) && !version.contains(steers));
        self.listening.retain(|path| !path.as_str().contains(steers));
    }

    fn take(&mut self, key: &str, value: &str, reading: &mut Reading) {
        if reading.web_groups.len() + reading.has.len() + self.php.len() > MOST_FACTS {
            return;
        }
        match key {
            "clock" => self.clock = value.parse().unwrap_or(0),
            "id" => self.take_id(value),
            "shell" => value.clone_into(&mut self.shell),
            "web_group" => reading.web_groups.push(value.to_owned()),
            "cpus" => self.cpus = cpus(value).max(1),
            "addresses" => self.addresses = value.split_whitespace().filter_map(|a| a.parse().ok()).filter(is_lasting).collect(),
            "disk" => {
                let mut numbers = value.split_whitespace().map(|n| n.parse::<u64>().unwrap_or(0));
                let mut next = || numbers.next().unwrap_or(0);
                let block = next();
                self.disk = Disk { total: next() * block, free: next() * block, inodes: next(), inodes_free: next() };
            }
            "php" => self.add_php(value),
            "has" => reading.has.push(value.to_owned()),
            "apache" => self.apache = value.strip_prefix("Server version: ").map(str::to_owned),
            "nginx" => self.nginx = value.strip_prefix("nginx version: ").map(str::to_owned),
            "forward" if reading.own.is_empty() => value.split(' ').next().unwrap_or_default().clone_into(&mut reading.own),
            _ => {}
        }
    }

    /// `uid=1000(aegir) gid=1000(aegir) groups=1000(aegir),33(www-data)`; only numbers have names in parentheses.
    fn take_id(&mut self, text: &str) {
        let named = |part: &str| {
            let (number, name) = part.split_once('(').unwrap_or((part, part));
            (number.parse::<u32>().unwrap_or(0), name.trim_end_matches(')').to_owned())
        };
        for field in text.split(' ') {
            match field.split_once('=') {
                Some(("uid", value)) => (self.uid, self.user) = named(value),
                Some(("gid", value)) => self.gid = named(value).0,
                Some(("groups", value)) => self.groups = value.split(',').map(|g| named(g).1).collect(),
                _ => {}
            }
        }
    }

    fn add_php(&mut self, value: &str) {
        if let Some((version, path)) = value.split_once(' ')
            && let Some(version) = parse_version(version)
        {
            self.php(version).cli = Some(path.into());
        }
    }

    fn php(&mut self, version: (u32, u32)) -> &mut Php {
        let index = self.php.iter().position(|p| p.version == version).unwrap_or_else(|| {
            self.php.push(Php { version, cli: None, fpm: None });
            self.php.len() - 1
        });
        &mut self.php[index]
    }

    /// A file's line as `grep` printed it, with the file's name before it.
    fn take_file(&mut self, line: &str, reading: &mut Reading) {
        let package = &mut reading.package;
        const STATUS: &str = "/var/lib/dpkg/status";
        if self.packages.len() + self.listening.len() + self.php.len() > MOST_FACTS {
            return;
        }
        if let Some(rest) = line.strip_prefix(STATUS) {
            let (found, Some((key, value))) = (rest.starts_with(':'), rest.get(1..).and_then(|r| r.split_once(": "))) else { return };
            match (key, package.as_ref()) {
                ("Package", _) => *package = found.then(|| value.to_owned()),
                ("Status", Some(_)) if !value.ends_with(" installed") => *package = None,
                ("Version", Some(name)) => {
                    self.packages.insert(name.clone(), value.to_owned());
                    *package = None;
                }
                _ => {}
            }
        } else if let Some(rest) = line.strip_prefix("/etc/os-release:PRETTY_NAME=") {
            rest.trim_matches('"').clone_into(&mut self.os);
        } else if let Some(rest) = line.strip_prefix("/proc/net/unix:") {
            self.listening.extend(rest.split_once(" /").map(|(_, path)| one_run(&format!("/{path}"))));
        } else if let Some((_, rest)) = line.strip_prefix("/proc/net/tcp").and_then(|r| r.split_once(": ")) {
            // The local address is an address and a port, in hexadecimal numbers.
            let port = rest.split(':').nth(2).and_then(|r| u16::from_str_radix(r.split(' ').next().unwrap_or_default(), 16).ok());
            self.ports.extend(port);
        } else if let Some((file, text)) = line.strip_prefix("/etc/php/").and_then(|r| r.split_once(".conf:"))
            && let Some(version) = parse_version(file.split('/').next().unwrap_or_default())
        {
            self.take_pool(version, file, text.trim(), reading);
        }
    }

    /// A line of a pool's file: its name, or where it listens. Debian's pool counts before others, then the first one.
    fn take_pool(&mut self, version: (u32, u32), file: &str, text: &str, reading: &mut Reading) {
        if let Some(name) = text.strip_prefix('[').and_then(|t| t.split_once(']')) {
            name.0.clone_into(&mut reading.pool);
        } else if let Some((_, value)) = text.split_once('=')
            && let Some(fpm) = Fpm::read(&value.split(';').next().unwrap_or_default().trim().replace("$pool", &reading.pool))
        {
            let php = self.php(version);
            if php.fpm.is_none() || file.ends_with("/www") {
                php.fpm = Some(fpm);
            }
        }
    }

    /// Whether the FPM of a PHP takes connections.
    pub fn accepts(&self, php: &Php) -> bool {
        match &php.fpm {
            Some(Fpm::Socket(path)) => self.listening.contains(path),
            Some(Fpm::Tcp(address)) => self.ports.contains(&address.port()),
            None => false,
        }
    }

    /// The PHP for a codebase: the wanted version if given, else the newest that fits and has both CLI and FPM.
    pub fn php_for(&self, codebase: &crate::entity::Codebase, wanted: Option<&str>) -> Result<&Php> {
        let usable = |php: &&Php| php.cli.is_some() && php.fpm.is_some();
        let here = || {
            let list: Vec<String> = self.php.iter().filter(usable).map(Php::version_text).collect();
            if list.is_empty() { "none with both command line and FPM".to_owned() } else { list.join(", ") }
        };
        let refuse = |what: String| {
            Err(Error::refused(what).hint(format!(
                "{} has PHP {}; install one in the range {} with its -cli, -fpm and -mysql packages",
                self.hostname,
                here(),
                codebase.php_range()
            )))
        };
        let title = format!("{} {}", codebase.application, codebase.version);
        if let Some(wanted) = wanted {
            let found = self.php.iter().filter(usable).find(|p| p.version_text() == wanted);
            return match found {
                Some(php) if codebase.runs_on(php.version) => Ok(php),
                Some(_) => refuse(format!("{title} runs on PHP {}, not on the PHP {wanted} chosen for it", codebase.php_range())),
                None => refuse(format!("the PHP {wanted} chosen for {title} is not on {}", self.hostname)),
            };
        }
        match self.php.iter().rev().filter(usable).find(|p| codebase.runs_on(p.version)) {
            Some(php) => Ok(php),
            None => refuse(format!("{title} runs on PHP {}; {} has {}", codebase.php_range(), self.hostname, here())),
        }
    }
}

/// What is known only when everything was read.
#[derive(Debug, Default)]
struct Reading {
    section: String,
    package: Option<String>,
    pool: String,
    web_groups: Vec<String>,
    has: Vec<String>,
    own: String,
}

impl Reading {
    fn line(&mut self, line: &str, facts: &mut Facts) {
        match self.section.as_str() {
            "files" => facts.take_file(line, self),
            // The first answer for the kernel's own name carries the full one.
            "forward" if facts.hostname.is_empty() => {
                line.split_whitespace().nth(2).unwrap_or_default().clone_into(&mut facts.hostname);
            }
            _ => {}
        }
    }

    fn finish(self, facts: &mut Facts) {
        if facts.hostname.is_empty() {
            facts.hostname = self.own;
        }
        facts.web_group = WEB_GROUPS.iter().find(|g| self.web_groups.iter().any(|w| w == *g)).map(|g| (*g).to_owned());
        facts.addresses.sort_by_key(|a| (a.is_ipv6(), *a));
        facts.addresses.dedup();
        facts.php.sort_by_key(|p| p.version);
        let has = |program: &str| self.has.iter().any(|h| h == program);
        let version = |name: &str| facts.packages.get(name).map(|v| v.split_once(':').map_or(v.as_str(), |(_, v)| v).to_owned());
        facts.apache = facts.apache.take().or_else(|| version("apache2").filter(|_| has("apache2")).map(|v| format!("Apache/{v}")));
        facts.nginx = facts.nginx.take().or_else(|| version("nginx").filter(|_| has("nginx")).map(|v| format!("nginx/{v}")));
        if has("mysql") {
            let client = CLIENTS.iter().find_map(|c| facts.packages.keys().find(|k| k.starts_with(c)));
            facts.db_client = Some(client.map_or("mysql".to_owned(), |name| format!("{name} {}", version(name).unwrap_or_default())));
        }
    }
}

/// Without addresses that the machine exchanges by itself or that lead nowhere else.
fn is_lasting(address: &IpAddr) -> bool {
    !address.is_loopback() && !matches!(address, IpAddr::V6(a) if a.is_unicast_link_local())
}

/// `/var/run` is `/run`; the kernel and configuration files use either.
pub(super) fn one_run(path: &str) -> Utf8PathBuf {
    path.strip_prefix("/var/run/").map_or_else(|| path.into(), |rest| format!("/run/{rest}").into())
}

/// Counts a kernel's list: `0-3,6`.
fn cpus(list: &str) -> u32 {
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(last.parse::<u32>().ok()?.checked_sub(first.parse().ok()?)? + 1)
    };
    list.trim().split(',').filter_map(count).sum()
}

/// Reads `8.2` or `8.2.7`.
pub(crate) fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
