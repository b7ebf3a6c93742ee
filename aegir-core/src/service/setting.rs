//! Settings of a service type as people write them: text, made what the type's own schema says.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Registry;
use crate::entity::ServiceBinding;
use crate::name::shown;
use crate::{Error, Result};

/// How a service of a server changes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceChange {
    /// The server no longer offers it.
    Remove,
    /// It is filled by this type, with these settings on top of what is set.
    Fill {
        /// The type; the one that fills it now when unset.
        #[serde(default)]
        service_type: Option<String>,
        /// Name to value, as text.
        #[serde(default)]
        settings: BTreeMap<String, String>,
    },
}

impl Registry {
    /// Checks that a service type fills a service, and sets settings of it on top of `config`. Secrets are refused: a
    /// value that was written down somewhere is none. An empty text makes one what it is without being set.
    pub fn configure(
        &self,
        service: &str,
        service_type: &str,
        config: Value,
        settings: &BTreeMap<String, String>,
    ) -> Result<ServiceBinding> {
        let mut config = match config {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        if let Some(info) = self.types().into_iter().find(|t| t.name == service_type) {
            for (name, text) in settings {
                let property = &info.schema["properties"][name.as_str()];
                if text.is_empty() && !property.is_null() && !is_secret(property) {
                    config.remove(name);
                } else {
                    config.insert(name.clone(), value(property, service_type, name, text)?);
                }
            }
        }
        // Refuses types, names and values that do not fit.
        self.bind(service, service_type, Value::Object(config))
    }
}

fn is_secret(property: &Value) -> bool {
    property.to_string().contains("/Sealed\"")
}

/// The value as its schema wants it; what the schema does not know is text, and refused by the type itself.
fn value(property: &Value, service_type: &str, name: &str, text: &str) -> Result<Value> {
    if is_secret(property) {
        return Err(Error::refused(format!("the setting {name} of {service_type} is a secret, and is not taken on the command line")));
    }
    let is = |wanted: &str| match &property["type"] {
        Value::String(kind) => kind == wanted,
        Value::Array(kinds) => kinds.iter().any(|kind| kind == wanted),
        _ => false,
    };
    let parsed = if is("integer") {
        text.parse::<i64>().ok().map(Value::from)
    } else if is("boolean") {
        text.parse::<bool>().ok().map(Value::from)
    } else {
        Some(Value::from(text))
    };
    let kind = if is("boolean") { "true or false" } else { "a whole number" };
    parsed.ok_or_else(|| {
        Error::invalid(format!("the setting {name} of {service_type} takes {kind}, not {}", shown(text)))
            .hint(format!("`aegir service show {service_type}` prints what its settings may be"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_becomes_what_the_schema_says_and_secrets_are_refused() {
        let kind = |k: Value| json!({ "type": k });
        assert_eq!(value(&kind(json!("integer")), "apache", "port", "8080").unwrap(), json!(8080));
        assert_eq!(value(&kind(json!(["boolean", "null"])), "mysql", "network", "true").unwrap(), json!(true));
        assert_eq!(value(&kind(json!("string")), "mysql", "host", "8080").unwrap(), json!("8080"));
        assert!(value(&kind(json!("integer")), "apache", "port", "eighty").is_err());
        let sealed = json!({ "anyOf": [{ "$ref": "#/$defs/Sealed" }, { "type": "null" }] });
        let refused = value(&sealed, "mysql", "password", "canary").unwrap_err();
        assert!(!format!("{refused:?}").contains("canary"));
    }
}
