//! What a command prints, taken as it comes and never more of it than was allowed.
//!
//! Nobody knows what is at the other end of a pipe: a page of a site, a server that somebody broke into. So no reading goes
//! on for as long as somebody writes.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _};

use super::Command;
use crate::{Error, ErrorKind};

/// What is kept of a standard error: its beginning, where programs say what is wrong, and its end, where they give up.
const BEGINNING: usize = 256 * 1024;
const ENDING: usize = 768 * 1024;
const PIECE: usize = 64 * 1024;

/// Why nobody reads on, although the command goes on.
#[derive(Debug)]
pub(super) enum Stop {
    /// The pipe broke, or time is up.
    Broke(io::Error),
    /// It printed more than is taken of it.
    TooMuch,
    /// It printed as much as is wanted of it, which is this.
    Enough(Vec<u8>),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Broke(error)
    }
}

impl Stop {
    /// Whether its time was up.
    pub(super) fn is_late(&self) -> bool {
        matches!(self, Self::Broke(error) if error.kind() == io::ErrorKind::TimedOut)
    }
}

/// Reads a command's standard output to its end; whoever listens hears each line as it comes.
pub(super) async fn output(pipe: Option<impl AsyncRead + Unpin>, command: &Command) -> Result<Vec<u8>, Stop> {
    let Some(pipe) = pipe else { return Ok(Vec::new()) };
    // One byte more tells that it goes on.
    let mut pipe = pipe.take(command.most as u64 + 1);
    let mut all = Vec::new();
    match &command.lines {
        None => drop(pipe.read_to_end(&mut all).await?),
        Some(sink) => {
            let mut reader = tokio::io::BufReader::new(pipe);
            loop {
                let start = all.len();
                if reader.read_until(b'\n', &mut all).await? == 0 {
                    break;
                }
                sink(String::from_utf8_lossy(&all[start..]).trim_end());
            }
        }
    }
    if all.len() <= command.most {
        return Ok(all);
    }
    if !command.cut {
        return Err(Stop::TooMuch);
    }
    all.truncate(command.most);
    Err(Stop::Enough(all))
}

/// Reads a standard error to its end. Of one that is too long the middle is left out, and it says so.
pub(super) async fn errors(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let Some(mut pipe) = pipe else { return Ok(Vec::new()) };
    let mut beginning = Vec::new();
    (&mut pipe).take(BEGINNING as u64).read_to_end(&mut beginning).await?;
    let (mut ending, mut left_out, mut piece) = (Vec::new(), 0, vec![0; PIECE]);
    loop {
        let length = pipe.read(&mut piece).await?;
        if length == 0 {
            break;
        }
        ending.extend_from_slice(&piece[..length]);
        if ending.len() > 2 * ENDING {
            left_out += ending.drain(..ending.len() - ENDING).len();
        }
    }
    left_out += ending.drain(..ending.len().saturating_sub(ENDING)).len();
    if left_out > 0 {
        beginning.extend(format!("\n… {left_out} bytes left out …\n").into_bytes());
    }
    beginning.extend(ending);
    Ok(beginning)
}

/// Reads what a small program of this machine prints; what it prints beyond a megabyte is nobody's answer.
pub(super) async fn small(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let _ = pipe.take(1 << 20).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The error for a command that printed too much.
pub(super) fn too_much(command: &Command, server: &crate::name::ServerName) -> Error {
    let most = crate::distribution::bytes(command.most as u64);
    Error::new(ErrorKind::Refused, format!("running {} on {server}: it printed more than {most}, so it was ended", command.program))
        .context("server", server)
        .context("command", command)
        .because("what a server says is read up to a limit, and what is beyond is refused")
        .hint(format!("see on {server} what it prints so much of: `{command}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endless() -> Option<tokio::io::Repeat> {
        Some(tokio::io::repeat(b'x'))
    }

    #[tokio::test]
    async fn a10_no_output_is_read_without_end() {
        let command = Command::new("x").most(1000);
        assert!(matches!(output(endless(), &command).await, Err(Stop::TooMuch)));
        assert!(matches!(output(endless(), &command.clone().lines(std::sync::Arc::new(|_| {}))).await, Err(Stop::TooMuch)));
        assert!(matches!(output(endless(), &command.clone().cut(10)).await, Err(Stop::Enough(all)) if all == b"xxxxxxxxxx"));
        assert_eq!(output(Some(&[b'y'; 1000][..]), &command).await.unwrap(), [b'y'; 1000]);
    }

    #[tokio::test]
    async fn a10_of_a_long_standard_error_beginning_and_end_are_kept() {
        let said = [b"first\n".as_slice(), &vec![b'x'; 5_000_000], b"\nlast"].concat();
        let kept = errors(Some(&said[..])).await.unwrap();
        assert!(kept.len() < 1_100_000 && kept.starts_with(b"first\n") && kept.ends_with(b"\nlast"));
        let (left_out, _) =
            String::from_utf8_lossy(&kept).split_once(" bytes left out").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let count: usize = left_out.rsplit(' ').next().unwrap().parse().unwrap();
        assert_eq!(count, said.len() - BEGINNING - ENDING);
        assert_eq!(errors(Some(&said[..900_000])).await.unwrap(), said[..900_000]);
    }
}
