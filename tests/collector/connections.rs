//! Connections that break, hang and lie, by a line that is worked by hand.

use std::time::Duration;

use dockpulse::export::{Failure, Outcome, Protocol, Settings};

use crate::agent::{Agent, BOTH, settings};
use crate::faulty::{Answer, Faulty};
use crate::line::{Line, Mode};

/// So long one try may take.
const TRY: Duration = Duration::from_millis(150);

async fn over_a_line(protocol: Protocol) -> (Line, Agent) {
    let collector = Faulty::start().await;
    let line = Line::to(collector.port).await;
    let to = Settings { timeout: TRY, ..settings(&line.url(), protocol) };
    let agent = Agent::with(collector, to, 64 << 20).await;
    agent.collector.further(2).await;
    (line, agent)
}

async fn until_failed(agent: &Agent, times: u32) {
    let failed = |outcome: &Outcome| matches!(outcome, Outcome::Retrying { attempt, .. } if *attempt >= times);
    agent.until_told("failures", |report| failed(&report.outcome)).await;
}

#[tokio::test]
pub(crate) async fn a_collector_that_is_away_gets_all_in_order_when_it_is_back() {
    for protocol in BOTH {
        let (mut line, agent) = over_a_line(protocol).await;
        line.part().await;
        until_failed(&agent, 3).await;
        agent.engine.remove("db");
        agent.engine.run("late");
        agent.probes_go_on().await;
        agent.engine.remove("late");
        assert!(agent.words().contains("refused"), "{}", agent.words());
        line.join().await;
        agent.collector.further(3).await;
        agent.finish().await.all();
    }
}

#[tokio::test]
pub(crate) async fn connections_that_are_reset_lose_nothing() {
    for protocol in BOTH {
        let (line, agent) = over_a_line(protocol).await;
        line.set(Mode::Reset);
        until_failed(&agent, 3).await;
        line.set(Mode::Open);
        agent.collector.further(3).await;
        agent.finish().await.all();
    }
}

#[tokio::test]
pub(crate) async fn a_connection_that_is_half_open_costs_one_try_and_a_partition_loses_nothing() {
    for protocol in BOTH {
        let (line, agent) = over_a_line(protocol).await;
        line.set(Mode::Silent);
        until_failed(&agent, 2).await;
        agent.engine.remove("db");
        agent.probes_go_on().await;
        let timeout = |o: &Outcome| matches!(o, Outcome::Retrying { cause: Failure::Timeout(t), .. } if *t == TRY);
        assert!(agent.reports().iter().any(|r| timeout(&r.outcome)), "{}", agent.words());
        assert!(line.accepted() >= 3, "a try that hung leaves its connection: {}", line.accepted());
        line.set(Mode::Open);
        agent.collector.further(3).await;
        agent.finish().await.all();
    }
}

#[tokio::test]
pub(crate) async fn answers_that_get_lost_bring_the_same_bytes_again_and_no_others() {
    for protocol in BOTH {
        let (line, agent) = over_a_line(protocol).await;
        line.set(Mode::Mute);
        until_failed(&agent, 3).await;
        line.set(Mode::Open);
        agent.collector.further(3).await;
        let verdict = agent.finish().await;
        assert!(verdict.repeated >= 2, "the collector had taken it: {}", verdict.repeated);
        verdict.all();
    }
}

#[tokio::test]
pub(crate) async fn whoever_answers_with_garbage_gets_the_data_when_it_speaks_otlp() {
    for protocol in BOTH {
        for garbage in [&b"\xff\0\xfe garbage \r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 2"] {
            let (line, agent) = over_a_line(protocol).await;
            line.set(Mode::Garbage(garbage));
            until_failed(&agent, 2).await;
            assert!(agent.words().chars().all(|c| c == '\n' || !c.is_control()), "{}", agent.words());
            line.set(Mode::Open);
            agent.collector.further(2).await;
            agent.finish().await.all();
        }
    }
}

#[tokio::test]
pub(crate) async fn a_connection_that_is_cut_around_the_answer_brings_the_same_bytes_again() {
    for protocol in BOTH {
        for (answer, taken) in [(Answer::CutUntaken, 0), (Answer::Cut, 1), (Answer::CutWithin, 1)] {
            let agent = Agent::start(Faulty::start().await, protocol).await;
            agent.collector.further(2).await;
            agent.engine.remove("db");
            agent.collector.answer([answer.clone(), answer.clone()]);
            agent.collector.played().await;
            let verdict = agent.finish().await;
            // Over HTTP a 200 says that it was taken, whatever comes of its body.
            let again =
                if protocol == Protocol::HttpProtobuf && matches!(answer, Answer::CutWithin) { 0 } else { taken };
            assert_eq!(verdict.repeated, again * 2, "{answer:?} over {protocol:?}");
            verdict.all();
        }
    }
}

#[tokio::test]
pub(crate) async fn a_collector_that_ends_its_connections_loses_nothing_and_gets_nothing_twice() {
    for protocol in BOTH {
        let agent = Agent::start(Faulty::start().await, protocol).await;
        agent.collector.further(1).await;
        agent.collector.answer([Answer::Leave, Answer::Leave]);
        agent.collector.played().await;
        let connections = agent.collector.received().last().map(|r| r.connection);
        assert!(connections >= Some(1), "the first one ended: {connections:?}");
        let verdict = agent.finish().await;
        assert_eq!(verdict.repeated, 0);
        verdict.all();
    }
}

#[tokio::test]
pub(crate) async fn a_collector_that_hangs_costs_a_try_and_the_probes_go_on() {
    for protocol in BOTH {
        let collector = Faulty::start().await;
        let to = Settings { timeout: TRY, ..settings(&collector.url(), protocol) };
        let agent = Agent::with(collector, to, 64 << 20).await;
        agent.collector.further(1).await;
        agent.collector.always(Answer::Hang);
        agent.probes_go_on().await;
        agent.collector.further(2).await;
        agent.collector.always(Answer::Take);
        agent.collector.further(2).await;
        agent.finish().await.all();
    }
}

#[tokio::test]
pub(crate) async fn a_slow_collector_gets_one_request_at_a_time_and_loses_nothing() {
    for protocol in BOTH {
        let agent = Agent::start(Faulty::start().await, protocol).await;
        let by = Duration::from_millis(120);
        agent.collector.always(Answer::Slow(by));
        let received = agent.collector.further(4).await;
        let gaps: Vec<Duration> = received.windows(2).map(|two| two[1].at - two[0].at).collect();
        assert!(gaps.iter().skip(1).all(|gap| *gap >= by), "{gaps:?}");
        agent.probes_go_on().await;
        agent.collector.always(Answer::Take);
        agent.finish().await.all();
    }
}
