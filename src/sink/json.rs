//! What arrives, as OTLP/JSON: one request a line, as the Collector's file exporter writes it.
//!
//! opentelemetry-proto writes numbers that are not finite as `null`.

use serde::Serialize;

/// One request as a line.
pub fn line(request: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    Ok(line)
}
