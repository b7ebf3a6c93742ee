//! How a changed configuration is brought into use by a service that runs.

use super::service::each;
use super::{Answers, run_detaching};
use crate::Result;
use crate::action::Context;
use crate::service::SystemService;

/// Commands for a service that may run: one that does not reads its configuration when it starts.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IntoUse {
    /// How to tell that it runs.
    pub answers: Answers,
    /// Tests, then reloads, in order.
    pub reload: Vec<Vec<String>>,
    /// Tests, then restarts, in order.
    pub restart: Vec<Vec<String>>,
    /// The service that is restarted by its name behind these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_name: Option<String>,
}

impl IntoUse {
    /// What a service does.
    pub fn of(service: &SystemService) -> Self {
        let words = |last: &Vec<String>| [&service.test, last].into_iter().filter(|w| !w.is_empty()).cloned().collect();
        let reload = if service.reload.is_empty() { &service.restart } else { &service.reload };
        let by_name = reload.is_empty().then(|| service.name.clone());
        Self { answers: service.answers.clone(), reload: words(reload), restart: words(&service.restart), by_name }
    }

    pub(super) async fn bring(&self, cx: &Context, restart: bool, what: &str) -> Result<()> {
        if !self.answers.observe(cx).await? {
            return Ok(());
        }
        for command in if restart { &self.restart } else { &self.reload } {
            let argv: Vec<&str> = command.iter().map(String::as_str).collect();
            run_detaching(cx, &argv, &format!("reloading after changing {what}")).await?;
        }
        match &self.by_name {
            Some(service) => each(cx, service, "restart").await,
            None => Ok(()),
        }
    }
}
