//! Metrics that take two samples: after a restart the first one of the agent cannot have them.

use super::*;

#[test]
fn what_a_first_sample_cannot_tell_is_known_in_each_profile() {
    for (profile, wanted) in [
        (Profile::Semconv, &["container.cpu.usage"][..]),
        (Profile::DockerStats, &["container.cpu.utilization"]),
        (Profile::DockerExporter, &[]),
    ] {
        let metrics = profile.metrics().iter().map(|metric| (metric.name.to_owned(), true)).collect();
        let mut converter = Converter::new("prod".into(), Settings { profile, metrics, ..Settings::default() });
        let cpu = |n| Cpu {
            total: Some(n),
            user: Some(n),
            system: Some(0),
            host: Some(9),
            online: Some(1),
            ..Cpu::default()
        };
        let sample = |n: u64| {
            let read = Some(UnixNanos((200 + n) * SECOND));
            Sample {
                read,
                cpu: cpu(n.cast_signed()),
                networks: vec![network("eth0", 1)],
                pids: Some(1),
                ..Sample::default()
            }
        };
        let facts = facts(State::Running, None);
        let mut told = |usage: &Usage| {
            let points = converter.usage(&facts, usage);
            points.iter().map(|p| p.metric.name).collect::<std::collections::BTreeSet<_>>()
        };
        let first = told(&usage(sample(1)));
        let (read, at) = (Some(UnixNanos(201 * SECOND)), Monotonic(Duration::from_secs(59)));
        let previous = Previous { cpu_total: Some(1), cpu_host: Some(9), read, at };
        let second = told(&Usage { previous: Some(previous), ..usage(sample(2)) });
        assert_eq!(second.difference(&first).copied().collect::<Vec<_>>(), wanted);
        assert_eq!(converter.from_two().iter().map(|metric| metric.name).collect::<Vec<_>>(), wanted);
    }
}
