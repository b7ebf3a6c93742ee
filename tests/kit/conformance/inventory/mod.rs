//! What every inventory must do; one file for each trait it is made of.

mod entities;
mod journal;
mod ledger;
mod locks;
mod notes;
mod sample;
mod sites;

use std::sync::Arc;

use aegir_core::inventory::Inventory;

/// Runs every rule, each on a fresh, empty inventory from `make`.
pub async fn inventory<M, F>(make: M)
where
    M: Fn() -> F,
    F: Future<Output = Arc<dyn Inventory>>,
{
    entities::revisions_count_saves(&*make().await).await;
    entities::lists_are_sorted(&*make().await).await;
    entities::deletes_are_quiet(&*make().await).await;
    sites::revisions_count_saves(&*make().await).await;
    sites::an_address_has_one_site(&*make().await).await;
    sites::an_address_is_free_again(&*make().await).await;
    sites::a_site_may_repeat_itself(&*make().await).await;
    sites::lists_follow_the_platform(&*make().await).await;
    ledger::the_first_owner_stays(&*make().await).await;
    ledger::a_refused_entry_leaves_nothing(&*make().await).await;
    ledger::a_path_takes_with_it_what_is_below(&*make().await).await;
    ledger::what_is_owned_is_sorted(&*make().await).await;
    ledger::a_successor_of_the_same_name_is_another_owner(&*make().await).await;
    locks::exclusive_and_shared(&*make().await).await;
    locks::a_lease_lasts_as_long_as_its_task(&*make().await).await;
    locks::what_is_not_taken_back_holds_its_subject(&*make().await).await;
    locks::what_waits_for_a_server_lets_in_who_mends_it(&*make().await).await;
    locks::brief_ones(&*make().await).await;
    notes::the_last_look_replaces_the_one_before(&*make().await).await;
    notes::a_server_takes_its_notes_with_it(&*make().await).await;
    journal::a_plan_runs_once(&*make().await).await;
    journal::only_what_has_no_history_is_discarded(&*make().await).await;
    journal::a_superseded_claim_writes_nothing(&*make().await).await;
    journal::one_worker_takes_a_task(make().await).await;
    journal::an_impossible_event_is_not_stored(&*make().await).await;
    journal::a_cancel_is_an_event_that_holds(&*make().await).await;
    journal::an_end_frees_the_leases(&*make().await).await;
    journal::what_cannot_be_read_is_stuck_until_it_is_closed(&*make().await).await;
    journal::only_what_is_stuck_is_closed(&*make().await).await;
    journal::lists_are_newest_first(&*make().await).await;
    journal::entries_come_back_as_they_were(&*make().await).await;
    journal::numbers_have_no_gaps(make().await).await;
    journal::what_is_over_for_long_is_pruned(&*make().await).await;
    journal::an_unknown_task_has_no_entries(&*make().await).await;
}
