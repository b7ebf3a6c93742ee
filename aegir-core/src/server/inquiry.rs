//! One look at a machine: its facts and the answers to many questions, by one script in one round trip.
//!
//! A session over SSH costs both sides more than most questions do, so questions travel together. They only read;
//! whoever asks vouches for that. Answers come in the order of the questions, each with its own status and streams.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::ssh::first_lines;
use super::{Command, Facts, Output, Server};
use crate::{Error, ErrorKind, Result};

/// What to look at.
#[derive(Clone, Debug, Default)]
pub struct Inquiry {
    /// Packages to look for, beside the usual ones of web and database servers.
    pub packages: Vec<String>,
    /// Host names that the machine is to resolve, beside its own.
    pub names: Vec<String>,
    /// Addresses that it is to find names for, beside its own first one.
    pub addresses: Vec<IpAddr>,
    /// Commands that only read: a program and arguments, without input, environment, directory or `sudo`.
    pub questions: Vec<Command>,
    /// After this it is given up, on the machine itself as well; without one after a command's usual time.
    pub limit: Option<Duration>,
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Reply {
    /// What the machine is.
    pub facts: Facts,
    /// Names to the addresses they have there, in the order of preference; without an entry when nobody was asked.
    pub forward: BTreeMap<String, Vec<IpAddr>>,
    /// Addresses to the names they have there.
    pub reverse: BTreeMap<IpAddr, Vec<String>>,
    /// One for each question; a program that is not there ends with status 127.
    pub answers: Vec<Output>,
    /// What was printed before the answer began: something at login prints it before every command.
    pub noise: String,
    /// When it was asked and when it had answered, on the master's clock; the machine's own is read in between.
    pub asked: (DateTime<Utc>, DateTime<Utc>),
}

/// Why `account` ran nothing of ours although it let us in: its login shell.
const LOGIN: &str = "login";

/// Why nothing of ours ran, in the words of whoever kept it from running.
#[derive(Debug)]
pub(crate) enum Silence {
    /// By a forced command.
    Forced(String),
    /// The shell ended well, without a word: it was another one by then, with nothing to read.
    Ended(String),
    /// By the login shell.
    Refused(String),
}

impl Silence {
    fn of(status: i32, said: String) -> Self {
        if said.contains("sftp connections only") {
            Self::Forced(said)
        } else if status == 0 && said.is_empty() {
            Self::Ended("status 0 without a word".to_owned())
        } else {
            Self::Refused(if said.is_empty() { format!("status {status} without a word") } else { said })
        }
    }
}

impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Forced(said) | Self::Ended(said) | Self::Refused(said)) = self;
        f.write_str(said)
    }
}

impl std::error::Error for Silence {}

impl Inquiry {
    /// The command that answers it all; `mark` stands behind each answer.
    fn command(&self, root: &str, mark: &str) -> Result<Command> {
        let plain = |c: &Command| c.input.bytes().is_empty() && c.env.is_empty() && c.cwd.is_none() && !c.sudo;
        if let Some(odd) = self.questions.iter().find(|q| !plain(q)) {
            return Err(Error::internal(format!("{odd} is no plain question")));
        }
        let harmless = |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
        // A dot in a package's name stands for itself only nearly; names are looked up exactly afterwards.
        let packages: Vec<&str> = self.packages.iter().map(String::as_str).filter(|p| harmless(p, "-.") && !p.is_empty()).collect();
        let names: Vec<&str> = self.names.iter().map(String::as_str).filter(|n| harmless(n, "-._")).collect();
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        let mut command = Facts::script([root, mark, &packages.join("|"), &names.join(" "), &addresses.join(" ")]);
        for question in &self.questions {
            command = command.arg((question.args.len() + 1).to_string()).arg(&question.program).args(&question.args);
        }
        Ok(match self.limit {
            Some(limit) => command.timeout(limit),
            None => command,
        })
    }
}

