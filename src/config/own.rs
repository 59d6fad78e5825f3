//! `telemetry`, `log`: what dockpulse tells of itself.

use super::setting::{section, words};

section! {
    /// The agent's own telemetry, sent with the same export settings.
    pub struct Telemetry {
        /// How long probes and requests take, what failed, what was retracted.
        pub metrics: bool = true,
        /// One trace a probe and one a request.
        pub traces: bool = true,
        /// The log lines.
        pub logs: bool = false,
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
