//! What a container did lately: a ring of points, for its sparklines.

use std::collections::VecDeque;

use crate::status::Numbers;

/// So many points are kept of a container at most.
pub const MOST_POINTS: usize = 120;
/// So many are kept of all containers together; where there are more containers, each has fewer.
pub const MOST_IN_ALL: usize = 240_000;
/// Each has so many at least.
const FEWEST_POINTS: usize = 20;

/// What is drawn over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Processors in use.
    Cpu,
    /// Bytes of memory.
    Memory,
    /// Bytes in a second.
    Received,
    /// Bytes out a second.
    Sent,
    /// Bytes read a second.
    Read,
    /// Bytes written a second.
    Written,
}

/// One point; what is not known is not a number. Half as precise as what came: it is drawn in eighths of a line.
#[derive(Debug, Clone, Copy)]
struct Point([f32; 6]);

/// The last points of one container, oldest first.
#[derive(Debug, Clone, Default)]
pub struct History {
    points: VecDeque<Point>,
    last: u64,
}

/// How many points each of so many containers may keep.
pub fn depth(containers: usize) -> usize {
    (MOST_IN_ALL / containers.max(1)).clamp(FEWEST_POINTS, MOST_POINTS)
}

impl Point {
    const GAP: Self = Self([f32::NAN; 6]);

    fn of(n: &Numbers) -> Self {
        let memory = n.memory.map(|bytes| bytes as f64);
        Self(
            [n.cpu, memory, n.received_rate, n.sent_rate, n.read_rate, n.written_rate]
                .map(|value| value.map_or(f32::NAN, |value| value as f32)),
        )
    }
}

impl History {
    /// A row of the container came; `depth` points are kept.
    pub fn push(&mut self, numbers: Option<&Numbers>, depth: usize) {
        let point = match numbers {
            // The row changed, its sample did not.
            Some(numbers) if numbers.at == self.last => return,
            Some(numbers) => {
                self.last = numbers.at;
                Point::of(numbers)
            }
            // One gap for as long as it lasts.
            None if self.points.back().is_none_or(|point| point.0.iter().all(|value| value.is_nan())) => return,
            None => Point::GAP,
        };
        while self.points.len() >= depth.max(1) {
            self.points.pop_front();
        }
        self.points.push_back(point);
    }

    /// The values of a measure, oldest first; not a number where there was none.
    pub fn values(&self, of: Measure) -> impl DoubleEndedIterator<Item = f32> + ExactSizeIterator + '_ {
        self.points.iter().map(move |point| point.0[of as usize])
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(at: u64, cpu: f64) -> Numbers {
        Numbers { at, cpu: Some(cpu), memory: Some(1 << 30), ..Numbers::default() }
    }

    fn cpu(history: &History) -> Vec<Option<f32>> {
        history.values(Measure::Cpu).map(|value| (!value.is_nan()).then_some(value)).collect()
    }

    #[test]
    fn one_point_a_sample_and_one_gap_while_there_is_none() {
        let mut history = History::default();
        history.push(None, 5);
        assert!(history.is_empty(), "it begins with the first sample");
        history.push(Some(&numbers(1, 0.5)), 5);
        history.push(Some(&numbers(1, 0.5)), 5);
        history.push(None, 5);
        history.push(None, 5);
        history.push(Some(&numbers(2, 1.5)), 5);
        assert_eq!(cpu(&history), [Some(0.5), None, Some(1.5)]);
        assert_eq!(history.values(Measure::Memory).next_back(), Some(1_073_741_824.0));
        assert!(history.values(Measure::Sent).all(f32::is_nan));
    }

    #[test]
    fn the_oldest_points_make_room_also_when_fewer_may_be_kept_than_before() {
        let mut history = History::default();
        (0..10).for_each(|i| history.push(Some(&numbers(i + 1, i as f64)), 5));
        assert_eq!(cpu(&history), [5, 6, 7, 8, 9].map(|i: u8| Some(f32::from(i))));
        history.push(Some(&numbers(99, 99.0)), 2);
        assert_eq!(cpu(&history), [Some(9.0), Some(99.0)]);
    }

    #[test]
    fn all_together_are_bounded() {
        assert_eq!((depth(0), depth(1000), depth(2000)), (120, 120, 120));
        assert_eq!((depth(4000), depth(12_000), depth(1_000_000)), (60, 20, 20));
    }
}
