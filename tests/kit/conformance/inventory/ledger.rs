//! The ledger: one owner to a resource, and what striking a path takes along.

use aegir_core::ErrorKind;
use aegir_core::entity::{EntityId, Owner, Resource, ResourceKind};
use aegir_core::event::EventKind;
use aegir_core::inventory::{Claim, Entry, Inventory};

use super::sample::{open, owner, server_name, task};

fn path(server: &str, name: &str) -> Resource {
    Resource::path(&server_name(server), name)
}

fn note() -> EventKind {
    EventKind::Warning { step: 0, message: "something".into() }
}

async fn acquire(inventory: &dyn Inventory, id: Claim, resources: &[Resource], owner: &Owner) -> aegir_core::Result<()> {
    let acquire = resources.iter().map(|r| (r.clone(), owner.clone())).collect();
    inventory.append(&id, &note(), &Entry { acquire, ..Entry::default() }).await.map(drop)
}

async fn release(inventory: &dyn Inventory, id: Claim, resource: Resource) {
    inventory.append(&id, &note(), &Entry { release: vec![resource], ..Entry::default() }).await.unwrap();
}

async fn new_task(inventory: &dyn Inventory) -> Claim {
    open(inventory, &task("a.org")).await
}

pub(super) async fn the_first_owner_stays(inventory: &dyn Inventory) {
    let id = new_task(inventory).await;
    let (a, b) = (owner("a.org"), owner("b.org"));
    let database = Resource::new(ResourceKind::Database, &server_name("db1"), "site");
    assert_eq!(inventory.owner(&database).await.unwrap(), None);
    acquire(inventory, id, std::slice::from_ref(&database), &a).await.unwrap();
    acquire(inventory, id, std::slice::from_ref(&database), &a).await.unwrap();
    let error = acquire(inventory, id, std::slice::from_ref(&database), &b).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.message().contains("a.org"), "{error:?} does not name the owner");
    assert_eq!(inventory.owner(&database).await.unwrap(), Some(a.clone()));
    // The same name of another kind, or on another server, is another thing.
    acquire(
        inventory,
        id,
        &[Resource { kind: ResourceKind::DatabaseUser, ..database.clone() }, Resource { server: server_name("db2"), ..database.clone() }],
        &b,
    )
    .await
    .unwrap();
    release(inventory, id, database.clone()).await;
    release(inventory, id, database.clone()).await;
    assert_eq!(inventory.owner(&database).await.unwrap(), None);
    assert_eq!(inventory.owned_by(&b).await.unwrap().len(), 2);
    // An entry releases first: so a resource changes hands, and a path is struck without what is recorded anew below it.
    acquire(inventory, id, &[database.clone(), path("web1", "/srv/a"), path("web1", "/srv/a/x")], &a).await.unwrap();
    let both = Entry {
        release: vec![database.clone(), path("web1", "/srv/a")],
        acquire: vec![(database.clone(), b.clone()), (path("web1", "/srv/a/x"), a.clone())],
        ..Entry::default()
    };
    inventory.append(&id, &note(), &both).await.unwrap();
    assert_eq!(inventory.owner(&database).await.unwrap(), Some(b));
    assert_eq!(inventory.owned_by(&a).await.unwrap(), [path("web1", "/srv/a/x")]);
}

