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

    use crate::script::{Script, Weather, script};
    use crate::world::play;

    /// Half of the cases each, so that two processors share them; the failing script is printed, not kept in a file:
    /// it becomes a regression with a name.
    fn config() -> ProptestConfig {
        let given = ProptestConfig::default();
        ProptestConfig { cases: given.cases.div_ceil(2), failure_persistence: None, max_shrink_iters: 20_000, ..given }
    }

    /// Courses with kills end with an agent that goes on with what another one wrote: a hundredth as many.
    fn with_kills() -> ProptestConfig {
        let all = config();
        ProptestConfig { cases: all.cases.div_ceil(100), ..all }
    }

    fn holds(script: &Script) -> Result<(), TestCaseError> {
        play(script).map_err(|wrong| TestCaseError::fail(wrong.to_string()))
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn the_collector_believes_what_it_must_while_containers_come_and_go(script in script(Weather::Fair, false)) {
            holds(&script)?;
        }

        #[test]
        fn the_collector_believes_what_it_must_while_everything_fails(script in script(Weather::Foul, false)) {
            holds(&script)?;
        }
    }

    proptest! {
        #![proptest_config(with_kills())]

        #[test]
        fn the_next_agent_goes_on_where_one_was_killed(script in script(Weather::Fair, true)) {
            holds(&script)?;
        }

        #[test]
        fn the_next_agent_goes_on_where_one_was_killed_while_everything_failed(script in script(Weather::Foul, true)) {
            holds(&script)?;
        }
    }
}
