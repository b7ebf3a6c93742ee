//! Machines that let Aegir in and yet keep its commands or files from working: what does it is named, with what mends it.

use std::time::Instant;

use aegir_testkit::lab::Service;

use crate::pair::{Case, Pair, told};

/// B1, B2, B3, B4, B9 and B10, on one machine.
#[test]
fn what_keeps_commands_or_files_from_working_is_named_with_what_mends_it() {
    let pair = Pair::new();
    let web1 = |script: &str| drop(pair.web1.exec(["sh", "-c", script]).ok());
    let again = || pair.disconnect(&pair.web1);
    let sshd = |script: &str| {
        web1(script);
        pair.web1.stop(Service::Sshd);
        again();
        pair.web1.start(Service::Sshd);
    };
    let (checks, _) = pair.doctor("web1");
    assert!(["ssh.files", "ssh.output"].iter().all(|name| checks[*name].finding == "pass"), "{}", told(&checks));

    // B1: a line where nothing may be printed, by either of the files that are read at every login.
    for (file, check) in [("/etc/ssh/sshrc", "ssh.files"), ("/home/aegir/.bashrc", "ssh.output")] {
        web1(&format!("[ ! -e {file} ] || cp -a {file} /root/kept"));
        pair.broken(&Case {
            check,
            evidence: &format!("Hello from here”, printed by {file}"),
            mend: &format!("as root on web1: `sed -i '1i[ -t 1 ] || return 0' {file}`"),
            also: true,
            breaks: &|| {
                web1(&format!("sed -i '1iecho Hello from here' {file} 2>/dev/null || echo 'echo Hello from here' >{file}"));
                again();
            },
            mends: &|found| {
                pair.mend(found);
                again();
            },
            ..Case::default()
        });
        web1(&format!("rm {file}; [ ! -e /root/kept ] || mv /root/kept {file}"));
    }

    // B2: one session at a time. Which of the two is refused does not matter.
    sshd("echo 'MaxSessions 1' >/etc/ssh/sshd_config.d/odd.conf");
    let (checks, status) = pair.doctor("web1");
    let failed: Vec<_> = checks.values().filter(|c| c.finding == "fail").collect();
    assert!(status == 8 && failed.len() == 1 && failed[0].mend.contains("`MaxSessions 10`"), "{status} {}", told(&checks));
    sshd("rm /etc/ssh/sshd_config.d/odd.conf");

    // B3: SFTP by a program that is not there.
    pair.broken(&Case {
        check: "ssh.files",
        evidence: "its sshd_config says Subsystem sftp /usr/lib/nowhere/sftp-server, which does not exist",
        mend: "`Subsystem sftp internal-sftp`",
        breaks: &|| {
            sshd(
                "cp /etc/ssh/sshd_config /root/; sed -i 's|^Subsystem.*|Subsystem sftp /usr/lib/nowhere/sftp-server|' /etc/ssh/sshd_config",
            )
        },
        mends: &|_| sshd("mv /root/sshd_config /etc/ssh/"),
        ..Case::default()
    });

    // B4: another shell in the place of the one that was to run a command.
    let begun = Instant::now();
    pair.broken(&Case {
        check: "login",
        evidence: "what the account's shell reads at login ends it before it runs a command",
        mend: "grep -nE '(^|[;&[:space:]])(exec|exit)[[:space:]]' ~aegir/.bashrc",
        breaks: &|| {
            web1("cp -a /home/aegir/.bashrc /root/kept; sed -i '1iexec /bin/dash' /home/aegir/.bashrc");
            again();
        },
        mends: &|found| {
            let shown = pair.web1.exec(["sh", "-c", found.mend.split('`').nth(1).unwrap()]).stdout;
            assert!(shown.contains("/home/aegir/.bashrc:1:exec /bin/dash"), "{shown}");
            web1("mv /root/kept /home/aegir/.bashrc");
            again();
        },
        ..Case::default()
    });
    assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());

    // B9: files only.
    pair.broken(&Case {
        check: "login",
        evidence: "sshd runs something else in the place of every command: This service allows sftp connections only",
        mend: "ForceCommand none",
        breaks: &|| sshd("cp /etc/ssh/sshd_config /root/; printf 'ForceCommand internal-sftp\nMatch User other\n' >>/etc/ssh/sshd_config"),
        mends: &|found| {
            pair.mend(found);
            again();
        },
        ..Case::default()
    });
    sshd("mv /root/sshd_config /etc/ssh/");

    // B10: the machine is closed to all but root. What it says of it is told.
    pair.broken(&Case {
        check: "login",
        evidence: "back at noon",
        mend: "ls -l /etc/nologin",
        breaks: &|| {
            web1("echo 'closed, back at noon' >/etc/nologin");
            again();
        },
        mends: &|_| web1("rm /etc/nologin"),
        ..Case::default()
    });
}

/// A10: what a server prints without end is refused, and fills no memory.
#[test]
fn a10_a_server_that_prints_without_end_is_refused_in_little_memory() {
    let pair = Pair::new();
    pair.web1.exec(["mv", "/bin/date", "/bin/date.real"]).ok();
    pair.web1.write("/bin/date", "#!/bin/sh\nexec yes lying\n");
    pair.web1.exec(["chmod", "755", "/bin/date"]).ok();
    let (run, peak) = pair.master.peak(["doctor", "web1"]);
    assert!(peak < 300 << 20, "{peak} bytes");
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(run.status, 8, "{said}");
    assert!(said.contains("printed more than 8.3 MB") && said.contains("dpkg --verify"), "{said}");
}
