//! The services of a host, without an init system; ready means ready.

use std::fs;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::Signal;

use super::host::Host;
use super::process::Process;
use super::tool::until;

const PATIENCE: Duration = Duration::from_secs(30);
const SOCKET: &str = "run/mysqld/mysqld.sock";

/// A service that a host can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// MariaDB, or the MySQL of a release that has that, on port 3306; root logs in through the local socket.
    MariaDb,
    /// Apache with the event MPM and `mod_proxy_fcgi`.
    Apache,
    /// PHP-FPM of the host's only PHP version.
    PhpFpm,
    /// Nginx.
    Nginx,
    /// OpenSSH, with host keys of its own.
    Sshd,
}

impl Service {
    /// How its processes are called. There is one PHP per Debian release, so the prefix is enough.
    fn is_named(self, name: &str) -> bool {
        match self {
            Self::MariaDb => name == "mariadbd" || name == "mysqld",
            Self::Apache => name == "apache2",
            Self::PhpFpm => name.starts_with("php-fpm"),
            Self::Nginx => name == "nginx",
            // From OpenSSH 9.8 on, sessions are programs of their own.
            Self::Sshd => name == "sshd" || name.starts_with("sshd-"),
        }
    }
}

impl Host {
    /// Starts a service and waits until it answers.
    ///
    /// # Panics
    /// When it runs already or does not come up.
    #[track_caller]
    pub fn start(&self, service: Service) {
        let fail = |e| -> () {
            let log = match service {
                Service::MariaDb => "/var/log/mysql/error.log",
                Service::Apache => "/var/log/apache2/error.log",
                Service::Nginx => "/var/log/nginx/error.log",
                _ => "/dev/null",
            };
            let log = self.exec(["tail", "-n", "20", log]).stdout;
            panic!("failed to start {service:?} on {}: {e}\n{log}", self.name())
        };
        self.try_start(service).unwrap_or_else(fail);
    }

