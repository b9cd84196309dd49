//! The server of these tests.

use bytes::Bytes;
use futures::StreamExt;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use sideline::{spawn_blocking, task::yield_now};
use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

pub(crate) type Body = BoxBody<Bytes, hyper::Error>;

/// Counts what it has answered. Not `Send`: it lives on the loop.
#[derive(Clone, Default)]
pub(crate) struct Service {
    pub(crate) answered: Rc<Cell<usize>>,
}

impl Service {
    pub(crate) async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let answered = Rc::clone(&self.answered);
        let response = match (request.method(), request.uri().path()) {
            (&Method::GET, path) if path.starts_with("/number/") => full(path["/number/".len()..].to_owned()),
            // A few turns of the loop, and the pool, before the answer.
            (&Method::GET, "/offloaded") => {
                yield_now().await;
                full(spawn_blocking(|| "from the pool").await.expect("no panic there"))
            }
            (&Method::GET, "/endless") => {
                let piece = || Ok(Frame::data(Bytes::from_static(&[7; 1000])));
                Response::new(BodyExt::boxed(StreamBody::new(futures::stream::repeat_with(piece))))
            }
            (&Method::POST, "/echo") => {
                // Frame by frame: neither side ever holds all of it.
                let frames = BodyStream::new(request.into_body()).map(|frame| frame.map(data));
                Response::new(BodyExt::boxed(StreamBody::new(frames)))
            }
            _ => {
                let mut response = full("");
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        };
        answered.set(answered.get() + 1);
        Ok(response)
    }
}

fn data(frame: Frame<Bytes>) -> Frame<Bytes> {
    Frame::data(frame.into_data().unwrap_or_default())
}

fn full(text: impl Into<Bytes>) -> Response<Body> {
    Response::new(Full::new(text.into()).map_err(|never| match never {}).boxed())
}

/// A body that is made piece by piece, of `len` bytes in all.
pub(crate) fn large_body(content: &'static [u8]) -> Body {
    let pieces = content.chunks(37_001).map(|piece| Ok(Frame::data(Bytes::from_static(piece))));
    BodyExt::boxed(StreamBody::new(futures::stream::iter(pieces)))
}

pub(crate) fn empty() -> Body {
    Full::default().map_err(|never| match never {}).boxed()
}

/// Reads a body as it comes and compares it with what it has to be.
pub(crate) async fn expect_body(mut body: Incoming, expected: &[u8]) {
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        let data = frame.expect("the body goes on").into_data().expect("no trailers");
        assert!(data == expected[received..][..data.len()], "the bytes from {received} on differ");
        received += data.len();
    }
    assert_eq!(received, expected.len());
}
