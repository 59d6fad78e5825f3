//! What can happen, as data: it is generated, shrunk, and written down in regressions.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Union;

/// A whole course of events.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// How the engine is watched at first.
    pub(crate) settings: Choice,
    /// Containers that run from the beginning.
    pub(crate) running: u8,
    /// How long answers take, in turn; empty: no time at all.
    pub(crate) delays: Vec<Delay>,
    /// What happens, in this order; time passes with [`Step::Pass`] alone.
    pub(crate) steps: Vec<Step>,
}

/// How long one answer takes, and of which moment it speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delay(pub(crate) u16, pub(crate) Moment);

/// The moment at which the engine looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// When it is asked.
    Early,
    /// When it answers.
    Late,
}

/// Settings, by number, so that they shrink.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Choice {
    /// Which filter: none, not `b…`, only with a team, only running.
    pub(crate) filter: u8,
    /// The cap; 0: none.
    pub(crate) max: u8,
    /// Whether stopped containers are left out.
    pub(crate) no_stopped: bool,
    /// Which metrics are off.
    pub(crate) off: u8,
    /// Which attributes are mapped: 1 a label, 2 a variable, 4 one copied onto points, 8 the image's id off.
    pub(crate) attributes: u8,
    /// Milliseconds of grace.
    pub(crate) grace: u16,
    /// Calls at once; 0: auto.
    pub(crate) concurrency: u8,
    /// The interval in tenths of a second, above 1 s.
    pub(crate) slower: u8,
    /// Whether the engine has a name of its own in the settings.
    pub(crate) named: bool,
    /// Whether numbers come from streams.
    pub(crate) streams: bool,
    /// Which of the disk's metrics are on: none, usage, both.
    pub(crate) sizes: u8,
}

/// How a call goes from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// It is answered.
    Works,
    /// Status 500.
    Fails,
    /// No answer before the deadline.
    Hangs,
    /// An answer without numbers (stats, sizes); else as `Fails`.
    Empty,
    /// Status 403 (inspect, sizes); else as `Fails`.
    Forbidden,
}

/// One thing that happens, at once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Milliseconds pass.
    Pass(u16),
    /// A container is made and started.
    Run(u8),
    /// Something happens to the container of this number; an event tells.
    Do(u8, Change),
    /// The same without an event.
    Quietly(u8, Change),
    /// The list from now on.
    List(Call),
    /// The connection from now on.
    Connect(Call),
    /// The numbers of one container from now on.
    Stats(u8, Call),
    /// Inspect of one container from now on.
    Inspect(u8, Call),
    /// What one container takes of the disk from now on.
    Size(u8, Call),
    /// The engine names itself no more, or again.
    Anonymous(bool),
    /// The event stream.
    Events(Stream),
    /// Other settings.
    Reload(Choice),
    /// Somebody asks for a probe.
    Trigger,
    /// Our wall clock is set by so many minutes.
    Clock(i8),
    /// The engine's wall clock is set by so many minutes.
    EngineClock(i8),
    /// The collector refuses the retractions of the next commit that has some.
    Refuse,
    /// The agent is killed; what it has not committed is lost.
    Kill,
    /// If it is dead, the next one begins with what was committed.
    Begin,
}

/// What becomes of the event stream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    /// It breaks, with what is on the way.
    Breaks,
    /// It stays open and tells nothing any more.
    FallsSilent,
    /// It cannot be opened; what is open breaks.
    Forbidden,
    /// It cannot be opened now; what is open breaks.
    Fails,
    /// All is well with it from now on.
    Works,
    /// Something unreadable arrives.
    Garbled,
    /// Events take so long from now on, in milliseconds.
    Delayed(u16),
}

/// What happens to a container. What makes no sense in its state does not happen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    Start,
    Exit(u8),
    /// The engine waits before it starts it again.
    WaitToRestart(u8),
    /// The restart policy starts it again at once.
    Restart,
    OutOfMemory {
        fatal: bool,
    },
    Remove,
    Recreate,
    Rename(u8),
    Relabel(u8),
    Retag,
    Pause,
    Unpause,
    Health(u8),
    Limit(u8),
    LinkGone(u8),
    LinkBack(u8),
    LinkRenewed(u8),
    DeviceGone,
    DeviceBack,
    Forgets,
}

/// How much goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Containers change; events and answers come, if late.
    Fair,
    /// Everything fails.
    Foul,
}

const MOST_STEPS: usize = 60;

/// A course of one agent. With `kills` it may be killed, over and over, and the next one goes on.
pub(crate) fn script(weather: Weather, kills: bool) -> impl Strategy<Value = Script> {
    let mut kinds = match weather {
        Weather::Fair => vec![(6, pass()), (7, happens()), (1, agent())],
        Weather::Foul => vec![(6, pass()), (5, happens()), (2, agent()), (5, fault())],
    };
    if kills {
        kinds.push((1, prop_oneof![Just(Step::Kill), Just(Step::Begin)].boxed()));
    }
    (choice(), 0..4u8, vec(delay(), 0..12), vec(Union::new_weighted(kinds), 1..MOST_STEPS))
        .prop_map(|(settings, running, delays, steps)| Script { settings, running, delays, steps })
}

