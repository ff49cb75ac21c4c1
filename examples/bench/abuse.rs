//! Bad company: wrong secrets and unknown clients, and far more questions than there is time for.
use std::time::Duration;

use serde_json::json;

use crate::driver::{Arrivals, Load, ask, ask_together};
use crate::house::{House, text};
use crate::report::Report;
use crate::rungs::{ASKED, CONNECTIONS, basic, post};

const STORM: Duration = Duration::from_secs(20);
const OVERLOAD: Duration = Duration::from_secs(60);
/// As many clients as have a connection while there is too much of everything.
const CROWD: usize = 4096;

struct Company {
    house: House,
    good: String,
    /// Of an organization that is beyond its quota.
    beyond: String,
    wrong: String,
    unknown: String,
}

impl Company {
    fn gather(folder: &std::path::Path) -> Self {
        let house = House::start_in(folder, Some("0"), &[]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            house.manage("POST", "/authorization/permissions", json!({ "slug": "threads:read", "name": "Read" })).await;
            let organization = house.organization().await;
            let application = json!({ "name": "a", "organization_id": organization, "scopes": ["threads:read"] });
            let made = house.manage("POST", "/connect/applications", application.clone()).await;
            let other = house.manage("POST", "/connect/applications", application).await;
            let (client, secret) = (text(&made["client_id"]), text(&made["client_secret"]["secret"]));
            let wrong = text(&other["client_secret"]["secret"]);
            let ask = |client: &str, secret: &str| post("/oauth/token", &basic(client, secret), ASKED);
            let unknown = ask("client_01KAJ2M3N4P5Q6R7S8T9V0W1X2", &secret);
            let noisy = house.organization().await;
            let made = house
                .manage("POST", "/connect/applications", json!({ "name": "a", "organization_id": noisy, "scopes": ["threads:read"] }))
                .await;
            house.manage("PUT", &format!("/organizations/{noisy}/token_quota"), json!({ "per_day": 1 })).await;
            let (client_of_noisy, secret_of_noisy) = (text(&made["client_id"]), text(&made["client_secret"]["secret"]));
            house.token(&client_of_noisy, &secret_of_noisy).await;
            let beyond = ask(&client_of_noisy, &secret_of_noisy);
            Self { good: ask(&client, &secret), wrong: ask(&client, &wrong), unknown, beyond, house }
        })
    }

    fn load(&self, request: &str, connections: usize, arrivals: Arrivals) -> Load {
        Load::new(self.house.address(), vec![request.to_owned()], connections, arrivals)
    }

    /// Processor time for one answer.
    fn cost(&self, request: &str) -> f64 {
        let before = self.house.processor_time();
        let answers = ask(&self.load(request, CONNECTIONS, Arrivals::Closed), Duration::from_secs(4));
        (self.house.processor_time() - before).as_secs_f64() / answers.all_since_the_start as f64 * 1e6
    }
}

pub fn measure(report: &mut Report, signature: f64) {
    let folder = tempfile::tempdir_in("target").unwrap();
    let company = Company::gather(folder.path());
    let (good, wrong, unknown) = (company.cost(&company.good), company.cost(&company.wrong), company.cost(&company.unknown));
    report.say(&format!(
        "Processor time: {good:.1} µs for a token, {:.1} µs without its signature; {wrong:.1} µs for a wrong secret, {unknown:.1} µs for an unknown client.\n",
        good - 1e6 / signature
    ));
    let peak = ask(&company.load(&company.good, CONNECTIONS, Arrivals::Closed), Duration::from_secs(4)).per_second(200);
    let storm = company.load(&company.wrong, 512, Arrivals::Impatient(2.0 * peak));
    let valid = company.load(&company.good, CONNECTIONS, Arrivals::Open(peak / 10.0));
    let [stormy, mut served] = ask_together([storm, valid], STORM);
    let served_within = served.within(200, 0.99).as_secs_f64() * 1e3;
    report.say(&format!(
        "Wrong secrets at 2 × capacity for {} s ({}): of the valid callers' {} questions {} were answered with a token, p99 {:.1} ms.\n",
        STORM.as_secs(),
        stormy.statuses(),
        served.all(),
        served.of(200),
        served_within
    ));
    let quiet = company.load(&company.good, CONNECTIONS, Arrivals::Open(peak / 10.0));
    let mut alone = ask(&quiet, STORM);
    let noise = company.load(&company.beyond, CONNECTIONS, Arrivals::Impatient(peak / 2.0));
    let [refused, mut beside] = ask_together([noise, quiet], STORM);
    let [alone, beside_ms] = [&mut alone, &mut beside].map(|answers| answers.within(200, 0.99).as_secs_f64() * 1e3);
    report.say(&format!(
        "One organization beyond its quota asks at half of the capacity for {} s ({}): of another's {} questions at a tenth of the capacity {} were answered with a \
         token, p99 {beside_ms:.2} ms; without the noise {alone:.2} ms.\n",
        STORM.as_secs(),
        refused.statuses(),
        beside.all(),
        beside.of(200),
    ));
    let mut overload = ask(&company.load(&company.good, CROWD, Arrivals::Impatient(5.0 * peak)), OVERLOAD);
    let p99 = overload.within(200, 0.99).as_secs_f64() * 1e3;
    report.say(&format!(
        "5 × saturation for {} s, {CROWD} connections ({}; {} more found no free connection): goodput {:.2} of the peak, p99 of what was admitted {:.0} ms, \
         resident {} MB.\n",
        OVERLOAD.as_secs(),
        overload.statuses(),
        overload.turned_away,
        overload.per_second(200) / peak,
        p99,
        company.house.resident() / 1_000_000
    ));
}
