//! `aegir doctor` and `aegir server verify --check`: named checks that change nothing.

use aegir_core::Result;
use aegir_core::inventory::NotedCheck;
use aegir_core::name::ServerName;
use aegir_core::service::{Check, Finding};
use aegir_core::task::Checked;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::exit;
use crate::session::Session;
use crate::ui::{Table, Ui};

/// Checks one server, or all.
pub(crate) async fn doctor(server: Option<&str>, session: &Session) -> Result<u8> {
    let names = match server {
        Some(text) => vec![session.aegir.server_named(text).await?],
        None => Vec::new(),
    };
    let checked = session.aegir.check(&names, &[]).await?;
    show(&checked, &session.ui);
    Ok(code(&checked))
}

/// Runs only the checks with these names.
pub(super) async fn only(names: &[ServerName], wanted: &[String], session: &Session) -> Result<u8> {
    let checked = session.aegir.check(names, wanted).await?;
    show(&checked, &session.ui);
    Ok(code(&checked))
}

fn show(checked: &[Checked], ui: &Ui) {
    let all = || checked.iter().flat_map(|c| c.checks.iter().map(move |check| (&c.server, check)));
    let item = |(server, c): (&ServerName, &Check)| json!({ "server": server, "name": c.name, "finding": c.finding, "evidence": c.evidence, "mend": c.mend });
    ui.list(
        "CheckList",
        || all().map(item).collect::<Vec<Value>>().into(),
        || {
            let mut table = Table::new(&["SERVER", "CHECK", "FINDING", "EVIDENCE"]);
            all().for_each(|(server, c)| table.row([server.to_string(), c.name.clone(), word(c.finding).to_owned(), c.evidence.clone()]));
            table
        },
        "there is nothing to check",
    );
    let several = checked.len() > 1;
    for (server, check) in all().filter(|(_, c)| !c.mend.is_empty()) {
        let whose = if several { format!(" on {server}") } else { String::new() };
        ui.say(format!("mend {}{whose}: {}", check.name, check.mend));
    }
}

/// The code of all of them together. Servers that were not looked at are never a success.
fn code(checked: &[Checked]) -> u8 {
    let unseen = checked.iter().filter(|c| !c.looked).count();
    if unseen > 0 && unseen < checked.len() {
        exit::PARTLY
    } else if unseen > 0 && checked.iter().all(Checked::is_unreachable) {
        exit::UNREACHABLE
    } else if checked.iter().any(Checked::has_failed) {
        exit::REFUSED
    } else {
        exit::DONE
    }
}

fn word(finding: Finding) -> &'static str {
    match finding {
        Finding::Pass => "pass",
        Finding::Warn => "warn",
        Finding::Fail => "FAIL",
        Finding::Skipped => "skipped",
    }
}

/// What is noted of the last checks of a server, one a line, with its age.
pub(super) fn noted(notes: &[NotedCheck], now: DateTime<Utc>) -> String {
    let width = notes.iter().map(|n| n.check.name.len()).max().unwrap_or(0);
    let line = |n: &NotedCheck| format!("{:width$}  {:4}  {} ({})", n.check.name, word(n.check.finding), n.check.evidence, age(now - n.at));
    notes.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn age(passed: chrono::TimeDelta) -> String {
    match passed.num_seconds() {
        ..60 => "just now".to_owned(),
        60..7200 => format!("{} min ago", passed.num_minutes()),
        7200..172_800 => format!("{} h ago", passed.num_hours()),
        _ => format!("{} days ago", passed.num_days()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(looked: bool, checks: &[Check]) -> Checked {
        Checked { server: ServerName::master(), looked, checks: checks.to_vec() }
    }

    #[test]
    fn the_code_says_what_could_be_seen() {
        let good = checked(true, &[Check::pass("user", ""), Check::warn("disk", "", "x")]);
        let bad = checked(true, &[Check::fail("user", "", "x")]);
        let dead = checked(false, &[Check::fail("reachable", "", "x"), Check::skipped("user", "")]);
        let refused = checked(false, &[Check::pass("reachable", ""), Check::fail("host-key", "", "x")]);
        assert_eq!(code(&[]), 0);
        assert_eq!(code(std::slice::from_ref(&good)), 0);
        assert_eq!(code(&[good.clone(), bad.clone()]), 8);
        assert_eq!(code(&[dead.clone(), dead.clone()]), 9);
        assert_eq!(code(&[dead.clone(), good.clone()]), 3);
        assert_eq!(code(&[dead, bad]), 3);
        assert_eq!(code(&[refused.clone(), good]), 3);
        assert_eq!(code(&[refused]), 8);
    }

    #[test]
    fn ages_are_told_roughly() {
        let told = [0, 59, 60, 7199, 7200, 172_800].map(|s| age(chrono::TimeDelta::seconds(s)));
        assert_eq!(told, ["just now", "just now", "1 min ago", "119 min ago", "2 h ago", "2 days ago"]);
    }
}
