//! Whether a stream is packed on its way: only where the link is slower than packing, and that is measured.

use std::path::Path;

use crate::Result;
use crate::server::{Command, Server};

/// Below this, measuring costs more than packing could save.
const WORTH: u64 = 4_000_000;
/// What is sent to measure a link.
const PROBE: usize = 512 * 1024;
/// Pieces of it: the server begins to count when the first has come.
const PIECE: usize = 32 * 1024;
/// The server's own clock, between the first byte and the last: neither opening a session nor the way there counts.
const SCRIPT: &str = r#"head -c 1 >/dev/null; a=$(date +%s%N); head -c "$1" >/dev/null; b=$(date +%s%N); echo $((b - a))"#;
/// Where programs are; as for every command of ours.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How a stream is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// By `zstd`, so hard.
    Zstd(u8),
}

impl Packing {
    /// What fits a link that takes so many bytes in a second: packing is to be a little faster than what it packs is sent.
    fn fit_for(rate: u64) -> Self {
        match rate {
            0..2_000_000 => Self::Zstd(12),
            2_000_000..20_000_000 => Self::Zstd(5),
            20_000_000..150_000_000 => Self::Zstd(1),
            _ => Self::Plain,
        }
    }

    /// Chooses for a stream of so many bytes; `zstd` says whether the server can unpack.
    pub(super) async fn choose(server: &dyn Server, bytes: u64, zstd: bool) -> Result<Self> {
        if bytes < WORTH || !zstd || !PATH.split(':').any(|dir| Path::new(dir).join("zstd").exists()) {
            return Ok(Self::Plain);
        }
        let (sender, stream) = tokio::sync::mpsc::channel(PROBE / PIECE + 1);
        for _ in 0..PROBE / PIECE {
            // There is room for all of them.
            let _ = sender.try_send(Ok(vec![0; PIECE]));
        }
        drop(sender);
        let length = (PROBE - 1).to_string();
        let command = Command::new("sh").args(["-c", SCRIPT, "sh", &length]).timeout(std::time::Duration::from_secs(300));
        let output = server.feed(&command, stream).await?;
        // A server without such a clock says something else; then nothing is lost but some time.
        let nanoseconds: Option<u64> = output.text().trim().parse().ok();
        Ok(nanoseconds.map_or(Self::Plain, |ns| Self::fit_for((PROBE as u64).saturating_mul(1_000_000_000) / ns.max(1))))
    }
}
