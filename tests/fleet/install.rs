//! A site whose web server is struck while it is installed: nothing is left of it, and a second run makes it.

use std::time::{Duration, Instant};

use aegir_testkit::fleet::Fleet;
use aegir_testkit::lab::Base;

use crate::BINARY;
use crate::fault::{Fault, UNREACHABLE, impatient};

#[test]
fn an_installation_that_is_struck_leaves_nothing_and_a_second_one_serves() {
    let fleet = Fleet::new(BINARY, &["web1"]);
    impatient(&fleet);
    let web1 = fleet.host("web1");
    let path = "/var/aegir/platforms/wp";
    fleet.master.aegir(["platform", "add", "wp", "--path", path, "--server", "web1.example.com", "--from", Base::WORDPRESS]).ok();
    let databases = || fleet.master.host.exec(["mariadb", "-BNe", "SHOW DATABASES"]).ok();
    for (index, fault) in UNREACHABLE.into_iter().chain([Fault::Full, Fault::OtherKey, Fault::NoPhp, Fault::Slow]).enumerate() {
        fault.prepare(web1);
        let before = databases();
        let uri = format!("s{index}.example.com");
        let arguments = ["site", "install", &uri, "--platform", "wp", "--title", "Struck"];
        let install = fleet.master.command(arguments).spawn();
        let directory = format!("{path}/sites/{uri}");
        let begun = Instant::now();
        while !web1.exists(&directory) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{fault:?}: the installation never came to {directory}");
            std::thread::sleep(Duration::from_millis(5));
        }
        fault.strike(web1);
        let struck = install.wait(Duration::from_secs(120));
        let expected: &[i32] = match fault {
            Fault::Full | Fault::NoPhp => &[1, 8],
            Fault::Slow => &[0],
            _ => &[9],
        };
        assert!(expected.contains(&struck.status), "{fault:?}: {struck:?}");
        if fault == Fault::Slow {
            fault.mend(web1);
            assert_eq!(web1.http(80, &uri, "/").status, 200);
            continue;
        }
        assert!(struck.stderr.contains("web1"), "{fault:?}: {struck:?}");
        let sites = fleet.master.json(["site", "list"])["items"].to_string();
        assert!(!sites.contains(&uri), "{fault:?}: {sites}");
        if UNREACHABLE.contains(&fault) {
            let again = fleet.master.aegir(arguments);
            assert_eq!(again.status, 9, "{fault:?}: while it is gone there is no second try: {again:?}");
        }
        fault.mend(web1);
        fleet.master.aegir(["task", "recover"]).ok();
        assert_eq!(databases(), before, "{fault:?} left a database");
        assert!(!web1.exists(&directory), "{fault:?} left {directory}");
        fleet.master.aegir(arguments).ok();
        let page = web1.http(80, &uri, "/");
        assert!(page.status == 200 && page.body.contains("Struck"), "{fault:?}: {page:?}");
    }
}
