//! What a server needs before Aegir can work there: Aegir's own part, and what its service types add. `init` makes steps of
//! it, `bootstrap` a script.

use camino::{Utf8Path, Utf8PathBuf};

use crate::action::{Feed, InstallPackages, IntoUse, MakeAccount, OwnDirectory, StartService, TurnOn, ValidatedFile, WriteFile};
use crate::entity::{Owner, Server};
use crate::plan::Plan;
use crate::server::{Observer, Permissions};
use crate::service::{PlanContext, Preparation, RootFile, SystemService, helper};
use crate::template::Content;
use crate::{Error, Result};

/// What Aegir itself runs on a server, besides what every Debian has.
const PACKAGES: &[&str] = &["sudo", "zstd", "tar"];

/// Everything that packages, files and services say, of all service types, in the order of the services.
pub(super) fn of(server: &Server, cx: &PlanContext<'_>) -> Result<Preparation> {
    let mut all = Preparation::default();
    all.packages.extend(PACKAGES.iter().map(|p| (*p).to_owned()));
    for service in cx.registry().service_order() {
        if !server.services.contains_key(service) {
            continue;
        }
        let one = cx.service_type(server, service)?.preparation(server, cx)?;
        for package in one.packages {
            if !all.packages.contains(&package) {
                all.packages.push(package);
            }
        }
        all.files.extend(one.files);
        all.switches.extend(one.switches);
        all.services.extend(one.services);
        all.fed.extend(one.fed);
        all.run_as.extend(one.run_as);
        all.helper.extend(one.helper);
    }
    if !all.helper.is_empty() {
        // First: services that do not start ask it who is in their way.
        all.files.insert(0, helper_file(&all.helper, server)?);
        all.files.push(sudo_file(&server.user)?);
    }
    if !all.run_as.is_empty() {
        all.files.push(accounts_file(&server.user, &all.run_as)?);
    }
    Ok(all)
}

/// The account that Aegir works as.
pub(super) fn account(server: &Server) -> MakeAccount {
    MakeAccount {
        name: server.user.clone(),
        home: server.root.clone(),
        shell: "/bin/bash".into(),
        groups: vec![server.web_account().to_owned()],
    }
}

/// Directories of that account's, with their modes. What is below them it makes itself.
pub(super) fn directories(server: &Server) -> Vec<(Utf8PathBuf, u32)> {
    vec![(server.root.clone(), 0o711)]
}

/// Directories of root's.
pub(super) fn roots_directories(wanted: &Preparation) -> &'static [&'static str] {
    if wanted.helper.is_empty() { &[] } else { &helper::DIRECTORIES }
}

/// With the paths that files have on this machine.
pub(super) async fn placed(mut wanted: Preparation, files: &Observer) -> Result<Preparation> {
    for file in &mut wanted.files {
        let Some(or) = file.or.take() else { continue };
        let parent = |path: &Utf8Path| path.parent().unwrap_or(path).to_owned();
        if files.stat(&parent(&file.path)).await?.is_none() && files.stat(&parent(&or)).await?.is_some() {
            file.path = or;
        }
    }
    Ok(wanted)
}

/// The steps, in the order of the fields.
pub(super) fn steps(wanted: &Preparation, server: &Server) -> Result<Plan> {
    let (name, owner) = (&server.name, Owner::from(server));
    let mut plan = Plan::empty();
    for path in roots_directories(wanted) {
        plan = plan.then(name, &owner, &OwnDirectory { path: (*path).into(), mode: 0o755, owner: "root".to_owned() })?;
    }
    for file in &wanted.files {
        let permissions = Permissions::mode(file.mode);
        let into_use = file.service.as_ref().map(|service| read_by(wanted, service)).transpose()?;
        let file = ValidatedFile {
            file: WriteFile { path: file.path.clone(), content: file.content.clone(), permissions },
            test: file.test.clone(),
            into_use: into_use.map(IntoUse::of),
        };
        plan = plan.then(name, &owner, &file)?;
    }
    for parts in &wanted.switches {
        plan = plan.then(name, &owner, &TurnOn { parts: parts.clone(), into_use: IntoUse::of(read_by(wanted, &parts.service)?) })?;
    }
    for service in &wanted.services {
        plan = plan.then(
            name,
            &owner,
            &StartService { service: service.name.clone(), answers: service.answers.clone(), ports: service.ports.clone() },
        )?;
    }
    for fed in &wanted.fed {
        plan = plan.then(name, &owner, &Feed { fed: fed.clone() })?;
    }
    Ok(plan)
}

