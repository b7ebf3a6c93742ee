//! What a machine is, gathered on the machine itself by one constant script.

use std::net::IpAddr;

use camino::Utf8PathBuf;

use super::{Command, Input};
use crate::{Error, Result};

/// A PHP on the machine.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Php {
    /// Its version, (8, 2).
    pub version: (u32, u32),
    /// Its command line program.
    pub cli: Option<Utf8PathBuf>,
    /// Its FPM socket, where one is listening or configured.
    pub fpm: Option<Utf8PathBuf>,
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
    /// The groups of that account.
    pub groups: Vec<String>,
    /// The group web servers run as: the first of the usual ones that exists.
    pub web_group: Option<String>,
    /// The PHP versions, oldest first.
    pub php: Vec<Php>,
    /// Apache's version.
    pub apache: Option<String>,
    /// Nginx's version.
    pub nginx: Option<String>,
    /// The database client's version line.
    pub db_client: Option<String>,
    /// The file system that holds Aegir's root.
    pub disk: Disk,
}

impl Facts {
    /// The command that gathers them; `root` is Aegir's directory there.
    pub fn command(root: &str) -> Command {
        Command::new("sh").args(["-s", "--", root]).input(Input::Bytes(include_bytes!("facts.sh").to_vec())).idempotent()
    }

    /// Reads what the script printed: `key<TAB>value` lines.
    pub fn parse(text: &str) -> Result<Self> {
        let mut facts = Self::default();
        let mut complete = false;
        for line in text.lines() {
            let Some((key, value)) = line.split_once('\t') else { continue };
            match key {
                "os" => value.clone_into(&mut facts.os),
                "hostname" => value.clone_into(&mut facts.hostname),
                "address" => facts.addresses.extend(value.split('/').next().and_then(|a| a.parse::<IpAddr>().ok())),
                "cpus" => facts.cpus = value.parse().unwrap_or(1),
                "clock" => facts.clock = value.parse().unwrap_or(0),
                "user" => value.clone_into(&mut facts.user),
                "groups" => facts.groups = value.split_whitespace().map(str::to_owned).collect(),
                "web_group" => facts.web_group = Some(value.to_owned()),
                "php" => facts.add_php(value, |php, path| php.cli = Some(path)),
                "fpm" => facts.add_php(value, |php, path| php.fpm = Some(path)),
                "apache" => facts.apache = Some(value.to_owned()),
                "nginx" => facts.nginx = Some(value.to_owned()),
                "db_client" => facts.db_client = Some(value.to_owned()),
                "disk" => {
                    let mut numbers = value.split_whitespace().map(|n| n.parse::<u64>().unwrap_or(0));
                    let mut next = || numbers.next().unwrap_or(0);
                    facts.disk = Disk { total: next() * 1024, free: next() * 1024, inodes_free: next() };
                }
                "end" => complete = true,
                _ => {}
            }
        }
        facts.addresses.sort_by_key(|a| (a.is_ipv6(), *a));
        facts.addresses.dedup();
        facts.php.sort_by_key(|p| p.version);
        if complete { Ok(facts) } else { Err(Error::failed("gathering facts: the script was cut short")) }
    }

    fn add_php(&mut self, value: &str, set: impl FnOnce(&mut Php, Utf8PathBuf)) {
        let Some((version, path)) = value.split_once(' ') else { return };
        let Some(version) = parse_version(version) else { return };
        let index = self.php.iter().position(|p| p.version == version).unwrap_or_else(|| {
            self.php.push(Php { version, cli: None, fpm: None });
            self.php.len() - 1
        });
        set(&mut self.php[index], path.into());
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

/// Reads `8.2` or `8.2.7`.
pub(crate) fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_script_prints() {
        let text = "os\tDebian 12\nhostname\tweb1.example.com\naddress\tfd00::2/64\naddress\t10.0.0.2/24\nphp\t8.2 /usr/bin/php8.2\nfpm\t8.2 /run/php/php8.2-fpm.sock\ndisk\t100 50 7\nend\t\n";
        let facts = Facts::parse(text).unwrap();
        assert_eq!(facts.addresses[0].to_string(), "10.0.0.2");
        assert_eq!(facts.php[0].fpm.as_deref().unwrap(), "/run/php/php8.2-fpm.sock");
        assert_eq!(facts.disk.free, 51200);
        assert!(Facts::parse("os\tx\n").is_err());
    }
}
