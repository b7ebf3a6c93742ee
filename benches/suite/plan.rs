//! Planning and rendering a thousand sites, on fakes.

use std::sync::Arc;

use aegir_benches::Many;
use aegir_core::inventory::memory::MemoryInventory;
use aegir_core::task::Request;
use criterion::{Criterion, criterion_group, criterion_main};

fn plan(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let many = runtime.block_on(Many::new(Arc::new(MemoryInventory::default()), 1000)).expect("a world");
    let mut group = c.benchmark_group("plan");
    group.sample_size(10);
    group.bench_function("verify of 1000 sites, planned and rendered", |b| {
        b.to_async(&runtime).iter(|| async {
            for uri in &many.uris {
                let planned = many.aegir.plan(&Request::VerifySite { site: uri.clone() }).await.expect("a plan");
                assert!(!planned.is_empty());
            }
        });
    });
    group.finish();
}

criterion_group!(benches, plan);
criterion_main!(benches);
