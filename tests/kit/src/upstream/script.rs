//! What the upstream should do instead of answering well.
//!
//! In: a test's wish. Out: the same, read by both protocols at each request.

use std::time::Duration;

/// How the upstream treats each request from now on.
#[derive(Clone, Debug, Default)]
pub enum Script {
    /// Answers like the real thing.
    #[default]
    Well,
    /// Nobody listens: connections are refused.
    Refuse,
    /// Accepts, reads nothing, says nothing.
    Silent,
    /// Says these bytes on a new connection before anything was asked, then answers well.
    SpeakFirst(Vec<u8>),
    /// Reads the request and closes without a byte.
    CloseBeforeHead,
    /// Waits so long, then answers well.
    SlowHead(Duration),
    /// Answers well, the body in pieces with a pause before each.
    SlowBody {
        /// How many pieces.
        pieces: usize,
        /// The pause before each.
        pause: Duration,
    },
    /// A head and a few bytes, then silence until the other end goes.
    StallBody,
    /// `content-length: 100`, ten bytes, close.
    TruncatedBody,
    /// A chunked body without its last chunk, close.
    MissingLastChunk,
    /// So many `103` before the answer.
    Interim(usize),
    /// `101 Switching Protocols` that nobody asked for.
    SwitchProtocols,
    /// A `302` to this address.
    Redirect(String),
    /// Every request field comes back as `echo-NAME`, and the body too.
    EchoHeaders,
    /// Two cookies.
    SetCookie,
    /// A field of so many bytes.
    HugeHeader(usize),
    /// These bytes, then close (HTTP/1 only; HTTP/2 streams are reset).
    Raw(Vec<u8>),
    /// `413` before reading the body, then close.
    EarlyAnswer,
    /// The head of a chunked answer at once, then reads the body and never ends.
    AnswerAndRead,
    /// Reads the head, then leaves the body on the wire until the other end goes.
    NeverReadBody,
    /// `200` and so many bytes of body.
    Stream(u64),
    /// This answer.
    Say(Answer),
}

/// An answer, whole.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The fields in order; the length is added by itself.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Fields after the body; the answer is chunked when there are any.
    pub trailers: Vec<(String, String)>,
}

impl Answer {
    /// A status with nothing else.
    pub fn status(status: u16) -> Answer {
        Answer {
            status,
            ..Answer::default()
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Answer {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Answer {
        self.body = body.into();
        self
    }

    /// Adds a trailer.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Answer {
        self.trailers.push((name.to_owned(), value.to_owned()));
        self
    }
}
