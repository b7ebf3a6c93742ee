//! Real Drupal trees that somebody names, and a browser that keeps its cookies.

use crate::lab::Host;

/// The trees that `AEGIR_TEST_DRUPAL` names; they cannot be shipped.
///
/// # Panics
/// When it names none: whoever asks for such a test wants it run.
#[must_use]
pub fn named_trees() -> Vec<String> {
    let named = std::env::var("AEGIR_TEST_DRUPAL").unwrap_or_default();
    let trees: Vec<String> = named.split(':').filter(|t| !t.is_empty()).map(str::to_owned).collect();
    assert!(!trees.is_empty(), "AEGIR_TEST_DRUPAL names no Drupal tree");
    trees
}

/// Status and address at which a visit of `url` ends, on the host that serves `uri`; cookies are kept in `jar` there.
#[must_use]
pub fn visit(host: &Host, uri: &str, jar: &str, follow: bool, url: &str) -> String {
    let (resolve, flags) = (format!("{uri}:80:127.0.0.1"), if follow { "-sSL" } else { "-sS" });
    let format = "%{http_code} %{url_effective}";
    host.exec(["curl", flags, "--resolve", &resolve, "-c", jar, "-b", jar, "-o", "/dev/null", "-w", format, url]).ok()
}
