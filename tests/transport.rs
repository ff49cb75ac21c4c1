//! HTTP itself, byte by byte on a real port: cases 1 to 22 as far as they are not the reverse proxy's, and the deadlines of F22.
mod fixture;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use fixture::process::{MANAGEMENT_KEY, Process};

const FORM_HEAD: &str = "POST /oauth/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n";

/// Sends bytes and reads until the peer closes, or has answered once and more is not asked for.
fn exchange(process: &Process, bytes: &[u8], close: bool) -> String {
    let mut stream = process.connect();
    stream.write_all(bytes).unwrap();
    if close {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn closed(head: &str, body: &str) -> String {
    format!("{head}Connection: close\r\n\r\n{body}")
}

#[test]
fn cases_5_to_8_framing_and_host() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    let both = format!("{FORM_HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = exchange(&process, both.as_bytes(), false);
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "the connection is closed, the second request never answered: {answer}");
    for wrong in [
        format!("{FORM_HEAD}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde"),
        format!("{FORM_HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"),
        "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n".into(),
        "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n".into(),
    ] {
        let answer = exchange(&process, wrong.as_bytes(), false);
        assert_eq!(status(&answer), 400, "{wrong:?}: {answer:?}");
    }
    assert_eq!(status(&exchange(&process, b"GET /livez HTTP/1.0\r\n\r\n", false)), 200);
    let coded = format!("{FORM_HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
    assert_eq!(status(&exchange(&process, coded.as_bytes(), false)), 501, "a coding that is not undone is refused");
    for host in ["a b", "u@h", "h/x"] {
        let answer = exchange(&process, format!("GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(), false);
        assert_eq!(status(&answer), 400, "{host}");
    }
}

#[test]
fn cases_10_11_19_to_21_heads_methods_and_paths() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    let get = |head: &str| exchange(&process, format!("{head}Host: a\r\nConnection: close\r\n\r\n").as_bytes(), false);
    assert_eq!(status(&get(&format!("GET /livez HTTP/1.1\r\nX: {}\r\n", "x".repeat(17_000)))), 431);
    assert_eq!(status(&get(&format!("GET /livez HTTP/1.1\r\n{}", "X: y\r\n".repeat(65)))), 431);
    assert_eq!(status(&get(&format!("GET /livez HTTP/1.1\r\n{}", "X: y\r\n".repeat(200)))), 431);
    assert_eq!(status(&get(&format!("GET /livez?{} HTTP/1.1\r\n", "x".repeat(9_000)))), 414);
    let long = get(&format!("POST /oauth/token HTTP/1.1\r\nX: {}\r\n", "x".repeat(17_000)));
    assert!(long.contains("cache-control: no-store") && long.contains("\"error\":\"invalid_request\""), "{long}");
    for method in ["TRACE", "CONNECT", "MADEUP"] {
        let answer = get(&format!("{method} /oauth/token HTTP/1.1\r\n"));
        assert!([405, 501, 400].contains(&status(&answer)), "{method}: {answer}");
    }
    for path in ["//oauth/token", "/oauth/%74oken", "/oauth/token/", "/oauth/token;x=1", "/oauth/..%2ftoken", "/oauth/nope", "/api/nope"] {
        let answer = get(&format!("POST {path} HTTP/1.1\r\nContent-Length: 0\r\n"));
        assert!(status(&answer) == 404 && answer.contains("application/problem+json") && answer.contains("nosniff"), "{path}: {answer}");
    }
    let ok = get("GET /livez HTTP/1.1\r\n").to_lowercase();
    assert!(ok.contains("\r\ndate: ") && ok.contains("x-request-id: req_") && !ok.contains("\r\nserver:"), "{ok}");
}

#[test]
fn cases_12_to_16_bodies() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    let declared = exchange(&process, format!("{FORM_HEAD}Content-Length: 70000\r\n\r\n").as_bytes(), false);
    assert!(status(&declared) == 413 && declared.contains("connection: close"), "refused before any of it is read: {declared}");
    let expecting = exchange(&process, format!("{FORM_HEAD}Content-Length: 70000\r\nExpect: 100-continue\r\n\r\n").as_bytes(), false);
    assert_eq!(status(&expecting), 413, "and no 100 first: {expecting}");
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    let undeclared = exchange(&process, format!("{FORM_HEAD}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(5)).as_bytes(), false);
    assert_eq!(status(&undeclared), 413, "{undeclared}");
    let zipped =
        exchange(&process, closed(&format!("{FORM_HEAD}Content-Encoding: gzip\r\nContent-Length: 3\r\n"), "abc").as_bytes(), false);
    assert!(status(&zipped) == 415 && zipped.contains("accept-encoding: identity"), "{zipped}");
}

#[test]
fn case_58_requests_on_one_connection_are_answered_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    let bad = format!("{FORM_HEAD}Content-Length: 3\r\n\r\na=b");
    let last = "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = exchange(&process, format!("{bad}{bad}{last}").as_bytes(), false);
    let statuses: Vec<_> = answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["400", "400", "200"], "{answer}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "real deadlines of a real process")]
fn f22_case_14_who_is_silent_or_slow_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    let measure = |bytes: &'static [u8]| {
        let mut stream = process.connect();
        std::thread::spawn(move || {
            let began = Instant::now();
            stream.write_all(bytes).unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            (began.elapsed(), String::from_utf8_lossy(&answer).into_owned())
        })
    };
    let silent = measure(b"");
    let head = measure(b"GET /livez HTTP/1.1\r\nHo");
    let body = measure(
        b"POST /oauth/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 50\r\n\r\ngrant",
    );
    for (what, thread, from, to) in [("first byte", silent, 4, 8), ("head", head, 8, 13), ("body", body, 8, 13)] {
        let (took, answer) = thread.join().unwrap();
        assert!(took >= Duration::from_secs(from) && took <= Duration::from_secs(to), "{what}: {took:?}");
        if what == "body" {
            assert_eq!(status(&answer), 408, "{answer}");
        }
    }
}

#[test]
fn case_255_metrics_are_not_on_the_public_listener() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    for path in ["/metrics", "/debug/pprof"] {
        let answer = exchange(&process, format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes(), false);
        assert_eq!(status(&answer), 404);
    }
}

#[tokio::test]
async fn case_12_who_sends_all_of_an_oversized_body_before_reading_is_told_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    for _ in 0..5 {
        let mut stream = process.connect();
        let length = 20 * 1024 * 1024;
        let head = format!(
            "POST /organizations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {MANAGEMENT_KEY}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
        for _ in 0..length / 65536 {
            std::io::Write::write_all(&mut stream, &[b' '; 65536]).unwrap();
        }
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("payload_too_large"), "{answer}");
    }
}
