//! What a site says is read up to a limit, and what it may exchange leads nowhere.

use std::time::{Duration, Instant};

use aegir_testkit::exchange::race_for_site;
use aegir_testkit::installation::Installation;

use crate::with_site;

#[test]
fn a4_a10_a_site_neither_leads_astray_nor_fills_the_memory() {
    let aegir = with_site();
    no_exchange_of_names_leads_to_the_configuration(&aegir, Duration::from_secs(20));
    a_page_without_end_is_refused_in_little_memory(&aegir);
}

/// A4, for as long as an attacker may have.
#[test]
#[ignore = "takes five minutes: .ci/run-long"]
fn a4_no_exchange_of_names_leads_astray_in_five_minutes() {
    no_exchange_of_names_leads_to_the_configuration(&with_site(), Duration::from_secs(300));
}

/// A4, with real verifies on the master.
fn no_exchange_of_names_leads_to_the_configuration(aegir: &Installation, lasting: Duration) {
    let begun = Instant::now();
    let (mut done, mut refused) = (0, 0);
    race_for_site(&aegir.host, "one.example.com", |_| {
        let run = aegir.aegir(["site", "verify", "one.example.com"]);
        if run.success() {
            done += 1
        } else {
            refused += 1
        }
        // One that is stuck would bar the next.
        let _ = aegir.take_back_what_is_stuck();
        begun.elapsed() < lasting
    });
    let rounds = lasting.as_secs() / 5;
    assert!(refused > 0 && done + refused >= rounds, "the race was none: {done} done, {refused} refused");
    assert!(aegir.take_back_what_is_stuck(), "with the race over it can be taken back");
    aegir.aegir(["site", "verify", "one.example.com"]).ok();
    assert_eq!(aegir.page("one.example.com").status, 200);
}

/// A10: a front page of 1.5 GB, in pieces of which nobody says how many there are.
fn a_page_without_end_is_refused_in_little_memory(aegir: &Installation) {
    let page = "<?php ini_set('output_buffering', 0); set_time_limit(0); echo '<title>One</title>';
        for ($i = 0; $i < 1500; $i++) { echo str_repeat('x', 1 << 20); flush(); }";
    aegir.host.write("/var/aegir/platforms/wp/index.php", page);
    // PHP looks at a file again after two seconds only.
    let served = "until curl -s -H 'Host: one.example.com' http://127.0.0.1/ | head -c 100 | grep -q xxxx; do sleep 0.2; done";
    aegir.host.exec(["sh", "-c", served]).ok();
    let (run, peak) = aegir.peak(["site", "edit", "one.example.com", "--alias", "www.one.example.com"]);
    assert!(peak < 300 << 20, "{peak} bytes");
    assert!(run.success() && run.stderr.contains("more than 2097152 bytes, titled “One”: no more of it was read"), "{}", run.stderr);
}
