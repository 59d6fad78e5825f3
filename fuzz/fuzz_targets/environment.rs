//! The variables: `DOCKPULSE_…`, `OTEL_…`, `DOCKER_…`. A line is one of them.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use dockpulse::app::known;
use dockpulse::config::{self, Environment, Flags, Known, Sources};
use dockpulse_fuzz::{can_be_shown, within};
use libfuzzer_sys::fuzz_target;

static KNOWN: LazyLock<Known> = LazyLock::new(known);

fuzz_target!(|text: &str| {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    // Of the file system there is nothing to be seen.
    let home = [("HOME", "/nonexistent"), ("DOCKER_CONFIG", "/nonexistent")];
    let sources = Sources {
        flags: Flags::default(),
        environment: pairs.chain(home).collect::<Environment>(),
        working_directory: Path::new("/nonexistent").to_owned(),
        system_directory: Path::new("/nonexistent").to_owned(),
    };
    match within((8 << 20) + 256 * text.len(), || config::load(&sources, &KNOWN)) {
        Ok(loaded) => {
            let shown = config::print(&loaded);
            assert!(can_be_shown(&shown), "{shown:?}");
            assert!(loaded.warnings.iter().all(|w| can_be_shown(&w.to_string())), "{:?}", loaded.warnings);
            let standard = &loaded.settings.standard;
            assert!(standard.resource.iter().all(|(key, _)| !key.is_empty()));
        }
        Err(errors) => assert!(can_be_shown(&errors.to_string()), "{errors}"),
    }
});
