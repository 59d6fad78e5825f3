//! Hears what engine and collector tell, and lets the judge judge it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dockpulse::model::container::ContainerId;
use dockpulse::model::sample::Count;
use dockpulse::model::time::Clock;
use tokio::sync::Notify;

use super::collector::Told;
use super::engine::{Engine, Watcher};
use super::judge::{Judge, Rules, Truth};

pub(crate) struct Ears {
    clock: Clock,
    judge: Mutex<Judge>,
    /// The next sample's.
    number: AtomicI64,
    asked: AtomicU64,
    given: AtomicU64,
    requests: AtomicU64,
    lists: AtomicU64,
    /// Something happened.
    pub(crate) heard: Notify,
}

impl Ears {
    pub(crate) fn new(clock: Clock, rules: Rules) -> Arc<Self> {
        Arc::new(Self {
            clock,
            judge: Mutex::new(Judge::new(rules)),
            // More than is ever free: working set and the like stay plausible.
            number: AtomicI64::new(10_000_000),
            asked: AtomicU64::new(0),
            given: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            lists: AtomicU64::new(0),
            heard: Notify::new(),
        })
    }

    pub(crate) fn judge(&self) -> MutexGuard<'_, Judge> {
        self.judge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the engine was asked and gave numbers, and the collector was sent something.
    pub(crate) fn marks(&self) -> [u64; 3] {
        [&self.asked, &self.given, &self.requests].map(|n| n.load(Ordering::Relaxed))
    }

    /// How often the engine gave its list.
    pub(crate) fn lists(&self) -> u64 {
        self.lists.load(Ordering::Relaxed)
    }

    /// What a collector tells them.
    pub(crate) fn told(self: Arc<Self>) -> Told {
        Box::new(move |message, fate| {
            self.judge().request(message, fate, self.clock.now());
            self.count(&self.requests);
        })
    }

    fn count(&self, what: &AtomicU64) {
        what.fetch_add(1, Ordering::Relaxed);
        self.heard.notify_waiters();
    }
}

impl Watcher for Ears {
    fn asked(&self, path: &str) {
        if path == "/containers/json" {
            self.lists.fetch_add(1, Ordering::Relaxed);
        }
        self.count(&self.asked);
    }

    fn usage(&self, container: &ContainerId) -> Count {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        self.judge().served(container.as_str(), number, self.clock.now().wall);
        self.count(&self.given);
        number
    }
}

/// An engine's containers as they are.
pub(crate) fn truth(engine: &Engine) -> Vec<Truth> {
    engine.with(|world| {
        let names: Vec<String> = world.names().map(ToString::to_string).collect();
        let truth =
            |name: String| Some(Truth { id: world.id(&name)?.as_str().to_owned(), state: world.state(&name)?, name });
        names.into_iter().filter_map(truth).collect()
    })
}
