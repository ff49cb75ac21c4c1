//! Deadlines of one connection (F22): for its first byte, for each head, for idling, and for a write that does not move.
use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::clock;

const FIRST_BYTE: Duration = Duration::from_secs(5);
const HEAD: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(75);
const WRITE: Duration = Duration::from_secs(10);
/// A body has a deadline of its own; this only ends a request that nobody answers.
const REQUEST: Duration = Duration::from_secs(60);
/// How long, and how much of, a body that was refused is still taken in and thrown away before the connection is closed: a client that
/// writes it all before it reads would otherwise never see why.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// Where the connection is, told by whoever answers its requests.
#[derive(Clone, Default)]
pub struct Phase(Arc<State>);

#[derive(Default)]
struct State {
    phase: AtomicU8,
    lingers: AtomicBool,
}

const AWAITING_FIRST_BYTE: u8 = 0;
const IN_HEAD: u8 = 1;
const IN_REQUEST: u8 = 2;
const IDLING: u8 = 3;
const STREAMING: u8 = 4;

/// In an answer's extensions: it goes on for as long as the peer listens.
#[derive(Clone, Copy)]
pub struct Streams;

impl Phase {
    pub fn request_began(&self) {
        self.0.phase.store(IN_REQUEST, Ordering::Release);
    }

    pub fn request_ended(&self) {
        self.0.phase.store(IDLING, Ordering::Release);
    }

    /// The answer has no end: nothing more is expected of the peer.
    pub fn streams(&self) {
        self.0.phase.store(STREAMING, Ordering::Release);
    }

    /// The answer was given before the body was read: what still comes of it is thrown away.
    pub fn lingers(&self) {
        self.0.lingers.store(true, Ordering::Release);
    }

    fn get(&self) -> u8 {
        self.0.phase.load(Ordering::Acquire)
    }
}

/// A stream that ends when a deadline passes.
pub struct Deadlines<S> {
    stream: S,
    read_deadline: Pin<Box<Sleep>>,
    write_deadline: Pin<Box<Sleep>>,
    phase: Phase,
    armed_for: u8,
    due: Instant,
    write_pending: bool,
    /// Bytes that may still be thrown away, once it lingers.
    thrown_away: Option<usize>,
}

impl<S> Deadlines<S> {
    pub fn new(stream: S, phase: Phase) -> Self {
        let (read_deadline, write_deadline) = (Box::pin(sleep(FIRST_BYTE)), Box::pin(sleep(WRITE)));
        let due = read_deadline.deadline();
        Self { stream, read_deadline, write_deadline, phase, armed_for: AWAITING_FIRST_BYTE, due, write_pending: false, thrown_away: None }
    }

    /// Ready with an error when the deadline of the phase has passed. The timer is set only when there is something to wait for, and not when
    /// it goes off before that anyhow: all timers of the process are under one lock.
    fn poll_read_deadline(&mut self, context: &mut Context<'_>, phase: u8) -> Poll<Error> {
        if phase == STREAMING {
            return Poll::Pending;
        }
        if self.armed_for != phase {
            self.armed_for = phase;
            let allowed = match phase {
                AWAITING_FIRST_BYTE => FIRST_BYTE,
                IN_HEAD => HEAD,
                IN_REQUEST => REQUEST,
                _ => IDLE,
            };
            self.due = from_now(allowed);
            if self.due < self.read_deadline.deadline() {
                self.read_deadline.as_mut().reset(self.due);
            }
        }
        loop {
            ready!(self.read_deadline.as_mut().poll(context));
            let due = self.due;
            if self.read_deadline.deadline() >= due {
                return Poll::Ready(Error::new(ErrorKind::TimedOut, "nothing came in time"));
            }
            self.read_deadline.as_mut().reset(due);
        }
    }

    fn bound_write<T>(&mut self, context: &mut Context<'_>, result: Poll<Result<T>>) -> Poll<Result<T>> {
        if result.is_ready() {
            self.write_pending = false;
            return result;
        }
        if !self.write_pending {
            self.write_pending = true;
            self.write_deadline.as_mut().reset(from_now(WRITE));
        }
        ready!(self.write_deadline.as_mut().poll(context));
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the peer does not read")))
    }
}

impl<S: AsyncRead + Unpin> Deadlines<S> {
    /// Ready when the peer has closed, has sent too much, or takes too long.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [MaybeUninit::uninit(); 16 * 1024];
        if self.thrown_away.is_none() {
            self.read_deadline.as_mut().reset(from_now(LINGER));
        }
        loop {
            let thrown_away = self.thrown_away.get_or_insert(0);
            if *thrown_away > LINGER_BYTES || self.read_deadline.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::uninit(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => *thrown_away += buffer.filled().len(),
                _ => return Poll::Ready(()),
            }
        }
    }
}

fn from_now(duration: Duration) -> Instant {
    Instant::from_std(clock::instant()) + duration
}

impl<S: AsyncRead + Unpin> AsyncRead for Deadlines<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let phase = self.phase.get();
        let filled = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(result) => {
                if buffer.filled().len() > filled && matches!(phase, AWAITING_FIRST_BYTE | IDLING) {
                    self.phase.0.phase.store(IN_HEAD, Ordering::Release);
                }
                Poll::Ready(result)
            }
            Poll::Pending => self.poll_read_deadline(context, phase).map(Err),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Deadlines<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bound_write(context, result)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.bound_write(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.bound_write(context, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.thrown_away.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        if self.phase.0.lingers.load(Ordering::Acquire) {
            ready!(self.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }
}
