//! The one function that requests are handed to.
//!
//! In: an [`Arrival`] and its body, or an [`Unreadable`] and its [`Refusal`]. Out: the response.
//!
//! `listen` knows nothing of tokens, policies or journals: whoever implements [`Receive`] does.

use std::error::Error;
use std::future::Future;

use bytes::Bytes;
use http::Response;

use super::{Arrival, RequestBody, Unreadable};
use crate::refusal::Refusal;

/// Answers requests. Cloned once per connection and once per request: keep it cheap to clone.
pub trait Receive: Clone + Send + Sync + 'static {
    /// The body of a response.
    type Body: http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;

    /// Answers a well-formed request. The future is dropped when the caller goes away.
    fn receive(
        &self,
        arrival: Arrival,
        body: RequestBody,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Answers a request that is refused before it became an [`Arrival`]. On HTTP/1 the connection
    /// ends with this answer when its head was malformed; at most 64 KiB of the body are sent then.
    fn turn_away(
        &self,
        unreadable: Unreadable,
        refusal: Refusal,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}
