//! A plan held against the world: what each step would change, and what it was decided from.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Change, Diff, Plan, Step};
use crate::entity::EntityRef;
use crate::inventory::LeaseMode;
use crate::name::ServerName;
use crate::secret::{Domain, Keyring};
use crate::{Error, Result};

/// The version of the saved form.
const FORMAT: &str = "aegir.plan/1";

/// A step that will run, with what it changes.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PlannedStep {
    /// The step.
    pub step: Step,
    /// What it changes.
    pub diff: Diff,
}

/// What a plan was decided from. When it no longer holds, the plan is stale.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Basis {
    /// Every step that was considered, also those that turned out to have nothing to do, with a keyed hash of
    /// what stood in its place.
    pub observed: Vec<(Step, String)>,
    /// The revisions of the entities it reads; 0 for one that must not exist.
    pub revisions: BTreeMap<String, u64>,
}

/// What an operator types before a plan is submitted, and why.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Confirm {
    /// The name.
    pub name: String,
    /// Why, in words: `server_master is in production`.
    pub why: String,
}

/// A plan ready to be shown, saved, or submitted.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Planned {
    /// `aegir.plan/1`.
    pub format: String,
    /// Its identity: a plan runs at most once.
    pub id: Uuid,
    /// The operation: `site.install`.
    pub kind: String,
    /// What it is about.
    pub subject: EntityRef,
    /// In words: `install site example.org`.
    pub title: String,
    /// What runs.
    pub plan: Plan,
    /// The steps that run, in order, with their diffs.
    pub steps: Vec<PlannedStep>,
    /// What it was decided from.
    pub basis: Basis,
    /// What is locked while it runs.
    pub touches: Vec<(EntityRef, LeaseMode)>,
    /// It destroys: when its worker dies before the commit, it is taken back and not gone on with.
    #[serde(default)]
    pub destroys: bool,
    /// It mends a server: what waits for that server does not keep it out.
    #[serde(default)]
    pub mends: bool,
    /// What a person should know first.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Servers that are gone for good, as an operator says and they do not deny: what unfinished tasks began there is given
    /// up first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<ServerName>,
    /// It destroys something on a production server, or a site that nothing can be archived of: a driver has an operator type
    /// its name before it submits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Confirm>,
}

impl Planned {
    pub(crate) fn new(kind: &str, subject: EntityRef, title: String) -> Self {
        Self {
            format: FORMAT.to_owned(),
            id: Uuid::now_v7(),
            kind: kind.to_owned(),
            subject,
            title,
            plan: Plan::empty(),
            steps: Vec::new(),
            basis: Basis::default(),
            touches: Vec::new(),
            destroys: false,
            mends: false,
            warnings: Vec::new(),
            gone: Vec::new(),
            confirm: None,
        }
    }

    /// Whether there is nothing to do: no step, and nothing to give up.
    pub fn is_empty(&self) -> bool {
        self.plan.is_empty() && self.gone.is_empty()
    }

    /// How many steps create, change, remove, run.
    pub fn counts(&self) -> [(Change, usize); 4] {
        [Change::Create, Change::Change, Change::Remove, Change::Run]
            .map(|change| (change, self.steps.iter().filter(|s| s.diff.change == change).count()))
    }

    /// The saved form: JSON with a mark that only this inventory's key makes.
    pub fn save(&self, keyring: &Keyring) -> Result<String> {
        let body = serde_json::to_value(self).map_err(|e| Error::internal("a plan does not serialise").because(e))?;
        let mark = keyring.mark(Domain::Plan, body.to_string().as_bytes());
        let document = serde_json::json!({ "mark": mark, "plan": body });
        serde_json::to_string_pretty(&document).map(|text| text + "\n").map_err(|e| Error::internal("a plan does not serialise").because(e))
    }

    /// Reads a saved plan; refuses one that was edited or made by another inventory.
    pub fn load(text: &str, keyring: &Keyring) -> Result<Self> {
        let hint = "make it again with `--plan-out`";
        let broken = || Error::invalid("this is no saved plan").hint(hint);
        let mut document: serde_json::Value = serde_json::from_str(text).map_err(|e| broken().because(e))?;
        let body = document.get_mut("plan").map(serde_json::Value::take).ok_or_else(broken)?;
        if document.get("mark").and_then(|m| m.as_str()) != Some(&keyring.mark(Domain::Plan, body.to_string().as_bytes())) {
            return Err(Error::conflict("this plan was edited after it was saved, or made by another inventory").hint(hint));
        }
        let planned: Self = serde_json::from_value(body).map_err(|e| broken().because(e))?;
        if planned.format != FORMAT {
            return Err(Error::new(
                crate::ErrorKind::Unsupported,
                format!("this plan has the format {}; this build reads {FORMAT}", planned.format),
            )
            .hint(hint));
        }
        Ok(planned)
    }
}
