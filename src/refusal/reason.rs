//! The closed list of reasons.
//!
//! In: nothing. Out: for each reason its word, HTTP status, gRPC status, effect and sentence.
//!
//! One table, so that a word cannot have a status on one surface and another elsewhere. Statuses:
//! a bad token is always 401, a deny always 403, never 404 for a known operation (Terraform takes
//! 404 for "gone" and drops the resource), never 5xx (it would repeat the request).

use http::StatusCode;

/// What the record calls the end of a request that was not forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The policies said no, or the operation is not in the catalogue.
    Deny,
    /// The request never came so far that policies were asked.
    Refuse,
    /// Something on our side or the upstream's did not work.
    Error,
}

impl Effect {
    /// The word in records.
    pub fn word(self) -> &'static str {
        match self {
            Effect::Deny => "deny",
            Effect::Refuse => "refuse",
            Effect::Error => "error",
        }
    }
}

/// Why a request was not forwarded, or why a forwarded one failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The request is not well-formed HTTP.
    MalformedRequest,
    /// The length of the request body can be read in two ways.
    AmbiguousFraming,
    /// The request target is ambiguous or not in origin form.
    BadTarget,
    /// The host of the request is missing, doubled or malformed.
    BadHost,
    /// The request head is larger than this proxy accepts.
    HeaderTooLarge,
    /// This proxy does not serve that host or organization.
    Misdirected,
    /// No token was sent: put it into `authorization: Bearer ...`.
    NoCredential,
    /// More than one credential was sent; send exactly one.
    MultipleCredentials,
    /// The credential is not a well-formed signed token.
    MalformedToken,
    /// The token's signature algorithm is not accepted from its issuer.
    AlgNotAllowed,
    /// The token names a key that its issuer does not publish.
    UnknownKey,
    /// The token's signature does not verify.
    BadSignature,
    /// The token's key is too weak to be trusted.
    WeakKey,
    /// The token's issuer is not trusted here.
    UnknownIssuer,
    /// The token was made for another audience.
    WrongAudience,
    /// The token is of a kind that is not accepted here.
    WrongType,
    /// The token has expired.
    Expired,
    /// The token is not valid yet.
    NotYetValid,
    /// The token lives longer than this proxy accepts.
    LifetimeTooLong,
    /// The token was used before, and counts once: get a new one.
    Replayed,
    /// The session has ended or was never begun: sign in again.
    SessionInvalid,
    /// Whom this credential is of was ended here or at the provider: sign in again or get a new token.
    Ended,
    /// The sign-in did not come to its end: begin again.
    LoginFailed,
    /// Another site sent this request with your session: open the page here and try again.
    Csrf,
    /// What is known of people cannot be read at the moment.
    PeopleUnavailable,
    /// No operation of the catalogue has this method and path.
    NoOperation,
    /// No policy allows this.
    PolicyDenied,
    /// A policy could not be evaluated, so nothing is allowed.
    PolicyError,
    /// More requests are made than this caller, or all together, may make.
    RateLimited,
    /// The issuer's keys cannot be had at the moment.
    IdpUnavailable,
    /// This machine's clock cannot be trusted at the moment.
    ClockUntrusted,
    /// The journal cannot be written at the moment.
    AuditUnavailable,
    /// The journal is behind; try again shortly.
    AuditBackpressure,
    /// Too many requests are in flight.
    Overloaded,
    /// This instance is shutting down.
    Draining,
    /// The request body can be read in two ways, or says another thing than the path.
    UnclearBody,
    /// The request body is larger than this operation accepts.
    BodyTooLarge,
    /// The body's media type or coding is none that is read here.
    UnsupportedMedia,
    /// The telemetry can be read in several ways or in none, so it cannot be stamped.
    UnstampableBody,
    /// No key of the upstream is for callers of this project.
    NoUpstreamKey,
    /// The telemetry names another version than the token's commit.
    ProvenanceMismatch,
    /// The request target is longer than this proxy accepts.
    UriTooLong,
    /// The request did not arrive in time.
    ClientTimeout,
    /// The upstream failed again and again; it is left alone for a moment.
    UpstreamResting,
    /// The upstream's certificate could not be verified.
    UpstreamTlsError,
    /// The upstream's answer was not well-formed.
    UpstreamBadResponse,
    /// The upstream could not be reached.
    UpstreamUnreachable,
    /// The upstream did not answer in time.
    UpstreamTimeout,
}

