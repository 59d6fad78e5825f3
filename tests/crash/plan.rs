//! What happens when: all of it by chance, all of it from the seed.

use std::time::Duration;

use crate::outside::collector::Mode;

/// Something that happens beside the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Run,
    Remove,
    /// Or starts again.
    Stop,
    Restart,
    Rename,
    /// Or thaws.
    Pause,
    Recreate,
    /// Or comes back.
    EngineDown,
    /// Or answers again.
    EngineHangs,
    /// They are forbidden, or to be had again.
    Events,
    CutEvents,
    /// It is there and treats requests so.
    Collector(Mode),
    CollectorDown,
}

/// How a life of the agent ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// While it starts.
    Early,
    /// When the collector is sent something for so manieth time.
    AtRequest(u64),
    /// When the engine gives numbers for so manieth time: it is about to write.
    AtNumbers(u64),
    /// At any time.
    Anytime(Duration),
    /// By SIGTERM, at any time.
    Terminated,
}

impl End {
    /// So long it lives.
    pub(crate) fn at_most(self) -> Duration {
        match self {
            Self::Early => Duration::ZERO,
            Self::AtRequest(_) | Self::AtNumbers(_) => Duration::from_millis(1_200),
            Self::Anytime(time) => time,
            Self::Terminated => Duration::from_millis(400),
        }
    }

    /// Whether what it waits for has happened, by [questions, numbers, requests] at first and now.
    pub(crate) fn is_reached(self, first: [u64; 3], now: [u64; 3]) -> bool {
        match self {
            Self::AtNumbers(times) => now[1] >= first[1] + times,
            Self::AtRequest(times) => now[2] >= first[2] + times,
            Self::Early | Self::Anytime(_) | Self::Terminated => false,
        }
    }
}

/// Chance.
pub(crate) struct Dice(fastrand::Rng);

impl Dice {
    pub(crate) fn new(seed: u64, world: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ world))
    }

    pub(crate) fn chance(&mut self, of: f64) -> bool {
        self.0.f64() < of
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0.usize(..most)
    }

    pub(crate) fn interval(&mut self) -> Duration {
        Duration::from_millis(100 + 10 * self.0.u64(..=10))
    }

    /// How the next life ends; one that begins with a settled world has begun already.
    pub(crate) fn end(&mut self, has_begun: bool) -> End {
        let millis = |rng: &mut fastrand::Rng, from, to| End::Anytime(Duration::from_millis(rng.u64(from..to)));
        match self.0.u32(..100) {
            ..15 if !has_begun => End::Early,
            ..40 => End::AtRequest(self.0.u64(1..6)),
            40..60 => End::AtNumbers(self.0.u64(1..40)),
            60..80 => millis(&mut self.0, 0, 900),
            // Long enough that an outage has something to lose.
            80..95 => millis(&mut self.0, 1_500, 3_500),
            _ => End::Terminated,
        }
    }

    /// What is added to an end, so that it falls anywhere in what follows.
    pub(crate) fn moment(&mut self, end: End) -> Duration {
        let most = match end {
            End::Early => 40_000,
            End::AtRequest(_) => [0, 500, 5_000][self.0.usize(..3)],
            End::AtNumbers(_) => [0, 3_000, 30_000][self.0.usize(..3)],
            End::Anytime(_) | End::Terminated => 0,
        };
        Duration::from_micros(self.0.u64(..=most))
    }

    /// When something happens in a life of this length.
    pub(crate) fn times(&mut self, length: Duration) -> Vec<Duration> {
        let count = self.0.usize(..=3);
        let mut times: Vec<_> = (0..count).map(|_| length.mul_f64(self.0.f64())).collect();
        times.sort_unstable();
        times
    }

    pub(crate) fn dead(&mut self) -> Duration {
        Duration::from_millis(if self.chance(0.5) { 0 } else { self.0.u64(..120) })
    }

    pub(crate) fn act(&mut self) -> Act {
        match self.0.u32(..100) {
            ..20 => Act::Run,
            20..34 => Act::Remove,
            34..44 => Act::Stop,
            44..50 => Act::Restart,
            50..56 => Act::Rename,
            56..60 => Act::Pause,
            60..64 => Act::Recreate,
            64..67 => Act::EngineDown,
            67..68 => Act::EngineHangs,
            68..70 => Act::Events,
            70..73 => Act::CutEvents,
            73..79 => Act::Collector(Mode::Refuse),
            79..84 => Act::Collector(Mode::LoseAnswer),
            84..86 => Act::Collector(Mode::Hang),
            86..94 => Act::CollectorDown,
            _ => Act::Collector(Mode::Take),
        }
    }
}