/// Looks at a machine through the script.
pub(super) async fn by_script(server: &dyn Server, root: &str, inquiry: &Inquiry) -> Result<Reply> {
    let mark = format!("--{}", uuid::Uuid::now_v7().simple());
    let command = inquiry.command(root, &mark)?;
    let before = Utc::now();
    let output = server.run(&command).await.map_err(|error| match error.kind() {
        // The connection is there, and what comes over it is nothing that an honest server says.
        ErrorKind::Refused => Error::refused(format!("looking at server {}: its answer is refused", server.name()))
            .context("check", LOGIN)
            .because(error)
            .hint(format!(
                "as root on {}, see what is not Debian's own any more, and what the account's shell prints: `dpkg --verify`",
                server.name()
            )),
        _ => error,
    })?;
    read(&output, &mark, inquiry.questions.len(), (before, Utc::now())).map_err(|e| e.context("server", server.name()))
}

/// Looks at a machine that has only its own ways: one question after the other.
pub(super) async fn one_by_one(server: &(impl Server + ?Sized), inquiry: &Inquiry) -> Result<Reply> {
    let before = Utc::now();
    let facts = server.facts().await?;
    let asked = (before, Utc::now());
    let mut answers = Vec::new();
    for question in &inquiry.questions {
        answers.push(match server.run(question).await {
            Err(e) if matches!(e.kind(), ErrorKind::Unreachable | ErrorKind::Timeout) => return Err(e),
            Err(e) => Output { status: 127, stderr: e.chain().join(": ").into_bytes(), ..Output::default() },
            Ok(output) => output,
        });
    }
    Ok(Reply { facts, forward: BTreeMap::new(), reverse: BTreeMap::new(), answers, noise: String::new(), asked })
}

fn read(output: &Output, mark: &str, questions: usize, asked: (DateTime<Utc>, DateTime<Utc>)) -> Result<Reply> {
    let text = output.text();
    let Some(begin) = text.find("begin\t\n") else {
        let said = first_lines(format!("{text}{}", output.error_text()).as_bytes());
        let silence = Silence::of(output.status, said);
        let what = match &silence {
            Silence::Forced(_) => "sshd runs something else in the place of every command",
            Silence::Ended(_) => "what the account's shell reads at login ends it before it runs a command",
            Silence::Refused(_) => "the account's login shell does not run commands",
        };
        return Err(Error::refused(what).context("check", LOGIN).because(silence));
    };
    let cut = || Error::failed("gathering facts: the script was cut short");
    let (facts, rest) = text[begin..].split_once("end\t\n").ok_or_else(cut)?;
    let errors = output.error_text();
    let (_, mut errors) = errors.split_once(&format!("{mark}\n")).ok_or_else(cut)?;
    let mut rest = rest;
    let mut answers = Vec::with_capacity(questions);
    for _ in 0..questions {
        let (stdout, next) = rest.split_once(&format!("\n{mark} ")).ok_or_else(cut)?;
        let (status, next) = next.split_once('\n').ok_or_else(cut)?;
        let (stderr, more) = errors.split_once(&format!("\n{mark}\n")).ok_or_else(cut)?;
        answers.push(Output { status: status.parse().map_err(|_| cut())?, stdout: stdout.into(), stderr: stderr.into() });
        (rest, errors) = (next, more);
    }
    let (forward, reverse) = resolved(facts);
    Ok(Reply {
        facts: Facts::parse(&format!("{facts}end\t\n"))?,
        forward,
        reverse,
        answers,
        noise: first_lines(&text.as_bytes()[..begin]),
        asked,
    })
}

