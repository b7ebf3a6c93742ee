//! One HTTP answer, asked with curl on the web server's own machine.

use std::time::Duration;

use aegir_core::Result;
use aegir_core::server::{Command, Output, Server};

/// Bytes that are read of an answer; a page may be any size, and its beginning tells what it is.
const MOST: usize = 2 << 20;

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// Whether there was more of it than is read.
    pub(super) cut: bool,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The text of the page's `<title>`, as it stands there.
    pub(super) fn title(&self) -> Option<&str> {
        let start = self.body.find("<title")?;
        let (_, rest) = self.body[start..].split_once('>')?;
        rest.split_once("</title>").map(|(title, _)| title.trim())
    }

    /// In a few words, for evidence: never the page itself.
    pub(super) fn in_words(&self) -> String {
        let title: String = self.title().unwrap_or_default().chars().filter(|c| !c.is_control()).take(100).collect();
        let size = match self.body.len() {
            0 => "empty".to_owned(),
            _ if self.cut => format!("more than {MOST} bytes"),
            length => format!("{length} bytes"),
        };
        if title.is_empty() {
            format!("status {}, {size}", self.status)
        } else {
            format!("status {}, {size}, titled “{title}”", self.status)
        }
    }

    /// Reads what `curl --include` printed.
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status: u16 = lines.next()?.split_whitespace().nth(1)?.parse().ok()?;
        if (100..200).contains(&status) {
            return Self::parse(body);
        }
        let headers = lines.filter_map(|l| l.split_once(':')).map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned())).collect();
        Some(Self { status, headers, body: body.to_owned(), cut: false })
    }
}

/// The machine itself: a probe must not leave the server it is about, wherever the site's name leads.
pub(super) const ITSELF: &str = "127.0.0.1";

/// Asks a web server at an address for a page of a host, from a server.
pub(super) async fn ask(
    server: &dyn Server,
    at: &str,
    host: &str,
    port: u16,
    path: &str,
    limit: Duration,
) -> Result<Result<Answer, String>> {
    Ok(read(&server.run(&question(at, host, port, path, limit)).await?))
}

/// The command that asks.
pub(super) fn question(at: &str, host: &str, port: u16, path: &str, limit: Duration) -> Command {
    Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--include",
            "--http1.1",
            "--path-as-is",
            "--globoff",
            "--noproxy",
            "*",
            "--connect-timeout",
            "5",
        ])
        .args(["--max-time", &limit.as_secs().to_string(), "--header", &format!("Host: {host}"), "--user-agent", "Aegir"])
        .args(["--output", "-", "--", &format!("http://{at}:{port}{path}")])
        .timeout(limit + Duration::from_secs(10))
        .cut(MOST)
}

/// What came back.
pub(super) fn read(output: &Output) -> Result<Answer, String> {
    let cut = output.stdout.len() >= MOST;
    if !output.ok() && !cut {
        return Err(output.error_text().trim().to_owned());
    }
    Answer::parse(&output.text()).map(|answer| Answer { cut, ..answer }).ok_or_else(|| "what came back is no HTTP answer".to_owned())
}

/// What came back from two addresses, the first of which answers without a body.
pub(super) fn read_two(output: &Output) -> Result<(Answer, Answer), String> {
    let text = output.text();
    let cut = output.stdout.len() >= MOST;
    let second = text.split_once("\r\n\r\n").map(|(_, rest)| rest).filter(|rest| rest.starts_with("HTTP/"));
    match (Answer::parse(&text), second.and_then(Answer::parse)) {
        (Some(first), Some(second)) if output.ok() || cut => Ok((Answer { body: String::new(), ..first }, Answer { cut, ..second })),
        // Whoever answers the first with a body is a stranger.
        (Some(first), _) if output.ok() || cut => Ok((Answer::default(), first)),
        _ if output.ok() => Err("what came back is no HTTP answer".to_owned()),
        _ => Err(output.error_text().trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_answer_behind_interim_ones() {
        let answer =
            Answer::parse("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b c\r\n\r\n<title lang=\"en\"> Hi </title>")
                .unwrap();
        assert_eq!((answer.status, answer.header("x-a"), answer.title()), (200, Some("b c"), Some("Hi")));
        assert_eq!(answer.in_words(), "status 200, 29 bytes, titled “Hi”");
        assert_eq!(Answer::parse("nonsense"), None);
    }

    #[test]
    fn two_answers_are_told_apart() {
        let output = |text: &str| Output { status: 0, stdout: text.into(), stderr: Vec::new() };
        let two = output("HTTP/1.1 204 No Content\r\nX-Aegir-Configuration: a 1\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\n\r\nhello");
        let (first, second) = read_two(&two).unwrap();
        assert_eq!(
            (first.status, first.header("x-aegir-configuration"), second.status, second.body.as_str()),
            (204, Some("a 1"), 200, "hello")
        );
        let (first, second) = read_two(&output("HTTP/1.1 404 Not Found\r\n\r\nNo such siteHTTP/1.1 200 OK\r\n\r\nx")).unwrap();
        assert_eq!((first, second.status), (Answer::default(), 404));
        assert!(read_two(&Output { status: 7, stdout: Vec::new(), stderr: b"refused".to_vec() }).unwrap_err().contains("refused"));
    }
}
