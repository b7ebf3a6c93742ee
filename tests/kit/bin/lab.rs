//! `aegir-lab`: hosts of the lab by hand.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use aegir_testkit::lab::{Base, Kind, Lab, Service, Suite, reap};

const USAGE: &str = "\
usage: aegir-lab base [SUITE]                        build the Debian root, print where it is (bookworm trixie sid)
       aegir-lab up NAME [SUITE] [SERVICE…]          bring up a host (mariadb apache php-fpm nginx sshd)
       aegir-lab exec NAME [--user USER] -- COMMAND… run a command on it
       aegir-lab down NAME                           take it down
       aegir-lab list                                clean up after dead labs, show the others
       aegir-lab hold NAME                           a lab of its own, until standard input ends
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["base"] => base("bookworm"),
        ["base", name] => base(name),
        ["up", name, services @ ..] => up(name, services),
        ["exec", name, "--", argv @ ..] if !argv.is_empty() => exec(name, "root", argv),
        ["exec", name, "--user", user, "--", argv @ ..] if !argv.is_empty() => exec(name, user, argv),
        ["down", name] => down(name),
        ["list"] => list(),
        ["hold", name] => hold(name),
        _ => {
            say(&mut io::stderr(), USAGE.trim_end());
            return ExitCode::from(64);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            say(&mut io::stderr(), &format!("aegir-lab: {e}"));
            ExitCode::FAILURE
        }
    }
}

fn say(to: &mut impl Write, line: &str) {
    // Nobody is left to be told when this fails.
    let _ = writeln!(to, "{line}");
}

fn base(name: &str) -> io::Result<()> {
    let suite = suite(name).ok_or_else(|| io::Error::other(format!("there is no suite {name} in the lab")))?;
    let base = Base::ensure(suite)?;
    say(&mut io::stdout(), &base.path().display().to_string());
    Ok(())
}

fn up(name: &str, services: &[&str]) -> io::Result<()> {
    let suite = services.first().and_then(|name| suite(name));
    let services: Vec<Service> = services[usize::from(suite.is_some())..].iter().map(|s| service(s)).collect::<io::Result<_>>()?;
    let host = Lab::by_hand()?.bring_up(name, suite.unwrap_or_default())?;
    for service in services {
        host.start(service);
    }
    say(&mut io::stdout(), &format!("{} {}", host.fqdn(), host.v4()));
    Ok(())
}

fn suite(name: &str) -> Option<Suite> {
    [Suite::Bookworm, Suite::Trixie, Suite::Sid].into_iter().find(|suite| suite.name() == name)
}

fn service(name: &str) -> io::Result<Service> {
    Ok(match name {
        "mariadb" => Service::MariaDb,
        "apache" => Service::Apache,
        "php-fpm" => Service::PhpFpm,
        "nginx" => Service::Nginx,
        "sshd" => Service::Sshd,
        _ => return Err(io::Error::other(format!("there is no service {name}"))),
    })
}

fn exec(name: &str, user: &str, argv: &[&str]) -> io::Result<()> {
    let (_lab, host) = Lab::made_by_hand(name)?;
    let terminal = std::env::var("TERM").unwrap_or_default();
    let entry = host.command(argv).user(user).env("TERM", &terminal);
    Err(entry.command()?.exec())
}

fn down(name: &str) -> io::Result<()> {
    let (lab, host) = Lab::made_by_hand(name)?;
    lab.take_down(&host)
}

fn list() -> io::Result<()> {
    for id in reap()? {
        say(&mut io::stderr(), &format!("aegir-lab: cleaned up {id}"));
    }
    for (id, hosts) in Lab::list()? {
        say(&mut io::stdout(), &id);
        for host in hosts {
            say(&mut io::stdout(), &format!("  {host}"));
        }
    }
    Ok(())
}

fn hold(name: &str) -> io::Result<()> {
    let lab = Lab::create()?;
    let host = lab.bring_up(name, Kind::default())?;
    say(&mut io::stdout(), &format!("{} {}", lab.id(), host.init().pid()));
    io::stdin().read_to_end(&mut Vec::new()).map(|_| ())
}
