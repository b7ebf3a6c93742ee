//! `aegir site …`

use aegir_core::entity::{Site, SiteState, SiteSummary};
use aegir_core::inventory::SiteFilter;
use aegir_core::name::{MachineName, PlatformName, SiteUri};
use aegir_core::task::{ChangeSite, InstallSite, Request};
use aegir_core::{Error, Result};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::warn_of_stuck;
use crate::args::{EditArgs, InstallArgs, SiteVerb};
use crate::change::{self, Wanted};
use crate::exit;
use crate::session::Session;
use crate::ui::{Table, facts, to_json};

/// What the noun `site` does.
pub(crate) async fn site(verb: SiteVerb, session: &Session) -> Result<u8> {
    match verb {
        SiteVerb::Install(args) => install(*args, session).await,
        SiteVerb::List { platform, server } => list(platform, server, session).await,
        SiteVerb::Show { site } => show(&SiteUri::parse(&site)?, session).await,
        SiteVerb::Edit(args) => edit(args, session).await,
        SiteVerb::Verify(one) => {
            let site = SiteUri::parse(&one.site)?;
            let next = format!("aegir site show {site}");
            change::run(&Wanted::new(Request::VerifySite { site }).next(next), &one.change, session).await
        }
        SiteVerb::Enable(one) => {
            let uri = SiteUri::parse(&one.site)?;
            let next = format!("aegir site login {uri}");
            change::run(&Wanted::new(state(uri, SiteState::Enabled)).next(next), &one.change, session).await
        }
        SiteVerb::Disable(one) => {
            let uri = SiteUri::parse(&one.site)?;
            let next = format!("aegir site enable {uri}");
            change::run(&Wanted::new(state(uri, SiteState::Disabled)).next(next), &one.change, session).await
        }
        SiteVerb::Delete { one, offline, incomplete } => {
            let request = Request::DeleteSite { site: SiteUri::parse(&one.site)?, offline, incomplete };
            change::run(&Wanted::new(request).asking().next("aegir site list"), &one.change, session).await
        }
        SiteVerb::Login { site } => login(&SiteUri::parse(&site)?, session).await,
    }
}

fn state(uri: SiteUri, state: SiteState) -> Request {
    Request::ChangeSite(ChangeSite { state: Some(state), ..ChangeSite::nothing(uri) })
}

fn uris(texts: &[String]) -> Result<Vec<SiteUri>> {
    texts.iter().map(|t| SiteUri::parse(t)).collect()
}

async fn install(args: InstallArgs, session: &Session) -> Result<u8> {
    let uri = SiteUri::parse(&args.uri)?;
    let machine = |text: Option<String>| text.map(|t| MachineName::parse(&t)).transpose();
    let next = format!("aegir site login {uri}");
    let db_server = match &args.db_server {
        Some(text) => Some(session.aegir.server_named(text).await?),
        None => None,
    };
    let request = Request::InstallSite(InstallSite {
        uri,
        platform: PlatformName::parse(&args.platform)?,
        profile: machine(args.profile)?,
        db_server,
        client: machine(args.client)?,
        email: args.email,
        language: machine(args.language)?,
        title: args.title,
        aliases: uris(&args.alias)?,
        redirect_to: args.redirect_to.as_deref().map(SiteUri::parse).transpose()?,
    });
    change::run(&Wanted::new(request).next(next), &args.change, session).await
}

async fn edit(args: EditArgs, session: &Session) -> Result<u8> {
    let uri = SiteUri::parse(&args.site)?;
    let redirect_to = match &args.redirect_to {
        Some(text) => Some(Some(SiteUri::parse(text)?)),
        None => args.no_redirect.then_some(None),
    };
    let next = format!("aegir site show {uri}");
    let request = Request::ChangeSite(ChangeSite {
        aliases: args.no_alias.then(Vec::new),
        add_aliases: uris(&args.add_alias)?,
        remove_aliases: uris(&args.remove_alias)?,
        redirect_to,
        ..ChangeSite::nothing(uri)
    });
    change::run(&Wanted::new(request).next(next), &args.change, session).await
}

async fn list(platform: Option<String>, server: Option<String>, session: &Session) -> Result<u8> {
    let server = match server {
        Some(text) => Some(session.aegir.server_named(&text).await?),
        None => None,
    };
    let platform = platform.map(|p| PlatformName::parse(&p)).transpose()?;
    if let Some(name) = &platform
        && session.aegir.inventory().platform(name).await?.is_none()
    {
        return Err(Error::not_found(format!("there is no platform {name}")).hint("`aegir platform list` shows what there is"));
    }
    let empty = match (&platform, &server) {
        (None, None) => "there are no sites; `aegir site install URI --platform P` makes one",
        _ => "there are no sites there; `aegir site list` shows all",
    };
    let filter = SiteFilter { platform, server };
    let sites = session.aegir.inventory().sites(&filter).await?;
    session.ui.list("SiteList", || to_json(&sites), || table(&sites), empty);
    warn_of_stuck(session).await;
    Ok(exit::DONE)
}

fn table(sites: &[SiteSummary]) -> Table<'_> {
    let mut table = Table::new(&["URI", "PLATFORM", "SERVER", "PROFILE", "STATE", "CLIENT"]);
    for s in sites {
        table.row([
            s.uri.as_str(),
            s.platform.as_str(),
            s.server.as_str(),
            &s.profile,
            s.state.as_str(),
            s.client.as_deref().unwrap_or_default(),
        ]);
    }
    table
}

async fn show(uri: &SiteUri, session: &Session) -> Result<u8> {
    let inventory = session.aegir.inventory();
    let Some(site) = inventory.site(uri).await? else {
        let missing = Error::not_found(format!("there is no site {uri}")).hint("`aegir site list` shows what there is");
        return Err(match inventory.site_at(uri).await? {
            Some(owner) => missing.hint(format!("{uri} is an alias of {owner}: `aegir site show {owner}`")),
            None => missing,
        });
    };
    session.ui.item("Site", || to_json(&site), || facts(&about(&site), &session.ui.out));
    Ok(exit::DONE)
}

fn about(site: &Site) -> Vec<(&'static str, String)> {
    let unicode = site.uri.unicode();
    vec![
        ("URI", if unicode == site.uri.as_str() { unicode } else { format!("{} ({unicode})", site.uri) }),
        ("Title", site.title.clone()),
        ("State", site.state.as_str().to_owned()),
        ("Platform", site.platform.to_string()),
        ("Profile", site.profile.to_string()),
        ("Language", site.language.to_string()),
        ("Aliases", site.aliases.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        ("Redirects to", site.redirect_to.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("Client", site.client.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("E-mail", site.email.clone()),
        ("Database", format!("{} on {}, user {}", site.database.name, site.database.server, site.database.user)),
        ("Installed", site.installed.format("%Y-%m-%d %H:%M UTC").to_string()),
    ]
}

async fn login(uri: &SiteUri, session: &Session) -> Result<u8> {
    let link = session.aegir.login_link(uri).await?;
    // The one place where a secret is shown: to the person who asked, on standard output only.
    session.ui.item("LoginLink", || json!({ "site": uri, "url": link.expose_secret() }), || link.expose_secret().to_owned());
    Ok(exit::DONE)
}
