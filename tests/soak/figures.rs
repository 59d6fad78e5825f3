//! What is made of the figures of a process over time. Pure.

use std::time::Duration;

use crate::outside::agent::Figures;

/// Figures with the time since the start.
#[derive(Debug, Default)]
pub(crate) struct Course(Vec<(Duration, Figures)>);

impl Course {
    pub(crate) fn push(&mut self, at: Duration, figures: Figures) {
        self.0.push((at, figures));
    }

    /// What came from `from` on.
    pub(crate) fn after(&self, from: Duration) -> Self {
        Self(self.0.iter().filter(|(at, _)| *at >= from).copied().collect())
    }

    pub(crate) fn first(&self) -> Figures {
        self.0.first().map(|(_, f)| *f).unwrap_or_default()
    }

    pub(crate) fn last(&self) -> Figures {
        self.0.last().map(|(_, f)| *f).unwrap_or_default()
    }

    /// The fewest, the most and the last descriptors.
    pub(crate) fn descriptors(&self) -> [usize; 3] {
        let all = || self.0.iter().map(|(_, f)| f.descriptors);
        [all().min(), all().max(), all().next_back()].map(Option::unwrap_or_default)
    }

    pub(crate) fn most_threads(&self) -> u64 {
        self.0.iter().map(|(_, f)| f.threads).max().unwrap_or_default()
    }

    /// The middle of the descriptors of each ten seconds: a moment's connections are none that stay.
    pub(crate) fn levels(&self) -> Vec<usize> {
        const WINDOW: usize = 10;
        let middle = |window: &[(Duration, Figures)]| {
            let mut numbers: Vec<usize> = window.iter().map(|(_, f)| f.descriptors).collect();
            numbers.sort_unstable();
            numbers[numbers.len() / 2]
        };
        self.0.chunks(WINDOW).filter(|w| w.len() == WINDOW).map(middle).collect()
    }

    /// How the resident memory grows all the time, in KiB an hour: what it grows by in one half alone, as when more came
    /// at once than ever before, is no leak.
    pub(crate) fn growth(&self) -> f64 {
        let (first, second) = self.0.split_at(self.0.len() / 2);
        Self::slope(first).min(Self::slope(second)).min(Self::slope(&self.0))
    }

    /// By least squares.
    fn slope(course: &[(Duration, Figures)]) -> f64 {
        let points: Vec<(f64, f64)> = course.iter().map(|(at, f)| (at.as_secs_f64() / 3600.0, f.rss as f64)).collect();
        let n = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n.max(1.0);
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let (up, down) =
            points.iter().fold((0.0, 0.0), |(up, down), p| (up + (p.0 - x) * (p.1 - y), down + (p.0 - x) * (p.0 - x)));
        if down > 0.0 { up / down } else { 0.0 }
    }
}
