//! What can go wrong with a host, on demand.

use std::io;
use std::time::Duration;

use rustix::fs::{OFlags, fstatvfs};
use rustix::process::Signal;

use super::host::Host;
use super::service::Service;
use super::tool::tool;

impl Host {
    /// Puts a small, empty disk at a path of the host; what was there is hidden by it.
    ///
    /// # Panics
    /// When it cannot be mounted.
    #[track_caller]
    pub fn small_disk(&self, path: &str, bytes: u64) {
        self.exec(["mkdir", "-p", path]).ok();
        let size = format!("mode=755,size={bytes}");
        self.exec(["mount", "-t", "tmpfs", "-o", &size, "small", path]).ok();
    }

    /// Makes the disk that holds a path full: whoever writes there gets "No space left on device".
    /// The disk shrinks to what is on it; nothing is written and no memory is used.
    ///
    /// # Panics
    /// When the disk cannot shrink, as that of a host with [`Storage::Disk`](super::Storage::Disk).
    #[track_caller]
    pub fn fill_disk(&self, path: &str) {
        let full = |used: u64| used.max(4096);
        self.resize(path, full).unwrap_or_else(|e| panic!("failed to fill {path} on {}: {e}", self.name()));
    }

    /// Takes back [`fill_disk`](Self::fill_disk): there is room for that many bytes more.
    ///
    /// # Panics
    /// When the disk cannot grow.
    #[track_caller]
    pub fn free_disk(&self, path: &str, bytes: u64) {
        self.resize(path, |used| used + bytes).unwrap_or_else(|e| panic!("failed to free {path} on {}: {e}", self.name()));
    }

    fn resize(&self, path: &str, size: impl Fn(u64) -> u64) -> io::Result<()> {
        let mount = |path: &str, column: &str| self.exec(["findmnt", "-n", "-o", column, "-T", path]).ok();
        let mut target = mount(path, "TARGET");
        if mount(&target, "FSTYPE") == "overlay" {
            // What is written to the root ends here.
            "/run/lab/disk".clone_into(&mut target);
        }
        let kind = mount(&target, "FSTYPE");
        if kind != "tmpfs" {
            return Err(io::Error::other(format!("{target} is a real disk ({kind}); use small_disk, or a host in memory")));
        }
        let disk = fstatvfs(self.open(&target, OFlags::RDONLY, 0)?)?;
        let used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize;
        let option = format!("remount,size={}", size(used));
        self.exec(["mount", "-o", &option, &target]).ok();
        Ok(())
    }

    /// Cuts the network cable: nothing arrives and nothing is refused.
    ///
    /// # Panics
    /// When the host is down.
    #[track_caller]
    pub fn cut(&self) {
        self.link("down");
    }

    /// Mends the network cable.
    ///
    /// # Panics
    /// When the host is down.
    #[track_caller]
    pub fn heal(&self) {
        self.link("up");
    }

    /// Cuts one half of the cable: the host hears everything, and nothing that it says arrives.
    /// [`full_speed`](Self::full_speed) mends it.
    ///
    /// # Panics
    /// When the host is down.
    #[track_caller]
    pub fn half_cut(&self) {
        // No packet fits into a queue of one byte.
        self.shape_inside("replace", &["bfifo", "limit", "1"]).unwrap_or_else(|e| panic!("{e}"));
    }

    #[track_caller]
    fn link(&self, state: &str) {
        tool("ip", &["link", "set", self.cable(), state]).unwrap_or_else(|e| panic!("{e}"));
    }

    /// Makes the network of this host slow in both directions, up to [`full_speed`](Self::full_speed).
    ///
    /// # Errors
    /// When this machine's kernel cannot do it: a delay needs `sch_netem`, which small kernels leave out.
    pub fn slow(&self, kbit: u32, delay: Duration) -> io::Result<()> {
        let rate = format!("{kbit}kbit");
        let ms = format!("{}ms", delay.as_millis());
        let shape: &[&str] = if delay.is_zero() {
            // 16 KiB pass at once, so that small answers are not cut into single packets.
            &["tbf", "rate", &rate, "burst", "16kb", "latency", "2s"]
        } else {
            &["netem", "delay", &ms, "rate", &rate]
        };
        self.shape("replace", shape).map_err(|e| {
            let kind = shape[0];
            io::Error::new(io::ErrorKind::Unsupported, format!("this kernel cannot slow a network with {kind}: {e}"))
        })
    }

    /// Takes back [`slow`](Self::slow) and [`half_cut`](Self::half_cut).
    pub fn full_speed(&self) {
        // Where nothing was slow there is nothing to take back.
        let _ = self.shape("del", &[]);
    }

    /// Each end shapes what it sends: the outer one what the host receives.
    fn shape(&self, verb: &str, shape: &[&str]) -> io::Result<()> {
        // The inner end first: it may be shaped alone.
        let inner = self.shape_inside(verb, shape);
        let outer = ["qdisc", verb, "dev", self.cable(), "root"];
        tool("tc", &[&outer[..], shape].concat()).map(|_| ()).and(inner)
    }

    fn shape_inside(&self, verb: &str, shape: &[&str]) -> io::Result<()> {
        let init = self.init().pid().to_string();
        let inner = ["-t", &init, "-n", "tc", "qdisc", verb, "dev", "eth0", "root"];
        tool("nsenter", &[&inner[..], shape].concat()).map(|_| ())
    }

    /// Freezes sshd: it accepts connections and says nothing.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn silence_sshd(&self) {
        self.signal_sshd(Signal::STOP);
    }

    /// Takes back [`silence_sshd`](Self::silence_sshd).
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn wake_sshd(&self) {
        self.signal_sshd(Signal::CONT);
    }

    #[track_caller]
    fn signal_sshd(&self, signal: Signal) {
        match self.main_process(Service::Sshd) {
            Some(sshd) => sshd.signal(signal),
            None => panic!("there is no sshd on {}", self.name()),
        }
    }
}
