//! A document root's `.htaccess` as part of the configuration: third-party text that must stay in its block.

use aegir_core::{Error, Result};

/// Sections that are allowed in a `.htaccess`.
const SECTIONS: &[&str] = &[
    "if",
    "elseif",
    "else",
    "ifmodule",
    "ifdefine",
    "ifversion",
    "ifdirective",
    "ifsection",
    "files",
    "filesmatch",
    "limit",
    "limitexcept",
    "requireall",
    "requireany",
    "requirenone",
];

/// What Apache allows in a directory's block of the configuration but not in a `.htaccess` (`apache2 -L` of 2.4 with all
/// modules), and what it obeys while it reads, wherever it stands. Apache itself answers 500 to a `.htaccess` with these.
const NOT_THEIRS: &[&str] = &[
    "alias",
    "allowmethods",
    "allowoverride",
    "allowoverridelist",
    "authformsize",
    "authldapurl",
    "authncachecontext",
    "balancermember",
    "buffersize",
    "cgidscripttimeout",
    "define",
    "extfilteroptions",
    "filtertrace",
    "hostnamelookups",
    "identitycheck",
    "identitychecktimeout",
    "include",
    "includeoptional",
    "inputsed",
    "keptbodysize",
    "loadfile",
    "loadmodule",
    "loglevel",
    "logmessage",
    "macro",
    "maxranges",
    "maxrangeoverlaps",
    "maxrangereversals",
    "modemstandard",
    "modmimeusepathinfo",
    "outputsed",
    "readbuffersize",
    "script",
    "scriptalias",
    "sessioncryptopassphrasefile",
    "undefine",
    "undefmacro",
    "use",
    "usecanonicalname",
    "usecanonicalphysicalport",
];

/// The same, by how they begin; and what runs code inside the web server.
const NOT_THEIRS_BEGIN: &[&str] = &["authdbd", "authzdbd", "cache", "dav", "lua", "perl", "proxy"];

/// A `.htaccess` that can stand in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Htaccess {
    /// Its text, line for line; empty when there is nothing in it.
    pub(super) text: String,
    /// Whether it sends requests somewhere itself.
    pub(super) rewrites: bool,
    /// What was left out.
    pub(super) warnings: Vec<String>,
}

impl Htaccess {
    /// Checks every directive. What would break out of the block, or is more than a `.htaccess` may do, is refused as
    /// Apache refuses it; settings for a PHP inside Apache are left out, for PHP-FPM does not take them.
    pub(super) fn read(text: &str) -> Result<Self> {
        let mut found = Self::default();
        let mut open: Vec<String> = Vec::new();
        let mut kept: Vec<String> = Vec::new();
        for (number, line) in logical_lines(text) {
            // What is left out or joined leaves empty lines, so that a complaint about a line is about the same one here.
            kept.resize(number - 1, String::new());
            let refuse = |why: String| {
                Error::refused(format!("the .htaccess of the document root {why}"))
                    .context("line", number)
                    .hint("Apache answers 500 to such a file; change it, then verify the platform again")
            };
            if line.chars().any(|c| (c.is_control() && c != '\t') || ('\u{E000}'..='\u{F8FF}').contains(&c)) {
                return Err(refuse("holds a control character".into()));
            }
            let Some(word) = line.split_ascii_whitespace().next().filter(|w| !w.starts_with('#')) else {
                kept.push(line);
                continue;
            };
            let word = word.to_ascii_lowercase();
            // Apache takes quotes around a directive's name, too: what is not plainly a name is none.
            let name = word.trim_start_matches('<').trim_start_matches('/').trim_end_matches('>');
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(refuse("holds a line that begins with no directive".into()));
            }
            if let Some(section) = word.strip_prefix("</") {
                let name = section.trim_end_matches('>').to_owned();
                if open.pop().as_ref() != Some(&name) {
                    return Err(refuse(format!("closes a section {name} that is not open")));
                }
            } else if let Some(section) = word.strip_prefix('<') {
                let name = section.trim_end_matches('>').to_owned();
                if !SECTIONS.contains(&name.as_str()) {
                    return Err(refuse(format!("holds a section <{name}>, which is not allowed there")));
                }
                open.push(name);
            } else if word.starts_with("php_") {
                if !open.iter().any(|s| s == "ifmodule") {
                    found
                        .warnings
                        .push(format!("line {number}: {word} is left out: PHP runs in PHP-FPM; set it in the site's settings or the pool"));
                }
                continue;
            } else if NOT_THEIRS.contains(&word.as_str()) || NOT_THEIRS_BEGIN.iter().any(|b| word.starts_with(b)) {
                return Err(refuse(format!("holds {word}, which is not allowed there")));
            }
            found.rewrites |= matches!(word.as_str(), "rewriterule" | "fallbackresource");
            kept.push(line);
        }
        if let Some(section) = open.last() {
            return Err(Error::refused(format!("the .htaccess of the document root leaves the section <{section}> open")));
        }
        let bare = kept.iter().all(|l| l.trim().is_empty() || l.trim().starts_with('#'));
        found.text = if bare { String::new() } else { kept.join("\n").trim_end_matches('\n').to_owned() };
        Ok(found)
    }
}