impl Reason {
    /// Whether a person would sign in to mend it.
    pub fn is_of_signing_in(self) -> bool {
        matches!(
            self,
            Reason::NoCredential | Reason::SessionInvalid | Reason::LoginFailed | Reason::Ended
        )
    }

    /// Every reason, in the order of a request's way.
    pub const ALL: &[Reason] = &[
        Reason::MalformedRequest,
        Reason::AmbiguousFraming,
        Reason::BadTarget,
        Reason::BadHost,
        Reason::HeaderTooLarge,
        Reason::Misdirected,
        Reason::NoCredential,
        Reason::MultipleCredentials,
        Reason::MalformedToken,
        Reason::AlgNotAllowed,
        Reason::UnknownKey,
        Reason::BadSignature,
        Reason::WeakKey,
        Reason::UnknownIssuer,
        Reason::WrongAudience,
        Reason::WrongType,
        Reason::Expired,
        Reason::NotYetValid,
        Reason::LifetimeTooLong,
        Reason::Replayed,
        Reason::SessionInvalid,
        Reason::Ended,
        Reason::LoginFailed,
        Reason::Csrf,
        Reason::PeopleUnavailable,
        Reason::NoOperation,
        Reason::PolicyDenied,
        Reason::PolicyError,
        Reason::RateLimited,
        Reason::IdpUnavailable,
        Reason::ClockUntrusted,
        Reason::AuditUnavailable,
        Reason::AuditBackpressure,
        Reason::Overloaded,
        Reason::Draining,
        Reason::UnclearBody,
        Reason::BodyTooLarge,
        Reason::UnsupportedMedia,
        Reason::UnstampableBody,
        Reason::ProvenanceMismatch,
        Reason::NoUpstreamKey,
        Reason::UriTooLong,
        Reason::ClientTimeout,
        Reason::UpstreamResting,
        Reason::UpstreamTlsError,
        Reason::UpstreamBadResponse,
        Reason::UpstreamUnreachable,
        Reason::UpstreamTimeout,
    ];

    /// The word: the same in body, header, record, metric and documentation.
    pub const fn word(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status of the answer.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The gRPC status code of the answer.
    pub const fn grpc(self) -> u8 {
        self.row().2
    }

    /// What the record calls it.
    pub const fn effect(self) -> Effect {
        self.row().3
    }

    /// One sentence for the caller: lower case, no full stop.
    pub const fn sentence(self) -> &'static str {
        self.row().4
    }

    /// Seconds after which trying again makes sense, for the reasons that pass by themselves.
    pub const fn retry_after_s(self) -> Option<u32> {
        match self.row().1 {
            503 => Some(2),
            429 => Some(1),
            _ => None,
        }
    }

