//! When files are read, and what is said of them.

use std::sync::Mutex;

use super::*;

/// A file that a test writes.
type File = Arc<Mutex<Result<String, String>>>;

fn followed() -> (Headers, File, Arc<Mutex<Vec<HeaderNotice>>>) {
    let file: File = Arc::new(Mutex::new(Ok("one".to_owned())));
    let told = Arc::new(Mutex::new(Vec::new()));
    let (read, tell) = (file.clone(), told.clone());
    let read: ReadAgain = Arc::new(move || read.lock().unwrap().clone());
    let pairs = [("authorization", "one"), ("x-scope-orgid", "team-a")];
    let headers =
        Headers::following(pairs, vec![("authorization".to_owned(), read)], move |n| tell.lock().unwrap().push(n));
    (headers.unwrap(), file, told)
}

fn at(millis: u64) -> Monotonic {
    Monotonic(Duration::from_millis(millis))
}

#[test]
fn a_value_that_changes_is_sent_after_the_next_look_and_said_once() {
    let (headers, file, told) = followed();
    assert_eq!(headers.at(at(0))["authorization"], "one");
    *file.lock().unwrap() = Ok("two".to_owned());
    assert_eq!(headers.at(at(1999))["authorization"], "one", "not looked at again so soon");
    assert!(told.lock().unwrap().is_empty());
    let map = headers.at(at(2000));
    assert_eq!((&map["authorization"], &map["x-scope-orgid"]), (&"two".parse().unwrap(), &"team-a".parse().unwrap()));
    headers.at(at(9000));
    assert_eq!(*told.lock().unwrap(), [HeaderNotice::Reloaded { name: "authorization".to_owned() }]);
    assert!(map.values().all(HeaderValue::is_sensitive));
}

#[test]
fn after_a_refusal_the_look_does_not_wait() {
    let (headers, file, _) = followed();
    headers.at(at(0));
    *file.lock().unwrap() = Ok("two".to_owned());
    assert_eq!(headers.read_again(at(1))["authorization"], "two");
    assert_eq!(headers.clone().at(at(2))["authorization"], "two", "clones share it");
}

#[test]
fn what_cannot_be_read_keeps_the_last_value_and_is_said_once_until_it_is_mended() {
    let (headers, file, told) = followed();
    let kept = |cause: &str| HeaderNotice::Kept { name: "authorization".to_owned(), cause: cause.to_owned() };
    for (time, content) in [(0, "one"), (1, "!gone"), (2, "!gone"), (3, "a\nb"), (4, "a\nb"), (5, "one"), (6, "one")] {
        let content = content.strip_prefix('!').map_or(Ok(content), Err);
        *file.lock().unwrap() = content.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(headers.read_again(at(time))["authorization"], "one");
    }
    let no_header = "its value would hold a character that a header cannot, such as a line break";
    let mended = HeaderNotice::Reloaded { name: "authorization".to_owned() };
    assert_eq!(*told.lock().unwrap(), [kept("gone"), kept(no_header), mended]);
}

#[test]
fn values_are_shown_nowhere() {
    let headers = Headers::try_new([("authorization", "Bearer hunter2")]).unwrap();
    let map = headers.at(at(0));
    let shown = format!("{headers:?} {map:?}");
    assert!(!shown.contains("hunter2") && shown.contains("authorization"), "{shown}");
    let error = Headers::try_new([("x-token", "hunter2\n")]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn a_header_that_would_break_the_request_is_refused_by_name() {
    for name in
        ["content-type", "Content-Encoding", "grpc-timeout", "te", "host", "user-agent", "x-bin", "bad name", ""]
    {
        let error = Headers::try_new([(name, "x")]).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(Headers::try_new([("x-scope-orgid", "team-a")]).is_ok());
}
