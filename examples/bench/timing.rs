//! Whether time tells why a client was refused (case 95): the best single threshold over interleaved requests.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use chancery::clock::instant;
use serde_json::json;

use crate::bare::pin;
use crate::house::{House, text};
use crate::report::Report;
use crate::rungs::{ASKED, basic, post};

const EACH: usize = 20_000;

pub fn measure(report: &mut Report) {
    let folder = tempfile::tempdir_in("target").unwrap();
    // Each request from an address of its own, or the throttle would answer for all of them.
    let house = House::start_in(folder.path(), Some("0"), &[("CHANCERY_TRUSTED_PROXIES", "127.0.0.1/32")]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let kinds = runtime.block_on(async {
        let organization = house.organization().await;
        let make = async || house.manage("POST", "/connect/applications", json!({ "name": "a", "organization_id": organization })).await;
        let (live, other, disabled) = (make().await, make().await, make().await);
        house.manage("POST", &format!("/connect/applications/{}/disable", text(&disabled["id"])), json!({})).await;
        let secret = |made: &serde_json::Value| text(&made["client_secret"]["secret"]);
        let unknown = "client_01KAJ2M3N4P5Q6R7S8T9V0W1X2";
        [
            ("an unknown client", basic(unknown, &secret(&other))),
            ("a wrong secret", basic(&text(&live["client_id"]), &secret(&other))),
            ("a disabled application", basic(&text(&disabled["client_id"]), &secret(&disabled))),
        ]
    });
    pin(1);
    let mut stream = TcpStream::connect(house.address()).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut times: [Vec<u64>; 3] = Default::default();
    for number in 0..3 * EACH {
        // In an order that goes with nothing else that is periodic.
        let kind = (number / 3 * 7 + number * 2) % 3;
        let source = format!("X-Forwarded-For: 10.{}.{}.{}\r\n", number >> 16, number >> 8 & 255, number & 255);
        let request = post("/oauth/token", &kinds[kind].1, ASKED).replacen("Host: a\r\n", &format!("Host: a\r\n{source}"), 1);
        let began = instant();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 2048];
        let read = stream.read(&mut answer).unwrap();
        let took = Instant::elapsed(&began).as_nanos() as u64;
        assert!(answer[..read].starts_with(b"HTTP/1.1 401"), "{}", String::from_utf8_lossy(&answer[..read]));
        times[kind].push(took);
    }
    for (one, other) in [(0, 1), (1, 2), (0, 2)] {
        report.say(&format!(
            "Told apart by the best single threshold, {} and {}: {:.1} % of 2 × {EACH:} right.\n",
            kinds[one].0,
            kinds[other].0,
            100.0 * best_threshold(&times[one], &times[other])
        ));
    }
}

/// The part that is told right by the threshold that tells the most.
fn best_threshold(one: &[u64], other: &[u64]) -> f64 {
    let mut all: Vec<_> = one.iter().map(|time| (*time, 1_i64)).chain(other.iter().map(|time| (*time, -1))).collect();
    all.sort_unstable();
    let (mut ahead, mut most) = (0_i64, 0);
    for (place, (time, one)) in all.iter().enumerate() {
        ahead += one;
        if all.get(place + 1).is_none_or(|(next, _)| next != time) {
            most = most.max(ahead.abs());
        }
    }
    0.5 + most as f64 / (one.len() + other.len()) as f64
}
