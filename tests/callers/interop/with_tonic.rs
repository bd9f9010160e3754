//! The cases by tonic, as a client that its generator wrote would go through them.
//!
//! What each case demands is the gRPC project's word (interop-test-descriptions).

use std::time::Duration;

use http::uri::PathAndQuery;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::codegen::tokio_stream::{self, Stream, wrappers::ReceiverStream};
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::messages::{
    EchoStatus, Empty, InputResponse, OutputRequest, Piece, ResponseParameters, SimpleRequest,
    SimpleResponse, length, payload,
};

pub(super) const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";
pub(super) const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";

/// What was otherwise than the case demands.
type Outcome = Result<(), String>;

/// Every case in order.
pub(super) async fn all(url: &str, token: &str) -> Vec<(&'static str, Outcome)> {
    let client = &mut Client::connect(url, token).await;
    let mut said = Vec::new();
    macro_rules! run {
        ($($case:ident),*) => { $(said.push((stringify!($case), soon($case(client)).await));)* };
    }
    run!(
        empty_unary,
        large_unary,
        client_streaming,
        server_streaming,
        ping_pong,
        empty_stream,
        cancel_after_begin,
        cancel_after_first_response,
        timeout_on_sleeping_server,
        custom_metadata,
        status_code_and_message,
        special_status_message,
        unimplemented_method,
        unimplemented_service,
        soak
    );
    said
}

/// A call with these, and what of the first came back.
pub(super) async fn with_metadata(
    url: &str,
    token: &str,
    sent: &[(&'static str, &'static str)],
) -> Option<String> {
    let mut client = Client::connect(url, token).await;
    let mut request = Request::new(Empty {});
    for (name, value) in sent {
        if name.ends_with("-bin") {
            let value = MetadataValue::from_bytes(value.as_bytes());
            request.metadata_mut().insert_bin(*name, value);
        } else {
            let value = MetadataValue::from_static(value);
            request.metadata_mut().insert(*name, value);
        }
    }
    let answer = client
        .unary::<_, Empty>("EmptyCall", request)
        .await
        .unwrap();
    let back = answer.metadata().get(sent[0].0)?;
    Some(back.to_str().unwrap().to_owned())
}

/// What a generated client is: a channel, and a token on each call.
struct Client {
    grpc: Grpc<Channel>,
    token: MetadataValue<tonic::metadata::Ascii>,
}

impl Client {
    async fn connect(url: &str, token: &str) -> Client {
        let channel = Channel::from_shared(url.to_owned()).unwrap();
        let channel = channel.connect().await.unwrap();
        Client {
            grpc: Grpc::new(channel),
            token: format!("Bearer {token}").parse().unwrap(),
        }
    }

    async fn ready<T>(&mut self, mut request: Request<T>) -> Request<T> {
        self.grpc.ready().await.unwrap();
        let token = self.token.clone();
        request.metadata_mut().insert("authorization", token);
        request
    }

    async fn unary<Q, A>(
        &mut self,
        method: &str,
        request: Request<Q>,
    ) -> Result<Response<A>, Status>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let request = self.ready(request).await;
        let (path, codec) = (at(SERVICE, method), ProstCodec::<Q, A>::default());
        self.grpc.unary(request, path, codec).await
    }

    async fn duplex(
        &mut self,
        request: Request<impl Stream<Item = OutputRequest> + Send + 'static>,
    ) -> Result<Response<Streaming<Piece>>, Status> {
        let request = self.ready(request).await;
        let (path, codec) = (at(SERVICE, "FullDuplexCall"), ProstCodec::default());
        self.grpc.streaming(request, path, codec).await
    }
}

async fn empty_unary(client: &mut Client) -> Outcome {
    let answer = client.unary("EmptyCall", Request::new(Empty {})).await;
    same(told(answer)?.into_inner(), Empty {})
}

async fn large_unary(client: &mut Client) -> Outcome {
    let answer = client.unary("UnaryCall", Request::new(large())).await;
    let answer: SimpleResponse = told(answer)?.into_inner();
    same(answer.payload, payload(314_159))
}

async fn client_streaming(client: &mut Client) -> Outcome {
    let pieces = SENT.map(|size| Piece {
        payload: payload(size),
    });
    let request = client.ready(Request::new(tokio_stream::iter(pieces))).await;
    let (path, codec) = (at(SERVICE, "StreamingInputCall"), ProstCodec::default());
    let answer = client.grpc.client_streaming(request, path, codec).await;
    let answer: InputResponse = told(answer)?.into_inner();
    same(answer.aggregated_payload_size, 74_922)
}

