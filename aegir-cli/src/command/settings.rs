//! `aegir settings`

use aegir_core::Result;
use aegir_core::settings::{Provenance, SETTINGS, Settings};
use serde_json::json;

use crate::exit;
use crate::ui::{Table, Ui, to_json};

/// Prints every setting with where it comes from.
pub(crate) fn settings(settings: &Settings, ui: &Ui) -> Result<u8> {
    let about = |name: &str| SETTINGS.iter().find(|(n, _, _)| *n == name).map_or("", |(_, _, about)| about);
    ui.list(
        "SettingList",
        || {
            settings
                .all()
                .map(|(name, value, from)| json!({ "name": name, "value": value, "source": to_json(from), "about": about(name) }))
                .collect()
        },
        || {
            let mut table = Table::new(&["SETTING", "VALUE", "FROM", "WHAT"]);
            for (name, value, from) in settings.all() {
                let from = match from {
                    Provenance::Default => "default".to_owned(),
                    Provenance::File(path) => path.clone(),
                    Provenance::Environment(variable) => format!("${variable}"),
                    Provenance::Flag(flag) => flag.clone(),
                };
                table.row([name.to_owned(), value.to_owned(), from, about(name).to_owned()]);
            }
            table
        },
        "there are no settings",
    );
    Ok(exit::DONE)
}
