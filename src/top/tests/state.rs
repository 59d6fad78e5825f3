//! What is told and what is typed: order, filter, selection, what is gone, what is lost.

use super::*;
use crate::top::Column;
use crate::top::history::Measure;
use crate::top::state::{Link, Pane};

fn three() -> Delta {
    let row = |name, cpu| row(name, Some(sample(1, cpu, 10)));
    Delta { whole: true, ..delta(1, vec![row("a", 0.1), row("b", 0.3), row("c", 0.2)]) }
}

fn moved(revision: u64, name: &str, cpu: f64) -> Delta {
    delta(revision, vec![row(name, Some(sample(revision, cpu, 10)))])
}

#[test]
fn rows_are_sorted_by_the_column_that_was_asked_for_and_the_other_way_round() {
    let mut top = told(three());
    assert_eq!(names(&top), ["b", "c", "a"]);
    type_in(&mut top, "n");
    assert_eq!(names(&top), ["a", "b", "c"]);
    type_in(&mut top, "n");
    assert_eq!(names(&top), ["c", "b", "a"]);
    type_in(&mut top, "ci");
    assert_eq!(names(&top), ["a", "c", "b"]);
}

#[test]
fn the_order_goes_through_the_columns_that_are_seen() {
    let mut top = told(three());
    drawn(&mut top, PLAIN, (80, 24), at(1));
    type_in(&mut top, ">");
    assert_eq!(top.order.column, Column::Memory);
    type_in(&mut top, "<<<<<<");
    assert_eq!(top.order.column, Column::Name);
    type_in(&mut top, ">>>>>>>>>>");
    assert_eq!(top.order.column, Column::Age, "the last one that fits");
    type_in(&mut top, "i>");
    assert!(top.order.reversed, "at the end nothing is turned round again");
}

#[test]
fn the_selection_stays_with_its_container() {
    let mut top = told(three());
    type_in(&mut top, "↓↓");
    assert_eq!(selected(&top).as_deref(), Some("c"));
    top.told(moved(2, "c", 9.0), at(2));
    assert_eq!(names(&top), ["c", "b", "a"]);
    assert_eq!(selected(&top).as_deref(), Some("c"));
    type_in(&mut top, "↓");
    assert_eq!(selected(&top).as_deref(), Some("b"), "from where it is now");
}

#[test]
fn who_stands_in_the_place_of_a_selected_one_that_is_gone_is_selected() {
    let mut top = told(three());
    type_in(&mut top, "↓↓");
    let gone = |name: &str| vec![Gone { engine: 0, id: row(name, None).id }];
    top.told(Delta { gone: gone("c"), ..delta(2, Vec::new()) }, at(2));
    assert_eq!((names(&top), selected(&top).as_deref()), (vec!["b".to_owned(), "a".to_owned()], Some("a")));
    top.told(Delta { gone: gone("a"), ..delta(3, Vec::new()) }, at(3));
    assert_eq!(selected(&top).as_deref(), Some("b"));
    top.told(Delta { gone: gone("b"), ..delta(4, Vec::new()) }, at(4));
    assert_eq!(selected(&top), None);
    type_in(&mut top, "↓↑\n");
    assert!(!top.detail, "there is nothing to open");
}

#[test]
fn a_container_that_is_looked_at_alone_is_said_to_be_gone_and_not_replaced() {
    let mut top = told(three());
    type_in(&mut top, "↓\n");
    assert_eq!(selected(&top).as_deref(), Some("b"));
    top.told(Delta { gone: vec![Gone { engine: 0, id: row("b", None).id }], ..delta(2, Vec::new()) }, at(2));
    assert!(picture(&mut top, PLAIN, (80, 24), at(2)).contains("it is gone: its series are retracted"));
    top.told(moved(3, "b", 0.5), at(3));
    assert_eq!(selected(&top).as_deref(), Some("b"), "it is back");
    type_in(&mut top, "\x1b");
    assert!(!top.detail);
}

#[test]
fn the_rows_that_are_seen_follow_the_selection() {
    let rows = (0..100).map(|i| row(&format!("c{i:02}"), Some(sample(1, f64::from(100 - i), 10)))).collect();
    let mut top = told(Delta { whole: true, ..delta(1, rows) });
    assert!(picture(&mut top, PLAIN, (80, 24), at(1)).contains("c00"));
    type_in(&mut top, "G");
    let last = picture(&mut top, PLAIN, (80, 24), at(1));
    assert!(last.contains("c99") && !last.contains("c00") && last.contains("100/100"), "{last}");
    type_in(&mut top, "↑");
    assert!(picture(&mut top, PLAIN, (80, 24), at(1)).contains("c99"), "the last page stays while it can");
    type_in(&mut top, "g");
    assert!(picture(&mut top, PLAIN, (80, 24), at(1)).contains("c00"));
    top.told(moved(2, "c50", 1000.0), at(2));
    assert_eq!(selected(&top), None, "nobody is selected, so the first are seen, whoever they are");
    assert!(picture(&mut top, PLAIN, (80, 24), at(2)).contains("c50"));
}

#[test]
fn a_filter_is_seen_at_work_while_it_is_written() {
    let mut top = told(all_kinds());
    type_in(&mut top, "/pau");
    assert_eq!(names(&top), ["paused"]);
    type_in(&mut top, "\x7f\x7f\x7f");
    assert_eq!(names(&top).len(), 6);
    type_in(&mut top, "!running\n");
    assert_eq!(names(&top), ["paused", "migrate"]);
    type_in(&mut top, "n");
    assert_eq!(top.order.column, Column::Name, "keys are keys again");
    type_in(&mut top, "/ zzz");
    let none = picture(&mut top, PLAIN, (80, 24), at(1));
    assert!(none.contains("no container matches !running zzz; Esc shows all"), "{none}");
    type_in(&mut top, "\x1b");
    assert_eq!(names(&top).len(), 6);
}

