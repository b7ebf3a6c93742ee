//! `aegir service …`

use aegir_core::service::Registry;
use aegir_core::{Error, Result};
use serde_json::{Value, json};

use crate::args::ServiceVerb;
use crate::exit;
use crate::ui::{Table, Text, Ui, facts, to_json};

/// Lists and shows what this build can provision; needs no inventory.
pub(crate) fn service(verb: ServiceVerb, registry: &Registry, ui: &Ui) -> Result<u8> {
    match verb {
        ServiceVerb::List => list(registry, ui),
        ServiceVerb::Show { name } => return show(&name, registry, ui),
    }
    Ok(exit::DONE)
}

fn list(registry: &Registry, ui: &Ui) {
    let types = registry.types();
    let of = |service: &str| -> Vec<&str> { types.iter().filter(|t| t.service == service).map(|t| t.name).collect() };
    ui.list(
        "ServiceList",
        || {
            let one = |t: &aegir_core::service::TypeInfo| json!({ "name": t.name, "title": t.title });
            registry.services().map(|s| json!({ "name": s.name(), "title": s.title(), "after": s.after(), "types": types.iter().filter(|t| t.service == s.name()).map(one).collect::<Vec<_>>() })).collect()
        },
        || {
            let mut table = Table::new(&["SERVICE", "WHAT", "TYPES"]);
            registry.services().for_each(|s| table.row([s.name().to_owned(), s.title().to_owned(), of(s.name()).join(", ")]));
            table
        },
        "this build has no services",
    );
}

fn show(name: &str, registry: &Registry, ui: &Ui) -> Result<u8> {
    let types = registry.types();
    let Some(found) = types.iter().find(|t| t.name == name) else {
        let known: Vec<&str> = types.iter().map(|t| t.name).collect();
        return Err(Error::not_found(format!("there is no service type {}; this build has: {}", name.escape_debug(), known.join(", ")))
            .hint("`aegir service list` shows what each is for"));
    };
    ui.item(
        "ServiceType",
        || to_json(found),
        || {
            let mut text =
                facts(&[("Type", found.name.to_owned()), ("Fills", found.service.to_owned()), ("Is", found.title.to_owned())], &ui.out);
            text += fields(&found.schema, ui);
            text
        },
    );
    Ok(exit::DONE)
}

/// The settings in a JSON Schema, one a row.
fn fields(schema: &Value, ui: &Ui) -> Text {
    let Some(properties) = schema["properties"].as_object() else { return Text::new() };
    let required: Vec<&str> = schema["required"].as_array().map(|r| r.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    let mut table = Table::new(&["SETTING", "TYPE", "DEFAULT", "WHAT"]);
    for (name, property) in properties {
        let kind = match &property["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).filter(|k| *k != "null").collect::<Vec<_>>().join(" or "),
            Value::String(kind) => kind.clone(),
            // Whether it may be left out or not, its type is elsewhere in the schema; the only such one is a secret.
            _ if property.to_string().contains("/Sealed\"") => "secret".to_owned(),
            _ => property["$ref"].as_str().and_then(|r| r.rsplit('/').next()).unwrap_or_default().to_owned(),
        };
        let default = match &property["default"] {
            Value::Null if required.contains(&name.as_str()) => "(required)".to_owned(),
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        table.row([name.clone(), kind, default, property["description"].as_str().unwrap_or_default().replace('\n', " ")]);
    }
    if table.is_empty() { Text::new() } else { Text::from("\n") + table.render(&ui.out) }
}
