//! Changes a site's addresses or state: the changed site, verified.

use super::{ChangeSite, Draft, find, site_install, site_verify};
use crate::entity::{EntityRef, Site, SiteState};
use crate::name::SiteUri;
use crate::service::PlanContext;
use crate::{Error, Result};

pub(super) async fn plan(change: &ChangeSite, cx: &PlanContext<'_>) -> Result<Draft> {
    let mut site = find::site(cx.inventory(), &change.uri).await?;
    let verb = match change.state {
        Some(SiteState::Enabled) => "enable",
        Some(SiteState::Disabled) => "disable",
        None => "change",
    };
    site.state = change.state.unwrap_or(site.state);
    site.aliases = aliases(change, &site)?;
    site.redirect_to = change.redirect_to.clone().unwrap_or(site.redirect_to);
    if let Some(target) = site.redirect_to.as_ref().filter(|target| change.remove_aliases.contains(target)) {
        return Err(Error::conflict(format!("site {} redirects to its alias {target}", site.uri))
            .context("site", &site.uri)
            .hint("add `--no-redirect`, or name another address with `--redirect-to`"));
    }
    site_install::addresses(&site.uri, &site.aliases, site.redirect_to.as_ref(), Some(&site.uri), cx).await?;
    let site = find::site_context(cx.inventory(), site).await?;
    let plan = site_verify::draw(&site, cx).await?;
    Ok(Draft {
        kind: "site.change",
        title: format!("{verb} site {}", change.uri),
        subject: EntityRef::from(&site.site),
        plan,
        reads: site_verify::reads(&site),
    })
}

/// The further addresses as they will be, in the order they have.
fn aliases(change: &ChangeSite, site: &Site) -> Result<Vec<SiteUri>> {
    let mut aliases = change.aliases.clone().unwrap_or_else(|| site.aliases.clone());
    for new in &change.add_aliases {
        if *new == site.uri {
            return Err(Error::invalid(format!("{new} is the site's own URI, so it needs no alias")));
        }
        if change.remove_aliases.contains(new) {
            return Err(Error::invalid(format!("the alias {new} is both to be added and to be removed")));
        }
        if !aliases.contains(new) {
            aliases.push(new.clone());
        }
    }
    for old in &change.remove_aliases {
        if !aliases.contains(old) {
            let known = aliases.iter().map(SiteUri::as_str).collect::<Vec<_>>().join(", ");
            let has = if known.is_empty() { "it has none".to_owned() } else { format!("it has: {known}") };
            return Err(Error::not_found(format!("site {} has no alias {old}; {has}", site.uri)).context("site", &site.uri));
        }
    }
    aliases.retain(|alias| !change.remove_aliases.contains(alias));
    Ok(aliases)
}
