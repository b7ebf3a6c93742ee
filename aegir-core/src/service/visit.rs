//! What a visitor of a site gets: asked while a plan is made, beside everything else.

use std::sync::{Mutex, PoisonError};

use tokio::task::JoinSet;

use super::Finding;
use crate::entity::Site;
use crate::name::SiteUri;

/// Where a site is visited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// The site.
    pub site: SiteUri,
    /// Where its visitors end up: its own address, or the alias that it redirects to.
    pub address: SiteUri,
}

impl From<&Site> for Door {
    fn from(site: &Site) -> Self {
        Self { site: site.uri.clone(), address: site.canonical().clone() }
    }
}

/// What one visit found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The site.
    pub site: SiteUri,
    /// [`Finding::Skipped`] when time was up before.
    pub finding: Finding,
    /// What came back: `http://example.org/: status 500, empty`.
    pub evidence: String,
}

/// Visits on their way. Whoever drops them ends them.
#[derive(Debug, Default)]
pub(crate) struct Visits(Mutex<JoinSet<Vec<Visit>>>);

impl Visits {
    /// Sets out.
    pub(crate) fn begin(&self, visits: impl Future<Output = Vec<Visit>> + Send + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).spawn(visits);
    }

    /// What was found, when all are back.
    pub(crate) async fn end(&self) -> Vec<Visit> {
        let begun = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        begun.join_all().await.into_iter().flatten().collect()
    }
}
