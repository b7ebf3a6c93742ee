//! Whether all of a site's files are in its directory: what lies elsewhere is in no archive, and a mount goes no way.

use camino::Utf8Path;

use crate::entity::SiteContext;
use crate::server::Command;
use crate::service::PlanContext;
use crate::{Error, Result};

/// Constant; its argument is a name.
const LOOK: &str = include_str!("site_files.sh");
/// A few links say it all.
const SHOWN: usize = 3;

/// Refuses to archive and remove a directory with a file system in it, or one that should be there; warns of what the
/// archive will not hold. Whether there is a directory at all.
pub(super) async fn look(site: &SiteContext, directory: &Utf8Path, cx: &PlanContext<'_>) -> Result<bool> {
    let (uri, web) = (&site.site.uri, &site.web.name);
    let command = Command::new("sh").args(["-c", LOOK, "site_files", directory.as_str(), site.web.web_account()]).cut(1 << 16);
    let doing = format!("looking for the files of {uri} on {web}");
    let said = cx.observe(web).await?.ask(&command).await?.require_ok(&command, &doing)?.text();
    let of = |word: &str| -> Vec<&str> {
        said.lines().filter_map(|line| line.split_once('\t')).filter(|(w, _)| *w == word).map(|(_, path)| path).collect()
    };
    let (mounted, away, links, gone) = (of("mounted"), of("away"), of("link"), of("gone"));
    let refused = |message: String| Error::refused(message).context("site", uri).context("server", web);
    if let Some(place) = away.first() {
        return Err(refused(format!("{place} on {web} is not mounted, and files of {uri} may be on it"))
            .context("file", place)
            .hint(format!("as root on {web}: `mount {place}`; if it is a mount no more, take it out of /etc/fstab")));
    }
    if let Some(place) = mounted.first() {
        return Err(refused(format!("{place} on {web} is a file system of its own: it cannot be moved aside with the site"))
            .context("file", place)
            .hint(format!(
                "as root on {web}: `cp -a {place} {place}.copy && umount {place} && rmdir {place} && mv {place}.copy {place}`"
            )));
    }
    if !gone.is_empty() {
        cx.warn(format!("{directory} on {web} is not there: the archive will hold no file of {uri}"));
        return Ok(false);
    }
    if let Some(place) = of("foreign").first() {
        let (owner, group) = (&site.web.user, &site.web.web_group);
        return Err(refused(format!("{place} on {web} is neither {owner}'s nor the site's, and {owner} may not archive and remove it"))
            .context("file", place)
            .hint(format!("as root on {web}: `chgrp -R {group} {place} && chmod -R g+rwX {place}`")));
    }
    if !links.is_empty() {
        let more = if links.len() > SHOWN { " and others" } else { "" };
        let links = links.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
        cx.warn(format!("{links}{more} on {web} lead elsewhere: what is there stays there, and is not in the archive"));
    }
    Ok(true)
}
