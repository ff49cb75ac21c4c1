//! What a token costs beside the HTTP answer and the signature it is made of, beside two peers, of a million applications, and in bad company
//! (`make bench`).
//!
//! The server has one core, the load the other. Every figure is of one run on one machine, in rounds, the median of which counts; what
//! carries to another machine are the ratios.
mod abuse;
mod bare;
mod database;
mod driver;
mod house;
mod in_process;
mod management;
mod million;
mod pages;
mod report;
mod revocation;
mod rungs;
mod servers;
mod timing;

use std::time::Duration;

use driver::{Arrivals, Load, ask};
use million::Million;
use report::{Report, Row, plot};
use rungs::Rungs;

/// How many connections questions have that come at a rate of their own.
const OPEN: usize = 256;

fn main() {
    let part = std::env::args().nth(1);
    let wants = |name: &str| part.as_deref().is_none_or(|part| part == name);
    match part.as_deref() {
        Some("bare") => return bare::serve(),
        Some("management") => return management::measure_all(),
        Some("revocation") => return revocation::measure(),
        Some("pages") => return pages::measure(),
        Some("database") => return database::measure_all(),
        _ => {}
    }
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let most = rustix::process::Rlimit { current: files.maximum, maximum: files.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, most).unwrap();
    let mut report = Report::default();
    report.say(&format!("On {}.\n", machine()));
    if wants("tokens") {
        let rows = tokens(&mut report);
        if part.is_none() {
            plot(&rows);
        }
    }
    if wants("latency") {
        latency(&mut report);
    }
    if wants("workers") {
        workers(&mut report);
    }
    if wants("million") {
        scale(&mut report);
    }
    if wants("abuse") {
        abuse::measure(&mut report, bare::es256());
    }
    if wants("timing") {
        timing::measure(&mut report);
    }
    if part.is_none() {
        report.write();
    }
}

fn machine() -> String {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        processor.lines().find_map(|line| line.strip_prefix("model name")).map_or("", |rest| rest.trim_start_matches([' ', '\t', ':']));
    format!("{} cores of {model}", std::thread::available_parallelism().map_or(0, usize::from))
}

fn tokens(report: &mut Report) -> Vec<Row> {
    let rows = Rungs::set_up().measure();
    report.rows(&rows);
    rows
}

/// How long an answer takes when questions do not wait for one another; the bare answer beside it, as often: what the machine does to both.
fn latency(report: &mut Report) {
    let (rungs, bare) = (Rungs::of_ours("0", &[]), servers::bare());
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(rungs.house.settle());
    let tokens = rungs.load("ES256 access tokens");
    let capacity = ask(tokens, Duration::from_secs(4)).per_second(200);
    for part in [0.5, 0.8] {
        for (address, told) in [(&tokens.address, "Tokens"), (&bare.address, "The bare answer, as often")] {
            let open = Load { address: address.clone(), connections: OPEN, arrivals: Arrivals::Open(capacity * part), ..tokens.clone() };
            let mut answers = ask(&open, Duration::from_secs(15));
            // Before the others, which sort all of it.
            let mostly = answers.mostly_within(200, 0.99, 15).as_secs_f64() * 1e3;
            let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|part| answers.within(200, part).as_secs_f64() * 1e3);
            report.say(&format!(
                "{told}, asked for at random moments at {:.0} % of the tokens' rate: p50 {p50:.2} ms, p99 {p99:.2} ms ({mostly:.2} ms in the median \
                 second), p99.9 {p999:.2} ms ({}).\n",
                part * 100.0,
                answers.statuses()
            ));
        }
    }
}

/// What a token costs with one worker thread and with two.
fn workers(report: &mut Report) {
    let cost = |cores: &str, workers: &str| {
        let rungs = Rungs::of_ours(cores, &[("TOKIO_WORKER_THREADS", workers)]);
        let before = rungs.house.processor_time();
        let answers = ask(rungs.load("ES256 access tokens"), Duration::from_secs(6));
        (rungs.house.processor_time() - before).as_secs_f64() / answers.all_since_the_start as f64
    };
    let rounds: Vec<_> = (0..3).map(|_| cost("0,1", "2") / cost("0", "1")).collect();
    report
        .say(&format!("Processor time for a token with two worker threads: {:.2} of that with one.\n", rungs::median(rounds.into_iter())));
}

fn scale(report: &mut Report) {
    for secrets in [1, 2] {
        let million = Million::start(secrets, "0,1");
        report.say(&format!(
            "1,000,000 applications with {secrets} live secret{} each: {} bytes of resident memory each, ready after {:.1} s; a new one is \
             made and has its first token after {:.1} ms.\n",
            if secrets == 1 { "" } else { "s" },
            million.each,
            million.house.ready_after.as_secs_f64(),
            million.one_change().as_secs_f64() * 1e3
        ));
    }
    let (one, all) = Million::start(1, "0").one_and_all();
    report.say(&format!(
        "Tokens of all 1,000,000 applications in turn: {:.2} of the rate of one of them ({all:.0} and {one:.0} a second).\n",
        all / one
    ));
}
