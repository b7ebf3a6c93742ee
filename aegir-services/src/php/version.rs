//! Reads version numbers out of source code as text.

/// The single-quoted or double-quoted text that follows `name` on one line of PHP: `const NAME = '1.2'`.
pub(crate) fn quoted_after(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(name)?;
    let start = rest.find(['\'', '"'])?;
    // Between a name and its value stand only the rest of a quote, blanks and one of `= ,`.
    let rest = if rest[..start].trim().is_empty() && rest[start + 1..].trim_start().starts_with(',') { &rest[start + 1..] } else { rest };
    let start = rest.find(['\'', '"'])?;
    if !rest[..start].chars().all(|c| c.is_whitespace() || matches!(c, '=' | ',')) {
        return None;
    }
    let quote = rest[start..].chars().next()?;
    let value = rest[start + 1..].split(quote).next()?;
    let plain = !value.is_empty() && value.len() < 40 && value.chars().all(|c| c.is_ascii_alphanumeric() || ".-+".contains(c));
    plain.then(|| value.to_owned())
}

/// The first two numbers of a version: `8.1.0` is (8, 1), `7` is (7, 0).
pub(crate) fn two_numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(['.', '-']);
    let major = parts.next()?.parse().ok()?;
    Some((major, parts.next().and_then(|p| p.parse().ok()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_constants_however_they_are_written() {
        assert_eq!(quoted_after("  public const VERSION = '11.2.4';", "const VERSION").as_deref(), Some("11.2.4"));
        assert_eq!(quoted_after("define('VERSION', '7.105');", "define('VERSION").as_deref(), Some("7.105"));
        assert_eq!(quoted_after("const DRUPAL_MINIMUM_PHP = \"7.0.8\";", "DRUPAL_MINIMUM_PHP").as_deref(), Some("7.0.8"));
        assert_eq!(quoted_after("define('DRUPAL_MINIMUM_PHP', '5.3.3');", "DRUPAL_MINIMUM_PHP").as_deref(), Some("5.3.3"));
        assert_eq!(quoted_after("const DRUPAL_MINIMUM_PHP = Drupal::MINIMUM_PHP; // '9'", "DRUPAL_MINIMUM_PHP"), None);
        assert_eq!(quoted_after("define('DRUPAL_MINIMUM_PHP_MEMORY_LIMIT', '32M');", "DRUPAL_MINIMUM_PHP"), None);
        assert_eq!(quoted_after("const VERSION = '<script>';", "const VERSION"), None);
        assert_eq!(two_numbers("7.105"), Some((7, 105)));
        assert_eq!(two_numbers("11.0-dev"), Some((11, 0)));
        assert_eq!(two_numbers("x"), None);
    }
}
