//! The helpers of templates: each quotes a value for the grammar of the file it enters.

use handlebars::{Handlebars, HelperResult, Output, RenderError, RenderErrorReason};

use super::content::{CLOSE, Grammar, OPEN};
use super::quote;
use crate::{Error, Result};

/// The variable that tells the `secret_*` helpers which secrets are at hand.
pub(super) const SECRETS: &str = "@secrets";
/// Wraps a value that must not stand bare; never part of a rendered file.
pub(super) const UNSAFE: char = '\u{E002}';

/// An engine in strict mode with every helper, without templates.
pub(super) fn engine() -> Handlebars<'static> {
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true);
    engine.register_escape_fn(|value| {
        let bare = value.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:@".contains(c));
        if bare { value.to_owned() } else { format!("{UNSAFE}{value}{UNSAFE}") }
    });
    quoting(&mut engine, "apache", |v| quote::apache(text(v)?));
    quoting(&mut engine, "nginx", |v| quote::nginx(text(v)?));
    quoting(&mut engine, "ini", |v| quote::ini(text(v)?));
    quoting(&mut engine, "sh", |v| quote::sh(text(v)?));
    quoting(&mut engine, "php", quote::php);
    // A host name inside a regular expression, for `RewriteCond` and trusted host patterns.
    quoting(&mut engine, "regex", |v| {
        let value = text(v)?;
        if value.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c)) {
            Ok(value.replace('.', "\\."))
        } else {
            Err(Error::invalid("only host names and paths can stand in a regular expression"))
        }
    });
    for grammar in Grammar::ALL {
        let helper = move |h: &handlebars::Helper<'_>,
                           _: &Handlebars<'_>,
                           context: &handlebars::Context,
                           _: &mut handlebars::RenderContext<'_, '_>,
                           out: &mut dyn Output|
              -> HelperResult {
            let name = h.param(0).and_then(|p| p.value().as_str()).unwrap_or_default();
            let names: Vec<&str> = context.data()[SECRETS].as_array().into_iter().flatten().filter_map(|n| n.as_str()).collect();
            if !names.contains(&name) {
                return Err(failed(format!("there is no secret “{name}” here; there are: {}", names.join(", "))));
            }
            out.write(&format!("{OPEN}{name}|{}{CLOSE}", grammar.name()))?;
            Ok(())
        };
        engine.register_helper(&format!("secret_{}", grammar.name()), Box::new(helper));
    }
    engine
}

fn text(value: &serde_json::Value) -> Result<&str> {
    value.as_str().ok_or_else(|| Error::invalid("only text can stand here"))
}

fn failed(message: String) -> RenderError {
    RenderErrorReason::Other(message).into()
}

fn quoting(engine: &mut Handlebars<'static>, name: &'static str, quote: fn(&serde_json::Value) -> Result<String>) {
    let helper = move |h: &handlebars::Helper<'_>,
                       _: &Handlebars<'_>,
                       _: &handlebars::Context,
                       _: &mut handlebars::RenderContext<'_, '_>,
                       out: &mut dyn Output|
          -> HelperResult {
        let param = h.param(0).ok_or_else(|| failed(format!("{{{{{name}}}}} needs a value")))?;
        if param.is_value_missing() {
            return Err(failed(format!("{{{{{name} {}}}}}: there is no such variable", param.relative_path().map_or("?", String::as_str))));
        }
        let value = match param.value() {
            serde_json::Value::Number(number) if name != "php" => serde_json::Value::String(number.to_string()),
            other => other.clone(),
        };
        out.write(&quote(&value).map_err(|e| failed(e.to_string()))?)?;
        Ok(())
    };
    engine.register_helper(name, Box::new(helper));
}
