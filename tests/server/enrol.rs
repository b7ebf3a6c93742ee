//! Adding a server: the host key first, then checks, then its configuration.

use aegir_testkit::fleet::Fleet;

use crate::BINARY;

#[test]
fn from_a_bare_machine_to_a_web_server() {
    let fleet = Fleet::new(BINARY, &["web1"]);
    let shown = fleet.json(["server", "show", "web1.example.com"]);
    assert_eq!(shown["item"]["host_keys"][0]["fingerprint"], Fleet::fingerprint(&fleet.remotes[0]).as_str());
    assert!(fleet.remotes[0].exists("/var/aegir/config/web1.example.com/apache.conf"));
    let again = fleet.aegir(["server", "verify", "web1.example.com"]);
    assert!(again.success() && again.stderr.contains("nothing to change"), "{}", again.stderr);
}