/// The number of each first line, and the line as Apache reads it: a backslash at its end continues it. Only such joined
/// lines are kept, and none that ends in a backslash: it would continue into our own text.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut continued = false;
    for (index, line) in text.replace("\r\n", "\n").split('\n').enumerate() {
        let (part, continues) = line.strip_suffix('\\').map_or((line, false), |rest| (rest, true));
        match lines.last_mut().filter(|_| continued) {
            Some((_, before)) => before.push_str(part),
            None => lines.push((index + 1, part.to_owned())),
        }
        continued = continues;
    }
    lines.into_iter().map(|(number, line)| (number, line.trim_end_matches('\\').to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_applications_bring() {
        let text = "# Drupal\r\nOptions -Indexes\r\n<IfModule mod_php.c>\n  php_value a b\n</IfModule>\n<IfModule !mod_rewrite.c>\n FallbackResource /index.php\n</IfModule>\nRewriteRule ^ index.php [L]\n";
        let found = Htaccess::read(text).unwrap();
        assert!(found.rewrites && found.warnings.is_empty());
        assert!(!found.text.contains("php_value") && !found.text.contains('\r'));
        assert_eq!(Htaccess::read("# only\n# comments\n\n").unwrap(), Htaccess::default());
    }

    #[test]
    fn leaves_out_settings_of_a_php_inside_apache() {
        let found = Htaccess::read("php_value memory_limit 1G\n").unwrap();
        assert_eq!((found.text.as_str(), found.warnings.len()), ("", 1));
    }

    #[test]
    fn nothing_breaks_out_of_its_block() {
        for bad in [
            "</Directory>",
            "</Dir\\\nectory>\nLoadModule x y",
            "<Directory />\n</Directory>",
            "<VirtualHost *:80>\n</VirtualHost>",
            "<Location />\n</Location>",
            "<IfModule a.c>",
            "<IfModule a.c>\n</Files>\n</IfModule>",
            "LoadModule x /tmp/x.so",
            "Inc\\\nlude /etc/shadow",
            "include /etc/shadow",
            "IncludeOptional /etc/*",
            "Define AEGIR_CONFIG /tmp",
            "ProxyPass / http://evil/",
            "AllowOverride All",
            "Use Macro",
            "\"Include\" /etc/shadow",
            "'Include' /etc/shadow",
            "\u{A0}Include /etc/shadow",
            "${X} y",
            "< /Directory>",
            "a\u{E000}b|php\u{E001}",
            "x\0y",
        ] {
            assert!(Htaccess::read(bad).is_err(), "{bad:?} was accepted");
        }
        assert_eq!(Htaccess::read("Options -Indexes \\").unwrap().text, "Options -Indexes ");
        assert_eq!(Htaccess::read("RewriteRule a b\\ ").unwrap().text, "RewriteRule a b\\ ", "no continuation before, none after");
        for ends in ["Options None\\\n\\", "Options None\\\n\n", "Options None\\\\\n\n", "Options None \\\\"] {
            assert!(!Htaccess::read(ends).unwrap().text.ends_with('\\'), "{ends:?}");
        }
    }

    #[test]
    fn says_which_line() {
        let error = Htaccess::read("# a\nOptions \\\n -Indexes\nInclude x\n").unwrap_err();
        assert!(error.contexts().contains(&("line", "4".to_owned())), "{error:?}");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_kept_reads_again_the_same(text in "(</?(IfModule|Directory|Files) ?x?>|RewriteRule a b|Include x|\\\\|\n| |#){0,30}") {
            if let Ok(found) = Htaccess::read(&text) {
                proptest::prop_assert_eq!(Htaccess::read(&found.text).unwrap().text, found.text);
            }
        }
    }
}
