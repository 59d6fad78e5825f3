//! Addresses: where a collector or a listener of our own is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use http::Uri;
use http::uri::{self, Authority, PathAndQuery, Scheme};
use serde_json::Value as Json;

use super::setting::{Scalar, scalars};

/// An `http` or `https` address: scheme, host, perhaps a port and a path; no user, query or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Uri);

/// Where the web page is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebListen {
    /// Nowhere.
    Off,
    /// At this address.
    Tcp(SocketAddr),
}

/// Where the control API is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlListen {
    /// Nowhere.
    Off,
    /// At this socket.
    Unix(PathBuf),
    /// At this address, which other hosts cannot reach.
    Tcp(SocketAddr),
}

pub(super) const NO_USER: &str = "an address must not hold a user name or password";

impl Endpoint {
    /// Reads it; the error says what is wrong.
    pub fn try_new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let Some((scheme, _)) = text.split_once("://") else {
            return Err("expected http://HOST:PORT or https://HOST:PORT".to_owned());
        };
        if !["http", "https"].iter().any(|s| scheme.eq_ignore_ascii_case(s)) {
            return Err("the scheme has to be http or https".to_owned());
        }
        if text.contains('#') {
            return Err("an address must not have a fragment (#)".to_owned());
        }
        let uri: Uri =
            text.parse().map_err(|e: http::uri::InvalidUri| format!("not an address like http://HOST:PORT: {e}"))?;
        check_authority(&uri)?;
        if uri.query().is_some() {
            return Err("an address must not have a query (?)".to_owned());
        }
        Ok(Self(uri))
    }

    /// A port of this host, not encrypted.
    pub(super) fn loopback(port: u16) -> Self {
        let authority = Authority::try_from(format!("localhost:{port}"));
        let authority = authority.unwrap_or_else(|_| Authority::from_static("localhost"));
        let mut parts = uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(authority);
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        Self(Uri::from_parts(parts).unwrap_or_default())
    }

    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.0.scheme() == Some(&Scheme::HTTPS)
    }

    /// The host, without brackets around an IPv6 address.
    pub fn host(&self) -> &str {
        bare(self.0.host().unwrap_or_default())
    }

    /// The port, or the scheme's.
    pub fn port(&self) -> u16 {
        self.0.port_u16().unwrap_or(if self.is_tls() { 443 } else { 80 })
    }

    /// The path without a slash at its end; empty if there is none.
    pub fn path(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }

    /// Whether it is on this host by its name.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The same with another path.
    pub fn with_path(&self, path: &str) -> Self {
        let mut parts = self.0.clone().into_parts();
        let path = if path.is_empty() { "/" } else { path };
        match PathAndQuery::try_from(path) {
            Ok(path) => parts.path_and_query = Some(path),
            Err(_) => return self.clone(),
        }
        Uri::from_parts(parts).map_or_else(|_| self.clone(), Self)
    }

    /// For a client.
    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

impl ControlListen {
    /// Reads it; the error says what is wrong.
    pub fn try_new(text: &str) -> Result<Self, String> {
        Self::parse(text.trim()).map_err(|why| why.unwrap_or_else(|| format!("expected {}", Self::EXPECTED)))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls() { "https" } else { "http" };
        let authority = self.0.authority().map_or("", |a| a.as_str());
        write!(f, "{scheme}://{authority}{}", self.path())
    }
}

impl fmt::Display for WebListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

impl fmt::Display for ControlListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

pub(super) fn check_authority(uri: &Uri) -> Result<(), String> {
    let authority = uri.authority().ok_or("the host is missing")?;
    if authority.as_str().contains('@') {
        return Err(NO_USER.to_owned());
    }
    if authority.host().is_empty() {
        return Err("the host is missing".to_owned());
    }
    // `Uri` takes a port for none if it is out of range.
    let after_host = &authority.as_str()[authority.host().len()..];
    match after_host.strip_prefix(':') {
        Some(port) if port.parse::<u16>().is_ok_and(|port| port > 0) => Ok(()),
        None if after_host.is_empty() => Ok(()),
        _ => Err("the port has to be a number from 1 to 65535".to_owned()),
    }
}

pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
}

scalars!(WebListen, ControlListen);

impl Scalar for Endpoint {
    const EXPECTED: &'static str = "an address like http://localhost:4317";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        Self::try_new(text).map_err(Some)
    }

    fn write(&self) -> Json {
        self.to_string().into()
    }
}

