//! Whether a stream is packed on its way: only where the link is slower than packing, and that is measured.

use std::path::Path;

use crate::Result;
use crate::server::{Command, PATH, Server};

/// Below this, measuring costs more than packing could save.
const WORTH: u64 = 4_000_000;
/// What is sent to measure a link.
const PROBE: usize = 512 * 1024;
/// Pieces of it: the server begins to count when the first has come.
const PIECE: usize = 32 * 1024;
/// The server's own clock, between the first byte and the last: neither opening a session nor the way there counts.
const SCRIPT: &str = r#"head -c 1 >/dev/null; a=$(date +%s%N); head -c "$1" >/dev/null; b=$(date +%s%N); echo $((b - a))"#;
/// What `zstd` 1.5 makes of code with some images in it, by level: bytes that a core packs in a second, and what is left of one.
const LEVELS: [(u8, f64, f64); 5] = [(3, 260e6, 0.19), (5, 120e6, 0.175), (7, 80e6, 0.16), (9, 58e6, 0.154), (12, 27e6, 0.142)];
/// What packing gets of the cores: reading, encrypting and what else the machine is there for want the rest.
const SHARE: f64 = 0.5;
/// Packing is work for both sides, so it has to be so much sooner.
const GAIN: f64 = 2.0;

/// How a stream is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// By `zstd`, so hard.
    Zstd(u8),
}

impl Packing {
    /// What is soonest through a link that takes so many bytes in a second: it is sent while it is packed, so the slower of
    /// the two counts.
    fn fit_for(rate: u64, cores: usize) -> Self {
        let sent = 1.0 / f64::from(u32::try_from(rate.max(1)).unwrap_or(u32::MAX));
        let cores = SHARE * f64::from(u16::try_from(cores).unwrap_or(u16::MAX));
        let time = |(_, speed, left): &(u8, f64, f64)| (1.0 / (speed * cores)).max(left * sent);
        match LEVELS.iter().min_by(|a, b| time(a).total_cmp(&time(b))) {
            Some(best) if GAIN * time(best) <= sent => Self::Zstd(best.0),
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
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(nanoseconds.map_or(Self::Plain, |ns| Self::fit_for((PROBE as u64).saturating_mul(1_000_000_000) / ns.max(1), cores)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_the_link_the_harder_it_is_packed() {
        let levels: Vec<Packing> =
            [500_000, 5_000_000, 12_500_000, 18_000_000, 120_000_000, 500_000_000].map(|rate| Packing::fit_for(rate, 2)).into();
        assert_eq!(levels[..3], [Packing::Zstd(12), Packing::Zstd(9), Packing::Zstd(7)]);
        assert_eq!(levels[3..], [Packing::Zstd(5), Packing::Zstd(3), Packing::Plain]);
        assert_eq!(Packing::fit_for(0, 1), Packing::Zstd(12));
        assert_eq!(Packing::fit_for(12_500_000, 1), Packing::Zstd(3), "a lone core does not pack so hard in time");
        assert_eq!(Packing::fit_for(u64::MAX, 64), Packing::Plain);
    }
}
