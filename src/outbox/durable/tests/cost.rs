//! What it costs: syncs, bytes of the disk.

use super::agent::{ALL, Agent, Live, decide};
use super::disk::Disk;
use crate::model::batch::{Mark, Point};
use crate::model::published::Decision;
use crate::model::series::Value;
use crate::model::time::{Now, UnixNanos};

/// An agent that has run for a while.
fn agent(disk: &Disk) -> Agent {
    Agent::start(disk, u64::MAX, Now { wall: UnixNanos(1), ..Now::default() }).0
}

fn all() -> Vec<(usize, bool)> {
    (0..ALL).map(|series| (series, true)).collect()
}

#[test]
fn an_interval_costs_one_sync() {
    let (disk, mut live) = (Disk::default(), Live::new());
    let mut agent = agent(&disk);
    let mut before = 0;
    for time in 1..=20 {
        if time == 3 {
            before = disk.syncs();
        }
        agent.push(decide(&mut live, &all(), time));
        assert!(agent.take().is_some());
        agent.acknowledge();
    }
    assert_eq!(disk.syncs() - before, 18);
}

#[test]
fn in_a_backlog_each_batch_costs_one_sync_so_that_one_comes_again_at_most() {
    let (disk, mut live) = (Disk::default(), Live::new());
    let mut agent = agent(&disk);
    for time in 1..=20 {
        agent.push(decide(&mut live, &all(), time));
    }
    let before = disk.syncs();
    for _ in 0..20 {
        assert!(agent.take().is_some());
        agent.acknowledge();
    }
    assert_eq!(disk.syncs() - before, 19);
}

#[test]
fn the_file_does_not_grow_without_an_outage() {
    let (disk, mut live) = (Disk::default(), Live::new());
    let mut agent = agent(&disk);
    let mut after = 0;
    for time in 1..=300 {
        // Containers come and go all the time.
        let actions: Vec<_> = (0..ALL).map(|series| (series, !(time as usize + series).is_multiple_of(5))).collect();
        agent.push(decide(&mut live, &actions, time));
        assert!(agent.take().is_some());
        agent.acknowledge();
        if time == 30 {
            after = disk.length();
        }
    }
    assert!(disk.length() <= after, "{} bytes, once {after}", disk.length());
}

#[test]
fn the_file_shrinks_after_an_outage() {
    let (disk, mut live) = (Disk::default(), Live::new());
    let mut agent = agent(&disk);
    for time in 1..=18 {
        agent.push(decide_many(&mut live, time));
    }
    let largest = disk.length();
    assert!(largest > 18 << 20, "{largest}");
    while agent.take().is_some() {
        agent.acknowledge();
    }
    assert!(disk.length() < largest / 8, "{} bytes of {largest}", disk.length());
}

/// A decision of more than 1 MiB.
fn decide_many(live: &mut Live, time: u64) -> Decision {
    let mut decision = decide(live, &[(0, true)], time);
    let point = decision.batch.groups[0].points[0].clone();
    let mark = |n: i64| Mark::Next(Value::Int(n.wrapping_mul(0x5851_F42D_4C95_7F2D)));
    decision.batch.groups[0].points = (0..120_000).map(|n| Point { mark: mark(n), ..point.clone() }).collect();
    decision
}
