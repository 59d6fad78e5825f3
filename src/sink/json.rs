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

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

    use super::*;
    use crate::sink::made::{S, gauge, list, of, pair, pairs, point, request, retraction};

    #[test]
    fn numbers_of_64_bits_are_strings_and_a_retraction_has_no_value() {
        let mut resource = pairs(&[("container.name", "web")]);
        resource.push(pair("container.image.tags", list(&["latest"])));
        let points = [point(&[("a", "b\u{1b}")], S, Number::AsInt(i64::MAX)), point(&[], S, Number::AsDouble(0.5))];
        let metrics = points.into_iter().chain([retraction(&[], 2 * S)]).map(|p| gauge("g", "By", vec![p])).collect();
        let sent = request(vec![of(resource, metrics)]);
        let line = line(&sent).unwrap();
        let metric = |attributes: &str, point: &str| {
            format!(
                r#"{{"name":"g","description":"","unit":"By","metadata":[],"gauge":{{"dataPoints":[{{"attributes":{attributes},"startTimeUnixNano":"0",{point}}}]}}}}"#
            )
        };
        let attributes = r#"[{"key":"a","value":{"stringValue":"b\u001b"}}]"#;
        let expected = [
            r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"container.name","value":{"stringValue":"web"}},"#,
            r#"{"key":"container.image.tags","value":{"arrayValue":{"values":[{"stringValue":"latest"}]}}}],"#,
            r#""droppedAttributesCount":0,"entityRefs":[]},"scopeMetrics":[{"scope":{"name":"dockpulse","version":"1","#,
            r#""attributes":[],"droppedAttributesCount":0},"metrics":["#,
            &metric(attributes, r#""timeUnixNano":"1000000000","exemplars":[],"flags":0,"asInt":"9223372036854775807""#),
            ",",
            &metric("[]", r#""timeUnixNano":"1000000000","exemplars":[],"flags":0,"asDouble":0.5"#),
            ",",
            &metric("[]", r#""timeUnixNano":"2000000000","exemplars":[],"flags":1"#),
            r#"],"schemaUrl":""}],"schemaUrl":""}]}"#,
            "\n",
        ]
        .concat();
        assert_eq!(line, expected);
        let back = serde_json::from_str(&line).unwrap();
        assert_eq!(sent, back);
    }

    #[test]
    fn ids_are_hexadecimal() {
        let span = Span { trace_id: vec![0xab; 16], span_id: vec![1; 8], end_time_unix_nano: 5, ..Default::default() };
        let scope_spans = vec![ScopeSpans { spans: vec![span], ..Default::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..Default::default() }];
        let line = line(&ExportTraceServiceRequest { resource_spans }).unwrap();
        assert!(line.contains(&format!(r#""traceId":"{}","spanId":"0101010101010101""#, "ab".repeat(16))), "{line}");
        assert!(line.contains(r#""endTimeUnixNano":"5""#), "{line}");
    }
}
