//! The settings file: which one, and its layer.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Sources;
use super::document::{Format, MAX_BYTES};
use super::error::{Errors, Origin, Problem, SettingsError};
use super::expand::Expansion;
use super::layers::{Builder, From, Layer};
use super::setting::Shape;

/// The names it is looked for under.
const NAMES: [&str; 3] = ["dockpulse.yaml", "dockpulse.yml", "dockpulse.toml"];

/// The file that was named, else the first that is there.
pub(super) fn find(sources: &Sources) -> Option<PathBuf> {
    if let Some(path) = &sources.flags.config {
        return Some(path.clone());
    }
    let directories = [&sources.working_directory, &sources.system_directory];
    let candidates = directories.into_iter().flat_map(|directory| NAMES.map(|name| directory.join(name)));
    candidates.into_iter().find(|path| path.exists())
}

/// Another number once there is another file, or something else in it.
pub(super) fn fingerprint(sources: &Sources) -> u64 {
    let mut hasher = DefaultHasher::new();
    let path = find(sources);
    let text = path.as_ref().map(|path| read(&sources.working_directory.join(path)));
    (path, text).hash(&mut hasher);
    hasher.finish()
}

/// What the file says, and what could not be expanded.
///
/// # Errors
/// If it cannot be read at all.
pub(super) fn layer(path: &Arc<Path>, sources: &Sources, shape: &Shape) -> Result<(Layer, Vec<SettingsError>), Errors> {
    let whole = |problem| SettingsError {
        origin: Origin::File { path: path.clone(), position: None },
        key: String::new(),
        problem,
    };
    let absolute = sources.working_directory.join(path);
    let text = read(&absolute).map_err(|cause| whole(Problem::Unreadable(cause)))?;
    let is_toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let format = if is_toml { Format::Toml } else { Format::Yaml };
    let node = format.parse(&text).map_err(|refused| {
        let origin = Origin::file(path, refused.at);
        refused.within(origin, "")
    })?;
    let directory = absolute.parent().map_or_else(|| sources.working_directory.clone(), Path::to_owned);
    let expansion = Expansion { environment: &sources.environment, directory };
    let mut builder = Builder::new(From::File { path, expansion });
    let value = builder.document(&node, shape);
    let (origins, errors) = builder.finish();
    Ok((Layer::root(value, origins), errors))
}

fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| e.to_string())?;
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() > MAX_BYTES {
        return Err(format!("it has more than {MAX_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}
