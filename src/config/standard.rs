//! The standard variables of OpenTelemetry: the lowest layer over the defaults (those of Docker: `docker`). As the OpenTelemetry
//! specification wants, an empty variable counts as not set, and a number or word that is not understood is left out
//! with a warning. An address that cannot be used is an error.

use ::config::{Map, Value, ValueKind};
use percent_encoding::percent_decode_str;

use super::Environment;
use super::error::{Origin, Warning};
use super::export::{Compression, Protocol};
use super::layers::Layer;
use super::own::Share;
use super::setting::Scalar;

/// What the standard variables say.
#[derive(Default)]
pub(super) struct Standard {
    /// The settings among it.
    pub(super) layers: Vec<Layer>,
    /// `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`, which is used as it is.
    pub(super) metrics_endpoint: Option<String>,
    /// What no key of the file can say.
    pub(super) attributes: StandardAttributes,
    /// What was left out.
    pub(super) warnings: Vec<Warning>,
}

/// Attributes that OpenTelemetry's variables give to everything a process sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StandardAttributes {
    /// `OTEL_RESOURCE_ATTRIBUTES`, for every resource.
    pub resource: Vec<(String, String)>,
    /// `OTEL_SERVICE_NAME`, for the agent's own resource; wins over a `service.name` in `resource`.
    pub service_name: Option<String>,
}

/// The name of `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`.
pub(super) const METRICS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";

/// The key that samplers set.
const SAMPLING: &str = "telemetry.sampling";

/// The two names of an exporter's variable; the second wins.
type Names = (&'static str, &'static str);

macro_rules! otlp {
    ($name:literal) => {
        (concat!("OTEL_EXPORTER_OTLP_", $name), concat!("OTEL_EXPORTER_OTLP_METRICS_", $name))
    };
}

/// Reads all of them.
pub(super) fn read(environment: &Environment) -> Standard {
    let mut reading = Reading { environment, out: Standard::default() };
    reading.endpoints();
    reading.words();
    reading.milliseconds();
    reading.files();
    reading.headers();
    reading.attributes();
    reading.sampler();
    reading.out
}

struct Reading<'a> {
    environment: &'a Environment,
    out: Standard,
}

