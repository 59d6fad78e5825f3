//! Identities of lives that are over. What is still to be delivered of them may be refused yet, also long after nobody
//! holds them in memory any more: a batch may wait on disk.

use std::collections::VecDeque;

use hashbrown::HashSet;

use crate::model::series::Fingerprint;

/// The most that are remembered; the oldest are forgotten first.
const MOST: usize = 16_384;

/// The identities of lives that are over.
#[derive(Debug, Default)]
pub(super) struct Retired {
    known: HashSet<Fingerprint>,
    /// The same, the oldest first.
    order: VecDeque<Fingerprint>,
}

impl Retired {
    /// One more.
    pub(super) fn add(&mut self, identity: Fingerprint) {
        if !self.known.insert(identity) {
            return;
        }
        self.order.push_back(identity);
        while self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Whether it is one of them.
    pub(super) fn has(&self, identity: Fingerprint) -> bool {
        self.known.contains(&identity)
    }

    /// Forgets some.
    pub(super) fn forget(&mut self, identities: impl Iterator<Item = Fingerprint>) {
        let before = self.known.len();
        identities.for_each(|identity| _ = self.known.remove(&identity));
        if self.known.len() < before {
            self.order.retain(|identity| self.known.contains(identity));
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// All of them, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Fingerprint> {
        self.order.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::series::Resource;

    fn identity(n: usize) -> Fingerprint {
        Resource::new(vec![("id".into(), n.to_string().as_str().into())], &[]).fingerprint()
    }

    #[test]
    fn the_oldest_are_forgotten_first_and_one_that_comes_again_counts_once() {
        let mut retired = Retired::default();
        for n in (0..=MOST).chain([MOST]) {
            retired.add(identity(n));
        }
        assert!(!retired.has(identity(0)) && retired.has(identity(1)) && retired.has(identity(MOST)));
        retired.forget([identity(1), identity(0)].into_iter());
        assert!(!retired.has(identity(1)));
        assert_eq!(retired.iter().count(), MOST - 1);
    }
}
