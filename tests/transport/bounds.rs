//! Servers that never come to an end, and names that are exchanged while they are used.

use std::time::Duration;

use aegir_core::server::{DirSpec, FileSpec, OwnedPath, Permissions, Server};
use aegir_testkit::exchange::exchange;
use aegir_testkit::lab::Service;

use crate::remote::Remote;

/// Speaks SFTP: `file` is empty and goes on for ever, all else is a directory of root's that goes on for ever.
const ENDLESS: &str = r#"#!/usr/bin/perl
use strict; binmode STDIN; binmode STDOUT;
sub get { my $n = shift; my $b = ''; while (length $b < $n) { my $r = sysread STDIN, $b, $n - length $b, length $b; exit unless $r } $b }
sub put { my $b = pack('N/a*', shift); while (length $b) { my $w = syswrite STDOUT, $b; exit unless $w; substr $b, 0, $w, '' } }
sub str { pack 'N/a*', shift }
while (1) {
  my ($n) = unpack 'N', get(4); my $p = get($n); my $k = ord $p;
  if ($k == 1) { put(pack('CN', 2, 3) . str('posix-rename@openssh.com') . str('1') . str('lsetstat@openssh.com') . str('1')); next }
  my $id = substr $p, 1, 4;
  my $file = $p =~ m{/file\z};
  my $attrs = $file ? pack('NNNNNN', 1 | 2 | 4, 0, 0, 0, 0, 0100644) : pack('NNNN', 2 | 4, 0, 0, 040755);
  if ($k == 7 || $k == 17) { put(chr(105) . $id . $attrs) }
  elsif ($k == 11 || $k == 3) { put(chr(102) . $id . str('h')) }
  elsif ($k == 12) { my $e = join '', map { str('n' x 60) . str('') . $attrs } 1 .. 500; put(chr(104) . $id . pack('N', 500) . $e) }
  elsif ($k == 5) { put(chr(103) . $id . str('x' x 32768)) }
  elsif ($k == 200) { put(chr(101) . $id . pack('N', 8) . str('') . str('')) }
  else { put(chr(101) . $id . pack('N', 0) . str('') . str('')) }
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a10_neither_a_directory_nor_a_file_is_read_without_end() {
    let remote = Remote::new("web1");
    remote.host.write("/usr/local/bin/endless", ENDLESS);
    remote.host.exec(["chmod", "755", "/usr/local/bin/endless"]).ok();
    remote.host.exec(["sed", "-i", "s|^Subsystem.*|Subsystem sftp /usr/local/bin/endless|", "/etc/ssh/sshd_config"]).ok();
    remote.host.stop(Service::Sshd);
    remote.host.start(Service::Sshd);
    let server = remote.server();
    let into = remote.root().join("into");
    let limit = Duration::from_secs(60);
    let listed = tokio::time::timeout(limit, server.list("/var/aegir/dir".into())).await.unwrap().unwrap_err();
    assert!(format!("{listed:?}").contains("there are more than 200000 names in it"), "{listed:?}");
    let read = tokio::time::timeout(limit, server.read("/var/aegir/file".into())).await.unwrap().unwrap_err();
    assert!(format!("{read:?}").contains("it is larger than 33 MB"), "{read:?}");
    let fetched = tokio::time::timeout(limit, server.fetch("/var/aegir/file".into(), &into)).await.unwrap().unwrap_err();
    assert!(format!("{fetched:?}").contains("it goes on behind the end that it said it has") && !into.exists(), "{fetched:?}");
    for error in [listed, read, fetched] {
        assert!(["server", "file"].iter().all(|key| error.contexts().iter().any(|(k, _)| k == key)), "{error:?}");
    }
}

/// A4: the web server's account exchanges names as fast as it can, and nothing of Aegir's gets its mode or its files.
#[tokio::test(flavor = "multi_thread")]
async fn a4_no_exchange_of_names_leads_out_of_a_directory() {
    let remote = Remote::new("web1");
    let server = remote.server();
    let sh = |script: &str| remote.host.exec(["sh", "-c", script]).ok();
    let dir = |path: &str, mode: u32, group: &str| DirSpec { path: path.into(), permissions: Permissions::mode(mode).group(group) };
    for (path, mode, group) in [
        ("/var/aegir/config", 0o700, "aegir"),
        ("/var/aegir/site", 0o750, "www-data"),
        ("/var/aegir/site/private", 0o2770, "www-data"),
        ("/var/aegir/site/private/files", 0o2770, "www-data"),
    ] {
        server.make_dir(&dir(path, mode, group)).await.unwrap();
    }
    sh(
        "ln -s /var/aegir/config /var/aegir/site/private/.l; chown -h www-data: /var/aegir/site/private/.l; mkdir /var/aegir/config/sub; chown aegir: /var/aegir/config/sub",
    );
    let state = || sh("cd /var/aegir/config && stat -c '%n %a %U:%G' . sub && ls -A . sub");
    let before = state();
    let exchanging = exchange(&remote.host, "/var/aegir/site/private", "files", ".l");
    let (mut made, mut refused) = (0, 0);
    for round in 0..150 {
        let mode = if round % 2 == 0 { 0o2777 } else { 0o2770 };
        for path in ["/var/aegir/site/private/files", "/var/aegir/site/private/files/sub"] {
            match server.make_dir(&dir(path, mode, "www-data")).await {
                Ok(()) => made += 1,
                Err(_) => refused += 1,
            }
        }
        let file =
            FileSpec { path: "/var/aegir/site/private/files/x".into(), content: b"x".to_vec(), permissions: Permissions::mode(0o666) };
        assert!(server.write(&file).await.is_err(), "nothing is written by its path where others exchange directories");
        let _ = server.remove(&OwnedPath::unchecked("/var/aegir/site/private/files/sub".into())).await;
    }
    drop(exchanging);
    assert!(made > 2 && refused > 20, "the race was none: {made} {refused}");
    assert_eq!(state(), before);
    // Links of root's in directories of root's lead where they lead.
    sh("ln -s /var/aegir /srv/aegir");
    assert_eq!(server.list("/srv/aegir/site".into()).await.unwrap().unwrap(), ["private"]);
    server.make_dir(&dir("/srv/aegir/site/more", 0o755, "aegir")).await.unwrap();
    // One that others made leads nowhere.
    sh("cd /var/aegir/site/private; ln -s /var/aegir/config out; ln -s /var/aegir/config/sub key; chown -h www-data: out key");
    for path in ["/var/aegir/site/private/out/sub", "/var/aegir/site/private/out/new"] {
        assert!(server.stat(path.into()).await.is_err(), "{path}");
        assert!(server.make_dir(&dir(path, 0o777, "aegir")).await.is_err(), "{path}");
        assert!(server.remove(&OwnedPath::unchecked(path.into())).await.is_err(), "{path}");
    }
    assert_eq!(state(), before);
}

/// A4: what stands in a directory that others write to is read where it stands, whatever they exchange meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a4_no_exchange_of_names_makes_a_read_show_what_is_ours() {
    let remote = Remote::new("web1");
    let server = remote.server();
    let sh = |script: &str| remote.host.exec(["sh", "-c", script]).ok();
    // Of the same size, mode and owner as what it is exchanged with: nothing that can be asked about it tells them apart.
    sh(
        "install -d -o aegir -g aegir -m 755 /var/aegir/site && cd /var/aegir/site && install -d -o aegir -g www-data -m 2770 open open/dir && \
        install -d -o aegir -g aegir -m 700 /var/aegir/config && echo secret >/var/aegir/config/x && echo public >open/dir/x && \
        chown aegir: /var/aegir/config/x open/dir/x && chmod 640 /var/aegir/config/x open/dir/x && touch -d @1 /var/aegir/config/x open/dir/x && \
        cd open && ln -s /var/aegir/config .dir && echo theirs >file && ln -s /var/aegir/config/x .file && ln -s file fine && ln -s file .fine && \
        ln -s nowhere dangling && mkfifo pipe && truncate -s 40M large && chown -h www-data: .dir file .file fine .fine dangling pipe large",
    );
    let open = camino::Utf8Path::new("/var/aegir/site/open");
    let read = async |name: &str| server.read(&open.join(name)).await.map(|read| read.map(|bytes| String::from_utf8(bytes).unwrap()));
    assert_eq!(read("dir/x").await.unwrap().unwrap(), "public\n");
    for name in ["file", "fine"] {
        assert_eq!(read(name).await.unwrap().unwrap(), "theirs\n", "{name}");
    }
    for name in ["none", "none/x", "dangling"] {
        assert!(read(name).await.unwrap().is_none(), "{name}");
    }
    for (name, why) in
        [(".file", "does not belong"), (".dir/x", "symbolic link"), ("pipe", "no file"), ("large", "larger than"), ("dir", "no file")]
    {
        let error = read(name).await.unwrap_err();
        assert!(format!("{error:?}").contains(why) && error.contexts().iter().any(|(key, _)| *key == "file"), "{name}: {error:?}");
    }
    for (one, other, name) in [("dir", ".dir", "dir/x"), ("file", ".file", "file"), ("fine", ".file", "fine")] {
        let exchanging = exchange(&remote.host, open.as_str(), one, other);
        let (mut seen, mut refused) = (0, 0);
        for _ in 0..60 {
            match read(name).await {
                Ok(text) => {
                    assert_ne!(text.as_deref(), Some("secret\n"), "{name} shows what is ours");
                    seen += 1;
                }
                Err(_) => refused += 1,
            }
            let into = remote.root().join("into");
            assert!(server.fetch(&open.join(name), &into).await.is_err() && !into.exists(), "{name} is fetched");
        }
        drop(exchanging);
        assert!(seen > 2 && refused > 2, "the race was none: {seen} {refused}");
    }
}
