//! A link that logs its first visitor in, once.

use std::sync::Arc;

use secrecy::SecretString;

use super::find;
use crate::entity::SiteState;
use crate::name::SiteUri;
use crate::shared::Core;
use crate::{Error, Result};

pub(crate) async fn login_link(core: &Arc<Core>, uri: &SiteUri) -> Result<SecretString> {
    let inventory = &*core.inventory;
    let site = find::site_context(inventory, find::site(inventory, uri).await?).await?;
    if site.site.state == SiteState::Disabled {
        return Err(Error::refused(format!("site {uri} is disabled, so nobody can log in"))
            .context("site", uri)
            .hint(format!("enable it with `aegir site enable {uri}`")));
    }
    let server = core.connect_to(&site.web);
    core.registry.application_named(&site.platform.codebase.application)?.login_link(&site, &*server).await
}
