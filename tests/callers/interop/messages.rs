//! The messages of gRPC's interoperability tests; fields that no case here uses are left out.

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Empty {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Payload {
    #[prost(bytes = "vec", tag = "2")]
    pub(super) body: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct EchoStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SimpleRequest {
    #[prost(int32, tag = "2")]
    pub(super) response_size: i32,
    #[prost(message, optional, tag = "3")]
    pub(super) payload: Option<Payload>,
    #[prost(message, optional, tag = "7")]
    pub(super) response_status: Option<EchoStatus>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SimpleResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) payload: Option<Payload>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ResponseParameters {
    #[prost(int32, tag = "1")]
    pub(super) size: i32,
    #[prost(int32, tag = "2")]
    pub(super) interval_us: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OutputRequest {
    #[prost(message, repeated, tag = "2")]
    pub(super) response_parameters: Vec<ResponseParameters>,
    #[prost(message, optional, tag = "3")]
    pub(super) payload: Option<Payload>,
    #[prost(message, optional, tag = "7")]
    pub(super) response_status: Option<EchoStatus>,
}

/// The same for requests of `StreamingInputCall` and answers of `StreamingOutputCall`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Piece {
    #[prost(message, optional, tag = "1")]
    pub(super) payload: Option<Payload>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct InputResponse {
    #[prost(int32, tag = "1")]
    pub(super) aggregated_payload_size: i32,
}

/// So many zeros.
pub(super) fn payload(size: usize) -> Option<Payload> {
    let body = vec![0; size];
    Some(Payload { body })
}

/// The length of what came.
pub(super) fn length(payload: Option<Payload>) -> usize {
    payload.map_or(0, |payload| payload.body.len())
}
