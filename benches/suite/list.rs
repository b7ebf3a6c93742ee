//! `aegir site list` over 10,000 sites, as a whole process.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use aegir_benches::{Many, build_release};
use aegir_core::inventory::orm::OrmInventory;
use aegir_core::secret::Keyring;
use aegir_testkit::machine::{built, program};
use camino::Utf8PathBuf;
use criterion::{Criterion, criterion_group, criterion_main};
use secrecy::ExposeSecret as _;

const SITES: usize = 10_000;
/// The command refuses to run as root.
const NOBODY: u32 = 65534;

fn list(c: &mut Criterion) {
    let binary = build_release("aegir-cli", "aegir");
    let dir = tempfile::tempdir().expect("a directory");
    let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).expect("UTF-8");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let inventory = OrmInventory::open(&root.join("aegir.db")).await.expect("an inventory");
        Many::new(Arc::new(inventory), SITES).await.expect("a world");
    });
    // The clone may lie where only root comes.
    let binary = copied(&binary, root.join("aegir"));
    std::fs::create_dir(root.join("keys")).expect("a directory");
    let key = Keyring::generate().expect("a key").to_file_text();
    std::fs::write(root.join("keys/inventory.key"), key.expose_secret()).expect("a key file");
    let prepare = ["chmod 600 keys/inventory.key", "chown -R nobody ."].map(|c| c.split(' ').collect::<Vec<_>>());
    for argv in prepare {
        assert!(program(argv[0]).args(&argv[1..]).current_dir(&root).status().is_ok_and(|s| s.success()));
    }

    let mut group = c.benchmark_group("list");
    group.sample_size(30);
    let mut measure = |name: &str, args: &[&str]| {
        group.bench_function(name, |b| {
            b.iter(|| {
                let output =
                    built(&binary).args(["--root", root.as_str()]).args(args).uid(NOBODY).stdin(Stdio::null()).output().expect("it runs");
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                assert!(output.stdout.len() > SITES * 20);
            });
        });
    };
    measure("aegir site list, 10000 sites", &["site", "list"]);
    measure("aegir site list --json, 10000 sites", &["site", "list", "--json"]);
    group.finish();
}

fn copied(binary: &Path, to: Utf8PathBuf) -> Utf8PathBuf {
    std::fs::copy(binary, &to).expect("a copy of the command");
    to
}

criterion_group!(benches, list);
criterion_main!(benches);
