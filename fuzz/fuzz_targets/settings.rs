//! The settings file, in YAML, or in TOML if it begins with a comment that says so: read, expanded, checked, and shown
//! again.
#![no_main]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use dockpulse::app::known;
use dockpulse::config::{self, Environment, Errors, Flags, Known, Loaded, Sources};
use dockpulse_fuzz::{can_be_shown, folder, within};
use libfuzzer_sys::fuzz_target;

/// What `${env:SECRET}` and `${file:token}` stand for. Nothing that is shown may hold it.
const CANARY: &str = "canary-5d8f1c";

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    fs::write(folder().join("token"), CANARY).expect("a file can be written");
    known()
});

fuzz_target!(|text: &str| {
    let name = if text.starts_with("# TOML") { "dockpulse.toml" } else { "dockpulse.yaml" };
    match within((4 << 20) + 128 * text.len(), || load(name, text)) {
        Ok(loaded) => check(&loaded),
        Err(errors) => {
            let words = errors.to_string();
            assert!(can_be_shown(&words) && !words.contains(CANARY), "{words:?}");
        }
    }
});

fn load(name: &str, text: &str) -> Result<Loaded, Errors> {
    let folder = folder();
    let path = folder.join(name);
    fs::write(&path, text).expect("a file can be written");
    let environment = [("SECRET", CANARY), ("HOME", "/nonexistent"), ("EMPTY", "")];
    let sources = Sources {
        flags: Flags { config: Some(path), ..Flags::default() },
        environment: environment.into_iter().collect::<Environment>(),
        working_directory: folder.to_owned(),
        system_directory: Path::new("/nonexistent").to_owned(),
    };
    config::load(&sources, &KNOWN)
}

/// What is shown of settings are the same settings, but for the secrets.
fn check(loaded: &Loaded) {
    assert!(!format!("{:?}", loaded.settings.export.headers).contains(CANARY));
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
