//! A3b: the account `aegir` against root, on a remote server and on the master. Whatever it writes, links, exchanges or
//! asks, root runs nothing of it, reads nothing for it, and serves on.

use aegir_testkit::lab::{Host, Run};

use crate::fleet::Fleet;

const HELPER: &str = "/usr/local/lib/aegir/helper";

/// Configuration that would run, load, read or write something as root, and what is said about it.
const HOSTILE: &[(&str, &str)] = &[
    ("LoadModule evil_module /tmp/evil.so", "LoadModule"),
    ("LoadFile /tmp/evil.so", "LoadFile"),
    ("ErrorLog \"|/bin/sh -c 'id >/root/owned'\"", "ErrorLog starts a program"),
    ("cUsToMlOg '|/bin/sh -c \"id >/root/owned\"' x", "starts a program"),
    ("ErrorLog \"   |/bin/true\"", "starts a program"),
    ("TransferLog \"|/bin/true\"", "starts a program"),
    ("CustomLog /root/.ssh/authorized_keys x", "outside of /var/log/apache2"),
    ("CustomLog /var/log/apache2/../../../etc/cron.d/x x", "outside of /var/log/apache2"),
    ("ErrorLog ${APACHE_LOG_DIR}/../../../root/owned", "outside of /var/log/apache2"),
    ("Include /etc/shadow", "Include is not among"),
    ("IncludeOptional /etc/shadow", "IncludeOptional is not among"),
    ("IncludeOptional ${AEGIR_CONFIG}/post.d/*.conf", "IncludeOptional is not among"),
    ("RewriteMap m \"prg:/bin/sh\"", "reads a map by a program"),
    ("RewriteMap m dbm=db:/etc/shadow", "reads a map by a program"),
    ("\"LoadModule\" evil /tmp/evil.so", "begins with no directive"),
    ("Load\\\nModule evil_module /tmp/evil.so", "LoadModule"),
    ("# a remark \\\n\\\nLoadModule a b\nUser root", "User is not among"),
    ("ServerName a\\\\\n", "ends in a backslash"),
    ("ServerName x\u{0}\nLoadModule a b", "control character"),
    ("ServerName a\rLoadModule a b", "control character"),
    ("ServerName a\u{b}b", "control character"),
    ("<IfModule core.c>\n<IfModule !x.c>\n  LoadModule evil_module /tmp/evil.so\n</IfModule>\n</IfModule>", "LoadModule"),
    ("<IfDefine !AegirCandidate>\n</IfDefine>", "the section <IfDefine>"),
    ("<IfFile /etc/shadow>\n</IfFile>", "the section <IfFile>"),
    ("<Macro x $a>\n  $a\n</Macro>\nUse x LoadModule", "the section <Macro>"),
    ("Define x \"|/bin/sh\"\nErrorLog ${x}", "Define is not among"),
    ("ServerName ${HOME}", "a variable of Apache's"),
    ("User root", "User is not among"),
    ("Group shadow", "Group is not among"),
    ("ScriptSock /root/owned", "ScriptSock"),
    ("ScriptAlias /x /bin", "ScriptAlias"),
    ("Options +ExecCGI", "runs programs"),
    ("Options All", "runs programs"),
    ("AddHandler cgi-script .x", "hands requests to"),
    ("SetHandler \"proxy:unix:/run/mysqld/mysqld.sock|fcgi://x\"", "hands requests to"),
    ("ProxyPass / unix:/run/docker.sock|http://x/", "asks `unix:"),
    ("RewriteRule ^ - [H=cgi-script]", "chooses a handler"),
    ("SetOutputFilter INCLUDES", "behind the answer"),
    ("AddType application/x-httpd-cgi .x", "which may run them"),
    ("AllowOverride All", "lets files of sites configure Apache"),
    ("AuthBasicProvider external", "may run programs"),
    ("ExtFilterDefine x cmd=/bin/sh", "ExtFilterDefine"),
    ("SSLPassPhraseDialog exec:/bin/sh", "SSLPassPhraseDialog"),
    ("PerlRequire /tmp/x.pl", "PerlRequire"),
    ("LuaHookFixups /tmp/x.lua x", "LuaHookFixups"),
    ("WSGIScriptAlias / /tmp/x", "WSGIScriptAlias"),
    ("php_admin_value auto_prepend_file /tmp/x", "php_admin_value"),
    ("PidFile /root/owned", "PidFile"),
    ("Mutex file:/root default", "Mutex"),
    ("CoreDumpDirectory /root", "CoreDumpDirectory"),
    ("<Directory />\n  Require program /bin/sh\n</Directory>\nAction x /y", "Action"),
];

