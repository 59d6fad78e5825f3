//! The settings as a whole: files in, settings or errors out.

mod any_text;
mod attributes;
mod contexts;
mod docker;
mod documents;
mod errors;
mod files;
mod layers;
mod standard;

use std::path::Path;
use std::time::Duration;

use super::*;

fn known() -> Known {
    let metrics = |profile| match profile {
        Profile::Semconv => vec!["container.cpu.time", "container.memory.usage", "container.pids.limit"],
        Profile::DockerStats => vec!["container.memory.usage.total", "container.pids.limit"],
        Profile::DockerExporter => vec![],
    };
    let names = |profile| AttributeNames {
        on: vec!["container.image.tags", "container.name", "host.name"],
        known_by: &["container.id", "service.instance.id"],
        others: vec!["service.name"],
        lists: &["container.image.tags"],
        points: if profile == Profile::DockerExporter { &["name"] } else { &["cpu.mode"] },
    };
    let attributes = vec!["container.command_line", "container.image.tags", "container.name", "host.name"];
    Known { metrics, attributes, names, own_header: |name| name == "content-type" || name == "host" }
}

/// A directory with a settings file, variables and flags.
struct World {
    directory: tempfile::TempDir,
    sources: Sources,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let sources = Sources {
            flags: Flags::default(),
            environment: Environment::default(),
            working_directory: directory.path().to_owned(),
            system_directory: directory.path().join("etc"),
        };
        Self { directory, sources }
    }

    fn with(text: &str) -> Self {
        Self::new().file("dockpulse.yaml", text)
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn env(mut self, pairs: &[(&str, &str)]) -> Self {
        self.sources.environment = pairs.iter().copied().collect();
        self
    }

    fn flags(mut self, flags: Flags) -> Self {
        self.sources.flags = flags;
        self
    }

    fn load(&self) -> Result<Loaded, Errors> {
        load(&self.sources, &known())
    }

    #[track_caller]
    fn loaded(&self) -> Loaded {
        self.load().unwrap_or_else(|errors| panic!("{errors}"))
    }

    #[track_caller]
    fn settings(&self) -> Settings {
        self.loaded().settings
    }

    /// The errors, one a line, with the directory cut off.
    #[track_caller]
    fn errors(&self) -> String {
        let errors = self.load().expect_err("these settings are wrong").to_string();
        errors.replace(&format!("{}/", self.directory.path().display()), "")
    }
}

fn flag(set: impl FnOnce(&mut Flags)) -> Flags {
    let mut flags = Flags::default();
    set(&mut flags);
    flags
}

/// Loads `yaml` and compares the errors, line by line.
#[track_caller]
fn check(yaml: &str, expected: &[&str]) {
    let found = match World::with(yaml).load() {
        Ok(_) => String::new(),
        Err(_) => World::with(yaml).errors(),
    };
    let found: Vec<_> = found.lines().map(|line| line.trim_start_matches("dockpulse.yaml:")).collect();
    assert_eq!(found, expected, "\n{yaml}");
}

/// Loads `yaml` with good settings.
#[track_caller]
fn good(yaml: &str) -> Settings {
    World::with(yaml).settings()
}