fn delay() -> impl Strategy<Value = Delay> {
    let moment = prop_oneof![Just(Moment::Early), Just(Moment::Late)];
    (prop_oneof![4 => 0..10u16, 3 => 10..120u16, 1 => 120..1500u16], moment).prop_map(|(ms, at)| Delay(ms, at))
}

fn pass() -> BoxedStrategy<Step> {
    prop_oneof![3 => 1..30u16, 3 => 30..300u16, 2 => 300..1500u16, 1 => 1500..6000u16].prop_map(Step::Pass).boxed()
}

fn happens() -> BoxedStrategy<Step> {
    prop_oneof![
        2 => any::<u8>().prop_map(|n| Step::Run(n % 8)),
        12 => (0..5u8, change()).prop_map(|(n, change)| Step::Do(n, change)),
        3 => (0..5u8, change()).prop_map(|(n, change)| Step::Quietly(n, change)),
    ]
    .boxed()
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => Just(Change::Start),
        3 => (0..3u8).prop_map(Change::Exit),
        1 => (1..3u8).prop_map(Change::WaitToRestart),
        3 => Just(Change::Restart),
        2 => any::<bool>().prop_map(|fatal| Change::OutOfMemory { fatal }),
        2 => Just(Change::Remove),
        1 => Just(Change::Recreate),
        2 => (0..8u8).prop_map(Change::Rename),
        1 => (0..3u8).prop_map(Change::Relabel),
        1 => Just(Change::Retag),
        2 => Just(Change::Pause),
        2 => Just(Change::Unpause),
        3 => (0..4u8).prop_map(Change::Health),
        2 => (0..8u8).prop_map(Change::Limit),
        1 => (0..2u8).prop_map(Change::LinkGone),
        2 => (0..2u8).prop_map(Change::LinkBack),
        1 => (0..2u8).prop_map(Change::LinkRenewed),
        1 => Just(Change::DeviceGone),
        1 => Just(Change::DeviceBack),
        1 => Just(Change::Forgets),
    ]
}

fn agent() -> BoxedStrategy<Step> {
    prop_oneof![
        3 => choice().prop_map(Step::Reload),
        2 => Just(Step::Trigger),
        1 => prop_oneof![Just(60i8), Just(-60), Just(1), Just(-1)].prop_map(Step::Clock),
        1 => prop_oneof![Just(60i8), Just(-60), Just(-1)].prop_map(Step::EngineClock),
        1 => Just(Step::Refuse),
    ]
    .boxed()
}

fn fault() -> BoxedStrategy<Step> {
    prop_oneof![
        4 => call(false).prop_map(Step::List),
        3 => call(false).prop_map(Step::Connect),
        5 => (0..5u8, call(false)).prop_map(|(n, call)| Step::Stats(n, call)),
        4 => (0..5u8, call(true)).prop_map(|(n, call)| Step::Inspect(n, call)),
        3 => (0..5u8, call(true)).prop_map(|(n, call)| Step::Size(n, call)),
        1 => any::<bool>().prop_map(Step::Anonymous),
        6 => stream().prop_map(Step::Events),
    ]
    .boxed()
}

fn call(may_be_forbidden: bool) -> impl Strategy<Value = Call> {
    prop_oneof![
        10 => Just(Call::Works),
        6 => Just(Call::Fails),
        4 => Just(Call::Hangs),
        4 => Just(Call::Empty),
        1 => Just(if may_be_forbidden { Call::Forbidden } else { Call::Fails }),
    ]
}

fn stream() -> impl Strategy<Value = Stream> {
    prop_oneof![
        4 => Just(Stream::Breaks),
        2 => Just(Stream::FallsSilent),
        1 => Just(Stream::Forbidden),
        2 => Just(Stream::Fails),
        4 => Just(Stream::Works),
        1 => Just(Stream::Garbled),
        4 => prop_oneof![Just(0u16), 1..50u16, 50..800u16].prop_map(Stream::Delayed),
    ]
}

fn choice() -> impl Strategy<Value = Choice> {
    let grace = prop_oneof![3 => Just(0u16), 1 => 1..3000u16];
    let concurrency = prop_oneof![3 => Just(0u8), 1 => 1..4u8];
    let max = prop_oneof![3 => Just(0u8), 1 => 1..4u8];
    let filter = prop_oneof![3 => Just(0u8), 1 => 1..4u8];
    let off = prop_oneof![2 => Just(0u8), 1 => 1..4u8];
    let rare = prop_oneof![3 => Just(false), 1 => Just(true)];
    let slower = prop_oneof![Just(0u8), 0..20u8];
    let sources = (rare.clone(), 0..3u8);
    let settings = (filter, max, rare.clone(), off, 0..16u8, grace, concurrency, slower, rare, sources);
    settings.prop_map(
        |(filter, max, no_stopped, off, attributes, grace, concurrency, slower, named, (streams, sizes))| Choice {
            filter,
            max,
            no_stopped,
            off,
            attributes,
            grace,
            concurrency,
            slower,
            named,
            streams,
            sizes,
        },
    )
}
