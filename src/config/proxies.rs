//! The proxies that the environment names, read as curl does: `https_proxy`, `http_proxy`, `all_proxy`, `no_proxy`, in
//! capitals too but for `HTTP_PROXY`, which whoever calls a program through a web server could set.

use http::Uri;

use super::Environment;
use super::error::{Origin, Warning};
use super::scalar::Secret;

/// Proxies on the way to a collector; the credentials in them are secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http://` addresses.
    pub http: Option<Secret>,
    /// For `https://` addresses.
    pub https: Option<Secret>,
    /// Hosts that need none, separated by commas.
    pub no: String,
}

/// The first that is set wins: lower case, as with curl.
const HTTP: [&str; 3] = ["http_proxy", "all_proxy", "ALL_PROXY"];
const HTTPS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const NO: [&str; 2] = ["no_proxy", "NO_PROXY"];

impl Proxies {
    /// Reads the variables. What is of no use is left out; that is said if it is for the scheme of the collector.
    pub(super) fn read(environment: &Environment, is_https: bool) -> (Self, Option<Warning>) {
        let (http, about_http) = proxy(environment, &HTTP);
        let (https, about_https) = proxy(environment, &HTTPS);
        let no = first(environment, &NO).map_or_else(String::new, |(_, list)| list.to_owned());
        (Self { http, https, no }, if is_https { about_https } else { about_http })
    }
}

fn proxy(environment: &Environment, names: &[&'static str]) -> (Option<Secret>, Option<Warning>) {
    let Some((name, value)) = first(environment, names) else { return (None, None) };
    if is_usable(value) {
        return (Some(Secret::new(value)), None);
    }
    let message =
        "not a proxy like http://[USER:PASSWORD@]HOST:PORT, so left out; https:// and socks proxies are not spoken to";
    (None, Some(Warning { origin: Origin::Standard(name), message: message.to_owned() }))
}

fn first<'a>(environment: &'a Environment, names: &[&'static str]) -> Option<(&'static str, &'a str)> {
    let set = |name: &'static str| Some((name, environment.get(name)?.trim()));
    names.iter().filter_map(|name| set(name)).find(|(_, value)| !value.is_empty())
}

/// Without a scheme it is http.
fn is_usable(value: &str) -> bool {
    let Ok(uri) = value.parse::<Uri>() else { return false };
    let is_http = uri.scheme_str().is_none_or(|scheme| scheme == "http");
    is_http && uri.authority().is_some_and(|authority| !authority.host().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (Option<String>, Option<String>, Option<String>) {
        let environment = variables.iter().copied().collect();
        let (proxies, warning) = Proxies::read(&environment, true);
        let text = |secret: Option<Secret>| secret.map(|s| s.expose().to_owned());
        (text(proxies.http), text(proxies.https), warning.map(|w| w.to_string()))
    }

    #[test]
    fn variables_are_read_as_curl_does() {
        let own = |text: &str| Some(text.to_owned());
        for (variables, http, https) in [
            (&[("https_proxy", "http://a:1"), ("HTTPS_PROXY", "http://b:1")][..], None, own("http://a:1")),
            (&[("HTTPS_PROXY", "http://b:1")], None, own("http://b:1")),
            (&[("HTTP_PROXY", "http://b:1")], None, None),
            (&[("http_proxy", "b:1"), ("https_proxy", "")], own("b:1"), None),
            (&[("ALL_PROXY", "http://c:1"), ("http_proxy", "http://d:1")], own("http://d:1"), own("http://c:1")),
        ] {
            assert_eq!(read(variables), (http, https, None), "{variables:?}");
        }
    }

    #[test]
    fn what_is_no_proxy_for_http_is_left_out_and_said_without_its_value() {
        for value in ["socks5://hunter2@p:1", "https://hunter2@p:1", "http://", "::hunter2", "http://h unter2"] {
            let (_, https, warning) = read(&[("HTTPS_PROXY", value)]);
            assert_eq!(https, None, "{value}");
            let warning = warning.unwrap();
            assert!(warning.starts_with("HTTPS_PROXY: not a proxy like http://") && !warning.contains("hunter2"));
        }
        let environment = [("all_proxy", "socks5://p:1")].into_iter().collect();
        assert!(Proxies::read(&environment, false).1.is_some());
        let environment = [("https_proxy", "socks5://p:1")].into_iter().collect();
        assert!(Proxies::read(&environment, false).1.is_none(), "it is not on the way");
    }
}
