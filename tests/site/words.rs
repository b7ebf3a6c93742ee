//! Words are true: text is text, one name leads to one site, reserved names stay reserved, aliases stay until removed.

use aegir_testkit::installation::Installation;

use crate::with_site;

const WP: &str = "/var/aegir/platforms/wp";

/// Each must be refused with its status and say that; none may change anything.
fn refused(aegir: &Installation, cases: &[(&[&str], i32, &str)]) {
    let (before, known) = (aegir.world(), aegir.knowledge());
    for (args, status, says) in cases {
        let run = aegir.aegir(args.iter().copied());
        assert_eq!(run.status, *status, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{args:?} should say “{says}”: {}", run.stderr);
    }
    aegir.assert_unchanged(&before, "what was refused");
    assert_eq!(known, aegir.knowledge());
}

fn aliases(aegir: &Installation) -> Vec<String> {
    let shown = aegir.json(["site", "show", "one.example.com"]);
    let list = shown["item"]["aliases"].as_array().expect("a site has a list of aliases");
    list.iter().map(|alias| alias.as_str().expect("a name").to_owned()).collect()
}

/// A11, A12, A19, and aliases that one edit after another adds and removes.
#[test]
fn words_mean_what_they_say() {
    let aegir = with_site();
    text_that_begins_like_a_secret_is_text(&aegir);
    one_name_leads_to_one_site(&aegir);
    what_is_reserved_stays_so(&aegir);
    an_alias_stays_until_it_is_removed(&aegir);
}

/// A11: a plugin that went from `v1.0.0` to `v1.9.9` was "nothing to change", a title `v1.2 launch` was hidden.
fn text_that_begins_like_a_secret_is_text(aegir: &Installation) {
    let plugin = |version: &str| {
        let text = format!("<?php\n/*\nPlugin Name: Tried\nVersion: {version}\n*/\n");
        aegir.host.write(&format!("{WP}/wp-content/plugins/tried.php"), text);
        let run = aegir.aegir(["platform", "verify", "wp"]);
        assert!(run.success() && !run.stderr.contains("nothing to change"), "{version}: {}", run.stderr);
        let shown = aegir.json(["platform", "show", "wp"]);
        let tried = shown["item"]["codebase"]["extensions"].as_array().and_then(|all| all.iter().find(|e| e["name"] == "tried")).cloned();
        assert_eq!(tried.expect("the plugin is known")["version"], version);
    };
    plugin("v1.0.0");
    plugin("v1.9.9");
    aegir.install("8080.shop.example.com", "v1.2 launch").ok();
    let shown = aegir.json(["site", "show", "8080.shop.example.com"]);
    assert_eq!(shown["item"]["title"], "v1.2 launch");
    assert_eq!(shown["item"]["hash_salt"], "(secret)");
    assert_eq!(shown["item"]["database"]["password"], "(secret)");
    assert!(aegir.aegir(["site", "show", "8080.shop.example.com"]).ok().contains("v1.2 launch"));
}

/// A12: `shop.example.com:8080` took over the directory of `8080.shop.example.com`.
fn one_name_leads_to_one_site(aegir: &Installation) {
    let holder = "leads to site 8080.shop.example.com";
    refused(
        aegir,
        &[
            (&["site", "install", "shop.example.com:8080", "--platform", "wp"], 6, holder),
            (&["site", "edit", "one.example.com", "--add-alias", "shop.example.com:8080"], 6, holder),
        ],
    );
    assert!(aegir.page("8080.shop.example.com").body.contains("v1.2 launch"));
    // A visitor who names a port gets no site with another one's database.
    aegir.aegir(["site", "edit", "one.example.com", "--add-alias", "shop.example.com"]).ok();
    let crossed = aegir.host.exec(["curl", "-s", "-H", "Host: shop.example.com:8080", "http://127.0.0.1/"]).ok();
    assert_eq!(crossed.trim(), "No such site here.");
    // PHP looks at most every two seconds whether the names in sites.php have changed.
    let begun = std::time::Instant::now();
    while aegir.page("shop.example.com").status != 200 {
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "the alias never leads to its site");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    aegir.aegir(["site", "edit", "one.example.com", "--remove-alias", "shop.example.com"]).ok();
    // The other way round: an alias with a port, and a site whose directory would be that name.
    aegir.aegir(["site", "edit", "one.example.com", "--add-alias", "club.example.com:8080"]).ok();
    refused(aegir, &[(&["site", "install", "8080.club.example.com", "--platform", "wp"], 6, "leads to site one.example.com")]);
    // Whoever gives a name up leaves it to others.
    aegir.aegir(["site", "edit", "one.example.com", "--remove-alias", "club.example.com:8080"]).ok();
    aegir.aegir(["site", "install", "8080.club.example.com", "--platform", "wp", "--dry-run"]).ok();
    aegir.aegir(["site", "delete", "8080.shop.example.com", "--yes"]).ok();
    aegir.aegir(["site", "install", "shop.example.com:8080", "--platform", "wp", "--dry-run"]).ok();
    assert!(!aegir.ledger().contains("wp 8080."), "{}", aegir.ledger());
}

/// A19: `all` and `default` were sites, an invisible character was dropped, platforms lay among keys and below links.
fn what_is_reserved_stays_so(aegir: &Installation) {
    let install = |name| ["site", "install", name, "--platform", "wp"];
    let names = ["all", "default", "settings.php", "localhost", "x.localhost", "x.aegir.invalid"].map(install);
    let mut cases: Vec<(&[&str], i32, &str)> = names.iter().map(|args| (&args[..], 8, "can be no site")).collect();
    cases.push((&["site", "edit", "one.example.com", "--add-alias", "default"], 8, "can be no site"));
    cases.push((&["site", "delete", "one\u{200b}.example.com", "--yes"], 64, "cannot be seen"));
    aegir.host.exec(["ln", "-s", "/var/aegir", "/srv/linked"]).ok();
    let add = |path| ["platform", "add", "x", "--path", path];
    let own = ["/var/aegir/keys/x", "/var/aegir/run/x", "/var/aegir/.ssh", "/var/aegir/config/x", "/srv/linked/keys/x", "/srv/linked/.ssh"]
        .map(add);
    cases.extend(own.iter().map(|args| (&args[..], 8, "Aegir's own directory")));
    let system = ["/dev/shm", "/proc/x", "/sys/x", "/run/x", "/tmp/x", "/etc/x", "/usr/share/wordpress"].map(add);
    cases.extend(system.iter().map(|args| (&args[..], 8, "the system's own directory")));
    let taken = ["/srv/linked/platforms/wp", "/srv/linked/platforms/wp/wp-content"].map(add);
    cases.extend(taken.iter().map(|args| (&args[..], 6, "claimed by the platform wp")));
    refused(aegir, &cases);
    aegir.host.exec(["rm", "/srv/linked"]).ok();
}

/// `site edit --alias new` dropped the other aliases.
fn an_alias_stays_until_it_is_removed(aegir: &Installation) {
    let edit = |flags: &[&str]| aegir.aegir(["site", "edit", "one.example.com"].into_iter().chain(flags.iter().copied()));
    edit(&["--add-alias", "a.example.com", "--add-alias", "b.example.com"]).ok();
    edit(&["--alias", "c.example.com"]).ok();
    assert_eq!(aliases(aegir), ["a.example.com", "b.example.com", "c.example.com"]);
    let again = edit(&["--add-alias", "a.example.com"]);
    assert!(again.success() && again.stderr.contains("nothing to change"), "{}", again.stderr);
    let (before, plan) = (aegir.world(), edit(&["--remove-alias", "b.example.com", "--dry-run"]).ok());
    assert!(plan.contains("b.example.com") && !plan.contains("-  ServerAlias a.example.com"), "{plan}");
    aegir.assert_unchanged(&before, "a dry run");
    edit(&["--redirect-to", "b.example.com"]).ok();
    let (none, b) = ("x.example.com", "b.example.com");
    let one = ["site", "edit", "one.example.com"];
    let wrong =
        [["--remove-alias", none], ["--add-alias", one[2]], ["--remove-alias", b]].map(|flags| [one.to_vec(), flags.to_vec()].concat());
    let both = [&one[..], &["--add-alias", none, "--remove-alias", none]].concat();
    refused(
        aegir,
        &[
            (&wrong[0], 5, "it has: a.example.com, b.example.com, c.example.com"),
            (&wrong[1], 64, "own URI"),
            (&wrong[2], 6, "`--no-redirect`"),
            (&both, 64, "both"),
        ],
    );
    let item = aegir.json(["site", "edit", "one.example.com", "--remove-alias", "b.example.com", "--no-redirect"]);
    assert_eq!(item["item"]["result"], "done");
    assert_eq!(aliases(aegir), ["a.example.com", "c.example.com"]);
    assert_eq!((aegir.page("b.example.com").status, aegir.page("c.example.com").status), (404, 200));
    // What the shell offers: the aliases of the site on the line, and no others.
    let line = ["--", "aegir", "site", "edit", "one.example.com", "--remove-alias", ""];
    let offered = aegir.command(line).env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "5").env("_CLAP_IFS", "\n").run().ok();
    assert_eq!(offered.lines().collect::<Vec<_>>(), ["a.example.com", "c.example.com"]);
    edit(&["--no-alias"]).ok();
    assert!(aliases(aegir).is_empty());
}
