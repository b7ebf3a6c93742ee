//! Hosts that start from what was done to another one before.

use std::process;

use aegir_testkit::lab::{Host, Kind, Lab, Layer, Suite};

fn layer(part: &str, below: &Kind, make: impl FnOnce(&Host)) -> Layer {
    let name = if below.layer.is_some() { "test-above" } else { "test" };
    let own = format!("{part} {}", process::id());
    Layer::ensure(name, &[own.as_bytes()], below, "made", |lab, host| {
        make(&host);
        lab
    })
    .expect("it can be kept")
}

#[test]
fn a_host_has_what_was_done_before_and_keeps_its_own_to_itself() {
    let bare = Kind::default();
    let first = layer("first", &bare, |host| {
        host.write("/srv/kept/file", "kept");
        host.exec(["rm", "-r", "/var/www/html"]).ok();
    });
    let again = layer("first", &bare, |_| panic!("it is there already"));
    let both = layer("second", &(Suite::default(), again).into(), |host| {
        assert_eq!(host.read("/srv/kept/file"), "kept");
        host.exec(["mv", "/srv/kept", "/srv/moved"]).ok();
    });

    let lab = Lab::new();
    let (one, two) = (lab.host_of("one", (Suite::default(), first)), lab.host_of("two", (Suite::default(), both)));
    assert_eq!((one.read("/srv/kept/file"), two.read("/srv/moved/file")), ("kept".to_owned(), "kept".to_owned()));
    assert!(!two.exists("/srv/kept") && !one.exists("/var/www/html") && one.exists("/var/www"));
    assert_eq!(one.exec(["hostname", "-f"]).ok(), "one.example.com");
    // As on a disk: what was there before can be renamed, whole, and no other host sees it.
    one.exec(["mv", "-T", "/srv/kept", "/srv/other"]).ok();
    two.write("/srv/moved/file", "changed");
    let three = lab.host_of("three", (Suite::default(), layer("first", &bare, |_| panic!("it is there already"))));
    assert_eq!((three.read("/srv/kept/file"), one.read("/srv/other/file")), ("kept".to_owned(), "kept".to_owned()));
}
