//! Makes a site: a database, the application's installation in it, a virtual host that answers.

use chrono::Utc;

use super::{Draft, InstallSite, find};
use crate::action::RecordSite;
use crate::entity::{Database, EntityId, EntityRef, Owner, Platform, Server, Site, SiteContext, SiteState};
use crate::name::{MachineName, ServerName, SiteUri};
use crate::secret::{random_password, random_salt};
use crate::service::{Account, Operation, PlanContext};
use crate::{Error, ErrorKind, Result};

pub(super) async fn plan(new: &InstallSite, cx: &PlanContext<'_>) -> Result<Draft> {
    let platform = find::platform(cx.inventory(), &new.platform).await?;
    if platform.locked {
        return Err(Error::refused(format!("platform {} is locked: it takes no new sites", platform.name))
            .context("platform", &platform.name)
            .hint(format!("unlock it with `aegir platform unlock {}`", platform.name)));
    }
    addresses(&new.uri, &new.aliases, new.redirect_to.as_ref(), None, cx).await?;
    let profile = profile(new, &platform)?;
    let web = find::server(cx.inventory(), &platform.server).await?;
    let db = database_server(new.db_server.as_ref(), &web, cx).await?;
    web.facts()?
        .php_for(&platform.codebase, platform.php.as_deref())
        .map_err(|e| e.context("server", &web.name).context("platform", &platform.name))?;
    let (title, email) = (title(new)?, email(new)?);

    let owner = Owner::new(EntityRef::Site(new.uri.clone()), EntityId::generate());
    let provide = Operation::ProvideDatabase { owner: &owner, uri: &new.uri, web: &web, db: &db };
    let plan = cx.service_type(&db, "db")?.plan(&provide, cx).await?;
    let database =
        cx.bindings().take::<Database>().ok_or_else(|| Error::internal(format!("the db service of {} provided no database", db.name)))?;
    let site = Site {
        id: owner.id,
        uri: new.uri.clone(),
        platform: platform.name.clone(),
        aliases: new.aliases.clone(),
        redirect_to: new.redirect_to.clone(),
        profile,
        language: new.language.clone().map_or_else(|| MachineName::parse("en"), Ok)?,
        title,
        email: email.clone(),
        client: new.client.clone(),
        state: SiteState::Enabled,
        database,
        hash_salt: cx.keyring().seal(&random_salt()?)?,
        installed: Utc::now(),
        revision: 0,
    };
    let account = Account { name: "admin".to_owned(), email, password: cx.keyring().seal(&random_password()?)? };
    let site = SiteContext { site, platform, web, db };
    let install = Operation::InstallSite { site: &site, account: &account };
    let plan = plan
        .and_then(cx.registry().application_named(&site.platform.codebase.application)?.plan(&install, cx).await?)
        .and_then(cx.service_type(&site.web, "web")?.plan(&install, cx).await?)
        .then(&site.web.name, &owner, &RecordSite { site: site.site.clone() })?;
    let reads = vec![EntityRef::from(&site.platform), EntityRef::from(&site.web), EntityRef::from(&site.db)];
    Ok(Draft { kind: "site.install", title: format!("install site {} on {}", new.uri, new.platform), subject: owner.entity, plan, reads })
}

/// Refuses addresses that a site has (other than `known`, the one that is being changed), that repeat, or a
/// redirection to none of them.
pub(super) async fn addresses(
    uri: &SiteUri,
    aliases: &[SiteUri],
    redirect_to: Option<&SiteUri>,
    known: Option<&SiteUri>,
    cx: &PlanContext<'_>,
) -> Result<()> {
    let all: Vec<&SiteUri> = std::iter::once(uri).chain(aliases).collect();
    for (index, address) in all.iter().enumerate() {
        if all[..index].contains(address) {
            return Err(Error::invalid(format!("the address {address} is given twice")));
        }
        not_reserved(address, cx)?;
        if let Some(holder) = cx.inventory().site_at(address).await?.filter(|holder| Some(holder) != known) {
            let message = if holder == **address {
                format!("there is a site {address} already")
            } else {
                format!("{address} is taken: it is an alias of the site {holder}")
            };
            return Err(Error::conflict(message).context("site", &holder).hint(format!("look at it with `aegir site show {holder}`")));
        }
    }
    match redirect_to {
        Some(target) if !all.contains(&target) => {
            Err(Error::invalid(format!("the site cannot redirect to {target}, which is neither its URI nor an alias"))
                .hint(format!("add it with `--alias {target}`")))
        }
        _ => Ok(()),
    }
}

