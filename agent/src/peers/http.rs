//! HTTP/1.1 without TLS, over loopback or a Unix socket: health endpoints, hooks, and what [`super::prometheus`],
//! [`super::spring`] and [`super::envoy`] read.
//!
//! Each call is a connection of its own: a peer that is sick must not be judged by a connection from its better days.
//! Redirects are not followed.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;

use crate::bounds::Bounds;
use crate::endpoint::Endpoint;
use crate::wire::{Stream, WireError, within};

/// How much of a head (status line and headers) is read, and of a body at once: hyper's least.
const READ_BUFFER: usize = 8 * 1024;

/// The most headers in an answer.
const MOST_HEADERS: usize = 64;

/// What can go wrong with a request.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The connection.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Not HTTP, or broken off in the middle.
    #[error("what the peer sent is not an HTTP answer: {0}")]
    Protocol(#[from] hyper::Error),
    /// The path is none.
    #[error("`{0}` is not a path of a URL")]
    BadPath(String),
    /// A header's name or value is none.
    #[error("`{0}` is not a header that can be sent")]
    BadHeader(String),
    /// Another status than the request needs.
    #[error("the peer answered with status {0}")]
    Status(u16),
    /// A body that is not what the endpoint's documentation says.
    #[error("the body is not {0}")]
    Body(&'static str),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The body's first bytes, up to [`Bounds::bytes`].
    pub body: Vec<u8>,
    /// Whether the body went on.
    pub truncated: bool,
}

impl Response {
    /// Whether the status says success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body, where the status says success and it came whole.
    pub fn into_success(self) -> Result<Vec<u8>, HttpError> {
        match self {
            Self { truncated: true, body, .. } => Err(WireError::TooLong(body.len()).into()),
            Self { status: 200..300, body, .. } => Ok(body),
            Self { status, .. } => Err(HttpError::Status(status)),
        }
    }
}

/// A server, with the headers that every request to it carries.
#[derive(Debug, Clone)]
pub struct HttpClient {
    endpoint: Endpoint,
    headers: HeaderMap,
    bounds: Bounds,
}

impl HttpClient {
    /// A server; nothing is connected yet. `headers` are names and values from configuration, like a bearer token or
    /// another `Host` than `localhost`. Values are never shown.
    pub fn new<'a>(
        endpoint: Endpoint,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        bounds: Bounds,
    ) -> Result<Self, HttpError> {
        let mut map = HeaderMap::new();
        map.insert(HOST, HeaderValue::from_static("localhost"));
        if let Endpoint::Tcp(address) = endpoint {
            let host = HeaderValue::try_from(address.to_string());
            map.insert(HOST, host.map_err(|_| HttpError::BadHeader("Host".to_owned()))?);
        }
        map.insert(CONNECTION, HeaderValue::from_static("close"));
        for (name, value) in headers {
            let bad = || HttpError::BadHeader(name.to_owned());
            let mut value = HeaderValue::try_from(value).map_err(|_| bad())?;
            value.set_sensitive(true);
            map.insert(HeaderName::try_from(name).map_err(|_| bad())?, value);
        }
        Ok(Self { endpoint, headers: map, bounds })
    }

    /// The same with another deadline.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.bounds = self.bounds.within(deadline);
        self
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Result<Response, HttpError> {
        self.collect(Method::GET, path, None).await
    }

    /// `POST`, with a body and its type where there is one.
    pub async fn post(&self, path: &str, body: Option<(&'static str, Vec<u8>)>) -> Result<Response, HttpError> {
        self.collect(Method::POST, path, body).await
    }

    /// `GET` of something long: the body goes to `each` as it comes, where the status is 200. Of the limit in bytes
    /// only a read buffer is held.
    pub async fn stream<E: From<HttpError> + From<WireError>>(
        &self,
        path: &str,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut left = self.bounds.bytes;
        let limit = self.bounds.bytes;
        self.exchange(Method::GET, path, None, |status, chunk| {
            if status != 200 {
                return Err(HttpError::Status(status).into());
            }
            left = left.checked_sub(chunk.len()).ok_or(WireError::TooLong(limit))?;
            each(chunk).map(|()| true)
        })
        .await
        .map(|_| ())
    }

    async fn collect(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Vec<u8>)>,
    ) -> Result<Response, HttpError> {
        let mut kept = Vec::new();
        let mut truncated = false;
        let status = self
            .exchange(method, path, body, |_, chunk| {
                let room = self.bounds.bytes - kept.len();
                kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
                truncated = chunk.len() > room;
                Ok::<_, HttpError>(!truncated)
            })
            .await?;
        Ok(Response { status, body: kept, truncated })
    }

    /// One request. `each` gets the status with each chunk, at least once, and says whether it wants more.
    async fn exchange<E: From<HttpError> + From<WireError>>(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Vec<u8>)>,
        mut each: impl FnMut(u16, &[u8]) -> Result<bool, E>,
    ) -> Result<u16, E> {
        let request = self.request(method, path, body)?;
        within(self.bounds.deadline, async {
            let stream = TokioIo::new(Stream::connect(&self.endpoint).await?);
            let mut builder = http1::Builder::new();
            builder.max_buf_size(READ_BUFFER).max_headers(MOST_HEADERS);
            let (mut sender, connection) = builder.handshake(stream).await.map_err(HttpError::from)?;
            let exchange = async {
                let mut response = sender.send_request(request).await.map_err(HttpError::from)?;
                let status = response.status().as_u16();
                let mut wanted = each(status, &[])?;
                while wanted {
                    let Some(frame) = response.frame().await else { break };
                    let frame = frame.map_err(HttpError::from)?;
                    if let Some(chunk) = frame.data_ref() {
                        wanted = each(status, chunk)?;
                    }
                }
                Ok(status)
            };
            drive(connection, exchange).await
        })
        .await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Vec<u8>)>,
    ) -> Result<Request<Full<Bytes>>, HttpError> {
        let bad = || HttpError::BadPath(path.to_owned());
        // A URL with a host would be sent as it is to a server that takes it for a proxy's request.
        if !path.starts_with('/') {
            return Err(bad());
        }
        let uri = Uri::try_from(path).map_err(|_| bad())?;
        let (content_type, body) = body.map_or((None, Vec::new()), |(content_type, body)| (Some(content_type), body));
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        if let Some(content_type) = content_type {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        Ok(request)
    }
}

