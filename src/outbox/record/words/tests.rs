//! Stored words: each is kept once, and no more than there is room for.

use super::*;

#[test]
fn what_is_known_is_not_kept_again() {
    static KNOWN: Metric = Metric { name: "known", unit: "1", kind: Kind::Gauge };
    let mut words = Words::default();
    words.know([&KNOWN], ["key"]);
    let read = words.metric("known", "1", Kind::Gauge).expect("a metric");
    assert!(std::ptr::eq(read, &KNOWN));
    let new = words.metric("known", "1", Kind::Counter).expect("a metric");
    let again = words.metric("known", "1", Kind::Counter).expect("a metric");
    assert!(std::ptr::eq(new, again) && !std::ptr::eq(new, &KNOWN));
    assert_eq!((words.key("key"), words.made_keys, words.made_metrics), (Ok("key"), 0, 1));
}

#[test]
fn no_more_words_are_kept_than_there_is_room_for() {
    let mut words = Words::default();
    for n in 0..MOST_KEYS {
        assert!(words.key(&format!("key{n}")).is_ok());
    }
    for n in 0..MOST_METRICS {
        assert!(words.metric(&format!("metric{n}"), "", Kind::Gauge).is_ok());
    }
    assert_eq!(words.key("one more"), Err(Damage::Unusable("attribute key")));
    assert_eq!(words.key("one.more"), Err(Damage::NoRoom("attribute key")));
    assert_eq!(words.metric("one.more", "", Kind::Gauge), Err(Damage::NoRoom("metric")));
    assert_eq!(words.key("key7"), Ok("key7"));
    assert!(words.metric("metric7", "", Kind::Gauge).is_ok());
}

#[test]
fn what_no_metric_is_called_is_refused() {
    let long = "x".repeat(256);
    let mut words = Words::default();
    for (name, unit) in [("", "1"), ("a b", "1"), ("ä", "1"), ("a\u{0}", "1"), (&*long, "1"), ("a", &*long)] {
        assert_eq!(words.metric(name, unit, Kind::Gauge), Err(Damage::Unusable("metric")), "{name} {unit}");
    }
    for key in ["", "a b", "ä", &*long] {
        assert_eq!(words.key(key), Err(Damage::Unusable("attribute key")), "{key}");
    }
    assert_eq!((words.made_metrics, words.made_keys), (0, 0));
}
