//! The machine and the account on it: what Aegir may do there, where it writes, who it is.

use crate::pair::{Case, Pair};

#[test]
fn the_account_and_the_disk_below_it() {
    let pair = Pair::new();
    let web1 = |script: &str| drop(pair.web1.exec(["sh", "-c", script]).ok());
    let rule = "/etc/sudoers.d/aegir";

    pair.broken(&Case {
        check: "sudo",
        evidence: "may not run `/usr/local/lib/aegir/helper`",
        mend: "aegir server bootstrap web1",
        breaks: &|| web1(&format!("cp -p {rule} /root/rule; rm {rule}")),
        mends: &|_| web1(&format!("cp -p /root/rule {rule}")),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "sudo",
        finding: "warn",
        evidence: "may also run ALL, /bin/true x as root",
        mend: "visudo",
        status: 0,
        breaks: &|| web1("echo 'aegir ALL=(ALL:ALL) NOPASSWD: ALL, /bin/true x' >/etc/sudoers.d/more"),
        mends: &|_| web1("rm /etc/sudoers.d/more"),
        ..Case::default()
    });
    // A rule too long for one line of the list is still read whole.
    pair.broken(&Case {
        check: "sudo",
        finding: "warn",
        evidence: "/usr/bin/systemctl reload something-with-a-long-name-0, /usr/bin/systemctl reload something-with-a-long-name-1",
        status: 0,
        breaks: &|| web1("{ echo -n 'aegir ALL=(root) NOPASSWD: '; for i in 0 1 2 3; do echo -n \"/usr/bin/systemctl reload something-with-a-long-name-$i, \"; done; echo /bin/true; } >/etc/sudoers.d/more"),
        mends: &|_| web1("rm /etc/sudoers.d/more"),
        ..Case::default()
    });
    // The helper of another version, of another server, or of another build; one that others could change, and none.
    let helper = "/usr/local/lib/aegir/helper";
    let put_back = || web1(&format!("cp -p /root/helper {helper}; chown root:root {helper}; chmod 755 {helper}"));
    web1(&format!("cp -p {helper} /root/helper"));
    for (breaks, finding, evidence, status) in [
        (format!("sed -i 's/protocol => 1/protocol => 0/' {helper}"), "fail", "is older than this Aegir: it speaks version 0", 8),
        (format!("sed -i 's/protocol => 1/protocol => 7/' {helper}"), "fail", "is newer than this Aegir", 8),
        (format!("sed -i s,config/web1,config/web11, {helper}"), "fail", "was made for /var/aegir/config/web11", 8),
        (format!("sed -i \"s/build => '/&x/\" {helper}"), "warn", "is of another build", 0),
        (format!("chown aegir {helper}"), "fail", "others than root could change", 8),
        (format!("rm {helper}"), "fail", "there is no /usr/local/lib/aegir/helper that answers", 8),
    ] {
        let mend = if breaks.starts_with("chown") {
            "chown root: /usr/local/lib/aegir"
        } else if evidence.contains("newer") {
            "newer Aegir"
        } else {
            "aegir server bootstrap web1"
        };
        pair.broken(&Case {
            check: "helper",
            finding,
            evidence,
            mend,
            status,
            breaks: &|| web1(&breaks),
            mends: &|_| put_back(),
            ..Case::default()
        });
    }
    pair.broken(&Case {
        check: "web-group",
        evidence: "not in www-data",
        mend: "as root on web1: `usermod -aG www-data aegir`",
        breaks: &|| {
            web1("gpasswd -d aegir www-data");
            pair.disconnect(&pair.web1);
        },
        mends: &|found| {
            pair.mend(found);
            pair.disconnect(&pair.web1);
        },
        ..Case::default()
    });
    pair.broken(&Case {
        check: "probe",
        evidence: "cannot write in /var/aegir: Permission denied",
        mend: "as root on web1: `chown aegir: /var/aegir && chmod u+rwx /var/aegir`",
        breaks: &|| web1("chown root:root /var/aegir; chmod 755 /var/aegir"),
        mends: &|found| pair.mend(found),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "root",
        evidence: "/var/aegir is no directory",
        mend: "aegir server bootstrap web1",
        breaks: &|| web1("mv /var/aegir /var/aegir.away"),
        mends: &|_| web1("mv /var/aegir.away /var/aegir"),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "disk",
        evidence: "0 of ",
        mend: "du -xh",
        also: true,
        breaks: &|| pair.web1.fill_disk("/var/aegir"),
        mends: &|_| pair.web1.free_disk("/var/aegir", 1 << 30),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "inodes",
        evidence: "inodes free",
        mend: "--inodes",
        also: true,
        breaks: &|| web1("mkdir /root/keep && cp -a /var/aegir/. /root/keep/ && mount -t tmpfs -o mode=711,nr_inodes=150 few /var/aegir && chown aegir: /var/aegir && cp -a /root/keep/. /var/aegir/"),
        mends: &|_| web1("umount /var/aegir; rm -r /root/keep"),
        ..Case::default()
    });

    // The probe leaves nothing, not even what a cut one may have left; a probe that is at work is let be.
    web1("touch /var/aegir/.aegir-probe.999999 /var/aegir/.aegir-probe.1");
    pair.doctor("web1");
    assert_eq!(pair.web1.exec(["sh", "-c", "cd /var/aegir; ls -A | grep probe"]).ok().trim(), ".aegir-probe.1");
}
