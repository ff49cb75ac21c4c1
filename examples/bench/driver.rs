//! The load: keep-alive connections from one core. Closed, each connection asks again once it was answered; open, questions arrive at a rate of
//! their own, and an answer's time counts from when its question arrived, whether or not a connection was free for it.
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use chancery::clock::instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::bare::pin;
use crate::rungs::median;

const WARM_UP: Duration = Duration::from_millis(300);

/// What is asked, where, over how many connections, and when.
#[derive(Clone)]
pub struct Load {
    pub address: String,
    /// Each in turn.
    pub requests: Rc<Vec<Vec<u8>>>,
    pub connections: usize,
    pub arrivals: Arrivals,
}

impl Load {
    pub fn new(address: String, requests: Vec<String>, connections: usize, arrivals: Arrivals) -> Self {
        let requests = Rc::new(requests.into_iter().map(String::into_bytes).collect());
        Self { address, requests, connections, arrivals }
    }
}

/// What came back while it was measured.
#[derive(Default)]
pub struct Answers {
    /// In nanoseconds, by status.
    times: BTreeMap<u16, Vec<u64>>,
    pub took: Duration,
    /// Questions that found no free connection, where those are not kept.
    pub turned_away: u64,
    /// Answers before it was measured, too.
    pub all_since_the_start: u64,
}

impl Answers {
    pub fn of(&self, status: u16) -> usize {
        self.times.get(&status).map_or(0, Vec::len)
    }

    pub fn per_second(&self, status: u16) -> f64 {
        self.of(status) as f64 / self.took.as_secs_f64()
    }

    pub fn all(&self) -> usize {
        self.times.values().map(Vec::len).sum()
    }

    /// The time that this part of the answers with the status took at the most.
    pub fn within(&mut self, status: u16, part: f64) -> Duration {
        let Some(times) = self.times.get_mut(&status) else { return Duration::ZERO };
        times.sort_unstable();
        let place = ((times.len() as f64 * part) as usize).min(times.len() - 1);
        Duration::from_nanos(times[place])
    }

    /// What [`Self::within`] is of each of so many stretches of the time, the median: a pause of the machine is in one of them.
    pub fn mostly_within(&self, status: u16, part: f64, stretches: usize) -> Duration {
        let Some(times) = self.times.get(&status) else { return Duration::ZERO };
        let each = times.chunks(times.len().div_ceil(stretches)).map(|some| {
            let mut some = some.to_vec();
            some.sort_unstable();
            some[((some.len() as f64 * part) as usize).min(some.len() - 1)] as f64
        });
        Duration::from_nanos(median(each) as u64)
    }

    pub fn statuses(&self) -> String {
        self.times.iter().map(|(status, times)| format!("{status}: {}", times.len())).collect::<Vec<_>>().join(", ")
    }
}

/// When questions arrive.
#[derive(Clone, Copy)]
pub enum Arrivals {
    /// Whenever a connection is free.
    Closed,
    /// So many a second, at random moments (Poisson); each waits for a connection.
    Open(f64),
    /// The same, but one that finds no free connection goes away.
    Impatient(f64),
}

struct Shared {
    load: Load,
    next: usize,
    waiting: VecDeque<Instant>,
    idle: usize,
    measured: Option<Instant>,
    answers: Answers,
}

/// Asks for `measured` after a warm-up, from core 1.
pub fn ask(load: &Load, measured: Duration) -> Answers {
    let [answers] = ask_together([load.clone()], measured);
    answers
}

/// The same of several loads at once.
pub fn ask_together<const N: usize>(loads: [Load; N], measured: Duration) -> [Answers; N] {
    pin(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, drive(loads, measured))
}

