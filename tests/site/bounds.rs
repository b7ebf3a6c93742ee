//! What a site says is read up to a limit.

use crate::with_site;

/// A10: a front page of 1.5 GB, in pieces of which nobody says how many there are.
#[test]
fn a10_a_page_without_end_is_refused_in_little_memory() {
    let aegir = with_site();
    let page = "<?php ini_set('output_buffering', 0); set_time_limit(0); echo '<title>One</title>';
        for ($i = 0; $i < 1500; $i++) { echo str_repeat('x', 1 << 20); flush(); }";
    aegir.host.write("/var/aegir/platforms/wp/index.php", page);
    let (run, peak) = aegir.peak(["site", "edit", "one.example.com", "--alias", "www.one.example.com"]);
    assert!(peak < 300 << 20, "{peak} bytes");
    assert!(run.success() && run.stderr.contains("more than 2097152 bytes, titled “One”: no more of it was read"), "{}", run.stderr);
}
