//! The shared handle: who waits, and who is woken.

use std::time::Duration;

use tokio::task::JoinSet;

use super::*;
use crate::model::batch::{Group, Mark, Point, Reason};
use crate::model::series::{AttributeInterner, Kind, Metric, Resource, Value};
use crate::model::time::{Monotonic, UnixNanos};
use crate::outbox::MemoryOutbox;

static METRIC: Metric = Metric { name: "a", unit: "1", kind: Kind::Gauge };

fn batch(number: i64) -> Batch {
    marked("", Mark::Next(Value::Int(number)))
}

fn marked(id: &str, mark: Mark) -> Batch {
    let point = Point {
        metric: &METRIC,
        attributes: AttributeInterner::default().intern(&[]),
        start: UnixNanos::UNKNOWN,
        mark,
    };
    let resource = Arc::new(Resource::new(vec![("id".into(), id.into())], &[]));
    Batch { groups: vec![Group { resource, time: UnixNanos(1), points: vec![point] }] }
}

/// Fails instead of waiting for ever.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it comes")
}

fn push(queue: &Queue, batch: Batch) -> Pushed {
    let now = Now { mono: Monotonic::default(), wall: UnixNanos(1) };
    queue.push(Decision { batch, ..Decision::default() }, now)
}

fn queue() -> Queue {
    Queue::new(MemoryOutbox::new(usize::MAX))
}

#[tokio::test(start_paused = true)]
async fn taking_waits_for_a_push_and_gives_the_same_until_it_is_acknowledged() {
    let queue = queue();
    let mut taking = JoinSet::new();
    taking.spawn({
        let queue = queue.clone();
        async move { queue.next().await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(taking.try_join_next().is_none());
    for number in [1, 2] {
        let _ = push(&queue, batch(number));
    }
    assert_eq!(*soon(taking.join_next()).await.unwrap().unwrap(), batch(1));
    assert_eq!(*queue.next().await, batch(1));
    queue.acknowledge();
    assert_eq!(*queue.next().await, batch(2));
    assert_eq!(queue.left(), Left { batches: 1, points: 1, retractions: 0 });
}

#[tokio::test(start_paused = true)]
async fn it_is_drained_when_the_last_batch_is_acknowledged() {
    let queue = queue();
    queue.drained().await;
    let _ = push(&queue, batch(1));
    queue.next().await;
    let mut draining = JoinSet::new();
    draining.spawn({
        let queue = queue.clone();
        async move { queue.drained().await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(draining.try_join_next().is_none());
    queue.acknowledge();
    soon(draining.join_next()).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_is_drained_when_all_that_is_left_turns_out_not_to_be_owed() {
    let queue = Queue::new(MemoryOutbox::new(0));
    let put = |id, mark| push(&queue, marked(id, mark)).dropped_values;
    assert_eq!(put("delivered", Mark::First(Value::Int(1))), 0);
    queue.next().await;
    assert_eq!(put("dropped", Mark::First(Value::Int(1))), 1);
    queue.acknowledge();
    assert_eq!(put("dropped", Mark::Retracted(Reason::Removed)), 0);
    assert_eq!(queue.left(), Left { batches: 1, points: 1, retractions: 1 });
    soon(async {
        tokio::select! {
            () = queue.drained() => {}
            batch = queue.next() => panic!("{batch:?}"),
        }
    })
    .await;
}

#[test]
fn a_panic_elsewhere_does_not_end_it() {
    let queue = queue();
    let other = queue.clone();
    let panicked = std::thread::spawn(move || {
        let Kept::Memory(outbox) = &other.shared.kept else { return };
        let _lock = outbox.lock();
        panic!("while the lock is held");
    });
    assert!(panicked.join().is_err());
    assert_eq!(push(&queue, batch(1)), Pushed::default());
    assert_eq!(queue.stats().left.batches, 1);
}
