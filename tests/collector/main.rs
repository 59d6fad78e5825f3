//! Every fault that the collector's side can have, injected: on real sockets, with the whole way before it, and judged by
//! what a collector took at the end.
//!
//! `agent` is the harness and the judge, `../support/faulty.rs` the collector that fails as it is told, `../support/line.rs`
//! the line to it. The rest is tests by subject; [`FAULTS`] says which inject what.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why")]

#[macro_use]
#[path = "../support/fault_table.rs"]
mod fault_table;

mod agent;
mod answers;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/certificates.rs"]
mod authorities;
mod certificates;
mod connections;
#[path = "../support/container.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod container;
mod credentials;
#[path = "../support/faulty.rs"]
mod faulty;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/front.rs"]
mod front;
#[path = "../support/line.rs"]
mod line;
mod order;
#[path = "../support/pace.rs"]
mod pace;
#[path = "../support/replies.rs"]
mod replies;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/scripted.rs"]
mod scripted;
mod sizes;
mod waits;

faults! {
    1, "it is away for long":
        connections::a_collector_that_is_away_gets_all_in_order_when_it_is_back,
        waits::a_day_s_outage_is_delivered_in_order_with_the_times_at_which_things_happened;
    2, "it is away until the outbox is full":
        sizes::a_full_outbox_loses_the_oldest_values_and_no_retraction_and_stays_small,
        waits::an_outage_that_fills_the_outbox_ends_with_the_newest_values_and_the_retraction;
    3, "429, 502, 503, 504; UNAVAILABLE and its like":
        answers::what_may_be_sent_again_comes_again_with_the_same_bytes_and_nothing_is_lost,
        answers::pauses_grow_and_probes_go_on_while_a_collector_fails_for_long;
    4, "`Retry-After`, `RetryInfo`":
        answers::a_collector_is_not_asked_again_before_the_time_it_says, waits::a_wait_of_days_is_one_of_ten_minutes;
    5, "400, 404, 413, 500; INVALID_ARGUMENT and its like":
        answers::what_must_not_be_sent_again_is_dropped_and_its_retractions_come_as_new_points;
    6, "401, 403; UNAUTHENTICATED, PERMISSION_DENIED":
        credentials::a_token_that_was_rotated_in_its_file_is_used_at_once,
        credentials::a_token_that_comes_late_is_waited_for_and_nothing_is_lost,
        answers::what_must_not_be_sent_again_is_dropped_and_its_retractions_come_as_new_points;
    7, "it takes a part, or warns":
        answers::retractions_that_are_rejected_in_part_come_again_as_new_points_and_values_do_not,
        answers::a_warning_loses_nothing;
    8, "the connection is cut before or within the answer, or reset":
        connections::a_connection_that_is_cut_around_the_answer_brings_the_same_bytes_again,
        connections::answers_that_get_lost_bring_the_same_bytes_again_and_no_others,
        connections::connections_that_are_reset_lose_nothing;
    9, "it ends its connections (GOAWAY, `connection: close`)":
        connections::a_collector_that_ends_its_connections_loses_nothing_and_gets_nothing_twice;
    10, "it hangs, reads nothing, or a partition leaves connections half open":
        connections::a_collector_that_hangs_costs_a_try_and_the_probes_go_on,
        connections::a_connection_that_is_half_open_costs_one_try_and_a_partition_loses_nothing;
    11, "it is slow":
        connections::a_slow_collector_gets_one_request_at_a_time_and_loses_nothing;
    12, "a request is over its limit, 4 MiB":
        sizes::a_request_over_the_collector_s_four_mebibytes_is_split_and_nothing_is_lost;
    13, "its answer has no end":
        answers::an_answer_without_end_is_read_up_to_a_bound_and_its_points_are_not_lost;
    14, "it answers with something else, or with garbage":
        answers::an_answer_of_another_kind_ends_in_a_verdict_and_the_next_batch_goes_out,
        connections::whoever_answers_with_garbage_gets_the_data_when_it_speaks_otlp;
    15, "its certificate has expired, is for another host, or of an authority that is not ours":
        certificates::a_certificate_that_expired_keeps_the_queue_until_it_is_renewed,
        certificates::a_host_with_another_name_or_another_authority_gets_nothing;
    16, "any of these, in any order, while the wall clock is set":
        order::an_old_value_never_comes_after_its_retraction_and_no_end_is_lost,
        order::late_batches_keep_the_times_at_which_things_happened;
}

#[test]
fn every_fault_has_a_test_and_the_docs_have_every_fault() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/troubleshooting.md");
    let page = std::fs::read_to_string(page).unwrap();
    let table = page.split("collector faults").nth(1).expect("the table");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert_eq!(rows.len(), FAULTS.len());
    for (n, ((row, fault, tests), told)) in FAULTS.iter().zip(rows).enumerate() {
        assert_eq!(usize::from(*row), n + 1);
        assert!(told.starts_with(&format!("| {fault} |")), "{told}");
        let named: Vec<&str> = told.rsplit(" | ").next().expect("cells").split('`').skip(1).step_by(2).collect();
        let tests: Vec<&str> = tests.iter().map(|(test, _)| *test).collect();
        assert_eq!(named, tests, "{fault}");
    }
}
