//! Names and addresses, forward and back, on the master and on the server.

use crate::pair::{Case, Pair};

#[test]
fn names_lead_to_addresses_and_back_on_both_sides() {
    let pair = Pair::new();
    let warns = Case { finding: "warn", status: 0, ..Case::default() };
    let hosts = |host: &aegir_testkit::lab::Host, script: &str| drop(host.exec(["sed", "-i", script, "/etc/hosts"]).ok());
    let (master, web1) = (&pair.master.host, &pair.web1);
    let address = web1.v4().to_string();

    // The master finds another machine: the connection is the one that stands, or goes by another name.
    master.exec(["sh", "-c", &format!("printf 'Host web1.example.com\\n HostName {address}\\n' >/etc/ssh/ssh_config.d/lab.conf")]).ok();
    pair.broken(&Case {
        check: "name.forward",
        evidence: "on the master web1.example.com is 192.0.2.9, and its own addresses are",
        mend: "as root on the master: `sed",
        breaks: &|| hosts(master, &format!("s/^{address} /192.0.2.9 /")),
        mends: &|found| pair.mend(found),
        ..warns
    });
    pair.broken(&Case {
        check: "name.forward",
        evidence: "on the master web1.example.com has no address",
        breaks: &|| hosts(master, "/web1/d"),
        mends: &|found| pair.mend(found),
        ..warns
    });
    pair.broken(&Case {
        check: "name.reverse",
        evidence: &format!("on the master {address} is other.example.com, not web1.example.com"),
        mend: "as root on the master: `sed",
        breaks: &|| {
            hosts(master, "/web1/d");
            hosts(master, &format!("1i {address} other.example.com"));
            hosts(master, &format!("$a {address} web1.example.com web1"));
        },
        mends: &|_| hosts(master, "1d"),
        ..warns
    });
    pair.broken(&Case {
        check: "name.forward",
        evidence: "on web1 web1.example.com has no address",
        mend: "as root on web1: `sed",
        breaks: &|| hosts(web1, "/web1/d"),
        mends: &|found| pair.mend(found),
        ..warns
    });
    // The database goes by this name, so what does not work without it fails.
    pair.broken(&Case {
        check: "db.from-here",
        evidence: "does not answer web1",
        finding: "fail",
        mend: "as root on web1: `echo '",
        status: 8,
        breaks: &|| hosts(web1, "/master/d"),
        mends: &|found| pair.mend(found),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "name.reverse",
        evidence: "has no name",
        mend: "as root on web1: `sed",
        breaks: &|| hosts(web1, &format!("s/^{address} .*/127.0.1.1 web1.example.com web1/")),
        mends: &|found| pair.mend(found),
        ..warns
    });
}
