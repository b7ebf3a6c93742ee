//! Between Rust values and columns: words, times, documents, entity references.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::OrmInventory;
use crate::entity::EntityRef;
use crate::{Error, Result};

/// The word an enum without fields serialises to.
pub(super) fn word(value: impl Serialize) -> Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => Ok(text),
        other => Err(Error::internal(format!("{other:?} is no word for a column"))),
    }
}

/// A time as text that sorts as the times do, and that a person can read.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// A whole value as JSON. What it holds of secrets is sealed.
pub(super) fn document(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::internal("a record does not serialise").because(e))
}

/// An entity reference as two columns.
pub(super) fn entity(reference: &EntityRef) -> (&'static str, &str) {
    match reference {
        EntityRef::Server(name) => ("server", name.as_str()),
        EntityRef::Platform(name) => ("platform", name.as_str()),
        EntityRef::Site(uri) => ("site", uri.as_str()),
    }
}

/// A revision as the signed number that databases have.
pub(super) fn number(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|e| Error::internal(format!("{value} is too large for a column")).because(e))
}

impl OrmInventory {
    pub(super) fn read_word<T: DeserializeOwned>(&self, text: &str) -> Result<T> {
        serde_json::from_value(text.into()).map_err(|e| self.unreadable(&format!("the word {text:?}"), e))
    }

    pub(super) fn read_time(&self, text: &str) -> Result<DateTime<Utc>> {
        text.parse().map_err(|e: chrono::ParseError| self.unreadable(&format!("the time {text:?}"), e))
    }

    pub(super) fn read_document<T: DeserializeOwned>(&self, what: &str, text: &str) -> Result<T> {
        serde_json::from_str(text).map_err(|e| self.unreadable(what, e))
    }

    pub(super) fn read_entity(&self, kind: &str, name: &str) -> Result<EntityRef> {
        serde_json::from_value(serde_json::json!({ "kind": kind, "name": name }))
            .map_err(|e| self.unreadable(&format!("the {kind} {name:?}"), e))
    }

    pub(super) fn read_number(&self, value: i64) -> Result<u64> {
        u64::try_from(value).map_err(|e| self.unreadable(&format!("the number {value}"), e))
    }
}
