//! What was found by playing: each was wrong once.

use crate::script::Change::*;
use crate::script::Step::*;
use crate::script::{Call, Choice, Delay, Moment, Script, Step, Stream};
use crate::world::play;

/// Plays `steps` with `running` containers and answers that come at once.
fn check(running: u8, steps: &[Step]) {
    check_with(Choice::default(), running, &[], steps);
}

fn check_with(settings: Choice, running: u8, delays: &[Delay], steps: &[Step]) {
    let script = Script { settings, running, delays: delays.to_vec(), steps: steps.to_vec() };
    if let Err(wrong) = play(&script) {
        panic!("{wrong}");
    }
}

#[test]
fn counts_of_restarts_do_not_begin_after_their_time_when_our_clock_is_behind() {
    check(0, &[Clock(-60), Run(0)]);
}
