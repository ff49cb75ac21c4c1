//! Instances and the database die under load, and nothing that was acknowledged is lost (F1, F8 to F12, A12). `CHANCERY_KILLS` sets how
//! often; `make soak` kills two hundred instances and restarts the database fifty times, and stops it for a whole minute.
mod fixture;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_verifier::Verifier;
use fixture::cluster::{Cluster, url};
use fixture::instances::{Answer, Instance, Several, text};
use fixture::load::Load;
use fixture::process::MANAGEMENT_KEY;
use fixture::proxy::Proxy;
use serde_json::{Value, json};

#[expect(clippy::disallowed_methods, reason = "how long a soak runs is for whoever starts it")]
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[expect(clippy::disallowed_methods, reason = "instances are watched from outside")]
fn now() -> Instant {
    Instant::now()
}

fn soaks() -> bool {
    setting("CHANCERY_KILLS", 0) > 0
}

/// What is allowed of time: in a soak exactly that, and beside other tests, on a machine that has no time for this one, some seconds more.
fn within(limit: Duration) -> Duration {
    if soaks() { limit } else { limit + Duration::from_secs(3) }
}

/// Asks until it is done; how long that took.
async fn until(mut done: impl AsyncFnMut() -> bool) -> Duration {
    let began = now();
    while !done().await {
        assert!(began.elapsed() < Duration::from_secs(20), "it never came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_f8_instances_and_the_database_die_and_nothing_acknowledged_is_lost() {
    let kills = setting("CHANCERY_KILLS", 8) as usize;
    let cluster = Cluster::new();
    let several = Several::on(cluster.primary.make("several").await);
    let mut instances: Vec<_> = (0..3).map(|number| several.start(&number.to_string())).collect();
    let organization = instances[0].organization().await;
    let watched = instances[0].client(&instances[0].organization().await).await;
    let load = Load::new(instances.iter().map(|instance| instance.process.base.clone()).collect(), organization);
    let tasks: Vec<_> = (0..6).map(|seed| tokio::spawn(load.clone().work(seed))).collect();
    let (mut restarts, mut back) = (0, Duration::ZERO);
    for kill in 0..kills {
        tokio::time::sleep(Duration::from_millis(100 + (kill as u64 * 37) % 200)).await;
        let dies = kill % instances.len();
        instances.remove(dies).kill();
        instances.insert(dies, several.start(&dies.to_string()));
        load.bases.lock().unwrap()[dies] = instances[dies].process.base.clone();
        if kill % 4 == 3 {
            cluster.primary.control(&["restart", "-m", "immediate"]);
            restarts += 1;
            for instance in &instances {
                let changes = until(async || {
                    let base = &instance.process.base;
                    let made = instance.caller.manage(base, "POST", "/organizations", json!({ "name": "back" }), None).await;
                    matches!(made, Ok((201, _)))
                });
                back = back.max(changes.await);
                assert!(instance.token(&watched).await.is_ok(), "issuing goes on");
            }
        }
    }
    load.stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    let mut count = 0;
    for instance in &instances {
        until(async || instance.token(&watched).await.is_ok()).await;
        count = load.check(instance).await;
    }
    several.audit();
    let refused = load.refused.load(Ordering::Relaxed);
    println!("{kills} kills, {restarts} restarts: {count} acknowledged, {refused} times 503, changes taken again after at most {back:?}");
    assert!(back <= within(Duration::from_secs(2)), "changes were taken again only after {back:?}");
}

/// The moments that the frames of an instance's feed speak of, as they come.
fn frames(instance: &Instance) -> Arc<Mutex<Vec<i64>>> {
    let (heard, base) = (Arc::<Mutex<Vec<i64>>>::default(), instance.process.base.clone());
    let hears = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut response = reqwest::get(format!("{base}/status/v1/feed")).await.unwrap();
        let mut unread = String::new();
        while let Ok(Some(piece)) = response.chunk().await {
            unread.push_str(&String::from_utf8_lossy(&piece));
            while let Some(end) = unread.find('\n') {
                let line: String = unread.drain(..=end).collect();
                let Some(frame) = line.trim().strip_prefix("data:") else { continue };
                let Some(body) = frame.split('.').nth(1) else { continue };
                let body = String::from_utf8(URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap();
                let as_of = body.split("\"as_of\":").nth(1).unwrap();
                hears.lock().unwrap().push(as_of.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap());
            }
        }
    });
    heard
}

#[expect(clippy::disallowed_methods, reason = "frames name the time of day")]
fn millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a12_a_standby_takes_over_and_the_deposed_primary_is_good_for_nothing() {
    let cluster = Cluster::new();
    let database = cluster.primary.make("several").await;
    let standby = cluster.stand_by().await;
    let proxy = Proxy::new().await;
    proxy.lead_to(&format!("http://127.0.0.1:{}", cluster.primary.port));
    let several = Several::on(url(proxy.port(), "several")).with("CHANCERY_STATUS_PROFILE", "strict");
    let follows = [several.start("a"), several.start("b")];
    // This one never hears that there is another primary.
    let left_behind = several.start_on("left-behind", &database);
    let organization = follows[0].organization().await;
    let client = follows[0].client(&organization).await;
    let token = follows[0].token(&client).await.unwrap();
    let load = Load::new(follows.iter().map(|instance| instance.process.base.clone()).collect(), organization);
    let tasks: Vec<_> = (0..4).map(|seed| tokio::spawn(load.clone().work(seed))).collect();
    let heard = frames(&left_behind);
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert!(!heard.lock().unwrap().is_empty(), "frames come while all is well");

    standby.control(&["promote"]);
    let promoted = millis();
    proxy.cut();
    tokio::time::sleep(Duration::from_millis(50)).await;
    proxy.lead_to(&format!("http://127.0.0.1:{}", standby.port));
    proxy.heal();
    let back = until(async || {
        let made = follows[0].caller.manage(&follows[0].process.base, "POST", "/organizations", json!({ "name": "back" }), None).await;
        matches!(made, Ok((201, _)))
    });
    println!("changes are taken again after {:?}", back.await);
    follows[0].manage("DELETE", &format!("/connect/applications/{}", client.id), Value::Null).await;
    assert_eq!(follows[1].introspect(&token).await, Ok(false));
    for _ in 0..3 {
        let began = now();
        let base = &left_behind.process.base;
        let refused = left_behind.caller.manage(base, "POST", "/organizations", json!({ "name": "lost" }), None).await.unwrap();
        assert_eq!(refused.0, 503, "{refused:?}");
        assert!(began.elapsed() < within(Duration::from_millis(2200)), "{:?}", began.elapsed());
    }
    assert_eq!(left_behind.introspect(&token).await, Err(503), "what it reads may be an older view");
    load.stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    let last = heard.lock().unwrap().iter().copied().max().unwrap();
    assert!(last <= promoted, "a frame of the deposed primary says it is as of {} ms after the promotion", last - promoted);
    for instance in &follows {
        load.check(instance).await;
    }
    several.audit();
}

/// How a minute without the database went.
#[derive(Default)]
struct Tally {
    tokens: usize,
    failed: usize,
    slowest_refusal: Duration,
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_without_the_database_tokens_are_issued_for_as_long_as_the_lease_lasts() {
    let lease = Duration::from_secs(setting("CHANCERY_LEASE_SECONDS", 5));
    let staleness = lease / 3;
    let cluster = Cluster::new();
    let several = Several::on(cluster.primary.make("several").await).with("CHANCERY_STATUS_PROFILE", "available");
    let mut several = several.with("CHANCERY_LEASE", format!("{}s", lease.as_secs()));
    let door = Proxy::new().await;
    several.issuer = door.base.clone();
    let instances = [several.start("a"), several.start("b")];
    door.lead_to(&instances[0].process.base);
    let client = instances[0].client(&instances[0].organization().await).await;
    until(async || instances[1].token(&client).await.is_ok()).await;
    let verifier = async |staleness| {
        let verifier = Verifier::discover(&door.base).audience(&door.base).management_key(MANAGEMENT_KEY);
        match staleness {
            Some(staleness) => verifier.max_staleness(staleness).connect().await.unwrap(),
            None => verifier.connect().await.unwrap(),
        }
    };
    let (available, impatient) = (verifier(None).await, verifier(Some(staleness)).await);
    assert!(impatient.verify(&instances[0].token(&client).await.unwrap()).await.is_ok());
    let before = resources(&instances[0]);

    let stopped = now();
    cluster.primary.control(&["stop", "-m", "fast"]);
    for instance in &instances {
        let noticed = async || instance.caller.get(&instance.process.base, "/readyz").await.unwrap().1["status"] == "degraded";
        let noticed = until(noticed).await;
        assert!(noticed <= within(Duration::from_millis(300)), "{noticed:?}");
    }
    // The lease began when the store was last read, and that was a while before it was gone.
    let surely = if soaks() { lease - Duration::from_millis(300) } else { lease * 4 / 5 };
    let mut tally = Tally::default();
    let mut refused_by_the_impatient = None;
    while stopped.elapsed() < surely {
        for instance in &instances {
            let base = &instance.process.base;
            for _ in 0..5 {
                tally.tokens += 1;
                let Ok(token) = instance.token(&client).await else {
                    tally.failed += 1;
                    continue;
                };
                assert!(available.verify(&token).await.is_ok(), "the available verifier takes what is issued");
                if impatient.verify(&token).await.is_err() {
                    refused_by_the_impatient.get_or_insert(stopped.elapsed());
                }
            }
            assert_eq!(instance.caller.get(base, "/.well-known/jwks.json").await.unwrap().0, 200);
            let (status, ready) = instance.caller.get(base, "/readyz").await.unwrap();
            assert_eq!((status, &ready["status"]), (200, &json!("degraded")));
            for refused in [
                timed(instance.caller.manage(base, "POST", "/organizations", json!({ "name": "b" }), None)).await,
                timed(instance.caller.manage(base, "GET", "/organizations", Value::Null, None)).await,
                timed(instance.caller.introspect(base, "x")).await,
            ] {
                assert_eq!(refused.0, 503);
                tally.slowest_refusal = tally.slowest_refusal.max(refused.1);
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!(
        "{} token requests within the lease, {} failed; refusals took at most {:?}",
        tally.tokens, tally.failed, tally.slowest_refusal
    );
    assert!(tally.failed * 1000 <= tally.tokens, "{} of {} token requests failed", tally.failed, tally.tokens);
    assert!(tally.slowest_refusal < within(Duration::from_millis(100)), "{:?}", tally.slowest_refusal);
    let refused_after = refused_by_the_impatient.expect("the impatient verifier went on");
    println!("a verifier that bears {staleness:?} refused after {refused_after:?}");
    assert!(refused_after + Duration::from_millis(2100) > staleness && refused_after < staleness + within(Duration::from_millis(500)));
    tokio::time::sleep((lease + Duration::from_millis(600)).saturating_sub(stopped.elapsed())).await;
    for instance in &instances {
        assert_eq!(instance.token(&client).await, Err(503), "the lease is over");
        assert_eq!(instance.caller.get(&instance.process.base, "/readyz").await.unwrap().0, 503);
    }
    let after = resources(&instances[0]);
    println!("resident memory {} kB before and {} kB after, open files {} and {}", before.0, after.0, before.1, after.1);
    assert!(after.1 <= before.1 + 8, "connections pile up");

    cluster.primary.start();
    let resumed = until(async || instances[0].token(&client).await.is_ok()).await;
    let token = instances[0].token(&client).await.unwrap();
    let followed = until(async || impatient.verify(&token).await.is_ok()).await;
    println!("issuing resumed after {resumed:?}, the impatient verifier after another {followed:?}");
    assert!(resumed <= within(Duration::from_secs(2)) && followed <= within(Duration::from_secs(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn f18_an_instance_that_was_paused_signs_nothing_with_a_key_that_was_withdrawn_meanwhile() {
    let cluster = Cluster::new();
    let several = Several::on(cluster.primary.make("several").await).with("CHANCERY_LEASE", "1s");
    let instances = [several.start("a"), several.start("b")];
    let client = instances[0].client(&instances[0].organization().await).await;
    until(async || instances[1].token(&client).await.is_ok()).await;
    // The first use is written down by then: who is paused while he holds the head lock keeps it for two seconds.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let paused = rustix::process::Pid::from_child(&instances[1].process.child);
    rustix::process::kill_process(paused, rustix::process::Signal::STOP).unwrap();
    let keys = instances[0].manage("GET", "/signing_keys", Value::Null).await;
    let signs = |key: &&Value| key["state"] == "active" && key["purpose"] == "access_token";
    let withdrawn = text(&keys["data"].as_array().unwrap().iter().find(signs).unwrap()["kid"]);
    let revoke = format!("/signing_keys/{withdrawn}/revoke");
    let caller = &instances[0].caller;
    let revoked = until(async || caller.manage(&instances[0].process.base, "POST", &revoke, json!({}), None).await.unwrap().0 == 200);
    revoked.await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let (caller, base, client) = (instances[1].caller.clone(), instances[1].process.base.clone(), client.clone());
            tokio::spawn(async move { caller.token(&base, &client).await.unwrap() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    rustix::process::kill_process(paused, rustix::process::Signal::CONT).unwrap();
    for answer in asked {
        let (status, answer) = answer.await.unwrap();
        if status == 200 {
            let head = text(&answer["access_token"]).split('.').next().unwrap().to_owned();
            let head: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap();
            assert_ne!(head["kid"], *withdrawn);
        } else {
            assert_eq!(status, 503, "{answer}");
        }
    }
    until(async || instances[1].token(&client).await.is_ok()).await;
}

async fn timed(answer: impl Future<Output = Answer>) -> (u16, Duration) {
    let began = now();
    (answer.await.unwrap().0, began.elapsed())
}

/// Resident memory in kB, and open files.
fn resources(instance: &Instance) -> (usize, usize) {
    let process = format!("/proc/{}", instance.process.child.id());
    let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    (resident.trim().trim_end_matches(" kB").parse().unwrap(), std::fs::read_dir(format!("{process}/fd")).unwrap().count())
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_a_database_that_falls_silent_keeps_nobody_waiting() {
    let cluster = Cluster::new();
    cluster.primary.make("several").await;
    let proxy = Proxy::new().await;
    proxy.lead_to(&format!("http://127.0.0.1:{}", cluster.primary.port));
    let several = Several::on(url(proxy.port(), "several"));
    let instance = several.start("a");
    let base = instance.process.base.clone();
    let client = instance.client(&instance.organization().await).await;
    let token = instance.token(&client).await.unwrap();
    for loses in [false, true] {
        proxy.silence();
        if loses {
            proxy.lose();
        }
        let (silent, mut slowest) = (now(), Duration::ZERO);
        let mut asked = Vec::new();
        while silent.elapsed() < Duration::from_secs(4) {
            for number in 0..3 {
                let (caller, base, token) = (instance.caller.clone(), base.clone(), token.clone());
                asked.push(tokio::spawn(async move {
                    match number {
                        0 => timed(caller.manage(&base, "POST", "/organizations", json!({ "name": "b" }), None)).await,
                        1 => timed(caller.manage(&base, "GET", "/organizations", Value::Null, None)).await,
                        _ => timed(caller.introspect(&base, &token)).await,
                    }
                }));
            }
            assert!(instance.token(&client).await.is_ok());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let count = asked.len();
        for answer in asked {
            let (status, took) = answer.await.unwrap();
            assert!(status == 503 || took < within(Duration::from_secs(1)), "{status} after {took:?}");
            slowest = slowest.max(took);
        }
        proxy.heal();
        let healed = until(async || {
            let made = instance.caller.manage(&base, "POST", "/organizations", json!({ "name": "c" }), None).await;
            matches!(made, Ok((201, _)))
        })
        .await;
        println!("connections lost: {loses}; {count} requests, the slowest took {slowest:?}; changes are taken again after {healed:?}");
        assert!(slowest <= within(Duration::from_secs(2)), "{slowest:?}");
        assert!(healed <= within(Duration::from_secs(5)), "{healed:?}");
        assert_eq!(instance.introspect(&token).await, Ok(true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_connections_that_are_lost_again_and_again_cost_no_place_in_the_pool_and_no_change() {
    let cluster = Cluster::new();
    let database = cluster.primary.make("several").await;
    let proxy = Proxy::new().await;
    proxy.lead_to(&format!("http://127.0.0.1:{}", cluster.primary.port));
    let several = Several::on(database).with("CHANCERY_DATABASE_CONNECTIONS", "3");
    let (direct, instance) = (several.start("direct"), several.start_on("a", &url(proxy.port(), "several")));
    let organization = instance.organization().await;
    for _ in 0..5 {
        // Whatever is under way just then.
        let under_way: Vec<_> = (0..6)
            .map(|_| {
                let (caller, base) = (instance.caller.clone(), instance.process.base.clone());
                tokio::spawn(async move { caller.manage(&base, "POST", "/organizations", json!({ "name": "b" }), None).await.unwrap().0 })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(5)).await;
        proxy.lose();
        for status in under_way {
            assert!(matches!(status.await.unwrap(), 201 | 503));
        }
        until(async || instance.caller.get(&instance.process.base, "/readyz").await.unwrap().1["status"] == "ok").await;
    }
    // More than is taken in at once.
    proxy.silence();
    // Whoever is cut off in the middle of a change keeps the head lock for two seconds.
    let changes = async || direct.caller.manage(&direct.process.base, "POST", "/organizations", json!({ "name": "c" }), None).await;
    until(async || matches!(changes().await, Ok((201, _)))).await;
    let mut last = None;
    for _ in 0..250 {
        last = Some(direct.client(&organization).await);
    }
    proxy.heal();
    let behind = until(async || instance.token(last.as_ref().unwrap()).await.is_ok()).await;
    println!("250 changes were taken in {behind:?} after it healed");
    let asked = futures_util::future::join_all((0..12).map(|_| instance.manage("GET", "/organizations", Value::Null)));
    assert_eq!(asked.await.len(), 12);
}
