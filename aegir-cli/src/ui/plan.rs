//! A plan for people: per server, per step, with its diff and a summary line.

use aegir_core::plan::{Change, Planned, PlannedStep};
use serde_json::{Value, json};

use super::{Style, Text, to_json};

/// The plan as text: warnings, then steps under their server, then the summary.
pub(crate) fn plan_text(planned: &Planned, style: &Style) -> Text {
    let mut text = style.bold(&planned.title) + "\n";
    for warning in &planned.warnings {
        text += style.yellow("warning:") + format!(" {warning}\n");
    }
    let forward = planned.steps.len() - planned.plan.cleanup.len();
    let mut server = None;
    for (index, PlannedStep { step, diff }) in planned.steps.iter().enumerate() {
        if server != Some(&step.server) {
            text += Text::from("\n") + style.bold(&format!("on {}", step.server)) + "\n";
            server = Some(&step.server);
        }
        let last = if index >= forward { ", for good, when all else is done" } else { "" };
        text += sign(diff.change, style) + format!(" {:>3}. {}{last}\n", index + 1, step.summary);
        for line in diff.detail.lines() {
            text += if line.is_empty() { Text::from("\n") } else { Text::from("        ") + colored(line, style) + "\n" };
        }
    }
    text + format!("\n{}\n", summary(planned))
}

/// `3 to create, 1 to change, 0 to remove, 2 to run`.
pub(crate) fn summary(planned: &Planned) -> String {
    if planned.is_empty() {
        return "nothing to change".to_owned();
    }
    let word = |change| match change {
        Change::Create => "create",
        Change::Change => "change",
        Change::Remove => "remove",
        _ => "run",
    };
    planned.counts().map(|(change, count)| format!("{count} to {}", word(change))).join(", ")
}

fn sign(change: Change, style: &Style) -> Text {
    match change {
        Change::Same => " ".into(),
        Change::Create => style.green("+"),
        Change::Change => style.yellow("~"),
        Change::Remove => style.red("-"),
        Change::Run => style.cyan("$"),
    }
}

fn colored(line: &str, style: &Style) -> Text {
    match line.as_bytes().first() {
        Some(b'+') => style.green(line),
        Some(b'-') => style.red(line),
        Some(b'@' | b'$') => style.cyan(line),
        _ => line.into(),
    }
}

/// The plan as a document; the exact form, which can be applied, is what `--plan-out` writes.
pub(crate) fn plan_item(planned: &Planned) -> Value {
    let counts: serde_json::Map<String, Value> =
        planned.counts().into_iter().filter_map(|(change, count)| Some((to_json(&change).as_str()?.to_owned(), count.into()))).collect();
    let forward = planned.steps.len() - planned.plan.cleanup.len();
    json!({
        "id": planned.id,
        "task": planned.kind,
        "title": planned.title,
        "subject": planned.subject,
        "empty": planned.is_empty(),
        "counts": counts,
        "warnings": planned.warnings,
        "gone": planned.gone,
        "confirm": planned.confirm.as_ref().map(|confirm| &confirm.name),
        "steps": planned.steps.iter().enumerate().map(|(i, s)| json!({ "after_commit": i >= forward, "server": s.step.server, "owner": s.step.owner, "action": s.step.action, "summary": s.step.summary, "diff": s.diff })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aegir_core::entity::{EntityId, EntityRef, Owner};
    use aegir_core::name::ServerName;
    use aegir_core::plan::{Basis, Diff, Plan, Stage, Step};

    use super::*;

    fn step(summary: &str, diff: Diff) -> PlannedStep {
        let server = ServerName::master();
        let owner = Owner::new(EntityRef::Server(server.clone()), EntityId::default());
        PlannedStep {
            step: Step { server, owner, action: "file.write".into(), params: Value::Null, summary: summary.into(), id: None, branch: None },
            diff,
        }
    }

    fn planned(steps: Vec<PlannedStep>) -> Planned {
        let forward = Stage::Series(steps.iter().map(|s| Stage::Step(Box::new(s.step.clone()))).collect());
        Planned {
            format: "aegir.plan/1".into(),
            id: Default::default(),
            kind: "server.verify".into(),
            subject: EntityRef::Server(ServerName::master()),
            title: "verify server server_master".into(),
            plan: Plan { forward, cleanup: Vec::new() },
            steps,
            basis: Basis { observed: Vec::new(), revisions: BTreeMap::new() },
            touches: Vec::new(),
            destroys: false,
            mends: false,
            warnings: vec!["disk: 100 MB free".into()],
            gone: Vec::new(),
            confirm: None,
        }
    }

    #[test]
    fn a_plan_shows_each_step_with_its_diff_and_counts_them() {
        let steps = vec![
            step("write /a", Diff::text("/a", Some("old\n"), Some("new\n"))),
            step("reload", Diff::new(Change::Run, "$ apache2ctl graceful\n")),
        ];
        let wanted = "\
verify server server_master
warning: disk: 100 MB free

on server_master
~   1. write /a
        --- /a
        +++ /a
        @@ -1 +1 @@
        -old
        +new
$   2. reload
        $ apache2ctl graceful

0 to create, 1 to change, 0 to remove, 1 to run
";
        assert_eq!(plan_text(&planned(steps), &Style::default()).as_str(), wanted);
    }

    #[test]
    fn an_empty_plan_says_so_and_the_document_has_counts() {
        assert_eq!(summary(&planned(Vec::new())), "nothing to change");
        let item = plan_item(&planned(vec![step("x", Diff::new(Change::Remove, "- x\n"))]));
        assert_eq!((&item["counts"]["remove"], &item["empty"]), (&json!(1), &json!(false)));
    }
}
