//! The oldest trick of an account that may write in a directory: exchanging two names in it, as fast as it can.

use crate::lab::{Child, Host};

/// Exchanges two names for as long as it lives; the number of `renameat2` depends on the machine.
const LOOP: &str = r#"my ($dir, $one, $other) = @ARGV; chdir $dir or die "$dir: $!";
    my $call = `uname -m` eq "x86_64\n" ? 316 : 276; while (1) { syscall($call, -100, $one, -100, $other, 2) }"#;

/// Lets the web server's account exchange two names in a directory, until what is returned is dropped.
#[must_use]
pub fn exchange(host: &Host, dir: &str, one: &str, other: &str) -> Child {
    host.command(["perl", "-e", LOOP, dir, one, other]).user("www-data").spawn()
}

/// The directory of a site becomes one that the web server's account can exchange with a link to Aegir's configuration, and
/// does, as it does with one in its uploads; `verify` is told the number of the round, and says whether there is another one.
/// Nothing of the configuration may change.
///
/// # Panics
/// When anything of it does.
pub fn race_for_site(host: &Host, site: &str, mut verify: impl FnMut(usize) -> bool) {
    let sites = "/var/aegir/platforms/wp/sites";
    let config = host.exec(["sh", "-c", "echo /var/aegir/config/*/vhost.d"]).ok().trim_end_matches("/vhost.d").to_owned();
    let state = || host.exec(["sh", "-c", "find /var/aegir/config -printf '%p %m %u:%g %l\\n' | sort"]).ok();
    let mode = host.exec(["stat", "-c", "%a", sites]).ok();
    host.exec(["sh", "-c", &format!("cd {sites} && chmod 0777 . && ln -s {config} .l && chown -h www-data: .l")]).ok();
    let uploads = format!("{sites}/{site}/files/exchanged");
    let plant = format!(
        "mkdir -p {uploads}/inside && chown www-data: {uploads} {uploads}/inside && ln -s {config} {uploads}/.l && chown -h www-data: {uploads}/.l"
    );
    host.exec(["sh", "-c", &plant]).ok();
    let before = state();
    let exchanging = [exchange(host, &uploads, "inside", ".l"), exchange(host, sites, site, ".l")];
    for round in 0.. {
        // Something to do, wherever the directory is just now.
        let _ = host.exec(["sh", "-c", &format!("cd {sites}; chmod 0755 {site}/files .l/files 2>/dev/null; true")]);
        let again = verify(round);
        assert_eq!(before, state(), "round {round}");
        if !again {
            break;
        }
    }
    drop(exchanging);
    host.exec([
        "sh",
        "-c",
        &format!(
            "cd {sites} && if [ -L {site} ]; then mv -T {site} x && mv -T .l {site} && rm x; else rm .l; fi; chmod {} . && rm -rf {uploads}",
            mode.trim()
        ),
    ])
    .ok();
}
