//! What is waited for, and for how long.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::time::{Clock, Monotonic};

/// How often it is told what is waited for; what takes less is not worth a word.
const EVERY: Duration = Duration::from_millis(400);

/// The time there is for everything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) clock: Clock,
    ends: Monotonic,
}

impl Budget {
    pub(super) fn new(clock: Clock, all: Duration) -> Self {
        Self { clock, ends: clock.now().mono + all }
    }

    /// How long one thing may take that may take `most` by itself.
    pub(super) fn limit(&self, most: Duration) -> Duration {
        most.min(self.ends.since(self.clock.now().mono))
    }

    /// Waits for it, and tells how long it took. `None` if the time is up before.
    pub(super) async fn time<T>(&self, most: Duration, what: impl Future<Output = T>) -> Option<(T, Duration)> {
        let begun = self.clock.now().mono;
        let answer = tokio::time::timeout(self.limit(most), what).await.ok()?;
        Some((answer, self.clock.now().mono.since(begun)))
    }
}

/// What is waited for now.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Vec<String>>);

impl Waiting {
    /// Waits for `future`, which is called `name` meanwhile.
    pub(super) async fn on<T>(&self, name: impl Into<String>, future: impl Future<Output = T>) -> T {
        let name = name.into();
        self.with(|all| all.push(name.clone()));
        let out = future.await;
        self.with(|all| {
            if let Some(at) = all.iter().position(|other| *other == name) {
                all.remove(at);
            }
        });
        out
    }

    /// Tells `tell` once in a while, until `future` is done.
    pub(super) async fn show<T>(&self, future: impl Future<Output = T>, tell: &mut impl FnMut(&str)) -> T {
        let mut future = std::pin::pin!(future);
        let mut told = false;
        loop {
            tokio::select! {
                out = &mut future => {
                    if told {
                        tell("");
                    }
                    return out;
                }
                () = tokio::time::sleep(EVERY) => {
                    told = true;
                    tell(&format!("waiting for {}", self.with(|all| all.join(", "))));
                }
            }
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Vec<String>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_told_while_it_takes() {
        let waiting = Waiting::default();
        let mut told = Vec::new();
        let one = waiting.on("one", tokio::time::sleep(Duration::from_millis(500)));
        let both = futures_util::future::join(one, waiting.on("two", tokio::time::sleep(Duration::from_millis(900))));
        waiting.show(both, &mut |text| told.push(text.to_owned())).await;
        assert_eq!(told, ["waiting for one, two", "waiting for two", ""]);
        told.clear();
        waiting.show(async {}, &mut |text| told.push(text.to_owned())).await;
        assert!(told.is_empty(), "what takes no time is not worth a word");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_longer_than_there_is_time() {
        let budget = Budget::new(Clock::start(), Duration::from_secs(3));
        assert_eq!(budget.limit(Duration::from_secs(10)), Duration::from_secs(3));
        assert_eq!(budget.time(Duration::from_secs(2), std::future::pending::<()>()).await, None);
        assert_eq!(budget.limit(Duration::from_secs(10)), Duration::from_secs(1));
        let second = Duration::from_secs(1);
        assert_eq!(budget.time(second, async { 7 }).await, Some((7, Duration::ZERO)));
    }
}