impl<'a> Reading<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.environment.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// The variable for metrics if it is set, else the one for everything.
    fn pick(&self, (generic, metrics): Names) -> Option<(&'static str, &'a str)> {
        [metrics, generic].into_iter().find_map(|name| Some((name, self.get(name)?)))
    }

    fn set(&mut self, name: &'static str, path: &str, value: impl Into<ValueKind>) {
        let value = Value::new(None, value.into());
        self.out.layers.push(Layer::whole(path, value, &Origin::Standard(name)));
    }

    fn warn(&mut self, name: &'static str, message: impl Into<String>) {
        self.out.warnings.push(Warning { origin: Origin::Standard(name), message: message.into() });
    }

    fn endpoints(&mut self) {
        let insecure = self.pick(otlp!("INSECURE")).is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
        let scheme = if insecure { "http" } else { "https" };
        // Without a scheme the variable INSECURE decides (OTLP exporter specification).
        let whole = |text: &str| if text.contains("://") { text.to_owned() } else { format!("{scheme}://{text}") };
        let (generic, metrics) = otlp!("ENDPOINT");
        if let Some(text) = self.get(generic) {
            self.set(generic, "export.endpoint", whole(text));
        }
        self.out.metrics_endpoint = self.get(metrics).map(whole);
    }

    fn words(&mut self) {
        self.word::<Protocol>(otlp!("PROTOCOL"), "export.protocol");
        self.word::<Compression>(otlp!("COMPRESSION"), "export.compression");
    }

    fn word<T: Scalar>(&mut self, names: Names, path: &str) {
        let Some((name, value)) = self.pick(names) else { return };
        match T::parse(value) {
            Ok(_) => self.set(name, path, value),
            Err(_) => self.warn(name, format!("not understood, so left out; allowed: {}", T::WORDS.join(", "))),
        }
    }

    fn milliseconds(&mut self) {
        let timeout = self.pick(otlp!("TIMEOUT"));
        let interval = "OTEL_METRIC_EXPORT_INTERVAL";
        let interval = self.get(interval).map(|value| (interval, value));
        for (found, path, least) in [(timeout, "export.timeout", 1), (interval, "interval", 100)] {
            let Some((name, value)) = found else { continue };
            match value.parse::<u32>() {
                Ok(millis) if millis >= least => self.set(name, path, format!("{millis}ms")),
                _ => self.warn(name, format!("not a number of milliseconds of {least} or more, so left out")),
            }
        }
    }

    fn files(&mut self) {
        for (names, path) in [
            (otlp!("CERTIFICATE"), "export.tls.ca_file"),
            (otlp!("CLIENT_CERTIFICATE"), "export.tls.cert_file"),
            (otlp!("CLIENT_KEY"), "export.tls.key_file"),
        ] {
            if let Some((name, value)) = self.pick(names) {
                self.set(name, path, value);
            }
        }
    }

    /// Every trace here begins here, so that it makes no difference what a sampler would do with a parent.
    fn sampler(&mut self) {
        let name = "OTEL_TRACES_SAMPLER";
        let Some(word) = self.get(name) else { return };
        match word.strip_prefix("parentbased_").unwrap_or(word) {
            "always_on" => self.set(name, SAMPLING, "1"),
            // Not even those in which something failed.
            "always_off" => self.set(name, "telemetry.traces", "false"),
            "traceidratio" => self.sampled_share(),
            _ => self.warn(
                name,
                "not understood, so left out; allowed: always_on, always_off, traceidratio, also with parentbased_",
            ),
        }
    }

    fn sampled_share(&mut self) {
        let name = "OTEL_TRACES_SAMPLER_ARG";
        match self.get(name) {
            Some(share) if Share::parse(share).is_ok() => self.set(name, SAMPLING, share),
            Some(_) => self.warn(name, format!("not {}, so left out", Share::EXPECTED)),
            None => {}
        }
    }

    fn headers(&mut self) {
        let Some((name, value)) = self.pick(otlp!("HEADERS")) else { return };
        match pairs(value) {
            Some(pairs) => {
                let table = pairs.into_iter().map(|(k, v)| (k, Value::new(None, ValueKind::String(v))));
                self.set(name, "export.headers", ValueKind::Table(table.collect::<Map<_, _>>()));
            }
            None => self.warn(name, "not a list of name=value, percent-encoded and separated by commas, so left out"),
        }
    }

    fn attributes(&mut self) {
        let name = "OTEL_RESOURCE_ATTRIBUTES";
        match self.get(name).map(pairs) {
            Some(Some(pairs)) => self.out.attributes.resource = pairs,
            Some(None) => {
                self.warn(
                    name,
                    "not a list of key=value, percent-encoded and separated by commas, so all of it is left out",
                );
            }
            None => {}
        }
        self.out.attributes.service_name = self.get("OTEL_SERVICE_NAME").map(str::to_owned);
    }
}

/// `a=1,b=two%20words`. `None` if any part of it cannot be read: then none of it counts.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (key, value) = part.split_once('=')?;
            let key = decode(key.trim()).filter(|key| !key.is_empty())?;
            Some((key, decode(value.trim())?))
        })
        .collect()
}

/// Percent-decoding that takes nothing for granted: `%` has to be followed by two digits, the result has to be UTF-8.
fn decode(text: &str) -> Option<String> {
    let hex = |part: &str| part.len() >= 2 && part.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    let valid = text.split('%').skip(1).all(hex);
    if !valid {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(|decoded| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_percent_decoded_or_none_of_them_counts() {
        let two = |a: (&str, &str), b: (&str, &str)| {
            Some(vec![(a.0.to_owned(), a.1.to_owned()), (b.0.to_owned(), b.1.to_owned())])
        };
        assert_eq!(pairs("x-a=1, x-b=two%20words"), two(("x-a", "1"), ("x-b", "two words")));
        assert_eq!(pairs("note=a%2Cb%3Dc,e="), two(("note", "a,b=c"), ("e", "")));
        assert_eq!(pairs("a=b=c,d=e,"), two(("a", "b=c"), ("d", "e")));
        for bad in ["a", "a=1,b", "a=%", "a=%2", "a=%zz", "a=%ff", "=1"] {
            assert_eq!(pairs(bad), None, "{bad}");
        }
    }
}
