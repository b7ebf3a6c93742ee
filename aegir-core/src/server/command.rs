//! A command as data: never a string, so nothing needs quoting and anything can be shown.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::{ExposeSecret, SecretString};

use crate::{Error, Result};

/// How long a command may take unless it says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// How much a command may print unless it says otherwise.
const DEFAULT_MOST: usize = 8 << 20;
/// Where programs are, for every command of ours on every machine.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Characters of an argument; scripts have more.
const LONGEST_SHOWN: usize = 500;

/// What a command reads on its standard input.
#[derive(Clone, Debug, Default)]
pub enum Input {
    /// Nothing.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// A secret, or something that holds one.
    Secret(SecretString),
}

impl Input {
    /// The bytes to feed.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Empty => &[],
            Self::Bytes(bytes) => bytes,
            Self::Secret(secret) => secret.expose_secret().as_bytes(),
        }
    }
}

/// Called with each line a command prints, as it comes.
pub type LineSink = Arc<dyn Fn(&str) + Send + Sync>;

/// A command as data. Secrets go to its standard input; never to its arguments or environment.
#[derive(Clone)]
pub struct Command {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Additional environment; the rest is a fixed minimum.
    pub env: Vec<(String, String)>,
    /// Its working directory.
    pub cwd: Option<Utf8PathBuf>,
    /// Its standard input.
    pub input: Input,
    /// Whether it runs through `sudo -n`; only commands that the server's sudo rule names.
    pub sudo: bool,
    /// The account it runs as, where that is not Aegir's own; its directory is entered by Aegir's.
    pub account: Option<String>,
    /// After this it is killed.
    pub timeout: Duration,
    /// Bytes of standard output that are read. A command that prints more is ended, and that is an error.
    pub most: usize,
    /// Whether what it prints beyond is left out instead: it is ended, and what came until then is its output.
    pub cut: bool,
    /// Sees its standard output, line by line.
    pub lines: Option<LineSink>,
    /// Whether running it twice does no harm, so that a transport may try again after a lost connection.
    pub idempotent: bool,
    /// Whether it only reads, from its arguments alone: then no transport watches over its end, and nobody minds when it
    /// runs on for a while after it was given up.
    pub only_reads: bool,
}

impl Command {
    /// A command without arguments.
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            cwd: None,
            input: Input::Empty,
            sudo: false,
            account: None,
            timeout: DEFAULT_TIMEOUT,
            most: DEFAULT_MOST,
            cut: false,
            lines: None,
            idempotent: false,
            only_reads: false,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<str>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Adds to its environment.
    #[must_use]
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Sets its working directory.
    #[must_use]
    pub fn cwd(mut self, dir: impl AsRef<Utf8Path>) -> Self {
        self.cwd = Some(dir.as_ref().to_owned());
        self
    }

    /// Sets its standard input.
    #[must_use]
    pub fn input(mut self, input: Input) -> Self {
        self.input = input;
        self
    }

    /// Runs it through `sudo -n`.
    #[must_use]
    pub fn sudo(mut self) -> Self {
        self.sudo = true;
        self
    }

    /// Runs it as another account, with no right of Aegir's.
    #[must_use]
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Sets its time limit.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Sets how many bytes it may print.
    #[must_use]
    pub fn most(mut self, bytes: usize) -> Self {
        (self.most, self.cut) = (bytes, false);
        self
    }

    /// Takes this many bytes of what it prints; that there are as many says that there may have been more.
    #[must_use]
    pub fn cut(mut self, bytes: usize) -> Self {
        (self.most, self.cut) = (bytes, true);
        self
    }

    /// Says that running it twice does no harm.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Says that it only reads, and without input, directory or `sudo`: it costs less, and may be started twice.
    #[must_use]
    pub fn only_reads(mut self) -> Self {
        (self.only_reads, self.idempotent) = (true, true);
        self
    }

    /// Lets somebody see its standard output as it comes.
    #[must_use]
    pub fn lines(mut self, sink: LineSink) -> Self {
        self.lines = Some(sink);
        self
    }
}

impl fmt::Display for Command {
    /// For people: arguments with odd characters are shown quoted, long ones by their beginning. Not for a shell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sudo {
            f.write_str("sudo ")?;
        }
        if let Some(account) = &self.account {
            write!(f, "sudo -u {account} ")?;
        }
        f.write_str(&self.program)?;
        for arg in &self.args {
            let (arg, more) = match arg.char_indices().nth(LONGEST_SHOWN) {
                Some((end, _)) => (&arg[..end], "…"),
                None => (arg.as_str(), ""),
            };
            let plain = !arg.is_empty() && arg.chars().all(|c| c.is_alphanumeric() || "-_./=:,@%+".contains(c));
            if plain { write!(f, " {arg}{more}")? } else { write!(f, " '{}{more}'", arg.escape_debug().to_string().replace('\'', "’"))? }
        }
        Ok(())
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({self})")
    }
}

/// What a command left.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Its exit status; 128 + n when signal n ended it; that of SIGKILL where it was ended after enough was read.
    pub status: i32,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error; of one that is longer than a megabyte the middle is left out.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether it succeeded.
    pub fn ok(&self) -> bool {
        self.status == 0
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Itself, or an error with the last lines the command printed.
    pub fn require_ok(self, command: &Command, doing: &str) -> Result<Self> {
        if self.ok() {
            return Ok(self);
        }
        let stderr = self.error_text();
        let said = if stderr.trim().is_empty() { self.text() } else { stderr };
        let lines: Vec<&str> = said.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
        let tail = lines[lines.len().saturating_sub(12)..].join("\n");
        let cause = if tail.is_empty() { format!("exit status {}, without a word", self.status) } else { tail };
        Err(Error::failed(format!("{doing}: {} ended with status {}", command.program, self.status))
            .context("command", command)
            .because(cause))
    }
}