/// Runs the exchange and the connection beside it in one task, so that neither outlives the call.
async fn drive<T, E>(
    connection: impl Future<Output = Result<(), hyper::Error>>,
    exchange: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let mut exchange = pin!(exchange);
    tokio::select! {
        biased;
        result = &mut exchange => result,
        // The exchange sees the same error, or ends with what the connection has read for it.
        _ = connection => exchange.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(headers: &[(&str, &str)]) -> Result<HttpClient, HttpError> {
        let endpoint = Endpoint::Unix("/run/none".into());
        HttpClient::new(endpoint, headers.iter().copied(), Bounds::LOCAL)
    }

    #[test]
    fn headers_come_from_configuration_and_are_not_shown() {
        let client = client(&[("Authorization", "Bearer abc"), ("host", "shop")]).unwrap();
        assert!(!format!("{client:?}").contains("abc"), "{client:?}");
        let request = client.request(Method::GET, "/health?x=1", None).unwrap();
        assert_eq!(request.headers()[HOST], "shop");
        assert_eq!(request.headers()["authorization"], "Bearer abc");
    }

    #[test]
    fn what_cannot_be_sent() {
        for header in [("a b", "c"), ("a", "b\r\nc: d"), ("", "a")] {
            assert!(matches!(client(&[header]), Err(HttpError::BadHeader(_))), "{header:?}");
        }
        for path in ["", "health", "http://169.254.169.254/", "/a b", "/a\r\nb"] {
            let result = client(&[]).unwrap().request(Method::GET, path, None);
            assert!(matches!(result, Err(HttpError::BadPath(_))), "{path}");
        }
    }

    #[test]
    fn success_is_whole() {
        let response = |status, truncated| Response { status, body: b"x".to_vec(), truncated };
        assert_eq!(response(204, false).into_success().unwrap(), b"x");
        assert!(matches!(response(200, true).into_success(), Err(HttpError::Wire(WireError::TooLong(1)))));
        assert!(matches!(response(503, false).into_success(), Err(HttpError::Status(503))));
    }
}
