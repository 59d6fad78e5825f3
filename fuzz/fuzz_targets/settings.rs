//! The settings file, in YAML or TOML: read, expanded, checked, and shown again.
#![no_main]

use std::fs;
use std::path::Path;

use dockpulse::app::known;
use dockpulse::config::{self, Environment, Errors, Flags, Loaded, Sources};
use dockpulse_fuzz::{can_be_shown, folder, within};
use libfuzzer_sys::fuzz_target;

/// What `${env:SECRET}` and `${file:token}` stand for. Nothing that is shown may hold it.
const CANARY: &str = "canary-5d8f1c";

fuzz_target!(|text: &str| {
    for name in ["dockpulse.yaml", "dockpulse.toml"] {
        let most = (8 << 20) + 256 * text.len();
        match within(most, || load(name, text)) {
            Ok(loaded) => check(&loaded),
            Err(errors) => {
                let words = errors.to_string();
                assert!(can_be_shown(&words), "{words:?}");
                assert!(!words.is_empty());
            }
        }
    }
});

fn load(name: &str, text: &str) -> Result<Loaded, Errors> {
    let folder = folder();
    let path = folder.join(name);
    fs::write(&path, text).expect("a file can be written");
    fs::write(folder.join("token"), CANARY).expect("a file can be written");
    let environment = [("SECRET", CANARY), ("HOME", "/nonexistent"), ("EMPTY", "")];
    let sources = Sources {
        flags: Flags { config: Some(path), ..Flags::default() },
        environment: environment.into_iter().collect::<Environment>(),
        working_directory: folder.to_owned(),
        system_directory: Path::new("/nonexistent").to_owned(),
    };
    config::load(&sources, &known())
}

/// What is shown of settings are the same settings, but for the secrets.
fn check(loaded: &Loaded) {
    let shown = config::print(loaded);
    assert!(can_be_shown(&shown), "{shown:?}");
    assert!(loaded.warnings.iter().all(|w| can_be_shown(&w.to_string())), "{:?}", loaded.warnings);
    if loaded.settings.export.headers.is_empty() {
        let again = load("shown.yaml", &shown).unwrap_or_else(|errors| panic!("{errors}\n{shown}"));
        assert_eq!(without_origins(&config::print(&again)), without_origins(&shown));
    }
}

/// The lines without their comments.
fn without_origins(shown: &str) -> String {
    shown.lines().map(|line| line.rsplit_once("  # ").map_or(line, |(line, _)| line).to_owned() + "\n").collect()
}
