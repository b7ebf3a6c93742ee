//! Changes to the inventory, as steps like any other: they are journalled and taken back.

use super::{Action, Context};
use crate::Result;
use crate::entity::{Platform, Server, Site};
use crate::name::{PlatformName, SiteUri};
use crate::plan::{Change, Diff};

fn diff<T: serde::Serialize + PartialEq>(what: &str, before: Option<&T>, after: Option<&T>) -> Result<Diff> {
    let text = |entity: &T| {
        let mut value = serde_json::to_value(entity).unwrap_or_default();
        hide(&mut value);
        serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
    };
    Ok(match (before, after) {
        (Some(old), Some(new)) if old == new => Diff::same(),
        (None, None) => Diff::same(),
        (None, Some(_)) => Diff::new(Change::Create, format!("+ inventory: {what}\n")),
        (Some(_), None) => Diff::new(Change::Remove, format!("- inventory: {what}\n")),
        (Some(old), Some(new)) => Diff::text(&format!("inventory: {what}"), Some(&text(old)), Some(&text(new))),
    })
}

/// Ciphertext says nothing to people; and what changes at every look is no news.
fn hide(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) if text.starts_with("v1.") => *value = "(secret)".into(),
        serde_json::Value::Array(items) => items.iter_mut().for_each(hide),
        serde_json::Value::Object(map) => {
            map.remove("revision");
            map.values_mut().for_each(hide);
        }
        _ => {}
    }
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

            fn summary(&self) -> String {
                format!(concat!("record ", $word, " {}"), self.$field.$key)
            }

            async fn observe(&self, cx: &Context) -> Result<Self::Before> {
                cx.inventory().$get(&self.$field.$key).await
            }

            fn diff(&self, _cx: &Context, before: &Self::Before) -> Result<Diff> {
                diff(&format!(concat!($word, " {}"), self.$field.$key), before.as_ref(), Some(&self.$field))
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

            fn summary(&self) -> String {
                format!(concat!("forget ", $word, " {}"), self.$key)
            }

            async fn observe(&self, cx: &Context) -> Result<Self::Before> {
                cx.inventory().$get(&self.$key).await
            }

            fn diff(&self, _cx: &Context, before: &Self::Before) -> Result<Diff> {
                diff(&format!(concat!($word, " {}"), self.$key), before.as_ref(), None)
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
