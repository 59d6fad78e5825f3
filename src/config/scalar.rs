//! Single values of settings: durations, sizes, numbers, paths, secrets.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::fmt::friendly::{Spacing, SpanPrinter};
use serde_json::Value as Json;

use super::setting::{Scalar, scalars};

/// No duration of the settings makes sense beyond it; keeps sums of them far from any overflow.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 3600);
/// A text that is longer is no duration and no size.
const MAX_NUMBER_TEXT: usize = 64;

/// Bytes, written as `2MiB`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// A text that is never shown: not in logs, not in messages, not when the settings are printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

/// What stands in a secret's place.
const MASK: &str = "***";

impl ByteSize {
    /// So many MiB.
    pub const fn mebibytes(n: u64) -> Self {
        Self(n << 20)
    }

    /// As a number of bytes.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// As a number of bytes in memory; saturates where the machine's words are smaller.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
        match units.iter().find(|(bits, _)| self.0 > 0 && self.0.trailing_zeros() >= *bits) {
            Some((bits, unit)) => write!(f, "{}{unit}", self.0 >> bits),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl Secret {
    /// Takes it over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever has to send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// As the settings write it: `1m30s`.
pub(super) fn write_duration(duration: Duration) -> String {
    let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    SpanPrinter::new().spacing(Spacing::None).duration_to_string(&duration)
}

/// Reads a duration as the settings write it (`1m30s`), for flags that are no settings.
///
/// # Errors
/// What is wrong with it, for people.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    Scalar::parse(text).map_err(|cause: Option<String>| {
        cause.unwrap_or_else(|| format!("expected {}", <Duration as Scalar>::EXPECTED))
    })
}

scalars!(bool, u32, String, PathBuf, Duration, ByteSize, Secret);

impl Scalar for bool {
    const EXPECTED: &'static str = "true or false";
    const JSON: &'static [&'static str] = &["boolean"];

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text {
            "true" | "True" | "TRUE" => Ok(true),
            "false" | "False" | "FALSE" => Ok(false),
            _ => Err(None),
        }
    }

    fn write(&self) -> Json {
        (*self).into()
    }
}

impl Scalar for u32 {
    const EXPECTED: &'static str = "a whole number, 0 or more";
    const JSON: &'static [&'static str] = &["integer"];

    fn parse(text: &str) -> Result<Self, Option<String>> {
        text.parse().map_err(|_| None)
    }

    fn write(&self) -> Json {
        (*self).into()
    }
}

impl Scalar for String {
    const EXPECTED: &'static str = "a text";
    const JSON: &'static [&'static str] = &["string", "number", "boolean"];

    fn parse(text: &str) -> Result<Self, Option<String>> {
        Ok(text.to_owned())
    }

    fn write(&self) -> Json {
        self.as_str().into()
    }
}

impl Scalar for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let usable = !text.is_empty() && !text.contains('\0');
        if usable { Ok(Self::from(text)) } else { Err(None) }
    }

    fn write(&self) -> Json {
        self.to_string_lossy().into()
    }
}

impl Scalar for Duration {
    const EXPECTED: &'static str = "a duration like 10s, 300ms or 1m30s";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        if text.len() > MAX_NUMBER_TEXT {
            return Err(None);
        }
        let signed: SignedDuration = text.trim().parse().map_err(|_| None)?;
        let duration = Self::try_from(signed).map_err(|_| Some("a duration is not negative".to_owned()))?;
        if duration > MAX_DURATION {
            return Err(Some("a duration is at most 8760h".to_owned()));
        }
        Ok(duration)
    }

    fn write(&self) -> Json {
        write_duration(*self).into()
    }
}

impl Scalar for ByteSize {
    const EXPECTED: &'static str = "a size like 512KiB, 2MiB or 3GiB";
    const JSON: &'static [&'static str] = &["string", "integer"];

    fn parse(text: &str) -> Result<Self, Option<String>> {
        if text.len() > MAX_NUMBER_TEXT {
            return Err(None);
        }
        let size: bytesize::ByteSize = text.trim().parse().map_err(|_| None)?;
        // A sum of two of them must not overflow.
        if size.0 > 1 << 60 { Err(Some("a size is at most 1024PiB".to_owned())) } else { Ok(Self(size.0)) }
    }

    fn write(&self) -> Json {
        self.to_string().into()
    }
}

impl Scalar for Secret {
    const EXPECTED: &'static str = "a text";
    const SECRET: bool = true;
    const JSON: &'static [&'static str] = &["string", "number", "boolean"];

    fn parse(text: &str) -> Result<Self, Option<String>> {
        Ok(Self::new(text))
    }

    fn write(&self) -> Json {
        MASK.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duration(text: &str) -> Result<Duration, Option<String>> {
        Scalar::parse(text)
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("10s", 10_000),
            ("300ms", 300),
            ("1m30s", 90_000),
            ("0s", 0),
            ("1.5s", 1500),
            ("1h", 3_600_000),
            ("10 s", 10_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "10", "soon", "-1s", "1s ago", "9000h", "1y", "s", "1e9s", "NaN", &"1".repeat(10_000)] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_and_sizes_are_written_as_they_are_read() {
        for text in ["10s", "300ms", "1m30s", "0s", "1h"] {
            assert_eq!(write_duration(duration(text).unwrap()), text);
        }
        for text in ["2MiB", "3GiB", "12KiB", "0B", "1000B", "1TiB"] {
            assert_eq!(ByteSize::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        assert_eq!(ByteSize::parse("4096"), Ok(ByteSize(4096)));
        assert_eq!(ByteSize::parse("2 MB"), Ok(ByteSize(2_000_000)));
        for text in ["", "-1", "2 MiBs", "lots", "NaN", "9999999999999999999999GiB"] {
            assert!(ByteSize::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::new("canary");
        assert!(!format!("{secret} {secret:?} {}", Scalar::write(&secret)).contains("canary"));
        assert_eq!(secret.expose(), "canary");
    }
}
