//! Quoting for each grammar we write. Every function either returns a safe token or says why it cannot.

use crate::{Error, Result};

fn no_control(grammar: &str, value: &str) -> Result<()> {
    match value.chars().find(|c| c.is_control() || matches!(c, '\u{E000}' | '\u{E001}')) {
        Some(bad) => Err(Error::invalid(format!(
            "the value {} holds the control character {}, which a {grammar} file cannot carry",
            crate::name::shown(value),
            crate::name::shown(&bad.to_string())
        ))),
        None => Ok(()),
    }
}

/// An Apache argument in double quotes. `${` would be interpolated and `%{` expanded in some directives.
pub(crate) fn apache(value: &str) -> Result<String> {
    no_control("Apache", value)?;
    if value.contains("${") {
        return Err(Error::invalid(format!("the value {} holds ‘${{’, which Apache would replace", crate::name::shown(value))));
    }
    Ok(format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// An Nginx argument in double quotes. `$` would be a variable, and Nginx has no way to write it.
pub(crate) fn nginx(value: &str) -> Result<String> {
    no_control("Nginx", value)?;
    if value.contains('$') {
        return Err(Error::invalid(format!("the value {} holds ‘$’, which Nginx would replace", crate::name::shown(value))));
    }
    Ok(format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// A PHP literal: single-quoted strings, numbers, booleans, null, arrays.
pub(crate) fn php(value: &serde_json::Value) -> Result<String> {
    use serde_json::Value;
    Ok(match value {
        Value::Null => "NULL".into(),
        Value::Bool(true) => "TRUE".into(),
        Value::Bool(false) => "FALSE".into(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => php_string(text)?,
        Value::Array(items) => format!("[{}]", items.iter().map(php).collect::<Result<Vec<_>>>()?.join(", ")),
        Value::Object(map) => {
            let entries: Result<Vec<String>> = map.iter().map(|(k, v)| Ok(format!("{} => {}", php_string(k)?, php(v)?))).collect();
            format!("[{}]", entries?.join(", "))
        }
    })
}

/// A PHP string in single quotes, where only `\` and `'` mean something. Newlines are allowed: they stay inside.
pub(crate) fn php_string(text: &str) -> Result<String> {
    if text.contains(['\0', '\u{E000}', '\u{E001}']) {
        return Err(Error::invalid("a value holds a NUL or private character, which a PHP file cannot carry"));
    }
    Ok(format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")))
}

/// A word of a POSIX shell in single quotes, where nothing but the closing one means something. Newlines are allowed:
/// they stay inside.
pub(crate) fn sh(value: &str) -> Result<String> {
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if value.contains(|c: char| control(c) || matches!(c, '\u{E000}' | '\u{E001}')) {
        return Err(Error::invalid(format!("the value {} holds a character that a shell script cannot carry", crate::name::shown(value))));
    }
    Ok(format!("'{}'", value.replace('\'', "'\\''")))
}

/// A value in double quotes as PHP-FPM's pool files read it.
pub(crate) fn ini(value: &str) -> Result<String> {
    no_control("pool", value)?;
    if value.contains(['"', '\\', '$']) {
        return Err(Error::invalid(format!(
            "the value {} holds one of \" \\ $, which a pool file cannot carry",
            crate::name::shown(value)
        )));
    }
    Ok(format!("\"{value}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out() {
        assert_eq!(apache(r#"a"b\"#).unwrap(), r#""a\"b\\""#);
        assert!(apache("a\nErrorLog x").is_err());
        assert!(apache("${HOME}").is_err());
        assert!(nginx("$host").is_err());
        assert_eq!(sh("a'$(id)\n`b`").unwrap(), "'a'\\''$(id)\n`b`'");
        assert!(sh("a\0b").is_err() && sh("a\rb").is_err());
        assert_eq!(php(&serde_json::json!(["a'b\\", 1, null])).unwrap(), r"['a\'b\\', 1, NULL]");
    }

    proptest::proptest! {
        #[test]
        fn a_quoted_php_string_has_no_bare_quote(text in "\\PC{0,30}") {
            if let Ok(quoted) = php_string(&text) {
                let inner = &quoted[1..quoted.len() - 1];
                let mut escaped = false;
                for c in inner.chars() {
                    proptest::prop_assert!(escaped || c != '\'');
                    escaped = !escaped && c == '\\';
                }
                proptest::prop_assert!(!escaped);
            }
        }
    }
}
