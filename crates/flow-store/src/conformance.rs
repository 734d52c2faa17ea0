//! What the contracts say, as tests that any backend can be put to.
//!
//! A backend implements [`Harness`] in its tests and invokes
//! [`conformance_tests!`](crate::conformance_tests) with a function that starts
//! one; each case becomes a test of its own name. To add a case: an async
//! function in the module of its trait here, and its name in
//! [`conformance_cases!`](crate::conformance_cases); the compiler points out
//! what was written but not listed.

mod accounts;
mod audit;
mod authority;
mod care;
mod erasure;
mod fixture;
mod flows;
mod keys;
mod links;
mod lists;
mod log;
mod profiles;
mod purges;
mod run_files;
mod runs;
mod secrets;
mod segments;
mod slugs;
mod test_results;
mod versions;
mod webhooks;
mod workspaces;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use flow_base::{FlowId, Seq};

use crate::memory::MemoryArchive;
use crate::{LogCare, PurgeStore, SegmentStore, Store};

/// A fresh, empty store, and the means to damage what it keeps.
#[async_trait]
pub trait Harness: Debug + Send + Sync {
    fn store(&self) -> Arc<dyn Store>;

    /// The same store, for its tools.
    fn care(&self) -> Arc<dyn LogCare>;

    /// The same store, for what archives its logs.
    fn segments(&self) -> Arc<dyn SegmentStore>;

    /// The same store, for what removes flows for good.
    fn purges(&self) -> Arc<dyn PurgeStore>;

    /// The archive that it reads through.
    fn archive(&self) -> Arc<MemoryArchive>;

    /// Takes one update out of the flow's log, behind the store's back.
    async fn lose_update(&self, flow: FlowId, seq: Seq);

    /// Makes the flow's snapshot unreadable, behind the store's back.
    async fn cut_snapshot(&self, flow: FlowId);

    /// Takes the flow's snapshot away, behind the store's back.
    async fn lose_snapshot(&self, flow: FlowId);
}

/// Makes one `#[tokio::test]` per case of the suite. `$start` names an
/// `async fn() -> impl Harness` of the module that invokes it.
#[macro_export]
macro_rules! conformance_tests {
    ($start:ident) => {
        $crate::conformance_cases!([$crate::conformance_test_fns] $start;);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_test_fns {
    ($start:ident; $($module:ident { $($case:ident)* })*) => {$(
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let harness = super::$start().await;
                    $crate::conformance::cases::$module::$case(&harness).await;
                }
            )*
        }
    )*};
}

