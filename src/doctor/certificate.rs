//! Certificates: whose they are, and how long they are good.

use std::time::Duration;

use jiff::Timestamp;

use super::line::{Sheet, time};
use crate::model::time::UnixNanos;
use crate::tls::{ClientTls, Validity};

/// So long before its end a certificate is worth a word.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// The certificate that the peer showed, which was believed if we `spoke` with it. Why it was not is said elsewhere.
pub(super) fn judge_peer(tls: &ClientTls, spoke: bool, now: UnixNanos, sheet: &mut Sheet) {
    if !spoke {
        return;
    }
    let by = if tls.options().ca_file.is_some() { "by tls.ca_file" } else { "by this system's authorities" };
    match (tls.options().insecure_skip_verify, tls.peer_validity()) {
        (true, _) => sheet.warn(
            "certificate",
            "it is not verified (insecure_skip_verify): whoever is in between can read and change everything",
            "name who signed it in tls.ca_file, and take insecure_skip_verify out",
        ),
        (false, Some(validity)) => {
            judge("certificate", validity, now, &format!("it is verified {by}"), "renew it there", sheet);
        }
        (false, None) => sheet.ok("certificate", format!("it is verified {by}; its dates cannot be read")),
    }
}

/// Our own certificate, if there is one.
pub(super) fn judge_own(tls: &ClientTls, now: UnixNanos, sheet: &mut Sheet) {
    let path = tls.options().cert_file.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
    match tls.own_validity() {
        Ok(None) => {}
        Ok(Some(validity)) => {
            judge("client_certificate", validity, now, &format!("tls.cert_file {path}"), "renew it", sheet);
        }
        Err(error) => {
            let text = error.to_string();
            let (found, mend) = text.split_once("; ").unwrap_or((&text, "see to the file"));
            sheet.fail("client_certificate", found, mend);
        }
    }
}

/// By its dates.
fn judge(check: &'static str, of: Validity, now: UnixNanos, what: &str, mend: &str, sheet: &mut Sheet) {
    let now = i128::from(now.0);
    let (from, until) = (of.from.as_nanosecond(), of.until.as_nanosecond());
    let left = u64::try_from(until - now).map(Duration::from_nanos);
    match left {
        _ if now < from => {
            sheet.fail(check, format!("{what}, but not good before {}", day(of.from)), "is the clock right?");
        }
        Err(_) if until < now => sheet.fail(check, format!("{what}, but it expired on {}", day(of.until)), mend),
        Ok(left) if left < SOON => {
            sheet.warn(check, format!("{what}; it expires on {}, in {}", day(of.until), time(left)), mend);
        }
        _ => sheet.ok(check, format!("{what}; good until {}", day(of.until))),
    }
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::super::{Line, Status};
    use super::*;

    fn judged(days_from: i64, days_until: i64) -> Line {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let at = |days: i64| Timestamp::from_second(1_800_000_000 + days * 86_400).unwrap();
        let mut sheet = Sheet::of("collector");
        let wall = UnixNanos(u64::try_from(now.as_nanosecond()).unwrap());
        let validity = Validity { from: at(days_from), until: at(days_until) };
        judge("certificate", validity, wall, "it is verified", "renew it there", &mut sheet);
        sheet.into_lines().remove(0)
    }

    #[test]
    fn a_certificate_is_worth_a_word_two_weeks_before_its_end() {
        for (from, until, status, found) in [
            (-10, 300, Status::Ok, "it is verified; good until 2027-11-11"),
            (-10, 13, Status::Warn, "it is verified; it expires on 2027-01-28, in 13 days"),
            (-10, -1, Status::Fail, "it is verified, but it expired on 2027-01-14"),
            (1, 300, Status::Fail, "it is verified, but not good before 2027-01-16"),
            (-10, 100_000, Status::Ok, "it is verified; good until 2300-10-31"),
        ] {
            let line = judged(from, until);
            assert_eq!((line.status, line.found.as_str()), (status, found));
        }
    }
}
