//! The headers of every request, some of which follow files: a token that is renewed there is sent from then on.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::settings::SettingsError;
use crate::model::time::Monotonic;

/// Files are looked at before a request, but not again within this time, unless a request was refused.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Headers of every request. Their values are secret and are never shown. Clones share what was read last.
#[derive(Clone, Default)]
pub struct Headers(Arc<Inner>);

/// Reads the value of a header anew; the error says why it cannot, and never what is in a file.
pub type ReadAgain = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// What became of a header whose file changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderNotice {
    /// Its new value is sent from now on.
    Reloaded {
        /// The header.
        name: String,
    },
    /// It cannot be read; the last value is sent still. Said once, until it changes.
    Kept {
        /// The header.
        name: String,
        /// Why, without the value.
        cause: String,
    },
}

struct Inner {
    followed: Vec<Followed>,
    tell: Box<dyn Fn(HeaderNotice) + Send + Sync>,
    state: Mutex<State>,
}

struct Followed {
    name: HeaderName,
    read: ReadAgain,
}

#[derive(Default)]
struct State {
    map: HeaderMap,
    looked: Option<Monotonic>,
    /// Why each of those followed could not be read the last time.
    broken: Vec<Option<String>>,
}

impl Headers {
    /// Takes names with values.
    ///
    /// # Errors
    /// A name or value that HTTP does not allow, or a header that the protocol itself sets.
    pub fn try_new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, SettingsError> {
        Self::following(pairs, Vec::new(), |_| ())
    }

    /// The same, some of which are read again while the agent runs. `tell` hears of what becomes of them.
    ///
    /// # Errors
    /// As with [`Headers::try_new`].
    pub fn following<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        followed: Vec<(String, ReadAgain)>,
        tell: impl Fn(HeaderNotice) + Send + Sync + 'static,
    ) -> Result<Self, SettingsError> {
        let mut map = HeaderMap::new();
        for (name, text) in pairs {
            let value = value(text).ok_or_else(|| wrong(name, "has a value with characters that a header cannot have"));
            map.insert(key(name)?, value?);
        }
        let followed: Result<Vec<_>, SettingsError> =
            followed.into_iter().map(|(name, read)| Ok(Followed { name: key(&name)?, read })).collect();
        let followed = followed?;
        let state = State { map, looked: None, broken: vec![None; followed.len()] };
        Ok(Self(Arc::new(Inner { followed, tell: Box::new(tell), state: Mutex::new(state) })))
    }

    /// Whether any of them follows a file.
    pub fn follows(&self) -> bool {
        !self.0.followed.is_empty()
    }

    /// The headers for a request at `now`, marked as sensitive. Looks at the files, if that was not done just before.
    pub fn at(&self, now: Monotonic) -> HeaderMap {
        let due = |looked: Monotonic| now.since(looked) >= LOOK_EVERY;
        if self.state().looked.is_none_or(due) { self.read_again(now) } else { self.state().map.clone() }
    }

    /// The same, having looked at the files in any case: what was sent before was refused.
    pub fn read_again(&self, now: Monotonic) -> HeaderMap {
        let (map, notices) = {
            let mut state = self.state();
            state.looked = Some(now);
            let notices: Vec<_> =
                self.0.followed.iter().enumerate().filter_map(|(i, followed)| state.take(i, followed)).collect();
            (state.map.clone(), notices)
        };
        notices.into_iter().for_each(&self.0.tell);
        map
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Reads one; what is worth telling.
    fn take(&mut self, index: usize, followed: &Followed) -> Option<HeaderNotice> {
        let name = followed.name.as_str().to_owned();
        match read(&followed.read) {
            Ok(value) => {
                let mended = self.broken.get_mut(index)?.take().is_some();
                let before = self.map.insert(followed.name.clone(), value.clone());
                (mended || before != Some(value)).then_some(HeaderNotice::Reloaded { name })
            }
            Err(cause) => {
                let known = self.broken.get_mut(index)?;
                let is_new = known.as_ref() != Some(&cause);
                *known = Some(cause.clone());
                is_new.then_some(HeaderNotice::Kept { name, cause })
            }
        }
    }
}

fn read(read: &ReadAgain) -> Result<HeaderValue, String> {
    let text = read()?;
    value(&text).ok_or_else(|| "its value would hold a character that a header cannot, such as a line break".to_owned())
}

fn value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn key(name: &str) -> Result<HeaderName, SettingsError> {
    let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(name, "is not a header name"))?;
    if is_own_header(key.as_str()) { Err(wrong(name, "is set by the protocol; remove it")) } else { Ok(key) }
}

fn wrong(name: &str, problem: &'static str) -> SettingsError {
    SettingsError::Header { name: super::classify::shown(name), problem }
}

/// Whether a header, in small letters, is one that a request has anyway or that would break it, or one of gRPC's binary
/// ones, whose values would have to be base64.
pub fn is_own_header(name: &str) -> bool {
    let fixed = [
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "te",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    ];
    fixed.contains(&name) || name.starts_with("grpc-") || name.ends_with("-bin")
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.state().map.keys().map(|name| (name.as_str(), "***"))).finish()
    }
}

impl Default for Inner {
    fn default() -> Self {
        Self { followed: Vec::new(), tell: Box::new(|_| ()), state: Mutex::default() }
    }
}

#[cfg(test)]
mod tests;
