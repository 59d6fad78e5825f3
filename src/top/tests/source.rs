//! The table for scripts, out of what a source says.

use std::collections::VecDeque;

use async_trait::async_trait;

use super::*;
use crate::model::time::Clock;
use crate::top::{Format, Source, SourceError, TopError, once, plain};

/// Says one thing after the other, then nothing.
struct Scripted(VecDeque<Result<Delta, SourceError>>);

#[async_trait(?Send)]
impl Source for Scripted {
    async fn next(&mut self) -> Result<Delta, SourceError> {
        match self.0.pop_front() {
            Some(said) => said,
            None => std::future::pending().await,
        }
    }
}

async fn written(said: Vec<Result<Delta, SourceError>>, format: Format) -> Result<String, TopError> {
    let mut out = Vec::new();
    let source = Box::new(Scripted(said.into()));
    let end = std::future::pending();
    once(source, top(Origin::Agent), format, &Clock::start(), end, &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn the_table_has_all_columns_in_one_word_each() {
    let top = told(all_kinds());
    let table = plain::table(&top, at(1).mono);
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(rows.iter().all(|row| row.len() == 14), "{table}");
    assert_eq!(rows[1][..5], ["web", "running", "unhealthy", "190.0%", "400M/512M"], "{table}");
    assert!(table.contains("exited(137)") && table.contains("名前-\\u{1b}[31mevil\\u{202e}"), "{table}");
    assert!(table.lines().all(|line| !line.ends_with(' ')));
}

#[tokio::test(start_paused = true)]
async fn numbers_are_waited_for() {
    let probes = |probes| EngineRow { probes, ..engine(0, "local") };
    let early = Delta { whole: true, engines: vec![probes(0)], ..delta(1, Vec::new()) };
    let late = Delta { engines: vec![probes(2)], ..delta(2, vec![row("web", Some(sample(2, 0.5, 10)))]) };
    let lost = SourceError::Lost("not yet".to_owned());
    let table = written(vec![Err(lost), Ok(early), Ok(late)], Format::Table).await.unwrap();
    assert!(table.contains("web") && table.contains("50.0%"), "{table}");
}

#[tokio::test(start_paused = true)]
async fn json_is_the_whole_of_it() {
    let text = written(vec![Ok(all_kinds())], Format::Json).await.unwrap();
    assert_eq!(text.lines().count(), 1);
    let read: Delta = serde_json::from_str(&text).unwrap();
    assert_eq!((read.whole, read.containers.len(), read.retractions.len()), (true, 6, 3));
}

#[tokio::test(start_paused = true)]
async fn where_no_engine_answers_that_is_the_answer() {
    let down = EngineRow { up: Some(false), error: Some("permission\ndenied".into()), ..engine(0, "local") };
    let said = Delta { whole: true, engines: vec![down], ..delta(1, Vec::new()) };
    let error = written(vec![Ok(said)], Format::Table).await.unwrap_err();
    assert_eq!(error.to_string(), "engine local: permission\\ndenied");
    let silent = written(vec![Err(SourceError::Lost("no agent".to_owned()))], Format::Table).await.unwrap_err();
    assert_eq!(silent.to_string(), "no numbers came within 30 s: no agent");
    let over = written(vec![Err(SourceError::Over("crash".to_owned()))], Format::Table).await.unwrap_err();
    assert_eq!(over.to_string(), "crash");
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_told_before_it_was_lost_is_not_shown_as_live() {
    let engines = vec![EngineRow { probes: 0, ..engine(0, "local") }];
    let early = Delta { whole: true, engines, ..delta(1, vec![row("web", None)]) };
    let lost = SourceError::Lost("the agent is gone".to_owned());
    let error = written(vec![Ok(early), Err(lost)], Format::Table).await.unwrap_err();
    assert_eq!(error.to_string(), "no numbers came within 30 s: the agent is gone");
}
