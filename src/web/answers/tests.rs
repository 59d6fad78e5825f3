//! Routes and their headers.

use super::*;
use crate::model::time::Clock;
use crate::status::{Agent, Note};
use crate::web::stream::Feed;

struct Asked {
    answers: Answers,
    _feed: Feed,
}

fn asked() -> Asked {
    let handle = Handle::new(Agent::default(), Clock::start(), Default::default);
    let (feed, streams) = Feed::new(&handle);
    let guard = Guard::new(true, "web");
    let answers = Answers { guard, assets: Assets::new(), handle, streams, measures: Box::new(Measures::default) };
    Asked { answers, _feed: feed }
}

impl Asked {
    fn ask(&self, method: Method, path: &str, header: Option<(&str, &str)>) -> Response<Body> {
        let request = http::Request::builder().method(method).uri(path).header("host", "localhost");
        let request = header.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        self.answers.answer(&request.body(()).expect("a request").into_parts().0)
    }

    fn get(&self, path: &str) -> Response<Body> {
        self.ask(Method::GET, path, None)
    }
}

async fn body(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test]
async fn each_route_has_its_type() {
    let asked = asked();
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/status.json", "application/json"),
        ("/events", "text/event-stream"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/healthz", "text/plain; charset=utf-8"),
    ] {
        let response = asked.get(path);
        assert_eq!((response.status(), header(&response, "content-type")), (StatusCode::OK, content_type), "{path}");
    }
    let status: crate::status::Delta = serde_json::from_str(&body(asked.get("/status.json")).await).unwrap();
    assert!(status.whole && status.revision > 0);
    assert_eq!(body(asked.get("/healthz")).await, "ok\n");
}

#[tokio::test]
async fn is_not_ready_before_the_first_probe_and_says_why() {
    let asked = asked();
    let response = asked.get("/readyz");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body(response).await, "no engine is watched yet\n");
}

#[test]
fn a_scrape_copies_nothing_that_there_are_many_of() {
    let asked = asked();
    asked.answers.handle.tell(|board| {
        board.engine("e".into(), "unix:///e".into());
        board.note(Note::default());
    });
    let summary = asked.answers.summary();
    assert_eq!((summary.engines.len(), summary.whole, summary.notes.len()), (1, false, 0));
}

#[tokio::test]
async fn a_strange_path_gets_a_fixed_answer() {
    let asked = asked();
    let first = body(asked.get("/x")).await;
    for path in ["/../etc/passwd", "/%2e%2e/", "//", "/%3Cscript%3E", "/index.html", "/status.json/", "*"] {
        let response = asked.get(path);
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(body(response).await, first, "{path}");
    }
    assert_eq!(asked.get("/healthz?x=%3Cscript%3E").status(), StatusCode::OK, "a query is not looked at");
}

#[tokio::test]
async fn every_answer_forbids_what_the_page_does_not_need() {
    let asked = asked();
    let post = asked.ask(Method::POST, "/", None);
    assert_eq!((post.status(), header(&post, "allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"));
    for response in [post, asked.get("/"), asked.get("/nothing"), asked.get("/events"), asked.get("/metrics")] {
        let policy = header(&response, "content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "x-frame-options"), "DENY");
        assert_eq!(header(&response, "cross-origin-resource-policy"), "same-origin");
        assert_eq!(header(&response, "access-control-allow-origin"), "");
        assert_ne!(header(&response, "cache-control"), "");
    }
}

#[tokio::test]
async fn files_of_the_page_are_asked_for_again_and_sent_once() {
    let asked = asked();
    let first = asked.get("/page.js");
    assert_eq!(header(&first, "cache-control"), "no-cache");
    let again = asked.ask(Method::GET, "/page.js", Some(("if-none-match", header(&first, "etag"))));
    assert_eq!((again.status(), body(again).await.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(header(&asked.get("/status.json"), "cache-control"), "no-store");
}

#[tokio::test]
async fn too_many_pages_are_told_to_come_later_and_a_look_at_the_head_takes_no_place() {
    let asked = asked();
    for _ in 0..100 {
        assert_eq!(asked.ask(Method::HEAD, "/events", None).status(), StatusCode::OK);
    }
    let open: Vec<_> = (0..super::super::stream::STREAMS).map(|_| asked.get("/events")).collect();
    let refused = asked.get("/events");
    assert_eq!((refused.status(), header(&refused, "retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    drop(open);
    assert_eq!(asked.get("/events").status(), StatusCode::OK);
}
