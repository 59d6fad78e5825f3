//! `dockpulse status`: what the running agent tells of itself.

use std::io::Write;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;

use super::AppError;
use crate::config::{ControlListen, Loaded};
use crate::control::{Address, Client, screen};
use crate::status::{Delta, RETRACTIONS};

/// From one screen to the next.
const EVERY: Duration = Duration::from_secs(1);
/// Clears a terminal and goes to its first line.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// How it is shown.
#[derive(Debug, Clone, Copy)]
pub struct StatusOptions {
    /// As JSON: one object, or one a line with `watch`.
    pub json: bool,
    /// Again and again, until the agent ends.
    pub watch: bool,
    /// With colours; with `watch` each screen is where the last one was.
    pub color: bool,
}

/// Where the agent is by its settings, or by a flag that stands over them.
///
/// # Errors
/// The settings have no control API.
pub fn control_address(loaded: &Loaded) -> Result<Address, AppError> {
    let off = || {
        AppError::Status(
            "control.listen is off: the agent can be asked nothing; --control ADDRESS asks another".to_owned(),
        )
    };
    super::operations::address(&loaded.settings.control.listen).ok_or_else(off)
}

/// Where an agent is by the text of a flag.
///
/// # Errors
/// What is wrong with it.
pub fn control_flag(text: &str) -> Result<Address, String> {
    let listen = ControlListen::try_new(text)?;
    super::operations::address(&listen).ok_or_else(|| "expected an address, not off".to_owned())
}

/// Asks the agent at `address` and writes what it tells to `out`.
///
/// # Errors
/// No agent answers.
pub async fn status(address: Address, options: StatusOptions, out: &mut (impl Write + ?Sized)) -> Result<(), AppError> {
    let client = Client::connect(&address).await?;
    if options.watch {
        return watch(&client, options, out).await;
    }
    if options.json {
        writeln!(out, "{:#}", json(&client.snapshot().await?))?;
    } else {
        screen::write(&client.status().await?, options.color, out)?;
    }
    Ok(())
}

async fn watch(client: &Client, options: StatusOptions, out: &mut (impl Write + ?Sized)) -> Result<(), AppError> {
    let mut deltas = pin!(client.watch(0, EVERY).await?);
    let mut retractions = Vec::new();
    while let Some(delta) = deltas.next().await {
        let mut delta = delta?;
        if options.json {
            writeln!(out, "{}", json(&delta))?;
        } else {
            if delta.whole {
                retractions.clear();
            }
            retractions.append(&mut delta.retractions);
            let old = retractions.len().saturating_sub(RETRACTIONS);
            retractions.drain(..old);
            delta.retractions.clone_from(&retractions);
            let mut page = Vec::new();
            screen::write(&delta, options.color, &mut page)?;
            out.write_all(if options.color { CLEAR } else { "\n" }.as_bytes())?;
            out.write_all(&page)?;
        }
        out.flush()?;
    }
    Ok(())
}

fn json(delta: &Delta) -> serde_json::Value {
    serde_json::to_value(delta).unwrap_or_default()
}
