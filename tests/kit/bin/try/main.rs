//! `aegir-try`: builds Aegir, does its main job in a lab host, and says how to undo it.

mod place;
mod wordpress;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use aegir_testkit::machine::cargo;
use place::Place;

const USAGE: &str = "\
usage: aegir-try [--here] [--drupal DIRECTORY] [--uri HOST] [--down]

Builds Aegir, prepares a lab host, makes a platform and a site on it, and fetches its page.
Run it again: it changes nothing and says so.

  --here              on this machine itself, not in a lab host (installs Apache, PHP-FPM, MariaDB)
  --drupal DIRECTORY  a Drupal tree instead of Debian's WordPress
  --uri HOST          the site's address; first.example.com where this is not given
  --down              take the lab host down again
";

/// What was asked for.
struct Wish {
    here: bool,
    drupal: Option<PathBuf>,
    uri: String,
}

type Done<T = ()> = Result<T, String>;

fn main() -> ExitCode {
    let done = match parse(std::env::args().skip(1)) {
        Ok(Some(wish)) => run(&wish),
        Ok(None) => Place::take_down().map(|()| say("the lab host is gone")),
        Err(usage) => {
            say(&usage);
            return ExitCode::from(64);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(&format!("error: {why}"));
            ExitCode::FAILURE
        }
    }
}

/// `None`: take the lab host down.
fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Wish>, String> {
    let mut wish = Wish { here: false, drupal: None, uri: "first.example.com".to_owned() };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--here" => wish.here = true,
            "--down" => return Ok(None),
            "--drupal" => wish.drupal = Some(args.next().ok_or(USAGE)?.into()),
            "--uri" => wish.uri = args.next().ok_or(USAGE)?,
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(Some(wish))
}

fn say(line: &str) {
    // Nobody is left to be told when this fails.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The procedure, as the README tells it.
fn run(wish: &Wish) -> Done {
    let begun = Instant::now();
    let binary = build()?;
    say("── a machine");
    let place = if wish.here { Place::here(&binary)? } else { Place::lab(&binary)? };
    say("── aegir init: packages, account, directories, sudo rule, include, database administrator");
    place.root(&["aegir", "init", "--hostname", "master.example.com", "--stage", "test"])?;

    say("── the application");
    let (name, source) = match &wish.drupal {
        Some(tree) => ("drupal", place.bring(tree)?),
        None => ("wordpress", place.wordpress()?),
    };
    let path = format!("/var/aegir/platforms/{name}");
    say("── the platform");
    if place.aegir(&["platform", "show", name]).is_ok() {
        place.show(&["platform", "verify", name])?;
    } else {
        place.show(&["platform", "add", name, "--path", &path, "--server", "server_master", "--from", &source])?;
    }
    say("── the site");
    let title = "Aegir's first site";
    if place.aegir(&["site", "show", &wish.uri]).is_ok() {
        place.show(&["site", "verify", &wish.uri])?;
    } else {
        place.show(&["site", "install", &wish.uri, "--platform", name, "--title", title])?;
    }

    let (status, body) = place.fetch(&wish.uri)?;
    let shown = title.split('\'').next_back().unwrap_or(title);
    if status != 200 || !body.contains(shown) {
        return Err(format!("http://{}/ answers {status}, and its page does not hold the title", wish.uri));
    }
    let login = place.aegir(&["site", "login", &wish.uri])?;
    let prefix = place.prefix();
    say(&format!(
        "\nhttp://{uri}/ answers 200 with its title, after {seconds:.1} s\n\
         login:  {login}\n\
         look:   {prefix}aegir site list\n\
         undo:   {prefix}aegir site delete {uri} --yes && {prefix}aegir platform delete {name} --yes{down}",
        uri = wish.uri,
        seconds = begun.elapsed().as_secs_f64(),
        login = login.trim(),
        down = if wish.here { "" } else { "\n        or the whole host: cargo run --release --bin aegir-try -- --down" },
    ));
    Ok(())
}

/// Builds the command in the profile that this program was built in; returns where it is.
fn build() -> Done<PathBuf> {
    let this = std::env::current_exe().map_err(|e| format!("this program does not know where it is: {e}"))?;
    let dir = this.parent().ok_or("this program is nowhere")?;
    let mut command = cargo();
    // From the workspace's root and without naming a package, as this program was built: so cargo settles on the same
    // features and builds next to nothing.
    command.args(["build", "--package", "aegir-cli", "--bin", "aegir"]);
    if dir.ends_with("release") {
        command.arg("--release");
    }
    let status =
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).status().map_err(|e| format!("cargo does not start: {e}"))?;
    if status.success() { Ok(dir.join("aegir")) } else { Err("building the command failed".to_owned()) }
}