#[test]
fn what_is_paused_stands_still_and_goes_on_with_all_that_came_meanwhile() {
    let mut top = told(three());
    type_in(&mut top, " ");
    top.told(moved(2, "a", 9.0), at(2));
    assert_eq!(names(&top), ["b", "c", "a"]);
    type_in(&mut top, "n");
    assert_eq!(names(&top), ["a", "b", "c"], "it can be sorted all the same");
    assert!(picture(&mut top, PLAIN, (80, 24), at(2)).contains("PAUSED"));
    type_in(&mut top, "c ");
    assert_eq!(names(&top), ["a", "b", "c"]);
    let history = &top.scene().containers[&top.rows()[0]].history;
    assert_eq!(history.values(Measure::Cpu).collect::<Vec<_>>(), [0.1, 9.0], "nothing was missed");
}

#[test]
fn escape_closes_one_thing_after_the_other_and_then_ends_it() {
    let mut top = told(three());
    type_in(&mut top, "/a\nr↓\n?");
    type_in(&mut top, "\x1b");
    assert!(!top.help && top.detail);
    type_in(&mut top, "\x1b");
    assert!(!top.detail && !top.filter.is_empty());
    type_in(&mut top, "\x1b");
    assert!(top.filter.is_empty() && top.pane == Pane::Retractions);
    type_in(&mut top, "\x1b\x1b");
    assert!(top.pane == Pane::None && top.selection().is_none());
    assert_eq!(press(&mut top, Key::Escape), Wish::Quit);
}

#[test]
fn there_is_a_key_to_end_it_wherever_one_is() {
    for before in ["", "?", "/web", "↓\n", " ", "r"] {
        let mut top = told(three());
        type_in(&mut top, before);
        assert_eq!(press(&mut top, Key::Ctrl('c')), Wish::Quit, "{before}");
        if before != "/web" {
            assert_eq!(press(&mut top, Key::Char('q')), Wish::Quit, "{before}");
        }
    }
}

#[test]
fn a_whole_delta_forgets_what_was_but_not_how_it_went() {
    let mut top = told(three());
    top.told(moved(2, "b", 0.4), at(2));
    // The agent has begun again: its engine has another number, and one container is no more.
    let again = ContainerRow { engine: 7, ..row("b", Some(sample(9, 0.5, 10))) };
    let anew = Delta {
        whole: true,
        agent: Agent { pid: 4300, ..agent() },
        engines: vec![engine(7, "local")],
        ..delta(1, vec![again])
    };
    top.told(anew, at(9));
    assert_eq!(names(&top), ["b"]);
    let history = &top.scene().containers[&top.rows()[0]].history;
    assert_eq!(history.values(Measure::Cpu).collect::<Vec<_>>(), [0.3, 0.4, 0.5]);
}

#[test]
fn retractions_of_an_agent_that_began_again_stay_and_those_of_the_same_one_are_not_doubled() {
    let mut top = told(all_kinds());
    top.told(all_kinds(), at(2));
    assert_eq!(top.scene().retractions.len(), 3);
    let other = Delta { agent: Agent { pid: 4300, started: START, ..agent() }, ..all_kinds() };
    top.told(other, at(3));
    assert_eq!(top.scene().retractions.len(), 6);
    let many = |top: &mut Top, from: u64| {
        let retractions = (from..from + 1000).map(|number| Retraction { number, ..Retraction::default() }).collect();
        top.told(Delta { retractions, ..delta(from, Vec::new()) }, at(4));
    };
    many(&mut top, 10);
    assert_eq!(top.scene().retractions.len(), crate::status::RETRACTIONS);
    assert_eq!(top.scene().retractions.back().map(|r| r.number), Some(1009), "the newest are kept");
}

#[test]
fn a_lost_agent_is_told_with_the_time_and_the_pause_and_forgotten_when_it_is_back() {
    let mut top = told(three());
    top.lost("the agent has ended".to_owned(), Duration::from_secs(4), at(5));
    assert!(top.stale(at(5)));
    let lost = picture(&mut top, PLAIN, (120, 24), at(6));
    assert!(lost.contains("AGENT LOST, as of 02:45:24 UTC, again in 3 s: the agent has ended"), "{lost}");
    assert!(lost.contains(" a ") && lost.contains("30.0%"), "what was known is still seen: {lost}");
    top.told(three(), at(9));
    assert_eq!(top.link, Link::Up);
    assert!(!picture(&mut top, PLAIN, (120, 24), at(9)).contains("LOST"));
}

#[test]
fn an_agent_that_says_nothing_is_not_taken_for_one_where_nothing_happens() {
    let mut top = told(three());
    assert!(!top.stale(at(10)));
    assert!(top.stale(at(20)));
    assert!(picture(&mut top, PLAIN, (80, 24), at(20)).contains("NO WORD FROM THE AGENT, as of 02:45:24 UTC"));
    let slow = Delta { agent: Agent { interval: 60.0, ..agent() }, whole: true, ..delta(1, Vec::new()) };
    assert!(!told(slow).stale(at(100)), "one that probes once a minute may be quiet for long");
}

#[test]
fn a_scene_is_given_back_as_one_delta() {
    let mut top = told(all_kinds());
    top.told(moved(2, "idle", 0.5), at(2));
    let whole = top.scene().whole();
    assert!(whole.whole);
    assert_eq!((whole.revision, whole.containers.len(), whole.retractions.len(), whole.notes.len()), (2, 6, 3, 1));
    let mut again = super::top(Origin::Agent);
    again.told(whole.clone(), at(2));
    assert_eq!(again.scene().whole(), whole);
}
