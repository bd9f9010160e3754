//! Gives a body that was held as a whole to the caller, a piece at a time.
//!
//! In: the bytes, the account of the exchange, the share of the room that they take. Out: the same
//! bytes. The account is closed with the last of them, and whatever the body held is free once the
//! caller has it or is gone.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::BoxError;
use crate::forward::account::Account;
use crate::forward::room::Share;
use crate::record::End;

/// A body on its way of which nothing is still to come.
#[derive(Debug)]
pub struct GatheredBody {
    bytes: Bytes,
    account: Account,
    _share: Share,
}

impl GatheredBody {
    pub(in crate::forward) fn new(
        bytes: Bytes,
        account: Account,
        mut share: Share,
    ) -> GatheredBody {
        share.shrink(bytes.len());
        let mut body = GatheredBody {
            bytes,
            account,
            _share: share,
        };
        body.close_if_ended();
        body
    }

    fn close_if_ended(&mut self) {
        if self.bytes.is_empty() {
            self.account.close(End::Complete, None);
        }
    }
}

impl Body for GatheredBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let piece = this.bytes.split_to(this.bytes.len().min(PIECE_BYTES));
        this.close_if_ended();
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

/// A caller who takes none of these took not all: what was written ahead to it is no more than a few.
const PIECE_BYTES: usize = 16 * 1024;
