//! Who the server is and whether it lets us in: nothing is believed that was not pinned.

use aegir_core::ErrorKind;
use aegir_core::server::{Command, Server, SshServer, pin_host_keys, pinned_host_keys};
use aegir_testkit::lab::Service;

use crate::remote::{Remote, make_key};

#[tokio::test(flavor = "multi_thread")]
async fn fingerprints_are_those_that_the_server_shows() {
    let remote = Remote::new("web1");
    let keys = remote.pin(&remote.host).await;
    let shown = remote.host.exec(["ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"]).ok();
    assert_eq!(keys[0].kind, "ssh-ed25519");
    assert!(shown.contains(&keys[0].fingerprint), "{shown}");
    let config = remote.config(&remote.host);
    assert_eq!(config.scan_host_keys().await.unwrap()[0], keys[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_refused_and_shown() {
    let remote = Remote::new("web1");
    let offered = remote.pin(&remote.host).await[0].fingerprint.clone();
    std::fs::remove_file(remote.known_hosts()).unwrap();
    let server = remote.another(&remote.host);
    let error = server.run(&Command::new("true")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    assert!(error.message().contains(&offered), "{error:?}");
    assert!(error.hints().iter().any(|h| h.contains(&format!("aegir server edit web1 --host-key {offered}"))), "{error:?}");
    assert!(!remote.known_hosts().exists(), "nothing pins by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_key_is_refused_with_both_fingerprints() {
    let remote = Remote::new("web1");
    let pinned = remote.pin(&remote.host).await[0].fingerprint.clone();
    remote.host.stop(Service::Sshd);
    remote.host.exec(["sh", "-c", "rm /etc/ssh/ssh_host_*"]).ok();
    remote.host.start(Service::Sshd);
    let before = std::fs::read_to_string(remote.known_hosts()).unwrap();
    let server = remote.another(&remote.host);
    let error = server.stat("/".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    assert_eq!(std::fs::read_to_string(remote.known_hosts()).unwrap(), before);
    let offered = remote.pin(&remote.host).await[0].fingerprint.clone();
    assert_ne!(pinned, offered);
    assert!(error.message().contains(&pinned) && error.message().contains(&offered), "{error:?}");
    assert!(error.hints().iter().any(|h| h.contains(&format!("--host-key {offered}"))), "{error:?}");
    // Accepted, as `server edit --host-key` does it: exactly the new one.
    let text = std::fs::read_to_string(remote.known_hosts()).unwrap();
    assert_eq!(pinned_host_keys(&text, &remote.host.v4().to_string(), None).len(), 1);
    server.stat("/".into()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_user_or_key_is_denied_with_the_way_out() {
    let remote = Remote::new("web1");
    remote.pin(&remote.host).await;
    let name = || "web1".parse().unwrap();
    let nobody = SshServer::new(name(), "/var/aegir".into(), remote.config(&remote.host).user(Some("nobody".into())));
    let mut config = remote.config(&remote.host);
    config.identity = remote.root().join("keys/other");
    let without = SshServer::new(name(), "/var/aegir".into(), config.clone());
    let error = without.connect().await.unwrap_err();
    assert!(error.hints().iter().any(|h| h.contains("aegir init")), "{error:?}");
    make_key(&config.identity);
    let other = SshServer::new(name(), "/var/aegir".into(), config);
    for server in [nobody, other] {
        let error = server.connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        assert!(error.hints().iter().any(|h| h.contains("aegir server bootstrap web1")), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_host_of_the_operators_configuration_is_used_and_only_the_target_is_pinned() {
    let remote = Remote::new("jump");
    let inner = remote.lab.host("web2");
    remote.let_in(&inner);
    // Nothing of the target is reachable from here under this name; the jump host knows it.
    let (jump, key) = (remote.host.v4(), remote.root().join("keys/id_ed25519"));
    let file = remote.root().join("config");
    let text = format!(
        "Host hop\n HostName {jump}\n User aegir\n IdentityFile {key}\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\nHost web2\n ProxyCommand ssh -F {file} -W %h:%p hop\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut config = remote.config(&inner);
    (config.host, config.config_file) = ("web2".into(), Some(file));
    let server = SshServer::new("web2".parse().unwrap(), "/var/aegir".into(), config.clone());
    let error = server.stat("/".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    let keys = config.scan_host_keys().await.unwrap();
    let shown = inner.exec(["ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"]).ok();
    assert!(shown.contains(&keys[0].fingerprint), "the key of the target, not of the jump host");
    std::fs::write(remote.known_hosts(), pin_host_keys("", "web2", None, &keys)).unwrap();
    assert_eq!(server.run(&Command::new("hostname")).await.unwrap().text(), "web2\n");
    server.disconnect().await.unwrap();
}