/// The packages, and what only the master needs: it logs in to the others.
pub(super) fn packages(wanted: &Preparation) -> InstallPackages {
    let mut packages = wanted.packages.clone();
    packages.push("openssh-client".to_owned());
    InstallPackages { packages }
}

fn read_by<'a>(wanted: &'a Preparation, service: &str) -> Result<&'a SystemService> {
    wanted
        .services
        .iter()
        .find(|s| s.name == service)
        .ok_or_else(|| Error::internal(format!("a preparation changes what {service} reads, and does not name that service")))
}

/// The program that does for Aegir's account what only root can.
fn helper_file(verbs: &[String], server: &Server) -> Result<RootFile> {
    Ok(RootFile {
        path: helper::PATH.into(),
        or: None,
        content: helper::text(verbs, server)?,
        mode: 0o755,
        test: vec!["perl".to_owned(), "-Tc".to_owned()],
        service: None,
    })
}

/// The rule that lets Aegir's account run it, and nothing else.
fn sudo_file(user: &str) -> Result<RootFile> {
    Ok(RootFile {
        path: "/etc/sudoers.d/aegir".into(),
        or: None,
        content: Content::plain(sudo_rule(user)?),
        mode: 0o440,
        test: vec!["visudo".to_owned(), "-cf".to_owned()],
        service: None,
    })
}

/// Words that mean something to sudo are refused, not quoted.
fn sudo_rule(user: &str) -> Result<String> {
    let account = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if user.is_empty() || user.starts_with('-') || !user.chars().all(account) {
        return Err(Error::invalid(format!("a sudo rule cannot name the account {}", crate::name::shown(user)))
            .hint("choose letters, digits, _ and - for the setting `user`"));
    }
    let path = helper::PATH;
    Ok(format!(
        "# Written by Aegir: the one program that it has root run. It checks what it is told.\nDefaults:{user} !requiretty\nDefaults!{path} env_reset, !setenv\n{user} ALL=(root) NOPASSWD: {path}\n"
    ))
}

/// The rule that lets Aegir's account become others, never root, and never the other way round.
fn accounts_file(user: &str, accounts: &[String]) -> Result<RootFile> {
    let named =
        |name: &str| !name.is_empty() && !name.starts_with('-') && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if let Some(bad) =
        std::iter::once(user).chain(accounts.iter().map(String::as_str)).find(|name| !named(name) || matches!(*name, "root" | "ALL"))
    {
        return Err(Error::invalid(format!("a sudo rule cannot name the account {}", crate::name::shown(bad))));
    }
    let rule = format!(
        "# Written by Aegir: the accounts that it runs the code of sites as.\nDefaults:{user} !requiretty\n{user} ALL=({}) NOPASSWD: ALL\n",
        accounts.join(",")
    );
    Ok(RootFile {
        path: "/etc/sudoers.d/aegir-accounts".into(),
        or: None,
        content: Content::plain(rule),
        mode: 0o440,
        test: vec!["visudo".to_owned(), "-cf".to_owned()],
        service: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a3a_the_rule_for_other_accounts_never_names_root() {
        let rule = accounts_file("aegir", &["www-data".to_owned()]).unwrap().content.clear().unwrap().to_owned();
        assert!(rule.ends_with("\naegir ALL=(www-data) NOPASSWD: ALL\n"), "{rule}");
        for bad in ["", "root", "ALL", "a,b", "%wheel", "-a", "#0"].map(str::to_owned) {
            assert!(accounts_file("aegir", std::slice::from_ref(&bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_sudo_rule_names_one_program_and_one_account() {
        assert!(sudo_rule("aegir").unwrap().ends_with("\naegir ALL=(root) NOPASSWD: /usr/local/lib/aegir/helper\n"));
        for bad in ["", "ALL x", "a,b", "%wheel", "-a"] {
            assert!(sudo_rule(bad).is_err(), "{bad}");
        }
    }
}
