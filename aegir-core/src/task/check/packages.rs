//! Whether the packages that service types need are installed, whichever of their names they came under.

use std::collections::BTreeMap;

use crate::action::naming;
use crate::entity::Server;
use crate::server::Facts;
use crate::service::{Check, as_root};

pub(super) fn judge(server: &Server, facts: &Facts, wanted: &[String]) -> Check {
    if facts.packages.is_empty() && !wanted.is_empty() {
        return Check::skipped("packages", "not looked at: dpkg knows none of them here");
    }
    let (found, missing): (Vec<&str>, Vec<&str>) =
        wanted.iter().map(String::as_str).partition(|names| installed(names, &facts.packages).is_some());
    if missing.is_empty() {
        let versions: Vec<String> =
            found.iter().filter_map(|name| installed(name, &facts.packages)).map(|(name, version)| format!("{name} {version}")).collect();
        return Check::pass("packages", if versions.is_empty() { "none are needed".to_owned() } else { versions.join(", ") });
    }
    let missing: Vec<&str> = missing.into_iter().map(naming::first).collect();
    // What stops without them has a check of its own, which fails.
    let mend = as_root(server, format_args!("apt-get install --no-install-recommends {}", missing.join(" ")));
    Check::warn("packages", format!("not installed: {}", missing.join(", ")), mend)
}

/// The package itself, or one that stands for it: one of several names, or `php8.3-gd` for `php-gd`.
fn installed<'a>(names: &str, packages: &'a BTreeMap<String, String>) -> Option<(&'a str, &'a str)> {
    let stands_for = |candidate: &str| {
        if naming::fits(names, candidate) {
            return true;
        }
        let versioned = candidate.strip_prefix("php").and_then(|rest| rest.split_once('-'));
        names
            .strip_prefix("php-")
            .is_some_and(|extension| versioned.is_some_and(|(version, rest)| !version.is_empty() && rest == extension))
    };
    packages.iter().find(|(k, _)| stands_for(k)).map(|(k, v)| (k.as_str(), v.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_of_the_same_thing_count() {
        let packages: BTreeMap<String, String> = ["php8.3-gd", "mysql-server-8.0", "curl"].map(|n| (n.to_owned(), "1".to_owned())).into();
        for name in ["php-gd", "mariadb-server|mysql-server-*", "curl"] {
            assert!(installed(name, &packages).is_some(), "{name}");
        }
        for name in ["php-g", "php-fpm", "mariadb-client|mysql-client-*", "cur"] {
            assert!(installed(name, &packages).is_none(), "{name}");
        }
    }
}
