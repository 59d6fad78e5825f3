//! Whether the agent is ready. Pure.
//!
//! Ready means: the settings are in force, and each engine was probed or is known to be down. Neither an engine nor a
//! collector that is down makes the agent unready: it does what it can, keeps trying, and restarting it or holding back
//! a roll-out would mend nothing.

use crate::status::EngineRow;

/// Why it is not ready yet; nothing if it is.
pub(super) fn unready(engines: &[EngineRow]) -> Option<String> {
    if engines.is_empty() {
        return Some("no engine is watched yet".to_owned());
    }
    let waiting = engines.iter().filter(|engine| engine.up.is_none()).count();
    match waiting {
        0 => None,
        1 => Some("1 engine was not probed yet".to_owned()),
        n => Some(format!("{n} engines were not probed yet")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(up: Option<bool>) -> EngineRow {
        EngineRow { up, ..EngineRow::default() }
    }

    #[test]
    fn is_ready_once_every_engine_answered_or_is_known_to_be_down() {
        assert_eq!(unready(&[]).as_deref(), Some("no engine is watched yet"));
        assert_eq!(unready(&[engine(Some(true)), engine(None)]).as_deref(), Some("1 engine was not probed yet"));
        assert_eq!(unready(&[engine(None), engine(None)]).as_deref(), Some("2 engines were not probed yet"));
        assert_eq!(unready(&[engine(Some(true)), engine(Some(false))]), None);
    }
}
