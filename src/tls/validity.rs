//! From when to when certificates are good.

use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

/// From when to when certificates are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub from: Timestamp,
    /// The last one.
    pub until: Timestamp,
}

/// Later than any certificate can say: these have four digits for the year.
const NEVER: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(253_402_300_800));
const ALWAYS: UnixTime = UnixTime::since_unix_epoch(Duration::ZERO);

impl Validity {
    /// Of a chain: the time in which all that were shown are good. `None` if there are none that can be read.
    pub(super) fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        chain
            .iter()
            .filter_map(Self::of_one)
            .reduce(|a, b| Self { from: a.from.max(b.from), until: a.until.min(b.until) })
    }

    /// The library tells the times only where it refuses a certificate for them, and looks at them before all else: so it
    /// is asked what it thinks of the certificate long before and long after.
    fn of_one(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = EndEntityCert::try_from(certificate).ok()?;
        let refusal = |at| certificate.verify_for_usage(&[], &[], &[], at, KeyUsage::server_auth(), None, None).err();
        let from = match refusal(ALWAYS)? {
            Error::CertNotValidYet { not_before, .. } => not_before,
            _ => ALWAYS,
        };
        let until = match refusal(NEVER)? {
            Error::CertExpired { not_after, .. } => not_after,
            _ => return None,
        };
        Some(Self { from: timestamp(from)?, until: timestamp(until)? })
    }
}

fn timestamp(at: UnixTime) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(at.as_secs()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(from: i32, until: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 2), date_time_ymd(until, 12, 31));
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn a_chain_is_good_as_long_as_all_of_it_is() {
        let of = |chain: &[CertificateDer<'_>]| Validity::of(chain).map(|v| (v.from.to_string(), v.until.to_string()));
        let (from, until) = ("2001-01-02T00:00:00Z", "2031-12-31T00:00:00Z");
        assert_eq!(of(&[certificate(2001, 2031)]), Some((from.into(), until.into())));
        assert_eq!(of(&[certificate(1999, 2031), certificate(2001, 2099)]), Some((from.into(), until.into())));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[CertificateDer::from(vec![0x30, 0])]), None);
    }
}
