//! Sends a request once, and says what is known when it gets no answer.
//!
//! In: a request that is made, and whether it may go on a kept connection. Out: the answer's head, or
//! [`Failed`].
//!
//! Each wait has its time: for a connection, then for the head.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Instant;

use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};

use super::ending::{Ending, Failed, Known, fault_of, sort, stopped};
use super::read::{address_of, is_encoded, life_of};
use crate::forward::account::Account;
use crate::forward::body::{Progress, SentBody};
use crate::forward::dial::Life;
use crate::forward::replicas::Replica;
use crate::forward::upstream::Upstream;
use crate::record::End;
use crate::refusal::Reason;

/// What a request is sent on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Connection {
    /// One at hand, if there is any.
    Kept,
    /// One that is made for it.
    Own,
}

/// Sends the request once.
pub(super) async fn attempt(
    upstream: &Upstream,
    replica: &Replica,
    mut request: Request<SentBody>,
    on: Connection,
    account: &mut Account,
) -> Result<Response<Incoming>, Failed> {
    let progress = Arc::clone(account.progress());
    let storm = Arc::clone(&progress);
    hyper::ext::on_informational(&mut request, move |_| storm.interim());
    let captured = capture_connection(&mut request);
    let pools = replica.pools();
    let pool = match (request.version(), on) {
        (Version::HTTP_2, Connection::Kept) => &pools.grpc,
        (Version::HTTP_2, Connection::Own) => &pools.fresh.grpc,
        (_, Connection::Kept) => &pools.usual,
        (_, Connection::Own) => &pools.fresh.usual,
    };
    // Where ALPN settles it, the connection says whether it is HTTP/2.
    let may_be_http1 = request.version() != Version::HTTP_2;
    account.attempted(replica.place());
    let answering = pin!(pool.request(request));
    let answer = wait(upstream, answering, captured.clone(), &progress).await;
    let (address, life) = {
        let connection = captured.connection_metadata();
        (
            address_of(connection.as_ref()),
            life_of(connection.as_ref()).filter(|_| may_be_http1),
        )
    };
    if let Some(address) = address {
        account.reached(address);
    }
    let answer = answer.map_err(|failed| {
        // A kept connection that ended between two requests says nothing of the upstream.
        let ended_unused = life.as_ref().is_some_and(Life::kept_and_silent);
        let known = match failed.known {
            Known::Broke if !ended_unused => Known::Nothing,
            known => known,
        };
        if failed.ending.is_of_upstream() && matches!(known, Known::Nothing | Known::Unconnected) {
            upstream.replicas.failed(replica, Instant::now());
        }
        // A connection that fell silent may be dead for all who share it (HTTP/2).
        if matches!(failed.ending.end, End::Timeout) {
            leave(&captured);
        }
        Failed { known, ..failed }
    })?;
    upstream.resting.answered();
    replica.answered();
    if let Some(life) = life {
        life.answered();
    }
    account.answered(answer.status().as_u16());
    let hidden = || upstream.scrubs && is_encoded(answer.headers());
    let hidden = || hidden().then_some("an encoded body in which no key can be looked for");
    if let Some(fault) = fault_of(&answer, &progress).or_else(hidden) {
        // What follows on this connection belongs to nobody.
        leave(&captured);
        return Err(Ending::spoke_badly(fault).into());
    }
    Ok(answer)
}

/// Begins nothing more on this connection; what runs on it may end.
fn leave(captured: &CaptureConnection) {
    captured
        .connection_metadata()
        .as_ref()
        .inspect(|to| to.poison());
}

/// Waits for a connection, then for the head, each within its time.
async fn wait<F>(
    upstream: &Upstream,
    mut answering: Pin<&mut F>,
    mut captured: CaptureConnection,
    progress: &Progress,
) -> Result<Response<Incoming>, Failed>
where
    F: Future<Output = Result<Response<Incoming>, hyper_util::client::legacy::Error>>,
{
    let mut ended = pin!(progress.ended());
    // In this order: on a kept connection the first poll sends and the second branch is ready, so
    // no timer is started.
    tokio::select! {
        biased;
        answer = &mut answering => return answer.map_err(|error| sort(&error, progress)),
        _ = captured.wait_for_connection_metadata() => progress.connected(),
        () = tokio::time::sleep(upstream.connect) => {
            return Err(Failed::to_connect());
        }
        () = &mut ended => return Err(Ending::unsent(Reason::Ended).into()),
    }
    loop {
        let until = progress.silent_until(upstream.head);
        tokio::select! {
            biased;
            () = progress.stopped() => return Err(stopped(progress).into()),
            () = &mut ended => return Err(Ending::ended().into()),
            answer = &mut answering => return answer.map_err(|error| sort(&error, progress)),
            () = tokio::time::sleep_until(until) => {
                if progress.silent_until(upstream.head) <= until {
                    return Err(Ending::silent().into());
                }
            }
        }
    }
}