pub(super) async fn a_refused_entry_leaves_nothing(inventory: &dyn Inventory) {
    let id = new_task(inventory).await;
    let (a, b) = (owner("a.org"), owner("b.org"));
    acquire(inventory, id, &[path("web1", "/srv/a"), path("web1", "/srv/a/x")], &a).await.unwrap();
    let entry = Entry {
        release: vec![path("web1", "/srv/a/x")],
        acquire: vec![(path("web1", "/srv/b"), b.clone()), (path("web1", "/srv/a"), b.clone())],
        ..Entry::default()
    };
    assert_eq!(inventory.append(&id, &note(), &entry).await.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(inventory.owned_by(&a).await.unwrap(), [path("web1", "/srv/a"), path("web1", "/srv/a/x")]);
    assert_eq!(inventory.owned_by(&b).await.unwrap(), []);
    assert_eq!(inventory.entries(id.task, 0).await.unwrap().len(), 1);
    assert_eq!(inventory.task(id.task).await.unwrap().unwrap().ended, None);
    // An entry that contradicts itself is refused too.
    let entry = Entry { acquire: vec![(path("web1", "/srv/c"), b.clone()), (path("web1", "/srv/c"), owner("c.org"))], ..Entry::default() };
    assert_eq!(inventory.append(&id, &note(), &entry).await.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(inventory.owned_by(&b).await.unwrap(), []);
}

pub(super) async fn a_path_takes_with_it_what_is_below(inventory: &dyn Inventory) {
    let id = new_task(inventory).await;
    let (a, b) = (owner("a.org"), owner("b.org"));
    let vhost = Resource::new(ResourceKind::Vhost, &server_name("web1"), "/srv/a_%/x");
    let gone = [
        path("web1", "/srv/a_%"),
        path("web1", "/srv/a_%/x"),
        path("web1", "/srv/a_%/x/y"),
        path("web1", "/srv/a_%/é"),
        path("web1", "/srv/a_%/\u{10ffff}"),
    ];
    let kept = [
        path("web1", "/srv"),
        // Names that a pattern would catch, and neighbours in sorting order.
        path("web1", "/srv/a_%0"),
        path("web1", "/srv/a_%-x/y"),
        path("web1", "/srv/a_%."),
        path("web1", "/srv/abc/x"),
        path("web2", "/srv/a_%/x"),
    ];
    acquire(inventory, id, &gone, &a).await.unwrap();
    acquire(inventory, id, &kept, &a).await.unwrap();
    acquire(inventory, id, std::slice::from_ref(&vhost), &a).await.unwrap();
    acquire(inventory, id, &[path("web1", "/srv/a_%/theirs")], &b).await.unwrap();
    release(inventory, id, path("web1", "/srv/a_%")).await;
    let mut left = kept.to_vec();
    left.push(vhost);
    left.sort();
    assert_eq!(inventory.owned_by(&a).await.unwrap(), left);
    assert_eq!(inventory.owned_by(&b).await.unwrap(), [path("web1", "/srv/a_%/theirs")]);
    // A path that is not recorded takes nothing with it: nobody says whose it is.
    release(inventory, id, path("web2", "/srv/a_%")).await;
    assert_eq!(inventory.owned_by(&a).await.unwrap(), left);
}

pub(super) async fn what_is_owned_is_sorted(inventory: &dyn Inventory) {
    let id = new_task(inventory).await;
    let owner = owner("a.org");
    let mut all = Vec::new();
    for kind in [ResourceKind::Vhost, ResourceKind::Certificate, ResourceKind::Path, ResourceKind::DatabaseUser, ResourceKind::Database] {
        for server in ["web2", "web10"] {
            for name in ["/b", "/a/x", "/a"] {
                all.push(Resource::new(kind, &server_name(server), name));
            }
        }
    }
    acquire(inventory, id, &all, &owner).await.unwrap();
    all.sort();
    assert_eq!(inventory.owned_by(&owner).await.unwrap(), all);
}

pub(super) async fn a_successor_of_the_same_name_is_another_owner(inventory: &dyn Inventory) {
    let id = new_task(inventory).await;
    let (first, second) = (owner("a.org"), Owner::new(owner("a.org").entity, EntityId::generate()));
    acquire(inventory, id, &[path("web1", "/srv/a")], &first).await.unwrap();
    assert_eq!(acquire(inventory, id, &[path("web1", "/srv/a")], &second).await.unwrap_err().kind(), ErrorKind::Refused);
    acquire(inventory, id, &[path("web1", "/srv/a/x"), path("web1", "/srv/b")], &second).await.unwrap();
    assert_eq!(inventory.owned_by(&first).await.unwrap(), [path("web1", "/srv/a")]);
    let held = inventory.holding(&path("web1", "/srv/b")).await.unwrap().unwrap();
    assert_eq!((held.owner, held.task), (second.clone(), id.task));
    let all = inventory.below(&path("web1", "/srv/a")).await.unwrap();
    assert_eq!(all, [(path("web1", "/srv/a"), first.clone()), (path("web1", "/srv/a/x"), second.clone())]);
    // Striking the one's path leaves what the other has in it.
    release(inventory, id, path("web1", "/srv/a")).await;
    assert_eq!(inventory.owned_by(&second).await.unwrap().len(), 2);
}
