//! Every fault that an engine can have, injected: on a socket, with the whole way behind it and the belief of a
//! collector as the judge, or in virtual time where time matters.
//!
//! `agent` is the harness, `../support/scripted.rs` the engine that fails as it is told; `simulated` is the same over
//! simulated engines, `process` the program itself. The rest is tests by subject; [`FAULTS`] says which inject what.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why")]

#[macro_use]
#[path = "../support/fault_table.rs"]
mod fault_table;

mod agent;
mod bodies;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/collector.rs"]
mod collector;
#[path = "../support/container.rs"]
mod container;
mod containers;
mod events;
mod kinds;
mod lists;
#[path = "../support/pace.rs"]
mod pace;
mod process;
mod proxies;
#[path = "../support/replies.rs"]
mod replies;
#[path = "../support/scripted.rs"]
mod scripted;
mod simulated;
mod time;
mod versions;

faults! {
    1, "the list hangs":
        lists::a_hung_list_retracts_that_engine_and_another_one_goes_on, time::a_stuck_engine_delays_another_one_by_nothing;
    2, "one container's stats hang":
        containers::a_container_that_hangs_loses_its_numbers_and_no_other_does,
        time::a_container_that_hangs_delays_the_others_by_less_than_a_tenth_of_a_second;
    3, "headers, then a silent body":
        containers::a_body_that_stalls_counts_as_no_answer;
    4, "the socket is missing, refuses, or answers 500":
        lists::an_engine_that_is_missing_refuses_or_fails_is_retracted_and_tried_again,
        lists::an_agent_that_starts_before_its_engine_waits_for_it,
        time::an_engine_that_stays_away_is_tried_ever_more_seldom_and_at_least_once_an_interval,
        bodies::an_agent_without_an_engine_says_so_once_and_goes_on;
    5, "a truncated list with status 200":
        lists::half_a_list_is_a_failed_list;
    6, "a valid empty list":
        lists::an_empty_list_retracts_as_usual_and_is_no_error;
    7, "400 containers and more, seconds a call":
        time::hundreds_of_slow_containers_are_sampled_within_the_interval_a_bounded_number_at_once,
        time::probes_of_an_engine_that_cannot_keep_up_do_not_overlap, lists::a_probe_never_asks_for_sizes;
    8, "the engine restarts under live-restore":
        lists::an_engine_that_restarts_under_live_restore_is_resumed_without_a_reset;
    9, "the socket's inode is replaced":
        lists::a_socket_that_was_replaced_is_dialled_again;
    10, "the event stream ends or dies silently":
        events::what_happens_while_the_event_stream_is_lost_or_silent_shows_at_the_next_probe,
        events::an_event_stream_that_never_opens_costs_speed_alone;
    11, "more than 256 events at once, a slow reader":
        events::a_flood_of_events_ends_in_what_the_list_says, time::a_reader_that_was_too_slow_for_the_events_lists_at_once;
    12, "404 or 409 between list and stats":
        containers::a_container_that_goes_between_list_and_stats_loses_its_numbers_alone;
    13, "the zeros of a stopping container":
        containers::the_zeros_of_a_stopping_container_are_no_numbers;
    14, "an empty body":
        containers::an_empty_body_is_no_data, bodies::failures_that_go_on_are_said_once;
    15, "the same id restarts":
        containers::a_restart_begins_a_new_run_and_nothing_falls_within_one;
    16, "recreated: same name, new id":
        containers::a_recreated_container_is_another_one_of_the_same_name;
    17, "renamed":
        containers::a_renamed_container_is_live_under_one_name;
    18, "a duplicate or malformed id in a list":
        lists::an_id_counts_once_and_what_is_no_id_is_never_put_into_a_url;
    19, "the API version is too old or too new":
        versions::the_version_is_negotiated_at_each_connect,
        versions::a_version_that_was_set_and_is_not_spoken_is_told_in_the_engine_s_words;
    20, "one-shot is not supported":
        versions::an_engine_without_one_shot_is_given_the_time_for_two_samples,
        time::two_samples_may_take_longer_than_one_call;
    21, "a proxy answers 403":
        proxies::what_a_proxy_forbids_is_gone_without_and_told_once,
        proxies::a_forbidden_list_is_a_failed_engine_and_forbidden_stats_are_failed_samples,
        bodies::failures_that_go_on_are_said_once;
    22, "a proxy cuts long streams every ten minutes":
        time::a_stream_that_is_cut_every_ten_minutes_is_resumed_quietly;
    23, "the nulls of cgroup v2":
        kinds::docker_23_and_25_on_cgroup_v2_have_no_series_for_what_is_null,
        kinds::docker_28_answers_without_a_name_are_known_by_the_id_that_was_asked_for;
    24, "Podman's differences":
        kinds::podman_4_has_no_series_for_its_zeros_and_no_split_of_processor_time,
        kinds::podman_5_tells_of_modes_packets_and_operations, kinds::podman_without_statistics_shows_states_alone,
        kinds::podman_s_word_stopped_is_exited;
    25, "names that are not UTF-8, huge labels":
        containers::odd_names_and_huge_labels_are_cut_and_lose_no_batch;
    26, "bodies of gigabytes, deep nesting, gzip bombs":
        bodies::a_body_without_end_is_read_up_to_its_cap, bodies::deep_and_packed_bodies_fail_and_cost_no_memory;
    27, "u64::MAX, negative, missing, wrong type":
        containers::numbers_of_no_use_are_left_out_and_counted_and_the_rest_is_sent;
    28, "5,000 containers and more":
        time::over_the_cap_those_that_were_first_stay_and_nothing_flaps;
    29, "10,000 aborted bodies":
        bodies::ten_thousand_bodies_that_are_not_read_to_their_end_leave_no_descriptor_open,
        bodies::an_agent_whose_calls_are_aborted_all_the_time_holds_as_many_descriptors_as_before;
    30, "the wall clock is set, suspend":
        time::a_wall_clock_that_is_set_back_and_forth_bends_no_rate_and_no_order, time::an_hour_of_suspend_ends_in_the_next_probe;
}

#[test]
fn every_fault_has_a_test() {
    let rows: Vec<u8> = FAULTS.iter().map(|(row, ..)| *row).collect();
    assert_eq!(rows, (1..=30).collect::<Vec<u8>>());
    for (row, fault, tests) in FAULTS {
        let mut names: Vec<&str> = tests.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), tests.len(), "{row}, {fault}: names a test twice");
    }
}