    #[rustfmt::skip] // a table reads as one
    const fn row(self) -> (&'static str, u16, u8, Effect, &'static str) {
        use Effect::{Deny, Error, Refuse};
        match self {
            Reason::MalformedRequest => ("malformed_request", 400, 3, Refuse, "the request is not well-formed HTTP"),
            Reason::AmbiguousFraming => ("ambiguous_framing", 400, 3, Refuse, "the length of the request body can be read in two ways"),
            Reason::BadTarget => ("bad_target", 400, 3, Refuse, "the request target is ambiguous or not in origin form"),
            Reason::BadHost => ("bad_host", 400, 3, Refuse, "the host of the request is missing, doubled or malformed"),
            Reason::HeaderTooLarge => ("header_too_large", 431, 3, Refuse, "the request head is larger than this proxy accepts"),
            Reason::Misdirected => ("misdirected", 421, 3, Refuse, "this proxy does not serve that host or organization"),
            Reason::NoCredential => ("no_credential", 401, 16, Refuse, "no token was sent: put it into `authorization: Bearer ...`"),
            Reason::MultipleCredentials => ("multiple_credentials", 400, 3, Refuse, "more than one credential was sent; send exactly one"),
            Reason::MalformedToken => ("malformed_token", 401, 16, Refuse, "the credential is not a well-formed signed token: send the whole token as its issuer made it"),
            Reason::AlgNotAllowed => ("alg_not_allowed", 401, 16, Refuse, "the token's signature algorithm is not accepted from its issuer: `algorithms` lists what is"),
            Reason::UnknownKey => ("unknown_key", 401, 16, Refuse, "the token names a key that its issuer does not publish: get a new token"),
            Reason::BadSignature => ("bad_signature", 401, 16, Refuse, "the token's signature does not verify: get a new token and send it unchanged"),
            Reason::WeakKey => ("weak_key", 401, 16, Refuse, "the token's key is too weak to be trusted: its issuer must replace it"),
            Reason::UnknownIssuer => ("unknown_issuer", 401, 16, Refuse, "the token's issuer is not trusted here: compare its `iss` with the issuers of this proxy"),
            Reason::WrongAudience => ("wrong_audience", 401, 16, Refuse, "the token was made for another audience: ask for one that is made for this proxy"),
            Reason::WrongType => ("wrong_type", 401, 16, Refuse, "the token is of a kind that is not accepted here: send the kind that its issuer makes for APIs"),
            Reason::Expired => ("expired", 401, 16, Refuse, "the token has expired: get a new one"),
            Reason::NotYetValid => ("not_yet_valid", 401, 16, Refuse, "the token is not valid yet: compare the clocks"),
            Reason::LifetimeTooLong => ("lifetime_too_long", 401, 16, Refuse, "the token lives longer than this proxy accepts: ask for a shorter one"),
            Reason::Replayed => ("replayed", 401, 16, Refuse, "the token was used before, and counts once: get a new one"),
            Reason::SessionInvalid => ("session_invalid", 401, 16, Refuse, "the session has ended or was never begun: sign in again"),
            Reason::Ended => ("ended", 401, 16, Refuse, "whom this credential is of was ended here or at the provider: sign in again or get a new token"),
            Reason::LoginFailed => ("login_failed", 400, 3, Refuse, "the sign-in did not come to its end: begin again"),
            Reason::Csrf => ("csrf", 403, 7, Refuse, "another site sent this request with your session: open the page here and try again"),
            Reason::PeopleUnavailable => ("people_unavailable", 503, 14, Error, "what is known of people cannot be read at the moment"),
            Reason::NoOperation => ("no_operation", 404, 12, Deny, "no operation of the catalogue has this method and path"),
            Reason::PolicyDenied => ("policy_denied", 403, 7, Deny, "no policy allows this"),
            Reason::PolicyError => ("policy_error", 403, 7, Error, "a policy could not be evaluated, so nothing is allowed"),
            Reason::RateLimited => ("rate_limited", 429, 8, Refuse, "more requests are made than may be: try again later"),
            Reason::IdpUnavailable => ("idp_unavailable", 503, 14, Error, "the issuer's keys cannot be had at the moment"),
            Reason::ClockUntrusted => ("clock_untrusted", 503, 14, Error, "this machine's clock cannot be trusted at the moment"),
            Reason::AuditUnavailable => ("audit_unavailable", 503, 14, Error, "the journal cannot be written at the moment"),
            Reason::AuditBackpressure => ("audit_backpressure", 503, 14, Error, "the journal is behind; try again shortly"),
            Reason::Overloaded => ("overloaded", 503, 14, Error, "too many requests are in flight"),
            Reason::Draining => ("draining", 503, 14, Error, "this instance is shutting down"),
            Reason::UnclearBody => ("unclear_body", 400, 3, Refuse, "the request body cannot be judged before it is sent on"),
            Reason::BodyTooLarge => ("body_too_large", 413, 8, Refuse, "the request body is larger than this operation accepts"),
            Reason::UnsupportedMedia => ("unsupported_media", 415, 12, Refuse, "the body's media type or coding is not read here: send Protobuf or JSON; gzip or zstd"),
            Reason::UnstampableBody => ("unstampable_body", 400, 3, Refuse, "the telemetry can be read in several ways or in none, so it cannot be stamped"),
            Reason::ProvenanceMismatch => ("provenance_mismatch", 403, 7, Deny, "what was sent names another commit, version or environment than the token"),
            Reason::NoUpstreamKey => ("no_upstream_key", 403, 7, Deny, "no key of the upstream is for callers of this project"),
            Reason::UriTooLong => ("uri_too_long", 414, 8, Refuse, "the request target is longer than this proxy accepts"),
            Reason::ClientTimeout => ("client_timeout", 408, 4, Refuse, "the request did not arrive in time"),
            Reason::UpstreamResting => ("upstream_resting", 503, 14, Error, "the upstream failed again and again and is left alone for a moment"),
            Reason::UpstreamTlsError => ("upstream_tls_error", 502, 14, Error, "the upstream's certificate could not be verified"),
            Reason::UpstreamBadResponse => ("upstream_bad_response", 502, 14, Error, "the upstream's answer was not well-formed"),
            Reason::UpstreamUnreachable => ("upstream_unreachable", 502, 14, Error, "the upstream could not be reached"),
            Reason::UpstreamTimeout => ("upstream_timeout", 504, 4, Error, "the upstream did not answer in time"),
        }
    }
}
