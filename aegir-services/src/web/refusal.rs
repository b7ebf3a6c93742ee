//! What a web server said about a configuration it refused: which file, which line, whose.

use camino::{Utf8Path, Utf8PathBuf};

/// A refusal, with the candidate's paths turned into the live ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) file: Option<Utf8PathBuf>,
    pub(super) line: Option<u32>,
}

impl Refusal {
    /// Reads what the test printed. Apache says `on line 3 of FILE:`, Nginx `in FILE:3`.
    pub(super) fn read(said: &str, candidate: &Utf8Path, live: &Utf8Path) -> Self {
        let said = said.replace(candidate.as_str(), live.as_str());
        let lines: Vec<&str> = said.lines().map(str::trim_end).filter(|l| !is_noise(l)).collect();
        let (line, file) =
            lines.iter().rev().find_map(|l| apache_place(l).or_else(|| colon_place(l))).map_or((None, None), |(n, f)| (Some(n), Some(f)));
        let message = if lines.is_empty() { "without a word".to_owned() } else { lines.join("\n") };
        Self { message, file, line }
    }

    /// Whether it is about one of these files.
    pub(super) fn is_about(&self, files: &[Utf8PathBuf]) -> bool {
        self.file.as_ref().is_some_and(|f| files.contains(f))
    }
}

/// Lines that say nothing about what is wrong.
fn is_noise(line: &str) -> bool {
    line.is_empty()
        || line.starts_with("AH00558")
        || line.starts_with("Action '")
        || line.starts_with("The Apache error log")
        || line == "Syntax OK"
}

/// The last place counts: Apache names the including files before it.
fn apache_place(line: &str) -> Option<(u32, Utf8PathBuf)> {
    let (_, rest) = line.rsplit_once("on line ")?;
    let (number, rest) = rest.split_once(" of ")?;
    let file = rest.split_once(": ").map_or(rest, |(file, _)| file).trim_end_matches(':');
    Some((number.parse().ok()?, file.into()))
}

/// Nginx says `in FILE:7`, Apache's later checks say `defined at FILE:7`.
fn colon_place(line: &str) -> Option<(u32, Utf8PathBuf)> {
    let (_, rest) = line.rsplit_once(" in ").or_else(|| line.rsplit_once(" defined at "))?;
    let (file, number) = rest.rsplit_once(':')?;
    file.starts_with('/').then_some(())?;
    Some((number.parse().ok()?, file.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &str) -> Refusal {
        Refusal::read(said, "/c/.candidate".into(), "/c".into())
    }

    #[test]
    fn finds_the_file_and_line_that_apache_names() {
        let refusal = read(
            "AH00558: apache2: Could not reliably determine the server's name\nAH00526: Syntax error on line 3 of /c/.candidate/vhost.d/a.org.conf:\nInvalid command 'Foo', perhaps misspelled\nAction '-t' failed.\nThe Apache error log may have more information.\n",
        );
        assert_eq!(refusal.file.as_deref(), Some(Utf8Path::new("/c/vhost.d/a.org.conf")));
        assert_eq!(refusal.line, Some(3));
        assert_eq!(refusal.message, "AH00526: Syntax error on line 3 of /c/vhost.d/a.org.conf:\nInvalid command 'Foo', perhaps misspelled");
        assert!(refusal.is_about(&["/c/vhost.d/a.org.conf".into()]) && !refusal.is_about(&["/c/vhost.d/b.org.conf".into()]));
    }

    #[test]
    fn finds_the_innermost_of_nested_places_and_nginx_ones() {
        let nested = read(
            "apache2: Syntax error on line 2 of /etc/apache2/apache2.conf: Syntax error on line 9 of /c/.candidate/apache.conf: Could not open /x",
        );
        assert_eq!((nested.line, nested.file.unwrap().as_str()), (Some(9), "/c/apache.conf"));
        let nginx =
            read("nginx: [emerg] unknown directive \"foo\" in /c/.candidate/vhost.d/a.conf:7\nnginx: configuration file test failed");
        assert_eq!((nginx.line, nginx.file.unwrap().as_str()), (Some(7), "/c/vhost.d/a.conf"));
        let late = read(
            "AH02297: Cannot access directory '/x/' for log file '/x/log' defined at /c/.candidate/vhost.d/a.conf:8\nAH00014: Configuration check failed",
        );
        assert_eq!((late.line, late.file.unwrap().as_str()), (Some(8), "/c/vhost.d/a.conf"));
        assert_eq!(read("").message, "without a word");
    }
}
