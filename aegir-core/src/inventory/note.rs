//! A check with the time it was made: what is remembered of the last look at a server.

use chrono::{DateTime, Utc};

use crate::service::{Check, Finding};

/// A check and when it was made.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NotedCheck {
    /// When.
    pub at: DateTime<Utc>,
    /// What was found.
    #[serde(flatten)]
    pub check: Check,
}

impl NotedCheck {
    /// What to remember after a look: its own findings. What it did not look at keeps what was noted before, and so
    /// does everything else when only `some` checks were made.
    pub(crate) fn merged(old: Vec<Self>, new: &[Check], at: DateTime<Utc>, some: bool) -> Vec<Self> {
        let skipped = |name: &str| new.iter().any(|c| c.finding == Finding::Skipped && c.covers(name));
        let found = |name: &str| new.iter().any(|c| c.finding != Finding::Skipped && c.name == name);
        let kept = old.into_iter().filter(|o| !found(&o.check.name) && (some || skipped(&o.check.name)));
        let made = new.iter().filter(|c| c.finding != Finding::Skipped).map(|c| Self { at, check: c.clone() });
        made.chain(kept).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(checks: &[NotedCheck]) -> Vec<(&str, i64)> {
        checks.iter().map(|n| (n.check.name.as_str(), n.at.timestamp())).collect()
    }

    #[test]
    fn what_was_not_looked_at_keeps_its_last_finding() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let first = NotedCheck::merged(
            Vec::new(),
            &[Check::pass("reachable", ""), Check::pass("web.php", ""), Check::pass("old", "")],
            at(1),
            false,
        );
        let cut = [Check::fail("reachable", "", ""), Check::skipped("web", "")];
        assert_eq!(noted(&NotedCheck::merged(first.clone(), &cut, at(2), false)), [("reachable", 2), ("web.php", 1)]);
        assert_eq!(
            noted(&NotedCheck::merged(first, &[Check::pass("old", "")], at(2), true)),
            [("old", 2), ("reachable", 1), ("web.php", 1)]
        );
    }
}
