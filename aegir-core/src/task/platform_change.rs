//! Changes what the inventory says of a platform: whether it takes new sites.

use super::{ChangePlatform, Draft, find};
use crate::Result;
use crate::action::RecordPlatform;
use crate::entity::Owner;
use crate::plan::Plan;
use crate::service::PlanContext;

pub(super) async fn plan(change: &ChangePlatform, cx: &PlanContext<'_>) -> Result<Draft> {
    let mut platform = find::platform(cx.inventory(), &change.platform).await?;
    let verb = match change.locked {
        Some(true) => "lock",
        Some(false) => "unlock",
        None => "change",
    };
    platform.locked = change.locked.unwrap_or(platform.locked);
    let owner = Owner::from(&platform);
    let record = RecordPlatform { platform: platform.clone() };
    Ok(Draft {
        kind: "platform.change",
        title: format!("{verb} platform {}", platform.name),
        plan: Plan::empty().then(&platform.server, &owner, &record)?,
        subject: owner.entity,
        reads: Vec::new(),
    })
}
