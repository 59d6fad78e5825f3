//! The docker client's settings and contexts. Parts: the `meta.json` of the context `fuzzed`, the client's `config.json`.
#![no_main]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use dockpulse::app::known;
use dockpulse::config::{self, Environment, Flags, Known, Sources};
use dockpulse_fuzz::{can_be_shown, folder, parts, within};
use libfuzzer_sys::fuzz_target;

/// The folder of the context `fuzzed`: named by its digest.
const META: &str = "contexts/meta/273586cef83e3c19519c8a067849911f3b8f6dc913e7962ed7aa2a1b05577627";

static KNOWN: LazyLock<Known> = LazyLock::new(known);

fuzz_target!(|input: &[u8]| {
    let [meta, client] = parts(input);
    let folder = folder();
    fs::create_dir_all(folder.join(META)).expect("a folder can be made");
    for (name, content) in [(format!("{META}/meta.json"), meta), ("config.json".to_owned(), client)] {
        fs::write(folder.join(name), content).expect("a file can be written");
    }
    let folder = folder.to_str().expect("it has a plain name");
    let most = (8 << 20) + 64 * input.len();
    for chosen in [None, Some(("DOCKER_CONTEXT", "fuzzed")), Some(("DOCKER_CONTEXT", "fuzzy"))] {
        let environment = [("HOME", "/nonexistent"), ("DOCKER_CONFIG", folder)].into_iter().chain(chosen);
        let sources = Sources {
            flags: Flags::default(),
            environment: environment.collect::<Environment>(),
            working_directory: Path::new("/nonexistent").to_owned(),
            system_directory: Path::new("/nonexistent").to_owned(),
        };
        match within(most, || config::load(&sources, &KNOWN)) {
            Ok(loaded) => assert!(can_be_shown(&config::print(&loaded))),
            Err(errors) => assert!(can_be_shown(&errors.to_string()), "{errors}"),
        }
    }
});
