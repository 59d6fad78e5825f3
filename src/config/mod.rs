//! The settings: what can be set, and how the layers become one: default, standard variables, file, `DOCKPULSE_…`
//! variables, flags; the last one wins.
//!
//! [`load`] reads everything and tells everything that is wrong at once. It takes the environment as an argument and
//! can be called again for a reload. Reading order: [`settings`](Settings) and its sections, `setting` (how a value gets
//! into a field), `layers`, `check`.

mod address;
mod attributes;
mod check;
mod containers;
mod contexts;
mod docker;
mod document;
mod engine_address;
mod engines;
mod error;
mod expand;
mod export;
mod file;
mod flags;
mod layers;
mod life;
mod outbox;
mod own;
mod present;
mod proxies;
mod scalar;
mod schema;
mod serving;
mod setting;
mod settings;
mod standard;
#[cfg(test)]
mod tests;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

pub use address::{ControlListen, Endpoint, WebListen};
pub use attributes::Attributes;
pub use containers::Containers;
pub use engine_address::EngineEndpoint;
pub use engines::{Concurrency, Engine, EngineSource, EngineTls};
pub use error::{Errors, Origin, Origins, Position, Problem, SettingsError, Warning};
pub use expand::Template;
pub use export::{Compression, Export, ExportTls, Protocol, Retry};
pub use flags::Flags;
pub use life::{Retract, Shutdown};
pub use outbox::Outbox;
pub use own::{Log, LogFormat, LogLevel, Share, Telemetry};
pub use present::{default_file, print, print_json};
pub use proxies::Proxies;
pub use scalar::{ByteSize, Secret, parse_duration};
pub use schema::schema;
pub use serving::{Control, Status};
pub use settings::{Profile, Settings, UserFolders};
pub use standard::StandardAttributes;

use layers::Layer;
use setting::{Reader, Setting};

/// Where settings come from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The command line's.
    pub flags: Flags,
    /// The variables.
    pub environment: Environment,
    /// Where `dockpulse.yaml` is looked for first, and what relative paths are relative to.
    pub working_directory: PathBuf,
    /// Where it is looked for next: `/etc/dockpulse`.
    pub system_directory: PathBuf,
}

/// The variables of a process, read once. Shows names only: values may be secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

/// Names that belong to other parts of the program.
#[derive(Debug, Clone)]
pub struct Known {
    /// The metrics that `metrics` can turn on and off, of a profile.
    pub metrics: fn(Profile) -> Vec<&'static str>,
    /// The attributes that `attributes.resource` can turn on and off. Empty: not checked.
    pub attributes: Vec<&'static str>,
    /// What else attributes are called, in a profile.
    pub names: fn(Profile) -> AttributeNames,
    /// Whether a header, in small letters, is one that the export sets itself or cannot send.
    pub own_header: fn(&str) -> bool,
}

/// Names of attributes. What is empty is not checked.
#[derive(Debug, Clone, Default)]
pub struct AttributeNames {
    /// Those that are built in and on by default.
    pub on: Vec<&'static str>,
    /// Those by which containers are told apart.
    pub known_by: &'static [&'static str],
    /// All others that a container's resource can have without settings that map something.
    pub others: Vec<&'static str>,
    /// Those with a list for a value.
    pub lists: &'static [&'static str],
    /// Those of points.
    pub points: &'static [&'static str],
}

/// Settings that are right.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What is odd about them.
    pub warnings: Vec<Warning>,
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// Where each value comes from.
    pub origins: Origins,
}

/// Tells one state of the settings file from another: which file it is, and what is in it or why it cannot be read.
pub fn fingerprint(sources: &Sources) -> u64 {
    file::fingerprint(sources)
}

/// Reads all sources.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(sources: &Sources, known: &Known) -> Result<Loaded, Errors> {
    let shape = Settings::shape();
    let mut errors = Vec::new();
    let standard = standard::read(&sources.environment);
    let mut all = standard.layers;
    let file = file::find(sources);
    if let Some(path) = &file {
        let (layer, found) = file::layer(&Arc::from(path.as_path()), sources, &shape)?;
        all.push(layer);
        errors.extend(found);
    }
    let (variables, found) = variables::layers(&sources.environment, &shape);
    all.extend(variables);
    errors.extend(found);
    all.extend(sources.flags.layers());

    let (mut settings, mut origins) = read(all, &mut errors)?;
    resolve(&mut settings, &origins, standard.metrics_endpoint.as_deref(), &mut errors);
    let engines = docker::resolve(&mut settings, &mut origins, &sources.environment);
    errors.extend(engines.errors);
    settings.export.follow(&origins, &sources.environment, &sources.working_directory);
    let (proxies, left_out) = Proxies::read(&sources.environment, settings.export.metrics_url.is_tls());
    settings.export.proxies = proxies;
    settings.standard = standard.attributes;
    settings.user = UserFolders::of(&sources.environment);
    let mut warnings = standard.warnings;
    warnings.extend(left_out);
    warnings.extend(engines.warnings);
    warnings.extend(check::clear(&mut settings, known));
    let mut reader = Reader::new(&origins);
    check::check(&settings, known, &mut reader);
    errors.extend(reader.into_errors());
    keep_causes(&mut errors);
    if let Some(errors) = Errors::new(errors) {
        return Err(errors);
    }
    warnings.extend(check::warnings(&settings, known, &origins));
    Ok(Loaded { settings, warnings, file, origins })
}

/// What is wrong with a value that could not be expanded is that.
fn keep_causes(errors: &mut Vec<SettingsError>) {
    let is_cause = |error: &SettingsError| matches!(error.problem, Problem::Expansion(_));
    let unread: BTreeSet<String> = errors.iter().filter(|e| is_cause(e)).map(|e| e.key.clone()).collect();
    errors.retain(|error| is_cause(error) || !unread.contains(&error.key));
}

/// Merges the layers and reads them over the defaults.
fn read(layers: Vec<Layer>, errors: &mut Vec<SettingsError>) -> Result<(Settings, Origins), Errors> {
    let merged = layers::merge(layers).map_err(|e| SettingsError {
        origin: Origin::Default,
        key: String::new(),
        problem: Problem::Rule(format!("the settings cannot be merged: {e}")),
    })?;
    let mut settings = Settings::default();
    let mut reader = Reader::new(&merged.origins);
    settings.read(&merged.value, &mut reader);
    errors.extend(reader.into_errors());
    Ok((settings, merged.origins))
}

/// Works out where points go, now that it is known which layer says what.
fn resolve(settings: &mut Settings, origins: &Origins, metrics: Option<&str>, errors: &mut Vec<SettingsError>) {
    let overridden = !matches!(origins.get("export.endpoint"), Origin::Default | Origin::Standard(_));
    let metrics = metrics.filter(|_| !overridden).and_then(|text| match Endpoint::try_new(text) {
        Ok(endpoint) => Some(endpoint),
        Err(cause) => {
            let origin = Origin::Standard(standard::METRICS_ENDPOINT);
            errors.push(SettingsError { origin, key: String::new(), problem: Problem::Rule(cause) });
            None
        }
    });
    settings.export.resolve(metrics);
}

impl Environment {
    /// The value of a variable; `None` if it is not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