/// The one list of cases: hands it to the macro in brackets.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ([$($callback:tt)*] $($arguments:tt)*) => {
        $($callback)*! { $($arguments)*
            log {
                positions_are_dense_and_in_order
                what_was_appended_loads_as_it_was
                a_repeated_batch_keeps_its_positions
                one_flows_failure_leaves_the_others_unharmed
                of_two_batches_of_a_flow_in_one_call_the_second_is_refused
                a_new_batch_beside_a_repeated_one_of_its_flow_is_refused
                concurrent_appends_to_one_flow_leave_no_hole_and_no_double
                concurrent_appends_to_many_flows_keep_to_their_flows
                concurrent_repetitions_of_one_batch_store_it_once
                a_batch_without_updates_is_refused
                a_client_id_beyond_javascript_is_refused
                the_first_writer_of_a_client_id_stays
                many_updates_fit_one_batch
                a_flow_never_created_loads_as_absent
                a_deleted_flow_still_loads_and_takes_updates
                a_snapshot_shortens_the_tail
                an_older_snapshot_never_replaces_a_newer
                a_snapshot_ahead_of_the_log_is_refused
                a_load_amid_appends_and_snapshots_sees_one_moment
                the_head_names_the_newest_batch
                updates_after_reads_page_by_page
                a_page_of_updates_ends_where_its_bytes_do
                a_hole_is_damage_and_not_an_empty_flow
                an_unreadable_snapshot_is_damage_and_not_an_empty_flow
                revisions_lists_known_flows_once
                revisions_lists_ended_sessions
                growth_counts_what_is_stored
                the_store_answers_a_ping
            }
            care {
                flows_are_listed_page_by_page_also_when_deleted
                a_stand_tells_what_is_stored_as_it_is
                raw_updates_come_page_by_page_and_holes_are_not_in_them
                a_page_ends_where_its_bytes_do_and_is_never_empty
                mending_puts_a_log_in_order_and_keeps_what_it_takes_out
                a_mended_log_takes_updates_and_knows_its_batches
                a_log_that_has_moved_is_not_mended
                mending_beside_appends_leaves_no_hole_and_no_double
                a_quarantine_is_listed_page_by_page
            }
            segments {
                what_is_archived_reads_as_before
                the_last_updates_and_the_young_stay
                no_batch_is_divided_by_what_stays
                what_the_snapshot_has_not_stays
                too_few_updates_make_no_segment
                long_logs_are_listed_page_by_page
                a_log_that_has_moved_is_not_archived
                of_two_that_archive_a_log_at_once_one_wins
                appends_beside_archiving_leave_no_hole
                without_a_snapshot_a_flow_loads_from_its_archive
                an_archive_that_is_away_is_an_error_and_not_a_hole
                a_damaged_or_missing_object_is_damage
                what_was_brought_back_reads_as_before
                what_lies_in_the_archive_is_not_mended_there
                what_an_attempt_left_behind_is_swept_and_nothing_else
            }
            purges {
                what_was_deleted_long_ago_is_purged_and_nothing_else
                a_flow_being_purged_is_not_found_by_any_method
                a_purge_goes_on_in_parts_and_leaves_nothing
                a_purge_is_recorded_and_known_until_it_is_ended
                of_a_restore_and_a_purge_at_once_one_wins
                purges_begun_at_once_take_a_flow_each
                appends_beside_a_purge_leave_nothing
            }
            flows {
                a_created_flow_is_there_with_its_first_updates
                a_taken_id_changes_nothing
                a_flow_needs_an_owner_and_a_workspace_that_exist
                each_role_sees_the_flow_as_what_it_is
                a_workspaces_owner_owns_its_flows
                a_stranger_learns_nothing_by_any_method
                every_change_of_access_raises_the_revision
                a_change_that_changes_nothing_raises_nothing
                the_last_owner_stays
                a_member_needs_an_account
                a_deleted_flow_is_gone_for_everybody
                members_come_owners_first_then_by_name
                pages_are_complete_and_without_doubles
                a_page_of_the_exact_size_is_the_last
                lists_show_the_newest_projection_first
                a_projection_never_goes_back
                a_deleted_flow_is_restored_by_its_owner_while_there_is_time
                deleted_flows_are_listed_for_their_owners_last_deleted_first
                flows_are_found_by_the_beginnings_of_their_words
                flows_are_listed_by_tag_and_by_whether_they_run
            }
            lists {
                lists_are_sorted_as_asked_page_by_page
                lists_are_of_one_owner_or_workspace_if_asked
                common_words_are_found_as_well_as_rare_ones
            }
            slugs {
                a_flow_is_found_by_its_slug
                a_deleted_flow_keeps_its_slug_until_it_is_purged
                of_flows_that_want_one_slug_at_once_one_has_it
                slugs_are_recorded_without_their_words
            }
            versions {
                versions_are_numbered_and_read_back_as_they_were
                versions_come_newest_first_page_by_page
                versions_made_at_once_get_numbers_of_their_own
                an_activation_makes_its_version_the_active_one
                an_older_activation_does_not_replace_a_newer
                of_activations_at_once_the_newest_stays
                a_flow_is_deactivated_once
                a_flow_that_is_not_there_has_no_versions
            }
            test_results {
                results_are_read_back_as_they_were_newest_first
                only_the_newest_results_are_kept
                results_go_with_their_flow
            }
            runs {
                a_run_is_stored_and_moved_on_with_its_journal
                who_has_read_an_older_version_writes_nothing
                of_many_who_move_a_run_on_at_once_one_does
                a_repeated_commit_is_stored_once
                one_call_stores_many_and_tells_of_each
                an_event_is_taken_once_and_its_answer_kept
                runs_that_are_due_are_claimed_once
                what_was_claimed_and_not_moved_on_is_claimed_again
                a_run_whose_node_is_gone_is_taken_over
                runs_are_listed_newest_first
                runs_of_a_day_are_bounded
                a_deleted_flow_has_no_new_runs_and_its_old_ones_rest
                runs_that_ended_long_ago_are_forgotten
                runs_that_nobody_has_answered_since_are_forgotten
                runs_with_somebody_go_with_their_account
                runs_of_a_purged_flow_go_with_it
            }
            run_files {
                a_file_is_read_back_as_it_was_sent_and_only_of_its_run
                a_file_that_is_sent_again_is_there_once
                a_run_has_so_many_files_and_bytes
                what_was_sent_for_a_refused_answer_makes_room
                only_a_run_that_goes_on_takes_files
                files_sent_at_once_do_not_pass_the_bounds
                files_count_as_storage_of_their_flows_workspace
                files_go_with_their_runs
                files_of_old_runs_go_in_parts
                files_of_a_purged_flow_go_with_it
            }
            secrets {
                a_secret_reads_back_in_its_workspace_alone
                only_who_owns_the_workspace_changes_its_secrets
                a_workspace_has_so_many_secrets
                secrets_are_sealed_anew_page_by_page
                secrets_are_recorded_by_their_names
                secrets_go_with_who_leaves_for_good_unless_there_is_an_heir
                a_flows_workspace_is_known_until_the_flow_is_purged
            }
            webhooks {
                a_webhook_reads_back_and_is_its_workspaces_alone
                a_workspace_has_so_many_webhooks
                what_happens_is_told_to_those_who_want_to_know
                nothing_is_told_of_what_did_not_happen
                a_claimed_delivery_is_nobody_elses_until_its_lease_is_over
                deliveries_claimed_at_once_go_to_one_each
                a_failed_delivery_is_due_again_once_its_webhook_is_not_paused
                a_webhook_that_fails_for_long_is_disabled_and_can_be_enabled
                what_waits_for_a_webhook_ends_when_it_is_disabled
                failures_at_the_same_time_count_as_one
                a_webhook_of_who_is_erased_is_disabled_for_the_heir
                what_was_told_is_told_again_as_a_new_delivery
                deliveries_come_newest_first_and_old_ones_are_forgotten
                webhooks_of_who_leaves_for_good_go_too_unless_there_is_an_heir
            }
            accounts {
                an_account_reads_back_by_id_and_by_address
                a_taken_address_is_refused_and_changes_nothing
                an_unknown_account_is_absent
                a_session_needs_an_account
                a_refresh_token_is_exchanged_for_its_successor
                a_token_just_replaced_is_still_honoured
                a_token_replaced_long_ago_ends_the_session
                concurrent_exchanges_of_one_token_all_succeed_within_the_grace
                an_unknown_token_is_unknown
                a_revoked_session_is_over_at_once
                a_session_ends_when_it_expires
                an_exchange_prolongs_the_session
                a_new_sign_in_leaves_the_others_alone
            }
            profiles {
                the_first_account_owns_the_installation
                only_the_first_is_let_in_where_nobody_else_is
                of_accounts_made_at_once_one_is_the_first
                accounts_are_listed_page_by_page
                what_is_changed_of_an_account_reads_back_and_the_rest_stays
                an_address_is_not_taken_from_another_account
                a_new_password_ends_all_other_sign_ins
                a_password_that_was_changed_meanwhile_signs_nobody_in
                a_sign_in_beside_a_change_of_the_password_does_not_outlive_it
                sign_ins_are_listed_last_used_first_while_they_live
                nobody_ends_anothers_sign_in
            }
            erasure {
                an_erased_account_is_gone_and_what_it_did_stays_without_its_name
                without_an_heir_the_flows_of_an_erased_account_are_deleted
                an_heir_gets_what_nobody_else_owns
                what_others_use_is_not_erased_from_under_them
                an_erased_address_is_free_again
                whoever_is_erased_makes_no_flow
            }
            authority {
                whoever_owns_a_flow_no_more_changes_nothing_of_who_may
                an_owner_of_the_workspace_owns_its_flows_as_long
                whoever_owns_a_workspace_no_more_lets_nobody_in
                whoever_may_no_more_moves_no_flow
                whoever_may_edit_no_more_makes_no_flow
            }
            keys {
                a_key_reads_back_by_its_hash_and_in_its_owners_list
                a_key_needs_an_account
                a_revoked_key_is_gone_at_once
                an_expired_key_is_listed_and_opens_nothing
                the_last_use_of_a_key_never_goes_back
                a_user_has_so_many_keys
                revisions_list_ended_keys_beside_sessions
            }
            workspaces {
                a_workspace_is_seen_by_its_members_as_what_they_are
                personal_workspaces_come_first_and_say_so
                a_user_owns_so_many_workspaces
                a_role_in_the_workspace_is_one_on_all_its_flows
                whoever_becomes_less_keeps_nothing_beyond_it
                every_change_of_a_workspaces_members_raises_its_flows_revisions
                a_workspace_keeps_an_owner
                a_personal_workspace_stays_its_accounts
                a_workspace_is_handed_over
                a_workspace_has_so_many_members
                a_workspace_has_so_many_flows
                flows_made_at_once_do_not_pass_the_quota
                usage_counts_what_the_workspace_has
                own_quotas_go_before_the_others
                a_moved_flow_is_the_other_workspaces
                an_invitation_makes_members_until_it_ends
                an_invitation_takes_nobody_down
                an_invitation_is_good_for_so_many
                a_workspace_has_so_many_invitations
                workspaces_are_listed_page_by_page
            }
            links {
                a_link_is_found_by_its_hash_while_it_lives
                a_link_of_a_deleted_flow_opens_nothing
                a_flow_has_so_many_links
                revisions_list_ended_links
            }
            audit {
                what_is_done_is_recorded_in_a_chain
                what_an_account_does_to_itself_is_in_its_personal_workspace
                what_is_refused_is_not_recorded
                events_recorded_at_once_make_one_chain
                events_are_read_in_both_directions
                a_moved_flow_is_in_both_chains
            }
        }
    };
}

macro_rules! dispatch {
    ($($module:ident { $($case:ident)* })*) => {
        /// The cases, for [`conformance_tests!`](crate::conformance_tests).
        pub mod cases {$(
            pub mod $module {
                use crate::conformance::Harness;

                $(
                    /// The case that its name states.
                    pub async fn $case(harness: &dyn Harness) {
                        crate::conformance::$module::$case(harness).await;
                    }
                )*
            }
        )*}
    };
}

crate::conformance_cases!([dispatch]);