impl Scalar for WebListen {
    const EXPECTED: &'static str = "an address like 127.0.0.1:9797, or off";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        if text == "off" {
            return Ok(Self::Off);
        }
        if let Some(port) = text.strip_prefix("localhost:") {
            let port = port.parse().map_err(|_| None)?;
            return Ok(Self::Tcp((Ipv4Addr::LOCALHOST, port).into()));
        }
        text.parse().map(Self::Tcp).map_err(|_| None)
    }

    fn write(&self) -> Json {
        self.to_string().into()
    }
}

impl Scalar for ControlListen {
    const EXPECTED: &'static str = "a socket like unix:///run/dockpulse/control.sock, tcp://127.0.0.1:9798, or off";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        if let Some(address) = text.strip_prefix("tcp://") {
            let WebListen::Tcp(address) = WebListen::parse(address)? else { return Err(None) };
            let others = || Some("other hosts must not reach it: nobody is asked who he is".to_owned());
            return if address.ip().is_loopback() { Ok(Self::Tcp(address)) } else { Err(others()) };
        }
        match text.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') && !path.contains('\0') => Ok(Self::Unix(path.into())),
            None if text == "off" => Ok(Self::Off),
            _ => Err(None),
        }
    }

    fn write(&self) -> Json {
        self.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_s_address_is_read_or_refused_with_the_reason() {
        for (text, host, port, tls) in [
            ("http://localhost:4317", "localhost", 4317, false),
            ("https://otel.example.com", "otel.example.com", 443, true),
            ("HTTP://[::1]:4318/base/", "::1", 4318, false),
            ("http://10.0.0.1", "10.0.0.1", 80, false),
        ] {
            let endpoint = Endpoint::try_new(text).unwrap();
            assert_eq!((endpoint.host(), endpoint.port(), endpoint.is_tls()), (host, port, tls), "{text}");
        }
        for (text, word) in [
            ("not a url", "http://HOST:PORT"),
            ("localhost:4317", "http://HOST:PORT"),
            ("ftp://x", "scheme"),
            ("http://", ""),
            ("http://:4317", "host"),
            ("http://h:70000", "port"),
            ("http://h:0", "port"),
            ("http://h:", "port"),
            ("http://user:canary@h:4317", NO_USER),
            ("http://h/?x=1", "query"),
            ("http://h/#x", "fragment"),
            ("http://h h:1", "not an address"),
        ] {
            let error = Endpoint::try_new(text).unwrap_err();
            assert!(error.contains(word) && !error.contains("canary"), "{text}: {error}");
        }
    }

    #[test]
    fn an_address_shows_itself_as_it_was_meant() {
        for (text, shown) in [("http://h:4318/", "http://h:4318"), ("https://h/base/", "https://h/base")] {
            assert_eq!(Endpoint::try_new(text).unwrap().to_string(), shown);
        }
        let base = Endpoint::try_new("http://h:4318/base").unwrap();
        assert_eq!(base.with_path("/x/v1/metrics").to_string(), "http://h:4318/x/v1/metrics");
        assert_eq!(base.with_path("").to_string(), "http://h:4318");
    }

    #[test]
    fn loopback_is_known_by_name_and_number() {
        for (text, expected) in [
            ("http://localhost:1", true),
            ("http://127.0.0.2:1", true),
            ("http://[::1]:1", true),
            ("http://10.0.0.1:1", false),
            ("http://localhost.example.com:1", false),
        ] {
            assert_eq!(Endpoint::try_new(text).unwrap().is_loopback(), expected, "{text}");
        }
    }

    #[test]
    fn a_listener_is_an_address_or_off() {
        assert_eq!(WebListen::parse("off"), Ok(WebListen::Off));
        assert_eq!(WebListen::parse("localhost:0").unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(WebListen::parse("[::1]:9797").unwrap().to_string(), "[::1]:9797");
        for text in ["", "9797", "on", "example.com:80", "127.0.0.1"] {
            assert_eq!(WebListen::parse(text), Err(None), "{text}");
        }
        assert_eq!(ControlListen::parse("unix:///run/x.sock").unwrap().to_string(), "unix:///run/x.sock");
        assert_eq!(ControlListen::parse("tcp://localhost:9798").unwrap().to_string(), "tcp://127.0.0.1:9798");
        for text in ["", "127.0.0.1:1", "unix://x.sock", "/run/x.sock", "tcp://off", "tcp://example.com:1"] {
            assert_eq!(ControlListen::parse(text), Err(None), "{text}");
        }
        for text in ["tcp://0.0.0.0:9798", "tcp://192.168.1.1:9798", "tcp://[::]:9798"] {
            assert!(matches!(ControlListen::parse(text), Err(Some(_))), "{text}");
        }
    }
}
