//! Messages: nothing is lost on the way there and back, and none is too large.

use proptest::prelude::*;
use prost::Message;

use super::made::Maker;
use crate::control::listing::page;
use crate::control::service::{MOST_OF_MESSAGE, messages};
use crate::control::v1;
use crate::explain::Report;
use crate::status::{ContainerRow, Delta, EngineRow, Gone};

fn sent<M: Message + Default>(message: M) -> M {
    M::decode(message.encode_to_vec().as_slice()).unwrap()
}

proptest! {
    #[test]
    fn a_delta_is_the_same_when_it_has_arrived(seed: u64) {
        let delta = Maker::new(seed).delta();
        prop_assert_eq!(Delta::from(sent(v1::Delta::from(delta.clone()))), delta);
    }

    #[test]
    fn a_report_is_the_same_when_it_has_arrived(seed: u64) {
        let report = Maker::new(seed).report();
        prop_assert_eq!(Report::try_from(sent(v1::Report::from(report.clone()))), Ok(report));
    }

    #[test]
    fn any_bytes_are_a_message_or_none_and_never_a_panic(bytes: Vec<u8>, seed: u64) {
        let mut broken = v1::Report::from(Maker::new(seed).report()).encode_to_vec();
        for (at, byte) in bytes.iter().enumerate() {
            let length = broken.len();
            broken[at * 7 % length] ^= byte;
        }
        if let Ok(report) = v1::Report::decode(broken.as_slice()) {
            let _ = Report::try_from(report);
        }
        if let Ok(delta) = v1::Delta::decode(bytes.as_slice()) {
            let _ = Delta::from(delta);
        }
    }

    #[test]
    fn parts_of_a_delta_are_the_delta_and_whoever_has_a_part_alone_goes_on_from_before(
        seed: u64, rows in 0usize..3 * MOST_OF_MESSAGE, whole: bool,
    ) {
        let mut delta = Delta { whole, revision: 70, ..Maker::new(seed).delta() };
        delta.containers = (0..rows).map(|n| row(0, &n.to_string(), "")).collect();
        let parts = messages(delta.clone(), 7);
        let mut joined = Delta { containers: Vec::new(), ..parts[0].clone() };
        for (i, part) in parts.iter().enumerate() {
            let is_last = i + 1 == parts.len();
            let before = if whole { 0 } else { 7 };
            prop_assert_eq!(part.revision, if is_last { 70 } else { before });
            prop_assert!(part.containers.len() <= MOST_OF_MESSAGE && (i == 0 || !part.whole));
            prop_assert!(i == 0 || part.retractions.is_empty() && !part.missed_retractions && !part.missed_notes);
            joined.containers.extend(part.containers.clone());
            joined.revision = part.revision;
        }
        prop_assert_eq!(joined, delta);
    }
}

#[test]
fn what_a_newer_agent_says_is_read_as_far_as_it_is_known() {
    let mut report = v1::Report::from(Maker::new(1).report());
    let known = report.endings.len();
    report.endings.push(v1::Ending { ends: 99, when: "later".into(), reason: "removed".into() });
    report.endings.push(v1::Ending { ends: 1, when: "later".into(), reason: "eclipse".into() });
    assert_eq!(Report::try_from(report.clone()).unwrap().endings.len(), known);
    report.decision = Some(v1::Decision { verdict: 99, ..v1::Decision::default() });
    assert!(Report::try_from(report.clone()).unwrap_err().to_string().contains("another version"));
    report.id = "../etc".into();
    assert!(Report::try_from(report).is_err());
    let early = prost_types::Timestamp { seconds: -5, nanos: 7 };
    let agent = v1::Agent { start_time: Some(early), ..v1::Agent::default() };
    assert_eq!(crate::status::Agent::from(agent).started, 0);
}

// -- lists ------------------------------------------------------------------------------------------------------------

fn row(engine: u32, name: &str, image: &str) -> ContainerRow {
    let id = format!("{engine}{}", name.bytes().map(|b| format!("{b:02x}")).collect::<String>()).into();
    ContainerRow {
        engine,
        id,
        name: name.into(),
        image: image.into(),
        state: "running".into(),
        ..ContainerRow::default()
    }
}

fn engines() -> Vec<EngineRow> {
    let engine = |id, name: &str| EngineRow { id, name: name.into(), ..EngineRow::default() };
    vec![engine(0, "local"), engine(1, "far")]
}

