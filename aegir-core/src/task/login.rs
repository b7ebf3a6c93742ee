//! A link that logs its first visitor in, once.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::find;
use crate::entity::{Site, SiteState};
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
    let link = core.registry.application_named(&site.platform.codebase.application)?.login_link(&site, &*server, &core.keyring).await?;
    if leads_to(link.expose_secret(), &site.site) {
        return Ok(link);
    }
    // Not shown: whoever opens it may be told that it is the site.
    Err(Error::failed(format!("making a login link for {uri}: the one that its code made leads somewhere else"))
        .context("site", uri)
        .context("server", &site.web.name)
        .hint(format!("look for what in {} changes links: modules, plugins, must-use plugins", site.platform.docroot())))
}

/// Whether a link begins with an address of the site. Its code makes the link, and says what it likes.
fn leads_to(link: &str, site: &Site) -> bool {
    let Some(rest) = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://")) else { return false };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let place = &rest[..end];
    let port = |behind: &str| behind.strip_prefix(':').is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    let leads = |address: &SiteUri| place.strip_prefix(address.as_str()).is_some_and(|behind| behind.is_empty() || port(behind));
    site.addresses().any(leads) && link.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a13_a_login_link_begins_with_an_address_of_the_site() {
        let sealed = serde_json::json!({ "$sealed": "" });
        let site: Site = serde_json::from_value(serde_json::json!({
            "uri": "example.org", "platform": "p", "aliases": ["www.example.org:8080"], "profile": "standard", "language": "en",
            "title": "t", "email": "a@example.org", "state": "enabled", "hash_salt": sealed, "installed": "2026-11-25T00:00:00Z",
            "database": { "server": "server_master", "name": "d", "user": "u", "password": sealed, "host": "localhost", "port": 3306, "grants": [] },
        }))
        .unwrap();
        for good in ["http://example.org/user?x=1", "https://example.org", "https://example.org:8443/u", "http://www.example.org:8080/u"] {
            assert!(leads_to(good, &site), "{good}");
        }
        for bad in [
            "http://example.org.evil/",
            "http://example.org@evil/",
            "http://example.org:80@evil/",
            "//example.org/",
            "ftp://example.org/",
            "http://evil/?http://example.org/",
            "http://example.org/\u{1b}]52;c;eA==\u{7}",
            "http://example.org:/",
            "http://example.org\\@evil/",
        ] {
            assert!(!leads_to(bad, &site), "{bad}");
        }
    }
}
