//! One error for the whole crate: kind, message, context, hints, cause.
//!
//! `Display` is one line that says what was being done to which thing; the cause is `source()` and never
//! repeated in it. Drivers map [`ErrorKind`] to exit codes and HTTP statuses, and nothing else.

use std::fmt;

/// What every fallible function here returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can branch on. Drivers turn it into an exit code or an HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller's input is malformed; nothing was looked at.
    Invalid,
    /// No such server, platform, site, task, template.
    NotFound,
    /// It exists already, belongs to somebody else, or a plan is stale.
    Conflict,
    /// Another task holds a lock on it.
    Locked,
    /// This user may not do that.
    Denied,
    /// A check before the change said no.
    Refused,
    /// A server or its service did not answer.
    Unreachable,
    /// A command or change failed on a server.
    Failed,
    /// This build or this server cannot do that.
    Unsupported,
    /// It took longer than its limit.
    Timeout,
    /// The operator stopped it.
    Interrupted,
    /// Another worker took the task over; this one may not go on.
    Superseded,
    /// An undo failed; a person is needed.
    Stuck,
    /// A defect of ours.
    Internal,
}

/// An error with what was touched, why it failed, and which command mends it.
pub struct Error {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    hints: Vec<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A new error; `message` says what was being done to which thing, lower case, no full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), context: Vec::new(), hints: Vec::new(), source: None }
    }

    /// Malformed input.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Something that does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Something that is in the way.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// A check said no before anything was changed.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// A change or command that failed on a server.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// A server or service that does not answer.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unreachable, message)
    }

    /// A defect of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Names a thing that was involved: a server, a file, a site.
    #[must_use]
    pub fn context(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        if !self.context.iter().any(|(k, _)| *k == key) {
            self.context.push((key, value.to_string()));
        }
        self
    }

    /// Adds an imperative hint, best of all a command.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Changes the kind, keeping the rest.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// What a caller can branch on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the server was not reached at all: it does not answer, shows another host key, or does not let us in. What
    /// was begun there is neither mended nor lost by that.
    pub(crate) fn no_way_there(&self) -> bool {
        self.kind == ErrorKind::Unreachable || self.context.iter().any(|(key, _)| *key == "check")
    }

    /// The one line, without causes.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The things involved, in the order they were named.
    pub fn contexts(&self) -> &[(&'static str, String)] {
        &self.context
    }

    /// What to do next.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The messages of the whole chain, outermost first.
    pub fn chain(&self) -> Vec<String> {
        let mut lines = vec![self.message.clone()];
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            lines.push(error.to_string());
            next = error.source();
        }
        lines
    }

    /// A serialisable copy, for events and history.
    pub fn report(&self) -> ErrorReport {
        let mut chain = self.chain();
        let message = chain.remove(0);
        ErrorReport {
            kind: self.kind,
            message,
            causes: chain,
            context: self.context.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
            hints: self.hints.clone(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.chain().join(": "))?;
        for (key, value) in &self.context {
            write!(f, " [{key}: {value}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|s| &**s as _)
    }
}

/// An [`Error`] as data: what events carry and `--json` prints.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ErrorReport {
    /// What a caller can branch on.
    pub kind: ErrorKind,
    /// The one line.
    pub message: String,
    /// The causes, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// The things involved, as (key, value).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<(String, String)>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl ErrorReport {
    /// Back to an error, as when a finished task's failure is reported again.
    pub fn to_error(&self) -> Error {
        let mut error = Error::new(self.kind, self.message.clone());
        error.hints.clone_from(&self.hints);
        for (key, value) in &self.context {
            if let Some(known) = CONTEXT_KEYS.iter().find(|k| *k == key) {
                error.context.push((known, value.clone()));
            }
        }
        if !self.causes.is_empty() {
            error = error.because(self.causes.join(": "));
        }
        error
    }
}

/// The keys used with [`Error::context`].
const CONTEXT_KEYS: &[&str] = &["server", "platform", "site", "file", "line", "command", "task", "step", "template", "database", "check"];