/// Things that stand where a file should, or words that are none: a script for `aegir`, and what the helper says.
const ODD: &[(&str, &str)] = &[
    ("mkdir -p $C/.candidate/post.d; ln -s /etc/shadow $C/.candidate/post.d/zz.conf; $H test", "is a symbolic link"),
    ("ln -s /etc/shadow $C/post.d/zz.conf; $H apply", "is a symbolic link"),
    ("ln -s /etc $C/.candidate; $H test", "a symbolic link is not followed"),
    (
        "mv $C/post.d $C/.away; ln -s /etc $C/post.d; $H apply; s=$?; rm $C/post.d; mv $C/.away $C/post.d; exit $s",
        "a symbolic link is not followed",
    ),
    ("mv $C ${C}x; ln -s /etc $C; $H apply; s=$?; rm $C; mv ${C}x $C; exit $s", "a symbolic link is not followed"),
    ("echo ServerName x >$C/.one; ln $C/.one $C/post.d/zz.conf; $H apply; s=$?; rm $C/.one; exit $s", "second name"),
    ("mkfifo $C/post.d/zz.conf; $H apply", "is no regular file"),
    ("mkdir $C/post.d/zz.conf; $H apply", "is no regular file"),
    ("perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Listen => 1, Local => shift)' $C/post.d/zz.conf; $H apply", "is no regular file"),
    ("head -c 5000000 /dev/zero | tr '\\0' '#' >$C/post.d/zz.conf; $H apply", "is larger than"),
    ("echo ServerName x >\"$C/post.d/zz;id.conf\"; $H apply", "has a name that"),
    ("$H test ../../../etc/shadow", "does not take these arguments"),
    ("$H test post.d/../../x.conf", "does not take these arguments"),
    ("$H test \"$(printf 'post.d/a\\nb.conf')\"", "does not take these arguments"),
    ("$H apply /var/aegir/config/other", "does not take these arguments"),
    ("$H 'apply;id'", "does not know that"),
    ("$H \"$(printf '\\001\\377')\"", "does not know that"),
    ("${H% apache} 'apache apply'", "does not know that"),
    ("${H% apache}", "does not know that"),
    ("${H% apache} port '80;id'", "does not take these arguments"),
    // What is root's stays root's.
    ("echo x >/usr/local/lib/aegir/helper", "ermission denied"),
    ("rm -f /usr/local/lib/aegir/helper; mv /usr/local/lib/aegir /tmp/x", "ermission denied"),
    ("echo LoadModule >/etc/aegir/apache-allow.conf", "ermission denied"),
    ("ls /var/lib/aegir/apache/live/", "ermission denied"),
    ("echo x >>/etc/apache2/conf-available/aegir.conf", "ermission denied"),
    ("sudo -n /usr/sbin/apache2ctl graceful", "a password is required"),
    ("sudo -n -u nobody $HELPER version", "a password is required"),
];

/// A host and the helper there, driven as the account `aegir`.
struct Account<'a> {
    host: &'a Host,
    config: String,
}

impl Account<'_> {
    fn run(&self, script: &str) -> Run {
        let words = format!("C={}; HELPER={HELPER}; H=\"sudo -n $HELPER apache\"; exec 2>&1; {script}", self.config);
        self.host.exec_as("aegir", ["sh", "-c", &words])
    }

    #[track_caller]
    fn refused(&self, script: &str, says: &str) {
        let run = self.run(script);
        assert!(!run.success(), "`{script}` was done: {}", run.stdout);
        assert!(run.stdout.contains(says), "`{script}` is answered with: {}", run.stdout);
        assert!(!run.stdout.contains("root:"), "root's files are shown: {}", run.stdout);
        self.nothing_happened(script);
        self.run("rm -rf $C/post.d/* $C/.candidate").ok();
    }

    #[track_caller]
    fn nothing_happened(&self, script: &str) {
        for trace in ["/root/owned", "/etc/cron.d/x", "/root/.ssh/authorized_keys"] {
            assert!(!self.host.exists(trace), "{script} made {trace}");
        }
        let live = self.host.exec(["sh", "-c", "cat /var/lib/aegir/apache/live/post.d/*.conf 2>/dev/null"]);
        assert_eq!(live.stdout, "", "{script} came to be served");
    }
}

