//! What the account may run as root without a password: the helper, and nothing more.

use crate::entity::Server;
use crate::server::{Command, Facts, Output};
use crate::service::{Check, as_root, set_up};

/// One question for all commands.
pub(super) fn question() -> Command {
    Command::new("sudo").args(["-n", "-l"])
}

pub(super) fn judge(server: &Server, facts: &Facts, needed: &[String], answer: &Output) -> Check {
    if facts.uid == 0 {
        return Check::pass("sudo", "commands run as root");
    }
    if answer.status == 127 {
        return Check::fail("sudo", "sudo is not installed", as_root(server, "apt-get install sudo"));
    }
    let allowed = allowed(&answer.text());
    let missing: Vec<&str> = needed.iter().map(String::as_str).filter(|n| !allowed.iter().any(|a| permits(a, n))).collect();
    if !missing.is_empty() {
        let said = answer.error_text();
        let said = said.lines().next().map(|l| format!(" ({})", l.trim())).unwrap_or_default();
        return Check::fail(
            "sudo",
            format!("without a password {} may not run `{}`{said}", facts.user, missing.join("`, `")),
            format!("{}; where that is said already, /etc/sudoers lacks its line `@includedir /etc/sudoers.d`", set_up(server)),
        );
    }
    let more: Vec<&str> = allowed.iter().map(String::as_str).filter(|a| !needed.iter().any(|n| n == a)).collect();
    if more.is_empty() {
        return Check::pass("sudo", needed.join(", "));
    }
    Check::warn(
        "sudo",
        format!("{} may also run {} as root, which Aegir does not need", facts.user, more.join(", ")),
        format!(
            "see who allows it, then take it out with `visudo`: {}",
            as_root(server, format_args!("grep -rn {} /etc/sudoers /etc/sudoers.d", facts.user))
        ),
    )
}

/// Whether an entry lets a command line run. An entry without arguments lets any be given.
fn permits(entry: &str, line: &str) -> bool {
    entry == "ALL" || entry == line || (!entry.contains(' ') && line.strip_prefix(entry).is_some_and(|rest| rest.starts_with(' ')))
}

/// The commands that `sudo -l` lists as root's and without a password.
fn allowed(text: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    let Some((_, list)) = text.split_once("may run the following commands") else { return Vec::new() };
    for line in list.lines().skip(1) {
        // Long entries go on in the next line, further in.
        match entries.last_mut() {
            Some(entry) if !line.trim_start().starts_with('(') => {
                entry.push(' ');
                entry.push_str(line.trim());
            }
            _ => entries.push(line.trim().to_owned()),
        }
    }
    let mut commands = Vec::new();
    for entry in &entries {
        let Some((who, mut list)) = entry.strip_prefix('(').and_then(|e| e.split_once(')')) else { continue };
        let users = who.split(':').next().unwrap_or_default();
        if !users.split(',').any(|u| matches!(u.trim(), "root" | "ALL")) {
            continue;
        }
        let mut free = false;
        while !list.is_empty() {
            let end = list.match_indices(", ").map(|(at, _)| at).find(|at| !list[..*at].ends_with('\\')).unwrap_or(list.len());
            let mut command = list[..end].trim();
            // A tag holds for everything behind it.
            while let Some((tag, rest)) =
                command.split_once(": ").filter(|(tag, _)| tag.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
            {
                free = if tag == "NOPASSWD" { true } else { free && tag != "PASSWD" };
                command = rest.trim();
            }
            if free && !command.is_empty() {
                commands.push(command.to_owned());
            }
            list = list.get(end + 2..).unwrap_or_default();
        }
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_sudo_lists() {
        let text = "Matching Defaults entries for aegir on web1:\n    env_reset, secure_path=/a\\:/b\n\nUser aegir may run the following commands on web1:\n    (root) NOPASSWD: /usr/sbin/apache2ctl -t -D AegirCandidate, /usr/sbin/apache2ctl\n        graceful, /x a\\, b, PASSWD: /no\n    (www-data) NOPASSWD: ALL\n    (ALL : ALL) ALL\n    (ALL) NOPASSWD: SETENV: /y\n";
        assert_eq!(allowed(text), ["/usr/sbin/apache2ctl -t -D AegirCandidate", "/usr/sbin/apache2ctl graceful", "/x a\\, b", "/y"]);
        assert!(allowed("sudo: a password is required\n").is_empty());
    }

    #[test]
    fn an_entry_without_arguments_permits_any() {
        assert!(permits("/a b", "/a b") && permits("/a", "/a b") && permits("ALL", "/a b"));
        assert!(!permits("/a b", "/a b c") && !permits("/a", "/ab c") && !permits("/a c", "/a b"));
    }
}