async fn drive<const N: usize>(loads: [Load; N], measured: Duration) -> [Answers; N] {
    let mut asked = Vec::new();
    let mut tasks = Vec::new();
    for load in loads {
        let (address, connections, arrivals) = (load.address.clone(), load.connections, load.arrivals);
        let shared = Shared { load, next: 0, waiting: VecDeque::new(), idle: 0, measured: None, answers: Answers::default() };
        let (shared, arrived) = (Rc::new(RefCell::new(shared)), Rc::new(Notify::new()));
        for _ in 0..connections {
            let stream = TcpStream::connect(&address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            tasks.push(tokio::task::spawn_local(connection(stream, Rc::clone(&shared), Rc::clone(&arrived), arrivals)));
        }
        tasks.push(tokio::task::spawn_local(arrive(Rc::clone(&shared), arrived, arrivals)));
        asked.push(shared);
    }
    tokio::time::sleep(WARM_UP).await;
    let began = instant();
    for shared in &asked {
        let mut shared = shared.borrow_mut();
        shared.measured = Some(began);
        shared.answers.turned_away = 0;
    }
    tokio::time::sleep(measured).await;
    for task in &tasks {
        task.abort();
    }
    let took = Instant::elapsed(&began);
    let mut asked = asked.into_iter();
    std::array::from_fn(|_| {
        let shared = asked.next().unwrap();
        let answers = std::mem::take(&mut shared.borrow_mut().answers);
        Answers { took, ..answers }
    })
}

/// Lets questions arrive. It never sleeps, nor does its core: a timer's millisecond would be longer than most answers take, and to wake a
/// core that sleeps costs whoever answers as much as a third of a signature, which is no cost of the answer: clients are elsewhere.
async fn arrive(shared: Rc<RefCell<Shared>>, arrived: Rc<Notify>, arrivals: Arrivals) {
    let (Arrivals::Open(rate) | Arrivals::Impatient(rate)) = arrivals else {
        loop {
            tokio::task::yield_now().await;
        }
    };
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = instant();
    loop {
        let now = instant();
        while next <= now {
            let mut shared = shared.borrow_mut();
            if matches!(arrivals, Arrivals::Impatient(_)) && shared.waiting.len() >= shared.idle {
                shared.answers.turned_away += 1;
            } else {
                shared.waiting.push_back(next);
                arrived.notify_one();
            }
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let uniform = ((seed >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
            next += Duration::from_secs_f64(-uniform.ln() / rate);
        }
        tokio::task::yield_now().await;
    }
}

async fn connection(mut stream: TcpStream, shared: Rc<RefCell<Shared>>, arrived: Rc<Notify>, arrivals: Arrivals) {
    let mut buffer = vec![0; 32 * 1024];
    loop {
        let asked_at = match arrivals {
            Arrivals::Closed => instant(),
            Arrivals::Open(_) | Arrivals::Impatient(_) => arrival(&shared, &arrived).await,
        };
        let (requests, number) = {
            let mut shared = shared.borrow_mut();
            shared.next += 1;
            (Rc::clone(&shared.load.requests), shared.next)
        };
        stream.write_all(&requests[number % requests.len()]).await.unwrap();
        let mut filled = 0;
        let status = loop {
            let read = stream.read(&mut buffer[filled..]).await.unwrap();
            assert!(read > 0, "the server closed the connection");
            filled += read;
            if let Some(status) = complete(&buffer[..filled]) {
                break status;
            }
        };
        let mut shared = shared.borrow_mut();
        shared.answers.all_since_the_start += 1;
        if shared.measured.is_some_and(|measured| asked_at >= measured) {
            let time = Instant::elapsed(&asked_at).as_nanos() as u64;
            shared.answers.times.entry(status).or_default().push(time);
        }
    }
}

async fn arrival(shared: &Rc<RefCell<Shared>>, arrived: &Rc<Notify>) -> Instant {
    shared.borrow_mut().idle += 1;
    loop {
        let next = shared.borrow_mut().waiting.pop_front();
        if let Some(at) = next {
            shared.borrow_mut().idle -= 1;
            return at;
        }
        arrived.notified().await;
    }
}

/// The status, once head and body are there.
fn complete(answer: &[u8]) -> Option<u16> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(answer).unwrap() else { return None };
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.map_or(0, |header| str::from_utf8(header.value).unwrap().parse().unwrap());
    (answer.len() >= head + length).then_some(response.code.unwrap())
}