/// Refuses names that lead to no site: those that no name server answers for, and what codebases use themselves.
fn not_reserved(address: &SiteUri, cx: &PlanContext<'_>) -> Result<()> {
    let host = address.host();
    if ["localhost", "invalid"].iter().any(|last| host.rsplit('.').next() == Some(last)) {
        return Err(Error::refused(format!("{address} can be no site: by its last part it is never an address of others"))
            .hint("choose a name that visitors can resolve"));
    }
    // 80 and 443 are what an address without a port means: no browser says them, so nobody would ever ask for this name.
    if let Some(port) = address.port().filter(|port| [80, 443].contains(port)) {
        return Err(Error::refused(format!("{address} can be no site: visitors leave the port {port} away")).hint(format!("write {host}")));
    }
    match cx.registry().applications().iter().find(|a| a.reserved().contains(&host)) {
        Some(application) => {
            Err(Error::refused(format!("{address} can be no site: {} uses that name itself", application.title()))
                .hint("choose another name"))
        }
        None => Ok(()),
    }
}

fn profile(new: &InstallSite, platform: &Platform) -> Result<MachineName> {
    match &new.profile {
        Some(name) => platform.profile(name).map(|p| p.name.clone()),
        None => {
            // Applications list the one to offer first: a distribution's own, else their standard one.
            let profiles = &platform.codebase.profiles;
            let chosen = profiles.iter().find(|p| !p.hidden).or_else(|| profiles.first());
            chosen.map(|p| p.name.clone()).ok_or_else(|| {
                Error::refused(format!("platform {} has no installation profile", platform.name)).context("platform", &platform.name)
            })
        }
    }
}

/// The server asked for; else the web server if it has a database; else the master; else the only one that has.
async fn database_server(wanted: Option<&ServerName>, web: &Server, cx: &PlanContext<'_>) -> Result<Server> {
    if let Some(name) = wanted {
        let server = find::server(cx.inventory(), name).await?;
        server.service("db")?;
        return Ok(server);
    }
    if web.services.contains_key("db") {
        return Ok(web.clone());
    }
    let with_db: Vec<Server> = cx.inventory().servers().await?.into_iter().filter(|s| s.services.contains_key("db")).collect();
    if let Some(server) = find::default_database(&with_db) {
        return Ok(server.clone());
    }
    match with_db.len() {
        0 => Err(Error::refused("no server offers a database").hint("add one: `aegir server edit server_master --db mysql`")),
        _ => {
            let names: Vec<&str> = with_db.iter().map(|s| s.name.as_str()).collect();
            Err(Error::new(ErrorKind::Invalid, format!("several servers offer a database: {}", names.join(", ")))
                .hint("choose one with `--db-server`"))
        }
    }
}

/// Characters of a title.
const LONGEST_TITLE: usize = 120;

fn title(new: &InstallSite) -> Result<String> {
    // A host may be longer than a title.
    let title = new.title.clone().unwrap_or_else(|| new.uri.unicode().chars().take(LONGEST_TITLE).collect());
    if title.trim().is_empty() || title.chars().count() > LONGEST_TITLE || title.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "the title {} must be 1 to 120 characters without control characters",
            crate::name::shown(&title)
        ))
        .hint("give another with `--title`"));
    }
    Ok(title)
}

/// As RFC 5321 has it, without quotes and comments: what applications accept, too.
fn is_email(text: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let parts = |text: &str, good: &dyn Fn(char) -> bool| text.split('.').all(|part| !part.is_empty() && part.chars().all(good));
    text.len() <= 254
        && text.split_once('@').is_some_and(|(user, host)| {
            user.len() <= 64
                && parts(user, &part)
                && host.contains('.')
                && parts(host, &label)
                && !host.split('.').any(|l| l.starts_with('-'))
        })
}

fn email(new: &InstallSite) -> Result<String> {
    let host = new.uri.host();
    // Applications refuse addresses at names without a dot.
    let email =
        new.email.clone().unwrap_or_else(|| if host.contains('.') { format!("admin@{host}") } else { "admin@example.com".to_owned() });
    if is_email(&email) {
        return Ok(email);
    }
    Err(Error::invalid(match new.email {
        Some(_) => format!("{} is no e-mail address", crate::name::shown(&email)),
        None => format!("{}, the address of the first account where none is given, is no e-mail address", crate::name::shown(&email)),
    })
    .hint("give one with `--email`"))
}

#[cfg(test)]
mod tests {
    use super::is_email;

    #[test]
    fn an_address_is_what_mail_servers_take() {
        for good in ["o'brien+x@example.com", "a@b.c", "!#$%&*/=?^_`{|}~-@x-y.example.org"] {
            assert!(is_email(good), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        for bad in [
            "",
            "a",
            "@b.c",
            "a@b",
            "a@.b.c",
            "a@b..c",
            "a@b.c.",
            ".a@b.c",
            "a..b@c.d",
            "a@b@c.d",
            "a b@c.d",
            "a@b_c.d",
            "a@-b.c",
            "\"a\"@b.c",
            &long,
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
