//! Sites: one site to an address, lists by platform and server.

use aegir_core::ErrorKind;
use aegir_core::entity::{Platform, Site, SiteState, SiteSummary};
use aegir_core::inventory::{Inventory, SiteFilter};
use aegir_core::name::ServerName;

use super::sample::{machine_name, platform, platform_name, server_name, site, uri};

pub(super) async fn revisions_count_saves(inventory: &dyn Inventory) {
    let first = Site { aliases: vec![uri("www.a.org")], redirect_to: Some(uri("www.a.org")), ..site("a.org", "d10") };
    assert_eq!(inventory.save_site(&first).await.unwrap(), 1);
    let stored = inventory.site(&first.uri).await.unwrap().unwrap();
    assert_eq!(stored, Site { revision: 1, ..first.clone() });
    assert_eq!(inventory.save_site(&first).await.unwrap_err().kind(), ErrorKind::Conflict);
    let changed = Site { state: SiteState::Disabled, ..stored };
    assert_eq!(inventory.save_site(&changed).await.unwrap(), 2);
    assert_eq!(inventory.site(&first.uri).await.unwrap().unwrap(), Site { revision: 2, ..changed });
    assert_eq!(inventory.site(&uri("www.a.org")).await.unwrap(), None, "an alias is no name");
}

async fn refused(inventory: &dyn Inventory, site: &Site, holder: &str) {
    let error = inventory.save_site(site).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains(holder), "{error:?} does not name {holder}");
}

pub(super) async fn an_address_has_one_site(inventory: &dyn Inventory) {
    inventory.save_site(&Site { aliases: vec![uri("www.a.org")], ..site("a.org", "d10") }).await.unwrap();
    // Alias against URI, URI against alias, alias against alias.
    refused(inventory, &Site { aliases: vec![uri("a.org")], ..site("b.org", "d10") }, "a.org").await;
    refused(inventory, &site("www.a.org", "d10"), "a.org").await;
    refused(inventory, &Site { aliases: vec![uri("b.net"), uri("www.a.org")], ..site("b.org", "d10") }, "a.org").await;
    assert_eq!(inventory.site(&uri("b.org")).await.unwrap(), None);
    assert_eq!(inventory.site_at(&uri("b.net")).await.unwrap(), None, "a refused site keeps an address");
    // A port makes another address.
    inventory.save_site(&site("a.org:8080", "d10")).await.unwrap();
    for (address, expected) in [("a.org", Some("a.org")), ("www.a.org", Some("a.org")), ("a.org:8080", Some("a.org:8080")), ("c.org", None)]
    {
        assert_eq!(inventory.site_at(&uri(address)).await.unwrap(), expected.map(uri), "{address}");
    }
    // Also when a stored site takes a new alias.
    let other = Site { revision: 1, aliases: vec![uri("www.a.org")], ..site("a.org:8080", "d10") };
    refused(inventory, &other, "a.org").await;
    assert_eq!(inventory.site(&other.uri).await.unwrap().unwrap().revision, 1);
}

pub(super) async fn an_address_is_free_again(inventory: &dyn Inventory) {
    inventory.save_site(&Site { aliases: vec![uri("x.org"), uri("y.org")], ..site("a.org", "d10") }).await.unwrap();
    inventory.save_site(&Site { aliases: vec![uri("y.org")], revision: 1, ..site("a.org", "d10") }).await.unwrap();
    assert_eq!(inventory.site_at(&uri("x.org")).await.unwrap(), None);
    inventory.save_site(&site("x.org", "d10")).await.unwrap();
    inventory.delete_site(&uri("a.org")).await.unwrap();
    inventory.delete_site(&uri("a.org")).await.unwrap();
    assert_eq!(inventory.site_at(&uri("y.org")).await.unwrap(), None);
    assert_eq!(inventory.save_site(&Site { aliases: vec![uri("a.org")], ..site("y.org", "d10") }).await.unwrap(), 1);
}

pub(super) async fn a_site_may_repeat_itself(inventory: &dyn Inventory) {
    let odd = Site { aliases: vec![uri("a.org"), uri("b.org"), uri("b.org")], ..site("a.org", "d10") };
    inventory.save_site(&odd).await.unwrap();
    assert_eq!(inventory.site(&odd.uri).await.unwrap().unwrap().aliases, odd.aliases);
}

async fn listed(inventory: &dyn Inventory, filter: SiteFilter) -> Vec<String> {
    inventory.sites(&filter).await.unwrap().into_iter().map(|s| format!("{} {} {}", s.uri, s.platform, s.server)).collect()
}

pub(super) async fn lists_follow_the_platform(inventory: &dyn Inventory) {
    inventory.save_platform(&platform("p1", "web1")).await.unwrap();
    inventory.save_platform(&platform("p2", "web2")).await.unwrap();
    for (address, platform) in [("b.org", "p1"), ("a.org", "p2"), ("c.org", "p1"), ("d.org", "nowhere")] {
        inventory.save_site(&site(address, platform)).await.unwrap();
    }
    assert_eq!(
        listed(inventory, SiteFilter::default()).await,
        ["a.org p2 web2", "b.org p1 web1", "c.org p1 web1", "d.org nowhere server_master"]
    );
    assert_eq!(
        listed(inventory, SiteFilter { platform: Some(platform_name("p1")), server: None }).await,
        ["b.org p1 web1", "c.org p1 web1"]
    );
    assert_eq!(listed(inventory, SiteFilter { platform: None, server: Some(server_name("web2")) }).await, ["a.org p2 web2"]);
    assert!(listed(inventory, SiteFilter { platform: Some(platform_name("p1")), server: Some(server_name("web2")) }).await.is_empty());

    // A platform that moves takes its sites along; one that comes late finds them; one that goes leaves them.
    inventory.save_platform(&Platform { revision: 1, ..platform("p1", "web3") }).await.unwrap();
    inventory.save_platform(&platform("nowhere", "web4")).await.unwrap();
    inventory.delete_platform(&platform_name("p2")).await.unwrap();
    assert_eq!(
        listed(inventory, SiteFilter::default()).await,
        ["a.org p2 server_master", "b.org p1 web3", "c.org p1 web3", "d.org nowhere web4"]
    );
    assert_eq!(listed(inventory, SiteFilter { platform: None, server: Some(ServerName::master()) }).await, ["a.org p2 server_master"]);

    let own = Site { client: Some(machine_name("acme")), state: SiteState::Disabled, revision: 1, ..site("b.org", "p1") };
    inventory.save_site(&own).await.unwrap();
    let summary = inventory.sites(&SiteFilter::default()).await.unwrap().remove(1);
    let expected = SiteSummary {
        uri: uri("b.org"),
        platform: platform_name("p1"),
        server: server_name("web3"),
        profile: "standard".into(),
        state: SiteState::Disabled,
        client: Some("acme".into()),
    };
    assert_eq!(summary, expected);
}
