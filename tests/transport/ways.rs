//! The way to a socket on another machine, when the connection under it is not the first.

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use aegir_core::server::Server as _;
use aegir_testkit::lab::Service;

use crate::remote::Remote;

/// What MariaDB says first, over the forwarded socket; empty when nobody does.
fn greeting(path: &camino::Utf8Path) -> Vec<u8> {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut said = vec![0; 40];
    let read = stream.read(&mut said).unwrap();
    said.truncate(read);
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_opens_the_way_again() {
    let remote = Remote::new("db1");
    remote.host.start(Service::MariaDb);
    let server = remote.server();
    let socket = "/run/mysqld/mysqld.sock".into();
    for _ in 0..2 {
        let tunnel = server.forward(socket).await.unwrap();
        assert!(String::from_utf8_lossy(&greeting(tunnel.path())).contains("MariaDB"));
        server.disconnect().await.unwrap();
    }
    // What a killed connection leaves stands in the way of the next one.
    let left = server.forward(socket).await.unwrap();
    remote.host.stop(Service::Sshd);
    remote.host.exec(["sh", "-c", "while pkill -KILL -x sshd; do sleep 0.05; done"]);
    remote.host.start(Service::Sshd);
    let another = remote.another(&remote.host);
    let tunnel = another.forward(socket).await.unwrap();
    assert_eq!(tunnel.path(), left.path());
    assert!(String::from_utf8_lossy(&greeting(tunnel.path())).contains("MariaDB"));
    // Where nobody listens, the connection is taken and closed: that is for its user to see.
    remote.host.kill(Service::MariaDb);
    assert!(greeting(tunnel.path()).is_empty());
    another.disconnect().await.unwrap();
}
