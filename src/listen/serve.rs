//! Accepts connections until the drain, then waits for the last one.
//!
//! In: open listeners. Out: nothing; ends when every connection has ended.
//!
//! One loop accepts for all listeners. It takes a place before it accepts, so at the limit callers
//! wait in the kernel's queue. When the machine has no descriptors left it pauses instead of
//! spinning.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::connection::{Behind, Serving};
use super::{DrainSignal, Limits, ListenCounts, Listener, Receive};
use crate::clock::Clock;

/// Serves all `listeners` until `drain` says otherwise and every connection has ended.
///
/// After the first signal it stops accepting, lets running exchanges finish for at most
/// `Limits::drain_ms`, then cuts them; a second signal cuts at once. `counts` shows what is open.
pub async fn serve<R: Receive>(
    listeners: Vec<Listener>,
    limits: Limits,
    clock: Clock,
    receive: R,
    mut drain: DrainSignal,
    counts: Arc<ListenCounts>,
) {
    let serving = Serving {
        receive,
        limits,
        clock,
        counts,
        drain: drain.clone(),
    };
    let all = limits.connections.clamp(1, MOST_CONNECTIONS);
    let places = Arc::new(Semaphore::new(all));
    match listeners.into_iter().map(Door::open).collect() {
        Ok(doors) => {
            tokio::select! {
                () = accept(doors, &serving, &places) => {}
                () = drain.begun() => {}
            }
        }
        Err(error) => tracing::error!(%error, "cannot accept connections"),
    }
    // Every connection holds one place until it has ended.
    let _ = places.acquire_many(all as u32).await;
}

/// A listener that accepts.
struct Door {
    socket: TcpListener,
    behind: Behind,
}

impl Door {
    fn open(listener: Listener) -> io::Result<Door> {
        Ok(Door {
            socket: TcpListener::from_std(listener.socket)?,
            behind: Behind {
                tls: listener.tls,
                front: listener.front,
            },
        })
    }
}

async fn accept<R: Receive>(doors: Vec<Door>, serving: &Serving<R>, places: &Arc<Semaphore>) {
    let mut first = 0;
    while let Ok(place) = Arc::clone(places).acquire_owned().await {
        // Whoever was served last is asked last, so that no listener starves.
        first = (first + 1) % doors.len().max(1);
        let (accepted, behind) = next(&doors, first).await;
        match accepted {
            Ok((stream, peer)) => {
                let connected = serving.counts.connected();
                let serving = serving.clone();
                tokio::spawn(async move {
                    serving.connection(stream, peer, behind).await;
                    drop((connected, place));
                });
            }
            Err(error) if is_exhausted(&error) => {
                tracing::warn!(%error, "accepting pauses");
                sleep(PAUSE).await;
            }
            // The caller went away between the kernel's handshake and here.
            Err(error) => tracing::debug!(%error, "a connection was not accepted"),
        }
    }
}

type Accepted = (io::Result<(TcpStream, SocketAddr)>, Behind);

async fn next(doors: &[Door], first: usize) -> Accepted {
    poll_fn(|cx| {
        let (after, before) = doors.split_at_checked(first).unwrap_or((doors, &[]));
        for door in before.iter().chain(after) {
            if let Poll::Ready(accepted) = door.socket.poll_accept(cx) {
                return Poll::Ready((accepted, door.behind.clone()));
            }
        }
        Poll::Pending
    })
    .await
}

/// EMFILE, ENFILE, ENOBUFS, ENOMEM: trying again at once would spin.
fn is_exhausted(error: &io::Error) -> bool {
    use rustix::io::Errno;
    error.raw_os_error().is_some_and(|code| {
        [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
            .iter()
            .any(|errno| errno.raw_os_error() == code)
    })
}

const PAUSE: Duration = Duration::from_millis(100);

/// As many places as a semaphore's `acquire_many` can take back at once.
const MOST_CONNECTIONS: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_want_of_resources_pauses_the_loop() {
        let of = |errno: rustix::io::Errno| io::Error::from_raw_os_error(errno.raw_os_error());
        assert!(is_exhausted(&of(rustix::io::Errno::MFILE)));
        assert!(is_exhausted(&of(rustix::io::Errno::NFILE)));
        assert!(!is_exhausted(&of(rustix::io::Errno::CONNABORTED)));
    }
}
