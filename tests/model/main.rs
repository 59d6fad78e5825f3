//! The pipeline against a model: whatever an engine, its events, the settings and the clocks do, the collector believes
//! exactly what it must.
//!
//! A [`script::Script`] is a list of things that happen. [`world::World`] plays it: a scripted engine, kept in plain data
//! ([`engine`]), answers the calls of a real `Pipeline` in virtual time, and a collector ([`collector`]) replays what is
//! committed and checks after each commit the rules that always hold. When all is quiet, what is believed is compared
//! with [`truth`], which writes the contract's tables down a second time. `regressions` holds what was found this way.
//!
//! `PROPTEST_CASES=100000 cargo test --release --test model` is the long run.

#[cfg(test)]
mod collector;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod regressions;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod script;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod truth;
#[cfg(test)]
mod world;

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use crate::script::{Script, Weather, script};
    use crate::world::play;

    /// Plays as many courses as are asked for in the environment: half of them for each weather, so that two processors
    /// share them; with kills as many again. The macro of proptest would take the number from the environment as it is. The
    /// failing script is printed, not kept in a file: it becomes a regression with a name.
    fn all_hold(weather: Weather, kills: bool) {
        let given = ProptestConfig::default();
        let cases = given.cases.div_ceil(2);
        let config = ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 20_000, ..given };
        let holds = |script: Script| play(&script).map_err(|wrong| TestCaseError::fail(wrong.to_string()));
        if let Err(wrong) = TestRunner::new(config).run(&script(weather, kills), holds) {
            panic!("{wrong}");
        }
    }

    #[test]
    fn the_collector_believes_what_it_must_while_containers_come_and_go() {
        all_hold(Weather::Fair, false);
    }

    #[test]
    fn the_collector_believes_what_it_must_while_everything_fails() {
        all_hold(Weather::Foul, false);
    }

    #[test]
    fn the_next_agent_goes_on_where_one_was_killed() {
        all_hold(Weather::Fair, true);
    }

    #[test]
    fn the_next_agent_goes_on_where_one_was_killed_while_everything_failed() {
        all_hold(Weather::Foul, true);
    }
}
