//! What is still owed for engines that are no longer watched, and of what ended before a restart of the agent: retractions
//! that the collector refused. The ledgers that made them are gone, so one that outlives them owes these again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ledger::{Commit, Ledger, STEP, TRIES};
use crate::model::batch::{Batch, Point};
use crate::model::published::Decision;
use crate::model::series::{Fingerprint, Resource};
use crate::model::time::UnixNanos;

/// The debts of ledgers that are gone. One for all; shared.
#[derive(Debug, Default)]
pub(super) struct Orphans(Mutex<Debts>);

#[derive(Debug, Default)]
struct Debts {
    ledger: Ledger,
    alone: bool,
}

impl Orphans {
    /// An engine is no longer watched, or an agent before this one has ended these. Returns a time below which nothing of
    /// it will be sent any more: the points of whoever publishes under the same identities lie above it.
    pub(super) fn adopt(&self, identities: Vec<Fingerprint>, latest: UnixNanos) -> UnixNanos {
        let mut debts = self.debts();
        debts.ledger.inherit(identities, latest);
        // What is owed again bears times that follow close on those of the engine, not the time at which it is sent.
        debts.ledger.latest().after(STEP * u32::from(TRIES + 1))
    }

    /// No engine is watched any more, so nobody asks for what is due: it is given as soon as it is owed. What has to be
    /// sent at once, if anything has.
    pub(super) fn stay_alone(&self) -> Option<Decision> {
        let mut debts = self.debts();
        debts.alone = true;
        debts.due()
    }

    /// The collector refused these. What has to be sent at once, if anything has: what was not refused before, so that it
    /// is in the outbox again before the batch that it was in leaves it. The rest waits for the next batch of an engine,
    /// so that a collector that refuses everything is not asked without a pause.
    pub(super) fn owe(&self, refused: &[(Arc<Resource>, Point)]) -> Option<Decision> {
        let mut debts = self.debts();
        let is_first = debts.ledger.owe_again(refused);
        if is_first || debts.alone { debts.due() } else { None }
    }

    /// An engine sends a batch: what has to be sent before it.
    pub(super) fn before(&self, batch: &Batch) -> Option<Decision> {
        let mut debts = self.debts();
        debts.ledger.yield_to(batch);
        debts.due()
    }