async fn server_streaming(client: &mut Client) -> Outcome {
    let wanted = SIZES.map(|size| sized(size, 0)).to_vec();
    let asked = OutputRequest {
        response_parameters: wanted,
        ..OutputRequest::default()
    };
    let request = client.ready(Request::new(asked)).await;
    let (path, codec) = (at(SERVICE, "StreamingOutputCall"), ProstCodec::default());
    let answer = client.grpc.server_streaming(request, path, codec).await;
    let mut answers: Streaming<Piece> = told(answer)?.into_inner();
    for size in SIZES {
        let answer = told(answers.message().await)?.ok_or("too few answers")?;
        same(length(answer.payload), size)?;
    }
    same(told(answers.message().await)?, None)
}

/// The first piece is there before the call begins: grpcio's server says nothing until it has one.
async fn ping_pong(client: &mut Client) -> Outcome {
    let (send, pieces) = mpsc::channel(1);
    send.send(asking(SIZES[0], SENT[0], 0))
        .await
        .map_err(text)?;
    let begun = client.duplex(Request::new(ReceiverStream::new(pieces)));
    let mut answers = told(begun.await)?.into_inner();
    for (n, size) in SIZES.into_iter().enumerate() {
        if n > 0 {
            send.send(asking(size, SENT[n], 0)).await.map_err(text)?;
        }
        let answer = told(answers.message().await)?.ok_or("no answer")?;
        same(length(answer.payload), size)?;
    }
    drop(send);
    same(told(answers.message().await)?, None)
}

async fn empty_stream(client: &mut Client) -> Outcome {
    let begun = client.duplex(Request::new(tokio_stream::iter([]))).await;
    let mut answers = told(begun)?.into_inner();
    same(told(answers.message().await)?, None)
}