/// What `getent ahosts` and `getent hosts` printed there. The first line of a name's addresses has its full name, and no
/// other has one.
fn resolved(text: &str) -> (BTreeMap<String, Vec<IpAddr>>, BTreeMap<IpAddr, Vec<String>>) {
    let (mut forward, mut reverse) = (BTreeMap::<String, Vec<IpAddr>>::new(), BTreeMap::new());
    let (mut section, mut names, mut name) = ("", "".split_whitespace(), "");
    for line in text.lines() {
        if let Some(header) = line.split_once('\t') {
            section = header.0;
            if section == "forward" {
                names = header.1.split_whitespace();
                name = names.clone().next().unwrap_or_default();
                names.clone().for_each(|n| drop(forward.insert(n.to_owned(), Vec::new())));
            }
            continue;
        }
        let mut words = line.split_whitespace();
        let Some(address) = words.next().and_then(|a| a.parse::<IpAddr>().ok()) else { continue };
        match section {
            "forward" => {
                let kind = words.next();
                if words.next().is_some() {
                    name = names.next().unwrap_or_default();
                }
                if let Some(found) = forward.get_mut(name).filter(|_| kind == Some("STREAM")) {
                    found.push(address);
                }
            }
            "reverse" => drop(reverse.insert(address, words.map(str::to_owned).collect())),
            _ => {}
        }
    }
    (forward, reverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_keep_their_bytes_status_and_order() {
        let here = crate::server::LocalServer::new("server_master".parse().unwrap(), "/".into());
        let sh = |script: &str| Command::new("sh").args(["-c", script]);
        let questions =
            vec![Command::new("printf").arg("a\n\n b"), sh("echo out; echo err >&2; exit 3"), Command::new("no-such-program"), sh(":")];
        let named = Command::new("sh").args(["-c", "m=x n=y r=z; printf '%s|' \"$#\" \"$@\"", "name", "a b", "$c"]);
        let questions: Vec<_> = questions.into_iter().chain([named, sh("exit 4")]).collect();
        let inquiry = Inquiry { names: vec!["localhost".into(), "$(x)".into()], questions, ..Inquiry::default() };
        let reply = here.inquire(&inquiry).await.unwrap();
        let answers: Vec<_> = reply.answers.iter().map(|a| (a.status, a.text(), a.error_text())).collect();
        assert_eq!(answers[0], (0, "a\n\n b".into(), String::new()));
        assert_eq!(answers[1], (3, "out\n".into(), "err\n".into()));
        assert_eq!(answers[2].0, 127);
        assert_eq!(answers[3], (0, String::new(), String::new()));
        assert_eq!(answers[4], (0, "2|a b|$c|".into(), String::new()));
        assert_eq!(answers[5].0, 4);
        assert!(reply.forward["localhost"].iter().all(IpAddr::is_loopback) && !reply.forward.contains_key("$(x)"));
        assert!(reply.facts.clock - reply.asked.0.timestamp() <= 2);
        assert!(here.inquire(&Inquiry { questions: vec![sh(":").sudo()], ..Inquiry::default() }).await.is_err());
    }

    #[test]
    fn answers_are_told_apart_by_their_full_names() {
        let text = "forward\tweb1 web1.x db.x\n10.0.0.2  STREAM web1.x\n10.0.0.2  DGRAM\nfd00::2  STREAM\n10.0.0.2  STREAM web1.x\n10.0.0.2  DGRAM\n10.0.0.9  STREAM other.x\nreverse\t\n10.0.0.2  web1.x web1\n";
        let (forward, reverse) = resolved(text);
        let of = |name: &str| forward[name].iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!((of("web1"), of("web1.x"), of("db.x")), ("10.0.0.2 fd00::2".into(), "10.0.0.2".into(), "10.0.0.9".into()));
        assert_eq!(reverse.len(), 1);
        // Asked one by one, because one has no address.
        let (forward, _) = resolved("forward\tweb1\nforward\tdb.x\n10.0.0.9  STREAM other.x\n");
        assert!(forward["web1"].is_empty() && forward["db.x"].len() == 1);
    }

    #[test]
    fn a_shell_that_runs_nothing_is_named() {
        let said = Output { status: 1, stdout: b"This account is currently not available.\n".to_vec(), stderr: Vec::new() };
        let error = read(&said, "m", 0, (Utc::now(), Utc::now())).unwrap_err();
        assert!(error.chain().join(" ").contains("not available") && error.contexts().contains(&("check", LOGIN.to_owned())), "{error:?}");
        let cut = Output { stdout: b"begin\t\nos\tx\n".to_vec(), ..Output::default() };
        assert!(read(&cut, "m", 0, (Utc::now(), Utc::now())).is_err());
    }
}
