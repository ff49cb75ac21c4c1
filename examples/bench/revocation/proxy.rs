//! A proxy that delays what it carries, and holds a piece back now and then as a retransmission would; what follows waits behind it.
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

pub struct Proxy {
    pub base: String,
    to: Arc<Mutex<Option<SocketAddr>>>,
}

impl Proxy {
    pub async fn start(delay: Duration, held: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let to = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&to);
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let to: Option<SocketAddr> = *shared.lock().unwrap();
                tokio::spawn(async move {
                    let Ok(far) = TcpStream::connect(to.unwrap()).await else { return };
                    let _ = (near.set_nodelay(true), far.set_nodelay(true));
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    tokio::join!(carry(near_in, far_out, delay, held), carry(far_in, near_out, delay, held));
                });
            }
        });
        Self { base, to }
    }

    pub fn lead_to(&self, base: &str) {
        *self.to.lock().unwrap() = Some(base.trim_start_matches("http://").parse().unwrap());
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration, held: Duration) {
    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let mut chance = [0; 2];
            SystemRandom::new().fill(&mut chance).unwrap();
            let more = if u16::from_ne_bytes(chance) % 100 == 0 { held } else { Duration::ZERO };
            let _ = send.send((Instant::from_std(chancery::clock::instant()) + delay + more, buffer[..read].to_vec()));
        }
    };
    let writing = async move {
        while let Some((at, piece)) = receive.recv().await {
            tokio::time::sleep_until(at).await;
            if to.write_all(&piece).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}
