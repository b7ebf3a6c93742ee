//! Installation profiles, the one to choose by default first.

use aegir_core::entity::Profile;
use aegir_core::name::MachineName;

use super::info::Info;

/// As profiles: the distribution's before `standard`, that before the others; those that are not offered to people last.
pub(super) fn sorted(mut found: Vec<Info>) -> Vec<Profile> {
    found.sort_by_key(|info| (info.hidden, !info.distribution, info.name != "standard", info.name.clone()));
    let mut profiles: Vec<Profile> = Vec::new();
    for info in found {
        // A directory whose name is no machine name cannot be a profile of Drupal's either.
        let Ok(name) = MachineName::parse(&info.name) else { continue };
        if !profiles.iter().any(|p| p.name == name) {
            profiles.push(Profile { title: info.title.unwrap_or(info.name), name, hidden: info.hidden });
        }
    }
    profiles
}
