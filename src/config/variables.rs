//! The layer of `DOCKPULSE_…` variables: the path of a key, joined by `__`. A single value is taken as it is; a list or
//! table is written as YAML: `DOCKPULSE_ENGINES='[{endpoint: "tcp://10.0.0.5:2375"}]'`.

use super::Environment;
use super::document::{Format, MAX_BYTES, Node};
use super::error::{Errors, Origin, Origins, Problem, SettingsError, nearest};
use super::layers::{Builder, From, Layer};
use super::setting::{Key, Shape};

/// What all of them begin with.
const PREFIX: &str = "DOCKPULSE_";
/// What Kubernetes and Docker links put into the environment where a service is called `dockpulse`.
const SERVICE_LINKS: [&str; 5] = ["SERVICE_HOST", "SERVICE_PORT", "PORT", "NAME", "ENV"];
/// More engines than that are not set by variables.
const MAX_INDEX: usize = 99;

/// One layer for each variable, in the order of their names, so that `…_EXPORT__TIMEOUT` wins over `…_EXPORT`.
pub(super) fn layers(environment: &Environment, root: &Shape) -> (Vec<Layer>, Vec<SettingsError>) {
    let mut layers = Vec::new();
    let mut errors = Vec::new();
    for (name, value) in environment.iter() {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        if is_service_link(rest) {
            continue;
        }
        match layer(name, rest, value, root) {
            Ok((layer, found)) => {
                layers.push(layer);
                errors.extend(found);
            }
            Err(found) => errors.extend(found),
        }
    }
    (layers, errors)
}

fn is_service_link(rest: &str) -> bool {
    SERVICE_LINKS.iter().any(|link| rest == *link || rest.strip_prefix(link).is_some_and(|r| r.starts_with('_')))
}

fn layer(name: &str, rest: &str, value: &str, root: &Shape) -> Result<(Layer, Vec<SettingsError>), Errors> {
    let origin = Origin::Variable(name.to_owned());
    let (path, shape) = find(rest, root).ok_or_else(|| Errors::from(unknown(name, root)))?;
    let node = match shape {
        Shape::Scalar(_) => Node::scalar(value),
        _ if value.len() > MAX_BYTES => {
            let problem = Problem::Rule(format!("a value has at most {MAX_BYTES} bytes"));
            return Err(SettingsError { origin, key: path, problem }.into());
        }
        _ => Format::Yaml.parse(value).map_err(|e| Errors::from(e.within(origin.clone(), path.clone())))?,
    };
    let mut builder = Builder::new(From::Whole(origin.clone()));
    let value = builder.value(&node, &path, Some(&shape));
    let (found, errors) = builder.finish();
    let mut origins = Origins::default();
    origins.set(&path, origin, None);
    origins.extend(&found);
    Ok((Layer::at(&path, value, origins), errors))
}

/// The path that a variable's name stands for, and what has to be there.
fn find(rest: &str, root: &Shape) -> Option<(String, Shape)> {
    let mut path = String::new();
    let mut shape = root.clone();
    for segment in rest.split("__") {
        let segment = segment.to_ascii_lowercase();
        let plain = !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        if !plain {
            return None;
        }
        shape = match shape {
            Shape::List(element) => {
                let index = segment.parse::<usize>().ok().filter(|index| *index <= MAX_INDEX)?;
                path.push_str(&format!("[{index}]"));
                *element
            }
            other => {
                path = super::layers::join(&path, &segment);
                super::layers::child(&other, &segment)?
            }
        };
    }
    Some((path, shape))
}

fn unknown(name: &str, root: &Shape) -> SettingsError {
    let mut known = Vec::new();
    names("", "", root, &mut known);
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    let nearest = nearest(rest, known.iter().map(|k| &**k)).map(|rest| format!("{PREFIX}{rest}"));
    let problem = Problem::UnknownKey { nearest, known: Vec::new() };
    SettingsError { origin: Origin::Variable(name.to_owned()), key: String::new(), problem }
}

/// The names of all variables whose path is known beforehand, without the prefix.
fn names(prefix: &str, join: &str, shape: &Shape, out: &mut Vec<String>) {
    match shape {
        Shape::Table(keys) => {
            for Key { name, shape, .. } in *keys {
                let name = format!("{prefix}{join}{}", name.to_ascii_uppercase());
                names(&name, "__", &shape(), out);
                out.push(name);
            }
        }
        Shape::List(element) => names(&format!("{prefix}__0"), "__", element, out),
        Shape::Scalar(_) | Shape::Map(_) => {}
    }
}
