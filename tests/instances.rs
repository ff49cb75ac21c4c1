//! Several instances on one PostgreSQL database: what one acknowledged holds on all. `CHANCERY_ROUNDS` sets how often; `make soak` does it
//! a thousand times.
mod fixture;

use std::time::{Duration, Instant};

use fixture::cluster::Cluster;
use fixture::instances::{Client, Instance, Several, text};
use fixture::receiver::{Delivery, Receiver};
use serde_json::{Value, json};

#[expect(clippy::disallowed_methods, reason = "how long a soak runs is for whoever starts it")]
fn rounds() -> usize {
    std::env::var("CHANCERY_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

/// How long it took until all instances had what was acknowledged by one.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    /// Waits until every instance answers as wanted at the token endpoint.
    #[expect(clippy::disallowed_methods, reason = "instances are watched from outside")]
    async fn until(&mut self, instances: &[Instance], client: &Client, wanted: impl Fn(&Result<String, u16>) -> bool) {
        let began = Instant::now();
        for instance in instances {
            while !wanted(&instance.token(client).await) {
                assert!(began.elapsed() < Duration::from_secs(10), "it never came");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        self.0.push(began.elapsed());
    }

    fn told(&mut self, what: &str, at_most: Duration) {
        self.0.sort();
        let at = |share: usize| self.0[(self.0.len() - 1) * share / 100];
        println!("{what}: {} times, p50 {:?}, p99 {:?}, at most {:?}", self.0.len(), at(50), at(99), at(100));
        assert!(at(100) <= at_most, "{what} took {:?}", at(100));
    }
}

async fn agreement(count: usize) {
    let cluster = Cluster::new();
    let several = Several::on(cluster.primary.make("several").await);
    let instances: Vec<_> = (0..count).map(|number| several.start(&number.to_string())).collect();
    let (mut usable, mut refused) = (Times::default(), Times::default());
    for round in 0..rounds() {
        let at = |offset: usize| &instances[(round + offset) % count];
        let organization = at(0).organization().await;
        let mut client = at(0).client(&organization).await;
        let application = format!("/connect/applications/{}", client.id);
        usable.until(&instances, &client, Result::is_ok).await;
        let token = at(1).token(&client).await.unwrap();
        for instance in &instances {
            assert_eq!(instance.introspect(&token).await, Ok(true));
        }
        match round % 5 {
            0 => {
                let rotated = at(1).manage("POST", &format!("{application}/client_secrets/rotate"), json!({ "overlap_seconds": 0 })).await;
                dead(&instances, &token).await;
                let old = client.clone();
                client.secret = text(&rotated["secret"]);
                usable.until(&instances, &client, Result::is_ok).await;
                refused.until(&instances, &old, |answer| *answer == Err(401)).await;
            }
            1 => {
                at(1).manage("DELETE", &application, Value::Null).await;
                dead(&instances, &token).await;
                refused.until(&instances, &client, |answer| *answer == Err(401)).await;
            }
            2 => {
                at(1).manage("POST", &format!("/organizations/{organization}/suspend"), json!({})).await;
                dead(&instances, &token).await;
                refused.until(&instances, &client, |answer| *answer == Err(401)).await;
                at(2).manage("POST", &format!("/organizations/{organization}/reactivate"), json!({})).await;
                usable.until(&instances, &client, Result::is_ok).await;
            }
            3 => {
                let permission = format!("round:{round}");
                at(2).manage("POST", "/authorization/permissions", json!({ "slug": permission, "name": permission })).await;
                at(1).manage("PUT", &application, json!({ "scopes": [permission] })).await;
                let has = |answer: &Result<String, u16>| answer.as_ref().is_ok_and(|token| claims(token)["scope"] == *permission);
                usable.until(&instances, &client, has).await;
                at(2).manage("PUT", &application, json!({ "scopes": [] })).await;
                refused.until(&instances, &client, |answer| answer.as_ref().is_ok_and(|token| claims(token)["scope"].is_null())).await;
            }
            _ => {
                at(1).manage("POST", &format!("{application}/revoke_tokens"), json!({})).await;
                dead(&instances, &token).await;
            }
        }
    }
    usable.told("usable everywhere", Duration::from_secs(2));
    refused.told("refused everywhere", Duration::from_secs(1));
    for instance in instances {
        assert!(instance.process.stop().success());
    }
    several.audit();
}

/// From the moment the change was acknowledged no instance calls the token active.
async fn dead(instances: &[Instance], token: &str) {
    for instance in instances {
        assert_eq!(instance.introspect(token).await, Ok(false));
    }
}

fn claims(token: &str) -> Value {
    use base64::Engine;
    let body = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_of_two_instances_acknowledged_holds_on_both() {
    agreement(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_of_four_instances_acknowledged_holds_on_all() {
    agreement(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_instances_one_sends_to_an_endpoint_and_another_takes_over() {
    let cluster = Cluster::new();
    let several = Several::on(cluster.primary.make("several").await).with("CHANCERY_WEBHOOK_NETWORKS", "127.0.0.0/8");
    let mut instances: Vec<_> = (0..3).map(|number| several.start(&number.to_string())).collect();
    let receiver = Receiver::start().await;
    let hook = json!({ "endpoint_url": receiver.url, "events": ["organization.created"] });
    instances[0].manage("POST", "/webhook_endpoints", hook).await;
    let mut made = Vec::new();
    for round in 0..60 {
        made.push(instances[round % 3].organization().await);
    }
    let told =
        |deliveries: Vec<Delivery>| -> Vec<String> { deliveries.iter().map(|delivery| text(&delivery.event()["data"]["id"])).collect() };
    while receiver.deliveries().len() < made.len() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(told(receiver.deliveries()), made, "each once, and in the order of the chain");
    // Whichever it is that sends: the others wait until its claim is over.
    for round in 0..30 {
        made.push(instances[round % 2].organization().await);
    }
    instances.remove(0).kill();
    made.push(instances[0].organization().await);
    let all = |told: &[String]| made.iter().all(|id| told.contains(id));
    while !all(&told(receiver.deliveries())) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut once = told(receiver.deliveries());
    once.dedup();
    let mut seen = std::collections::HashSet::new();
    once.retain(|id| seen.insert(id.clone()));
    assert_eq!(once, made, "the first time in the order of the chain");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "instances are watched from outside")]
async fn a_token_quota_is_held_by_all_instances_together() {
    let cluster = Cluster::new();
    let several = Several::on(cluster.primary.make("quotas").await);
    let instances = [several.start("0"), several.start("1")];
    let organization = instances[0].organization().await;
    let client = instances[0].client(&organization).await;
    let other = instances[0].client(&organization).await;
    let quota = format!("/connect/applications/{}/token_quota", client.id);
    instances[0].manage("PUT", &quota, json!({ "per_day": 10 })).await;
    let token = instances[0].token(&other).await.unwrap();
    for instance in &instances {
        // An introspection takes in all that was acknowledged before it.
        assert_eq!(instance.introspect(&token).await, Ok(true));
        for _ in 0..5 {
            instance.token(&client).await.unwrap();
        }
    }
    // Ten were obtained, five from each, which neither can know before the other's counts are written.
    let began = Instant::now();
    for instance in &instances {
        while instance.manage("GET", &quota, Value::Null).await["tokens_today"] != 10 {
            assert!(began.elapsed() < Duration::from_secs(20), "it never came");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(instance.token(&client).await, Err(429));
        instance.token(&other).await.unwrap();
    }
}
