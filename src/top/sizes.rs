//! Numbers for people, in few columns.

use std::time::Duration;

use bytesize::ByteSize;

/// What stands where something is not known.
pub(super) const UNKNOWN: &str = "-";

/// Bytes in at most five columns: `0B`, `12.3K`, `312M`.
pub(super) fn bytes(count: f64) -> String {
    const UNITS: [&str; 7] = ["B", "K", "M", "G", "T", "P", "E"];
    if !count.is_finite() {
        return UNKNOWN.to_owned();
    }
    let (mut left, mut unit) = (count.max(0.0), 0);
    while left >= 999.5 && unit + 1 < UNITS.len() {
        left /= 1024.0;
        unit += 1;
    }
    let word = UNITS[unit];
    if unit == 0 || left >= 99.95 { format!("{left:.0}{word}") } else { format!("{left:.1}{word}") }
}

/// Bytes in full: `312.4 MiB`.
pub(super) fn bytes_long(count: f64) -> String {
    // OK because `as` saturates, and a negative count is as good as none.
    ByteSize(count as u64).display().iec().to_string()
}

/// A share of one, in at most six columns: `62.5%`, `1250%`.
pub(super) fn percent(share: f64) -> String {
    if !share.is_finite() {
        return UNKNOWN.to_owned();
    }
    let percent = (share * 100.0).clamp(0.0, 99_999.0);
    if percent >= 999.95 { format!("{percent:.0}%") } else { format!("{percent:.1}%") }
}

/// A time span in at most four columns or so: `12s`, `3m`, `2h`, `5d`.
pub(super) fn age(millis: u64) -> String {
    match millis / 1000 {
        secs @ 0..60 => format!("{secs}s"),
        secs @ 60..3600 => format!("{}m", secs / 60),
        secs @ 3600..172_800 => format!("{}h", secs / 3600),
        secs => format!("{}d", secs / 86_400),
    }
}

/// A time span in its two greatest units: `3d 4h`, `2m 5s`.
pub(super) fn age_long(millis: u64) -> String {
    let secs = millis / 1000;
    match secs {
        0..60 => format!("{secs}s"),
        60..3600 => format!("{}m {}s", secs / 60, secs % 60),
        3600..86_400 => format!("{}h {}m", secs / 3600, secs / 60 % 60),
        _ => format!("{}d {}h", secs / 86_400, secs / 3600 % 24),
    }
}

/// How long something took: `12 ms`, `1.2 s`.
pub(super) fn took(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds.max(0.0) * 1000.0) } else { format!("{seconds:.1} s") }
}

/// A count with its thousands apart: `1,204`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things: `1 probe`, `1,204 probes`.
pub(super) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// The time of day in UTC of unix milliseconds: `12:03:04`.
pub(super) fn time_of_day(millis: u64) -> String {
    let secs = Duration::from_millis(millis).as_secs();
    format!("{:02}:{:02}:{:02}", secs / 3600 % 24, secs / 60 % 60, secs % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_five_columns_at_most() {
        let cases = [
            (0.0, "0B"),
            (999.0, "999B"),
            (999.5, "1.0K"),
            (1024.0, "1.0K"),
            (12.34 * 1024.0, "12.3K"),
            (99.96 * 1024.0, "100K"),
            (312.0 * 1024.0 * 1024.0, "312M"),
            (1.5 * 1024.0 * 1024.0 * 1024.0, "1.5G"),
            (-1.0, "0B"),
            (f64::NAN, "-"),
        ];
        for (count, shown) in cases {
            assert_eq!(bytes(count), shown, "{count}");
        }
        for power in 0..60 {
            for more in [-1.0, 0.0, 1.0] {
                let shown = bytes(2f64.powi(power) + more);
                assert!(shown.len() <= 5, "{shown}");
            }
        }
    }

    #[test]
    fn shares_ages_counts_and_times_are_short() {
        assert_eq!([0.0, 0.6254, 9.9994, 12.5, f64::INFINITY].map(percent), ["0.0%", "62.5%", "999.9%", "1250%", "-"]);
        let at = |secs: u64| age(secs * 1000);
        assert_eq!([0, 59, 60, 3599, 3600, 172_799, 172_800].map(at), ["0s", "59s", "1m", "59m", "1h", "47h", "2d"]);
        let long = |secs: u64| age_long(secs * 1000);
        assert_eq!([5, 125, 7500, 274_000].map(long), ["5s", "2m 5s", "2h 5m", "3d 4h"]);
        assert_eq!([0, 12, 999, 1204, 1_234_567].map(count), ["0", "12", "999", "1,204", "1,234,567"]);
        assert_eq!(counted(1, "probe", "probes"), "1 probe");
        assert_eq!(time_of_day(1_795_315_523_741), "02:45:23");
        assert_eq!([0.0123, 1.25].map(took), ["12 ms", "1.2 s"]);
    }
}