/// The call is dropped while its server waits for the first piece.
async fn cancel_after_begin(client: &mut Client) -> Outcome {
    let (send, pieces) = mpsc::channel::<Piece>(1);
    let request = client
        .ready(Request::new(ReceiverStream::new(pieces)))
        .await;
    let (path, codec) = (at(SERVICE, "StreamingInputCall"), ProstCodec::default());
    let mut client = client.grpc.clone();
    let call = tokio::spawn(async move {
        client.ready().await.unwrap(); // a clone has a place of its own to take
        let call = client.client_streaming::<_, _, InputResponse, _>(request, path, codec);
        call.await.map(drop)
    });
    // With room for one piece, a second one fits when the call has begun to take them.
    for _ in 0..2 {
        let piece = Piece {
            payload: payload(SENT[0]),
        };
        send.send(piece).await.map_err(text)?;
    }
    call.abort();
    match call.await {
        Err(ended) if ended.is_cancelled() => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

async fn cancel_after_first_response(client: &mut Client) -> Outcome {
    let (send, pieces) = mpsc::channel(1);
    let asked = asking(SIZES[0], SENT[0], 0);
    send.send(asked).await.map_err(text)?;
    let begun = client.duplex(Request::new(ReceiverStream::new(pieces)));
    let mut answers = told(begun.await)?.into_inner();
    let answer = told(answers.message().await)?.ok_or("no answer")?;
    drop(answers);
    same(length(answer.payload), SIZES[0])
}

async fn timeout_on_sleeping_server(client: &mut Client) -> Outcome {
    let (_send, pieces) = mpsc::channel(1);
    let first = tokio_stream::iter([asking(31_415, 27_182, 5_000_000)]);
    let pieces = tokio_stream::StreamExt::chain(first, ReceiverStream::new(pieces));
    let mut request = Request::new(pieces);
    request.set_timeout(Duration::from_millis(500));
    let begun = async {
        let mut answers = client.duplex(request).await?.into_inner();
        answers.message().await
    };
    let fault = begun.await.err().ok_or("it did not end")?;
    // What tonic calls a deadline that it saw pass by itself.
    let passed = matches!(fault.code(), Code::DeadlineExceeded)
        || (fault.code() == Code::Cancelled && fault.message() == "Timeout expired");
    same(passed, true).map_err(|_| format!("{fault:?}"))
}

async fn custom_metadata(client: &mut Client) -> Outcome {
    let mut request = Request::new(large());
    put_echo(request.metadata_mut());
    let answer = client
        .unary::<_, SimpleResponse>("UnaryCall", request)
        .await;
    // tonic joins the trailers of a unary answer to its fields.
    let answer = told(answer)?;
    has_echo(answer.metadata(), answer.metadata())?;

    let pieces = tokio_stream::iter([asking(314_159, 271_828, 0)]);
    let mut request = Request::new(pieces);
    put_echo(request.metadata_mut());
    let (initial, mut answers, _) = told(client.duplex(request).await)?.into_parts();
    while told(answers.message().await)?.is_some() {}
    let trailing = told(answers.trailers().await)?.ok_or("no trailers")?;
    has_echo(&initial, &trailing)
}

async fn status_code_and_message(client: &mut Client) -> Outcome {
    status_of(client, "test status message").await
}

async fn special_status_message(client: &mut Client) -> Outcome {
    let text = "\t\ntest with whitespace\r\nand Unicode BMP \u{263a} and non-BMP \u{1f608}\t\n";
    status_of(client, text).await
}

async fn status_of(client: &mut Client, text: &str) -> Outcome {
    let status = Some(EchoStatus {
        code: 2,
        message: text.to_owned(),
    });
    let mut request = SimpleRequest::default();
    request.response_status.clone_from(&status);
    let answer = client.unary::<_, SimpleResponse>("UnaryCall", Request::new(request));
    let fault = answer.await.err().ok_or("an answer")?;
    same((fault.code(), fault.message()), (Code::Unknown, text))?;

    let asked = OutputRequest {
        response_status: status,
        ..OutputRequest::default()
    };
    let begun = client
        .duplex(Request::new(tokio_stream::iter([asked])))
        .await;
    let ended = match begun {
        Ok(answers) => answers.into_inner().message().await.map(drop),
        Err(fault) => Err(fault),
    };
    let fault = ended.err().ok_or("an answer")?;
    same((fault.code(), fault.message()), (Code::Unknown, text))
}

async fn unimplemented_method(client: &mut Client) -> Outcome {
    let answer = client.unary::<_, Empty>("UnimplementedCall", Request::new(Empty {}));
    let fault = answer.await.err().ok_or("an answer")?;
    same(fault.code(), Code::Unimplemented)
}

/// This one is not in the catalogue: stile's own answer is the server's.
async fn unimplemented_service(client: &mut Client) -> Outcome {
    let request = client.ready(Request::new(Empty {})).await;
    let path = at("grpc.testing.UnimplementedService", "UnimplementedCall");
    let codec = ProstCodec::<Empty, Empty>::default();
    let fault = client.grpc.unary(request, path, codec).await;
    let fault = fault.err().ok_or("an answer")?;
    same(fault.code(), Code::Unimplemented)
}

async fn soak(client: &mut Client) -> Outcome {
    for _ in 0..100 {
        large_unary(client).await?;
    }
    Ok(())
}

fn large() -> SimpleRequest {
    SimpleRequest {
        response_size: 314_159,
        payload: payload(271_828),
        response_status: None,
    }
}

fn asking(size: usize, sent: usize, interval_us: i32) -> OutputRequest {
    OutputRequest {
        response_parameters: vec![sized(size, interval_us)],
        payload: payload(sent),
        response_status: None,
    }
}

fn sized(size: usize, interval_us: i32) -> ResponseParameters {
    ResponseParameters {
        size: size as i32,
        interval_us,
    }
}

fn put_echo(metadata: &mut MetadataMap) {
    let initial = MetadataValue::from_static("test_initial_metadata_value");
    metadata.insert(ECHO_INITIAL, initial);
    let trailing = MetadataValue::from_bytes(b"\xab\xab\xab");
    metadata.insert_bin(MetadataKey::from_static(ECHO_TRAILING), trailing);
}

fn has_echo(initial: &MetadataMap, trailing: &MetadataMap) -> Outcome {
    let value = initial
        .get(ECHO_INITIAL)
        .map(MetadataValue::as_encoded_bytes);
    same(value, Some(&b"test_initial_metadata_value"[..]))?;
    let value = trailing
        .get_bin(ECHO_TRAILING)
        .map(|value| value.to_bytes());
    same(
        value.and_then(Result::ok).as_deref(),
        Some(&b"\xab\xab\xab"[..]),
    )
}

fn at(service: &str, method: &str) -> PathAndQuery {
    format!("/{service}/{method}").parse().unwrap()
}

fn told<T>(answer: Result<T, Status>) -> Result<T, String> {
    answer.map_err(|status| format!("{status:?}"))
}

fn text(fault: impl std::fmt::Display) -> String {
    fault.to_string()
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Outcome {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{found:.200?} in the place of {wanted:.200?}")),
    }
}

async fn soon(case: impl Future<Output = Outcome>) -> Outcome {
    let ended = timeout(Duration::from_secs(20), case).await;
    ended.unwrap_or_else(|_| Err("it did not end".to_owned()))
}

const SERVICE: &str = "grpc.testing.TestService";
const SIZES: [usize; 4] = [31_415, 9, 2_653, 58_979];
const SENT: [usize; 4] = [27_182, 8, 1_828, 45_904];
