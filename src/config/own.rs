//! `telemetry`, `log`: what dockpulse tells of itself.

use serde_json::Value as Json;

use super::setting::{Scalar, scalars, section, words};

section! {
    /// The agent's own telemetry, sent with the same export settings.
    pub struct Telemetry {
        /// How long probes and requests take, what failed, what was retracted.
        pub metrics: bool = true,
        /// One trace a probe and one a request.
        pub traces: bool = true,
        /// The share of the traces that is sent, from 0 to 1. One in which something failed is always sent.
        pub sampling: Share = Share::ALL,
        /// The log lines.
        pub logs: bool = false,
    }
}

/// A part of a whole, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(f64);

impl Share {
    /// The whole.
    pub const ALL: Self = Self(1.0);

    /// As a number from 0 to 1.
    pub fn as_f64(self) -> f64 {
        self.0
    }
}

scalars!(Share);

impl Scalar for Share {
    const EXPECTED: &'static str = "a number from 0 to 1, such as 0.1";
    const JSON: &'static [&'static str] = &["number"];

    fn parse(text: &str) -> Result<Self, Option<String>> {
        text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).map(Self).ok_or(None)
    }

    fn write(&self) -> Json {
        self.0.into()
    }
}

section! {
    /// The log on stderr.
    pub struct Log {
        /// error | warn | info | debug | trace.
        pub level: LogLevel = LogLevel::Info,
        /// text | json.
        pub format: LogFormat = LogFormat::Text,
    }
}

words! {
    /// The least important lines that are written.
    pub enum LogLevel {
        /// Something does not work.
        Error = "error",
        /// Something is odd.
        Warn = "warn",
        /// What one wants to know of a running agent.
        Info = "info",
        /// What helps to find a fault.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

words! {
    /// How log lines look.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}