    fn debts(&self) -> MutexGuard<'_, Debts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Debts {
    fn due(&mut self) -> Option<Decision> {
        let Commit { batch, latest, .. } = self.ledger.pay_inherited();
        (!batch.is_empty()).then(|| Decision { batch, latest, ..Decision::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Facet, Owner};
    use crate::model::batch::{Mark, Reason, SeriesPoint};
    use crate::model::series::{AttributeInterner, Kind, Metric, Value};

    static METRICS: [Metric; 2] =
        [Metric { name: "a", unit: "1", kind: Kind::Gauge }, Metric { name: "b", unit: "1", kind: Kind::Gauge }];

    fn resource() -> Arc<Resource> {
        Arc::new(Resource::new(vec![("container.id".into(), "c0ffee".into())], &[]))
    }

    fn container(n: u32) -> Arc<Resource> {
        Arc::new(Resource::new(vec![("container.id".into(), format!("{n:012}").as_str().into())], &[]))
    }

    fn publish(ledger: &mut Ledger, metrics: &'static [Metric], millis: u64) -> Batch {
        let attributes = AttributeInterner::default().intern(&[]);
        let point = |metric| SeriesPoint {
            metric,
            attributes: attributes.clone(),
            start: UnixNanos::UNKNOWN,
            value: Value::Int(1),
        };
        let now = UnixNanos(millis * 1_000_000);
        ledger.publish(Owner::Engine, Facet::State, &resource(), metrics.iter().map(point).collect(), now);
        ledger.commit(now).batch
    }

    /// An engine that left at 7 ms, and its retractions, which wait to be sent.
    fn left(orphans: &Orphans) -> (Batch, Vec<(Arc<Resource>, Point)>) {
        let mut ledger = Ledger::default();
        publish(&mut ledger, &METRICS, 5);
        ledger.end_all(Reason::Unwatched, UnixNanos(7_000_000));
        let batch = ledger.commit(UnixNanos(7_000_000)).batch;
        assert_eq!(orphans.adopt(ledger.identities(), ledger.latest()), UnixNanos(13_000_000));
        let of = batch.groups.iter().flat_map(|g| g.points.iter().map(|p| (g.resource.clone(), p.clone())));
        let refused = of.collect();
        (batch, refused)
    }

    fn times(decision: Option<Decision>) -> Vec<(u64, usize)> {
        let decision = decision.unwrap_or_default();
        assert_eq!(decision.batch.points(), decision.batch.retractions());
        decision.batch.groups.iter().map(|g| (g.time.0 / 1_000_000, g.points.len())).collect()
    }

    #[test]
    fn what_is_refused_of_an_engine_that_left_goes_at_once_and_then_with_the_next_batch_of_another_one() {
        let orphans = Orphans::default();
        let (_waits, refused) = left(&orphans);
        assert_eq!(times(orphans.owe(&refused)), [(8, 2)]);
        assert!(orphans.before(&Batch::default()).is_none(), "it is owed once");
        for tries in 2..=u64::from(TRIES) {
            assert!(orphans.owe(&refused).is_none());
            assert_eq!(times(orphans.before(&Batch::default())), [(7 + tries, 2)]);
            assert!(orphans.before(&Batch::default()).is_none(), "it is owed once");
        }
        assert!(orphans.owe(&refused).is_none());
        assert!(orphans.before(&Batch::default()).is_none(), "five times");
    }

    #[test]
    fn at_the_end_it_goes_at_once() {
        let orphans = Orphans::default();
        let (_waits, refused) = left(&orphans);
        assert!(orphans.stay_alone().is_none());
        for tries in 1..=2 {
            assert_eq!(times(orphans.owe(&refused)), [(7 + tries, 2)]);
        }
        let orphans = Orphans::default();
        let (_waits, refused) = left(&orphans);
        orphans.owe(&refused);
        orphans.owe(&refused);
        assert_eq!(times(orphans.stay_alone()), [(9, 2)], "what waited for another batch goes then");
    }

    #[test]
    fn what_ended_before_a_restart_is_owed_like_that_of_an_engine_that_left() {
        let (_waits, refused) = left(&Orphans::default());
        let after = Orphans::default();
        assert!(after.owe(&refused).is_none(), "nobody knows it");
        assert_eq!(after.adopt(vec![resource().fingerprint()], UnixNanos(20_000_000)), UnixNanos(26_000_000));
        assert_eq!(times(after.owe(&refused)), [(21, 2)]);
    }

    #[test]
    fn however_much_is_refused_no_time_lies_in_what_is_left_to_others() {
        let orphans = Orphans::default();
        let floor = orphans.adopt((0..99).map(|n| container(n).fingerprint()).collect(), UnixNanos(20_000_000));
        let point = publish(&mut Ledger::default(), &METRICS[..1], 1).groups[0].points[0].clone();
        let end = Point { mark: Mark::Retracted(Reason::Removed), ..point };
        let mut last = UnixNanos::UNKNOWN;
        for n in 0..99 {
            let due = orphans.owe(&[(container(n), end.clone())]).expect("it goes at once");
            assert!(due.batch.groups.iter().all(|group| group.time < floor) && due.latest < floor);
            last = last.max(due.latest);
        }
        assert_eq!(last, UnixNanos(21_000_000));
        let next = orphans.adopt(vec![container(0).fingerprint()], UnixNanos(15_000_000));
        assert!(next > floor, "of another engine, whose points are no later");
        let due = orphans.owe(&[(container(0), end)]).expect("its tries begin anew");
        assert_eq!((due.latest, due.latest < next), (UnixNanos(22_000_000), true), "its time rises");
    }

    #[test]
    fn what_lives_again_is_not_ended_and_the_rest_of_it_is_another_ledger_s_from_then_on() {
        let orphans = Orphans::default();
        let (_waits, refused) = left(&orphans);
        orphans.owe(&refused);
        orphans.owe(&refused);
        let mut again = Ledger::default();
        let batch = publish(&mut again, &METRICS[..1], 20);
        let due = orphans.before(&batch).unwrap_or_default();
        let ended: Vec<&str> = due.batch.groups.iter().flat_map(|g| &g.points).map(|p| p.metric.name).collect();
        assert_eq!(ended, ["b"]);
        assert!(due.batch.groups.iter().all(|g| matches!(g.points[0].mark, Mark::Retracted(Reason::Unwatched))));
        assert!(orphans.owe(&refused).is_none());
        assert!(orphans.before(&Batch::default()).is_none());
    }

    #[test]
    fn what_is_refused_of_others_is_their_affair() {
        let orphans = Orphans::default();
        left(&orphans);
        let unknown = Arc::new(Resource::new(vec![("container.id".into(), "f00d".into())], &[]));
        let point = publish(&mut Ledger::default(), &METRICS[..1], 1).groups[0].points[0].clone();
        orphans.owe(&[(unknown, Point { mark: Mark::Retracted(Reason::Removed), ..point })]);
        assert!(orphans.before(&Batch::default()).is_none());
    }
}