fn names(request: &v1::ListContainersRequest, rows: &[ContainerRow]) -> Vec<String> {
    let page = page(request, &engines(), rows.to_vec()).unwrap();
    page.containers.into_iter().map(|c| c.name).collect()
}

#[test]
fn all_conditions_of_a_list_have_to_hold() {
    let stopped = ContainerRow { state: "exited".into(), ..row(0, "db", "postgres:17") };
    let failing = ContainerRow { failing: Some("hangs".into()), ..row(1, "Web-2", "nginx") };
    let rows = [row(0, "web-1", "nginx:1.27"), stopped, failing];
    let check = |request: v1::ListContainersRequest, expected: &[&str]| assert_eq!(names(&request, &rows), expected);
    let any = v1::ListContainersRequest::default;
    check(any(), &["db", "web-1", "Web-2"]);
    check(v1::ListContainersRequest { engine: "far".into(), ..any() }, &["Web-2"]);
    check(v1::ListContainersRequest { states: vec!["exited".into(), "dead".into()], ..any() }, &["db"]);
    check(v1::ListContainersRequest { text: "WEB".into(), ..any() }, &["web-1", "Web-2"]);
    check(v1::ListContainersRequest { text: "nginx".into(), engine: "local".into(), ..any() }, &["web-1"]);
    check(v1::ListContainersRequest { text: "06462".into(), ..any() }, &["db"]);
    check(v1::ListContainersRequest { failing: true, ..any() }, &["Web-2"]);
    let refused = |request| page(&request, &engines(), rows.to_vec()).unwrap_err();
    assert_eq!(
        refused(v1::ListContainersRequest { engine: "fra".into(), ..any() }),
        "no engine is called fra; there are local, far"
    );
    assert!(refused(v1::ListContainersRequest { states: vec!["up".into()], ..any() }).contains("exited"));
    assert!(refused(v1::ListContainersRequest { page_token: "2".into(), ..any() }).contains("next_page_token"));
}

proptest! {
    #[test]
    fn pages_have_each_container_once_also_when_others_go_meanwhile(
        names in proptest::collection::btree_set("[a-z:]{1,3}", 0..40), page_size in 0u32..20, goes in 0usize..40,
    ) {
        let mut rows: Vec<_> = names.iter().map(|name| row(u32::from(name.len() > 2), name, "")).collect();
        let mut expected: Vec<_> = rows.iter().map(|row| row.id.to_string()).collect();
        let mut got: Vec<String> = Vec::new();
        let mut request = v1::ListContainersRequest { page_size, ..Default::default() };
        loop {
            let answer = page(&request, &engines(), rows.clone()).unwrap();
            prop_assert!(page_size == 0 || answer.containers.len() <= page_size as usize);
            got.extend(answer.containers.into_iter().map(|c| c.id));
            if answer.next_page_token.is_empty() {
                break;
            }
            request.page_token = answer.next_page_token;
            if let Some(last) = got.last().filter(|_| got.len() > goes).cloned() {
                // The one that the next page goes on from is removed.
                rows.retain(|row| *row.id != *last);
            }
        }
        got.sort();
        expected.sort();
        prop_assert_eq!(got, expected);
    }
}

#[test]
fn gone_containers_are_told_with_the_first_part_alone() {
    let rows = (0..=MOST_OF_MESSAGE).map(|n| row(0, &n.to_string(), "")).collect();
    let gone = vec![Gone { engine: 0, id: "x".into() }];
    let parts = messages(Delta { containers: rows, gone, ..Delta::default() }, 1);
    assert_eq!(parts.iter().map(|part| part.gone.len()).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn engines_that_are_called_alike_are_listed_together() {
    let engine = |id, name: &str| EngineRow { id, name: name.into(), ..EngineRow::default() };
    let engines = [engine(0, "host"), engine(1, "other"), engine(2, "host")];
    let rows = vec![row(0, "a", ""), row(1, "b", ""), row(2, "c", "")];
    let request = v1::ListContainersRequest { engine: "host".into(), ..Default::default() };
    let listed = page(&request, &engines, rows).unwrap();
    let names: Vec<_> = listed.containers.iter().map(|container| container.name.as_str()).collect();
    assert_eq!((names, listed.total_size), (vec!["a", "c"], 2));
}
