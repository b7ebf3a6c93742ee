//! Changes to the inventory, as steps like any other: they are journalled and taken back.

use super::{Action, Context};
use crate::entity::{Platform, Server, Site};
use crate::name::{PlatformName, SiteUri};
use crate::plan::{Change, Diff};
use crate::secret::{Keyring, hide};
use crate::{Error, Result};

/// What changes in the inventory. Whether anything does is decided on the values; what is shown of them hides secrets.
fn diff<T: serde::Serialize>(what: &str, before: Option<&T>, after: Option<&T>, keyring: &Keyring) -> Result<Diff> {
    let (old, new) = match (before, after) {
        (None, None) => return Ok(Diff::same()),
        (None, Some(_)) => return Ok(Diff::new(Change::Create, format!("+ inventory: {what}\n"))),
        (Some(_), None) => return Ok(Diff::new(Change::Remove, format!("- inventory: {what}\n"))),
        (Some(old), Some(new)) => (value(old)?, value(new)?),
    };
    if keyring.comparable(old.clone())? == keyring.comparable(new.clone())? {
        return Ok(Diff::same());
    }
    let text = Diff::text(&format!("inventory: {what}"), Some(&shown(old)), Some(&shown(new)));
    // Equal once hidden: only a secret differs.
    Ok(if text.change == Change::Same { Diff::new(Change::Change, format!("~ inventory: {what}: a secret changes\n")) } else { text })
}

/// An entity without its revision: that it was saved once more is no news.
fn value(entity: &impl serde::Serialize) -> Result<serde_json::Value> {
    let mut value = serde_json::to_value(entity).map_err(|e| Error::internal("a record does not serialise").because(e))?;
    if let serde_json::Value::Object(map) = &mut value {
        map.remove("revision");
    }
    Ok(value)
}

fn shown(mut value: serde_json::Value) -> String {
    hide(&mut value);
    format!("{value:#}\n")
}

/// Each entity is recorded the same way; only its table and its key differ.
macro_rules! record {
    ($record:ident, $entity:ident, $field:ident, $key:ident, $word:literal, $name:literal, $get:ident, $save:ident, $delete:ident) => {
        #[doc = concat!("Stores a ", $word, " in the inventory; undo stores the one before, or removes it.")]
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        pub struct $record {
            #[doc = concat!("The ", $word, " as it will be; its revision is the one it was planned from.")]
            pub $field: $entity,
        }

        impl Action for $record {
            const NAME: &'static str = $name;
            type Before = Option<$entity>;
            type Output = ();

            fn summary(&self) -> String {
                format!(concat!("record ", $word, " {}"), self.$field.$key)
            }

            async fn observe(&self, cx: &Context) -> Result<Self::Before> {
                cx.inventory().$get(&self.$field.$key).await
            }

            fn diff(&self, cx: &Context, before: &Self::Before) -> Result<Diff> {
                diff(&format!(concat!($word, " {}"), self.$field.$key), before.as_ref(), Some(&self.$field), cx.keyring())
            }

            async fn apply(&self, cx: &Context, _before: &Self::Before) -> Result<()> {
                let mut wanted = self.$field.clone();
                if let Some(now) = cx.inventory().$get(&wanted.$key).await? {
                    let mut same = now.clone();
                    same.revision = wanted.revision;
                    // Stored already, by the run that was cut short.
                    if same == wanted && now.revision == wanted.revision + 1 {
                        return Ok(());
                    }
                }
                wanted.revision = self.$field.revision;
                cx.inventory().$save(&wanted).await.map(drop)
            }

            async fn undo(&self, cx: &Context, before: &Self::Before) -> Result<()> {
                put_back!(cx, before, self.$field.$key, $get, $save, $delete)
            }
        }
    };
}

macro_rules! put_back {
    ($cx:ident, $before:ident, $key:expr, $get:ident, $save:ident, $delete:ident) => {{
        let now = $cx.inventory().$get(&$key).await?;
        match ($before, now) {
            (None, _) => $cx.inventory().$delete(&$key).await,
            (Some(old), Some(now)) if *old == now => Ok(()),
            (Some(old), now) => {
                let mut old = old.clone();
                // Its revision goes on counting: a plan made from the one that is taken back must be stale.
                old.revision = now.map_or(0, |n| n.revision);
                $cx.inventory().$save(&old).await.map(drop)
            }
        }
    }};
}

record!(RecordServer, Server, server, name, "server", "record.server", server, save_server, delete_server);
record!(RecordPlatform, Platform, platform, name, "platform", "record.platform", platform, save_platform, delete_platform);
record!(RecordSite, Site, site, uri, "site", "record.site", site, save_site, delete_site);

macro_rules! forget {
    ($forget:ident, $entity:ident, $key_type:ident, $key:ident, $word:literal, $name:literal, $get:ident, $save:ident, $delete:ident) => {
        #[doc = concat!("Removes a ", $word, " from the inventory; undo stores it again.")]
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        pub struct $forget {
            #[doc = concat!("Which ", $word, ".")]
            pub $key: $key_type,
        }

        impl Action for $forget {
            const NAME: &'static str = $name;
            type Before = Option<$entity>;
            type Output = ();

            fn summary(&self) -> String {
                format!(concat!("forget ", $word, " {}"), self.$key)
            }

            async fn observe(&self, cx: &Context) -> Result<Self::Before> {
                cx.inventory().$get(&self.$key).await
            }

            fn diff(&self, cx: &Context, before: &Self::Before) -> Result<Diff> {
                diff(&format!(concat!($word, " {}"), self.$key), before.as_ref(), None, cx.keyring())
            }

            async fn apply(&self, cx: &Context, _before: &Self::Before) -> Result<()> {
                cx.inventory().$delete(&self.$key).await
            }

            async fn undo(&self, cx: &Context, before: &Self::Before) -> Result<()> {
                put_back!(cx, before, self.$key, $get, $save, $delete)
            }
        }
    };
}

forget!(ForgetPlatform, Platform, PlatformName, name, "platform", "forget.platform", platform, save_platform, delete_platform);
forget!(ForgetSite, Site, SiteUri, uri, "site", "forget.site", site, save_site, delete_site);

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;

    #[test]
    fn a11_a_text_that_begins_like_a_secret_and_a_secret_alone_are_changes() {
        let keyring = Keyring::generate().unwrap();
        let entity = |version: &str, password: &str, revision: u64| {
            let password = keyring.seal(&SecretString::from(password)).unwrap();
            json!({ "version": version, "password": password, "revision": revision, "deep": { "revision": version } })
        };
        let change = |old, new| diff("site x", Some(&old), Some(&new), &keyring).unwrap();
        let plugin = change(entity("v1.0.0", "canary", 1), entity("v1.9.9", "canary", 1));
        assert_eq!(plugin.change, Change::Change);
        assert!(plugin.detail.contains("-  \"version\": \"v1.0.0\"") && !plugin.detail.contains("canary"), "{}", plugin.detail);
        let secret = change(entity("1", "canary", 1), entity("1", "canary2", 1));
        assert_eq!((secret.change, secret.detail.as_str()), (Change::Change, "~ inventory: site x: a secret changes\n"));
        assert_eq!(change(entity("1", "canary", 1), entity("1", "canary", 2)).change, Change::Same);
    }
}
