//! The layer of the command line's flags, which wins over all others.

use std::path::PathBuf;

use ::config::{Map, Value, ValueKind};

use super::error::Origin;
use super::layers::Layer;

/// What the command line sets; every value is still the text that was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config`: the settings file.
    pub config: Option<PathBuf>,
    /// `--engine`, as often as it was given: replaces all engines.
    pub engines: Vec<String>,
    /// `--endpoint`: `export.endpoint`.
    pub endpoint: Option<String>,
    /// `--protocol`: `export.protocol`.
    pub protocol: Option<String>,
    /// `--interval`: `interval`.
    pub interval: Option<String>,
    /// `--profile`: `profile`.
    pub profile: Option<String>,
    /// `--state-dir`: `outbox.directory`.
    pub state_dir: Option<String>,
    /// `--log`: `log.level`.
    pub log: Option<String>,
    /// `--log-format`: `log.format`.
    pub log_format: Option<String>,
}

impl Flags {
    /// One layer for each flag.
    pub(super) fn layers(&self) -> Vec<Layer> {
        let single = [
            ("--endpoint", "export.endpoint", &self.endpoint),
            ("--protocol", "export.protocol", &self.protocol),
            ("--interval", "interval", &self.interval),
            ("--profile", "profile", &self.profile),
            ("--state-dir", "outbox.directory", &self.state_dir),
            ("--log", "log.level", &self.log),
            ("--log-format", "log.format", &self.log_format),
        ];
        let single = single.into_iter().filter_map(|(flag, path, value)| {
            let value = Value::new(None, ValueKind::String(value.clone()?));
            Some(Layer::whole(path, value, &Origin::Flag(flag)))
        });
        let engines = (!self.engines.is_empty())
            .then(|| Layer::whole("engines", engines(&self.engines), &Origin::Flag("--engine")));
        single.chain(engines).collect()
    }
}

/// A list of engines that says nothing but their endpoints.
fn engines(endpoints: &[String]) -> Value {
    let engine = |endpoint: &String| {
        let endpoint = Value::new(None, ValueKind::String(endpoint.clone()));
        Value::new(None, ValueKind::Table(Map::from_iter([("endpoint".to_owned(), endpoint)])))
    };
    Value::new(None, ValueKind::Array(endpoints.iter().map(engine).collect()))
}
