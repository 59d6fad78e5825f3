//! `engines`: which Docker engines are watched, and how they are asked.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Json;

use super::engine_address::EngineEndpoint;
use super::setting::{Scalar, scalars, section, words};
use crate::model::engine::ApiVersion;

section! {
    /// One engine.
    pub struct Engine {
        /// What it is called in logs and in `dockpulse.engine.name`. Default: the host name it reports.
        pub name: Option<String> = None,
        /// Where it is: unix:///PATH, tcp://HOST:PORT, https://HOST:PORT or ssh://USER@HOST:PORT/SOCKET.
        /// Default: where docker would go: DOCKER_HOST, else DOCKER_CONTEXT or what `docker context use` has chosen,
        /// else the local socket.
        pub endpoint: EngineEndpoint = EngineEndpoint::Unix("/var/run/docker.sock".into()),
        /// The docker context that says where it is, in place of endpoint.
        pub context: Option<String> = None,
        /// The certificates for https. They are read again when the files change.
        /// Default: the files in DOCKER_CERT_PATH if that or DOCKER_TLS_VERIFY is set.
        pub tls: EngineTls = EngineTls::default(),
        /// How numbers are got: auto | one_shot | two_sample | stream. auto is one_shot where the engine knows it (API 1.41),
        /// else two_sample; stream costs the engine each second what one_shot costs it once an interval. cgroup is a word that
        /// this version knows and refuses.
        pub source: EngineSource = EngineSource::Auto,
        /// How long one call may take, until the whole answer is there.
        pub timeout: Duration = Duration::from_secs(10),
        /// How many calls for numbers run at once, or auto: 8 to 256, so that a probe takes at most half the interval.
        pub concurrency: Concurrency = Concurrency::Auto,
        /// The version of the Docker API to speak. Default: DOCKER_API_VERSION, else the newest that both sides know.
        pub api_version: Option<ApiVersion> = None,
    }
}

section! {
    /// The certificates for an engine behind https.
    pub struct EngineTls {
        /// Who may have signed the engine's certificate (PEM). Default: the system's certificates.
        pub ca_file: Option<PathBuf> = None,
        /// The certificate that dockpulse shows (PEM). Needs key_file.
        pub cert_file: Option<PathBuf> = None,
        /// The key of cert_file (PEM).
        pub key_file: Option<PathBuf> = None,
    }
}

words! {
    /// How an engine's numbers are got.
    pub enum EngineSource {
        /// The cheapest that works: one_shot, or two_sample where the engine does not know it.
        Auto = "auto",
        /// The control groups of the local kernel.
        Cgroup = "cgroup",
        /// The engine's API, one set of numbers at once (API 1.41 and later; taken as two_sample before).
        OneShot = "one_shot",
        /// The engine's API, which waits for two sets of numbers; every engine knows it.
        TwoSample = "two_sample",
        /// One stream of numbers a container, for intervals of a second or two: the engine makes numbers each second anyway
        /// then, and answers at once.
        Stream = "stream",
    }
}

/// How many calls for numbers run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// As many as the containers and the interval ask for.
    Auto,
    /// So many, from 1 to 1024.
    Fixed(u16),
}

scalars!(Concurrency);

impl Scalar for Concurrency {
    const EXPECTED: &'static str = "auto, or a number from 1 to 1024";
    const JSON: &'static [&'static str] = &["string", "integer"];

    fn parse(text: &str) -> Result<Self, Option<String>> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        text.parse().ok().filter(|n| (1..=1024).contains(n)).map(Self::Fixed).ok_or(None)
    }

    fn write(&self) -> Json {
        match self {
            Self::Auto => "auto".into(),
            Self::Fixed(n) => (*n).into(),
        }
    }
}

impl Scalar for ApiVersion {
    const EXPECTED: &'static str = "a version of the Docker API like 1.47";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        Self::parse(text).ok_or(None)
    }

    fn write(&self) -> Json {
        self.to_string().into()
    }
}