    /// Stops a service the orderly way and waits until it is gone.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn stop(&self, service: Service) {
        self.end_service(service, Signal::TERM);
    }

    /// `kill -9` for all processes of a service, as a crash does it.
    ///
    /// # Panics
    /// When they do not end.
    #[track_caller]
    pub fn kill(&self, service: Service) {
        self.end_service(service, Signal::KILL);
    }

    /// Whether the service has a main process.
    #[must_use]
    pub fn runs(&self, service: Service) -> bool {
        self.main_process(service).is_some()
    }

    /// Whether something listens on that TCP port, asked of the host's kernel: it works with the cable cut.
    #[must_use]
    pub fn listens(&self, port: u16) -> bool {
        let suffix = format!(":{port:04X}");
        let listening = |line: &str| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields.len() > 3 && fields[1].ends_with(&suffix) && fields[3] == "0A"
        };
        ["tcp", "tcp6"].iter().any(|kind| {
            fs::read_to_string(format!("/proc/{}/net/{kind}", self.init().pid())).is_ok_and(|table| table.lines().any(listening))
        })
    }

    fn try_start(&self, service: Service) -> io::Result<()> {
        // What was stopped a moment ago may have a process left that was just being made, such as a session's.
        if self.runs(service) && until("the one before is gone", Duration::from_secs(5), || !self.runs(service)).is_err() {
            return Err(io::Error::other("it runs already"));
        }
        let directory = |path, owner| {
            let make = ["install", "-d", "-m", "755", "-o", owner, "-g", owner, path];
            self.exec(make).ok();
        };
        match service {
            Service::MariaDb => {
                directory("/run/mysqld", "mysql");
                // A socket file that a killed server left would look ready.
                self.exec(["rm", "-f", &format!("/{SOCKET}")]).ok();
                let program = if self.suite().has_mysql() { "mysqld" } else { "mariadbd" };
                self.exec(["setsid", "-f", program, "--user=mysql"]).ok();
                until("MariaDB answers", PATIENCE, || self.greets())
            }
            Service::Apache => {
                self.exec(["apache2ctl", "start"]).ok();
                self.wait_for_pid_file(service, "/run/apache2/apache2.pid")
            }
            Service::PhpFpm => {
                directory("/run/php", "www-data");
                let program = self.php_fpm()?;
                // The file is named in Debian's configuration up to 13, later in that of no one.
                let file = format!("/run/php/{}.pid", fpm_unit(&program));
                self.exec([&program, "--daemonize", "--pid", &file]).ok();
                self.wait_for_pid_file(service, &file)
            }
            Service::Nginx => {
                self.exec(["nginx"]).ok();
                self.wait_for_pid_file(service, "/run/nginx.pid")
            }
            Service::Sshd => {
                directory("/run/sshd", "root");
                self.make_host_key();
                self.exec(["/usr/sbin/sshd"]).ok();
                self.wait_for_pid_file(service, "/run/sshd.pid")
            }
        }
    }

    /// All of these write it when they already listen. It must name the process that runs now:
    /// a server that was killed leaves its old one.
    fn wait_for_pid_file(&self, service: Service, path: &str) -> io::Result<()> {
        until(&format!("{service:?} listens"), PATIENCE, || {
            let Some(main) = self.main_process(service) else {
                return false;
            };
            let status = fs::read_to_string(format!("/proc/{}/status", main.pid()));
            let status = status.unwrap_or_default();
            let inside = status.lines().find_map(|l| l.strip_prefix("NSpid:"));
            let inside = inside.and_then(|pids| pids.split_whitespace().last());
            let written = self.get(path).unwrap_or_default();
            inside.is_some_and(|pid| String::from_utf8_lossy(&written).trim() == pid)
        })
    }

    /// MariaDB speaks first, and only when it serves.
    pub(crate) fn greets(&self) -> bool {
        let ask = || -> io::Result<()> {
            let mut socket = UnixStream::connect(self.root().join(SOCKET))?;
            socket.set_read_timeout(Some(Duration::from_secs(5)))?;
            socket.read_exact(&mut [0; 5])
        };
        ask().is_ok()
    }

    /// The first bytes that a server says on that port, asked from this machine, where it says any.
    #[must_use]
    pub fn banner(&self, port: u16, patience: Duration) -> Option<String> {
        let address = SocketAddr::new(IpAddr::V4(self.v4()), port);
        let mut stream = TcpStream::connect_timeout(&address, patience).ok()?;
        stream.set_read_timeout(Some(patience)).ok()?;
        let mut buffer = [0; 256];
        let read = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        Some(String::from_utf8_lossy(&buffer[..read]).into_owned())
    }

    fn php_fpm(&self) -> io::Result<String> {
        let names = fs::read_dir(self.root().join("usr/sbin"))?.flatten();
        names
            .filter_map(|e| e.file_name().into_string().ok())
            .find(|n| n.starts_with("php-fpm"))
            .ok_or_else(|| io::Error::other("it has no PHP-FPM"))
    }

    /// One short key, made when it is first needed: the big ones take a second.
    fn make_host_key(&self) {
        let path = "/etc/ssh/ssh_host_ed25519_key";
        if !self.exists(path) {
            let make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path];
            self.exec(make).ok();
        }
    }

    /// The process of a service that no other process of it started. A session of sshd is not it.
    pub(crate) fn main_process(&self, service: Service) -> Option<Process> {
        let all = self.processes();
        let ours: Vec<_> = all.iter().filter(|p| service.is_named(&p.1)).collect();
        let child = |parent: i32| ours.iter().any(|p| p.0.pid() == parent);
        ours.iter().find(|p| !child(p.2)).map(|p| p.0)
    }

    #[track_caller]
    fn end_service(&self, service: Service, signal: Signal) {
        let targets: Vec<Process> = if signal == Signal::KILL {
            let all = self.processes().into_iter();
            all.filter(|p| service.is_named(&p.1)).map(|p| p.0).collect()
        } else {
            self.main_process(service).into_iter().collect()
        };
        for process in &targets {
            process.signal(signal);
        }
        for process in &targets {
            assert!(process.gone_within(PATIENCE), "{service:?} on {} does not end", self.name());
        }
    }
}

/// `php-fpm8.2` is the program, `php8.2-fpm` what everything else is called after.
fn fpm_unit(program: &str) -> String {
    format!("php{}-fpm", program.trim_start_matches("php-fpm"))
}
