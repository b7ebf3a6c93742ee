//! Exit codes: what a script can branch on without reading a word.

use std::process::ExitCode;

use aegir_core::engine::Outcome;
use aegir_core::{ErrorKind, ErrorReport};

/// Done, or it was so already.
pub const DONE: u8 = 0;
/// Failed; nothing was changed, or everything was taken back. Defects of ours too.
pub const FAILED: u8 = 1;
/// Partly done: some of several targets failed; the report says which.
pub const PARTLY: u8 = 3;
/// This user may not do that, or root where root must not.
pub const DENIED: u8 = 4;
/// No such server, platform, site, task, template.
pub const NOT_FOUND: u8 = 5;
/// It exists already, belongs to somebody else, or a plan is stale.
pub const CONFLICT: u8 = 6;
/// Another task holds a lock; try again.
pub const LOCKED: u8 = 7;
/// A check said no before anything was changed, or this build cannot do it.
pub const REFUSED: u8 = 8;
/// A server or service does not answer.
pub const UNREACHABLE: u8 = 9;
/// An undo failed: a person is needed.
pub const STUCK: u8 = 10;
/// The command line is wrong.
pub const USAGE: u8 = 64;
/// It took longer than its limit.
pub const TIMEOUT: u8 = 124;
/// Stopped by the operator.
pub const INTERRUPTED: u8 = 130;

/// The code of an error that ended a command before a task ran.
pub fn of_kind(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Invalid => USAGE,
        ErrorKind::NotFound => NOT_FOUND,
        ErrorKind::Conflict => CONFLICT,
        ErrorKind::Locked | ErrorKind::Superseded => LOCKED,
        ErrorKind::Denied => DENIED,
        ErrorKind::Refused | ErrorKind::Unsupported => REFUSED,
        ErrorKind::Unreachable => UNREACHABLE,
        ErrorKind::Timeout => TIMEOUT,
        ErrorKind::Interrupted => INTERRUPTED,
        ErrorKind::Stuck => STUCK,
        _ => FAILED,
    }
}

/// The code of a task that was taken back. Mostly [`FAILED`]; kept apart are the causes after which a script does
/// something else than report: wait, try again, give up.
pub fn of_rolled_back(report: &ErrorReport) -> u8 {
    match report.kind {
        ErrorKind::Unreachable | ErrorKind::Refused | ErrorKind::Locked | ErrorKind::Interrupted => of_kind(report.kind),
        _ => FAILED,
    }
}

/// The code of a task's end.
pub fn of_outcome(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Done { .. } => DONE,
        Outcome::Partly { .. } => PARTLY,
        Outcome::RolledBack(report) => of_rolled_back(report),
        Outcome::Stuck(_) => STUCK,
        Outcome::Waiting(_) => UNREACHABLE,
    }
}

/// The code of several things at once: theirs where all ended alike, [`PARTLY`] where only some were done, and otherwise
/// [`FAILED`].
pub fn of_many(codes: &[u8]) -> u8 {
    match codes {
        [] => DONE,
        [first, rest @ ..] if rest.iter().all(|code| code == first) => *first,
        codes if codes.contains(&DONE) => PARTLY,
        _ => FAILED,
    }
}

pub(crate) fn code(code: u8) -> ExitCode {
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aegir_core::Error;

    #[test]
    fn rolled_back_is_never_success_and_says_why() {
        for (error, wanted) in [
            (Error::failed("x"), FAILED),
            (Error::unreachable("x"), UNREACHABLE),
            (Error::refused("x"), REFUSED),
            (Error::conflict("x"), FAILED),
            (Error::new(ErrorKind::Interrupted, "x"), INTERRUPTED),
            (Error::new(ErrorKind::Timeout, "x"), FAILED),
        ] {
            assert_eq!(of_outcome(&Outcome::RolledBack(error.report())), wanted, "{error:?}");
        }
        assert_eq!(of_outcome(&Outcome::Stuck(Error::failed("x").report())), STUCK);
        assert_eq!(of_outcome(&Outcome::Done { changed: 0, warnings: 3 }), DONE);
    }

    #[test]
    fn several_are_done_partly_done_or_failed() {
        assert_eq!(of_many(&[]), DONE);
        assert_eq!(of_many(&[DONE, DONE]), DONE);
        assert_eq!(of_many(&[DONE, UNREACHABLE, REFUSED]), PARTLY);
        assert_eq!(of_many(&[UNREACHABLE, UNREACHABLE]), UNREACHABLE);
        assert_eq!(of_many(&[UNREACHABLE, REFUSED]), FAILED);
    }

    #[test]
    fn every_kind_before_a_task_has_its_code() {
        assert_eq!(of_kind(ErrorKind::Invalid), 64);
        assert_eq!(of_kind(ErrorKind::Timeout), 124);
        assert_eq!(of_kind(ErrorKind::Internal), 1);
        assert_eq!(of_kind(ErrorKind::Unsupported), 8);
    }
}