#[test]
fn a3b_aegir_is_not_root() {
    let fleet = Fleet::of(&["web1"]);
    for (host, name) in [(fleet.remote("web1"), "web1.example.com"), (&fleet.master.host, "server_master")] {
        let account = Account { host, config: format!("/var/aegir/config/{name}") };
        account.run("$H test && $H apply").ok();
        for (index, (content, says)) in HOSTILE.iter().enumerate() {
            // In turns: where Aegir's own tasks put what is to be tested, and where what is live stands.
            let (place, verb) = if index % 2 == 0 { (".candidate/post.d", "test") } else { ("post.d", "apply") };
            account.run(&format!("mkdir -p $C/{place}")).ok();
            let file = format!("{}/{place}/zz.conf", account.config);
            host.write(&file, format!("{content}\n"));
            host.exec(["chown", "aegir:", &file]).ok();
            account.refused(&format!("$H {verb} # {}", content.escape_default()), says);
        }
        for (script, says) in ODD {
            account.refused(script, says);
        }
        strangers_files(&account);
        environment(&account);
        race(&account);
        assert_eq!(host.http(80, "nobody.example.com", "/").status, 404, "the web server on {name} serves on");
    }
}

/// What somebody else wrote becomes no configuration, and exceptions count only where root alone wrote them.
fn strangers_files(account: &Account<'_>) {
    let (host, file) = (account.host, format!("{}/post.d/zz.conf", account.config));
    host.write(&file, "ServerSignature Off\n");
    host.exec(["chown", "www-data", &file]).ok();
    account.refused("$H apply", "belongs to neither root nor aegir");
    let allowed = "/etc/aegir/apache-allow.conf";
    host.write(allowed, "# mine\nCoreDumpDirectory /tmp\n");
    host.exec(["chmod", "666", allowed]).ok();
    account.refused("$H apply", "must be a regular file that belongs to root");
    host.exec(["chmod", "644", allowed]).ok();
    host.write(&file, "CoreDumpDirectory   /tmp\n");
    host.exec(["chown", "aegir", &file]).ok();
    account.run("$H test").ok();
    host.write(&file, "CoreDumpDirectory /root\n");
    account.refused("$H apply", "CoreDumpDirectory is not among");
    host.exec(["rm", allowed]).ok();
    // A file of root's own is an operator's: it is taken over.
    host.write(&file, "ServerSignature Off\n");
    host.exec(["chmod", "600", &file]).ok();
    account.run("$H test").ok();
    account.run("rm -f $C/post.d/zz.conf").ok();
}

/// Neither the environment nor the directory that it is called in is heard.
fn environment(account: &Account<'_>) {
    const EVIL: &str = "BEGIN { open F, '>', '/root/owned' } 1;";
    account
        .run(&format!(
            "mkdir -p /tmp/evil/bin && cd /tmp/evil && for m in strict warnings Fcntl Evil; do echo \"{EVIL}\" >$m.pm; done
             printf '#!/bin/sh\\nid >/root/owned\\n' >bin/apache2ctl && cp bin/apache2ctl bin/perl && chmod +x bin/*"
        ))
        .ok();
    for environment in [
        "PERL5LIB=/tmp/evil PERLLIB=/tmp/evil",
        "PERL5OPT=-MEvil",
        "PERL5OPT=-I/tmp/evil PERL5DB='BEGIN { do q(/tmp/evil/Evil.pm) }'",
        "LD_PRELOAD=/tmp/evil/evil.so LD_LIBRARY_PATH=/tmp/evil",
        "PATH=/tmp/evil/bin:$PATH",
        "BASH_ENV=/tmp/evil/bin/perl ENV=/tmp/evil/bin/perl IFS=/ APACHE_CONFDIR=/tmp/evil APACHE_ENVVARS=/tmp/evil/bin/perl",
    ] {
        account
            .run(&format!(
                "cd /tmp/evil && export {environment} && /usr/bin/sudo -n \"$HELPER\" apache test && /usr/bin/sudo -n \"$HELPER\" apache apply"
            ))
            .ok();
        account.nothing_happened(environment);
    }
    account.run("rm -r /tmp/evil").ok();
}

/// A file that is exchanged for another all the time: what is checked is what is taken.
fn race(account: &Account<'_>) {
    account
        .run(
            "cd $C/post.d && printf 'ServerSignature Off\\n' >.good && printf 'LoadModule evil_module /tmp/evil.so\\n' >.evil
             (while [ ! -e .stop ]; do cp .good .a; mv .a zz.conf; cp .evil .b; mv .b zz.conf; ln -sf /etc/shadow .c; mv .c zz.conf; done) &
             for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
                 said=$($H test); case $said in *root:*|*evil*) echo \"shown: $said\" >.bad;; esac
             done
             $H apply; touch .stop; wait; rm -f .good .evil .a .b .c .stop zz.conf; [ ! -e .bad ]",
        )
        .ok();
    let live = account.host.exec(["sh", "-c", "cat /var/lib/aegir/apache/live/post.d/* 2>/dev/null"]).stdout;
    assert!(live.is_empty() || live == "ServerSignature Off\n", "what was not checked is served: {live}");
    account.run("$H apply").ok();
}
