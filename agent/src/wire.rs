//! Bytes to and from a peer, within bounds.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::endpoint::Endpoint;

/// How much is read at once. Below a page, so that a buffer of it costs one.
const CHUNK: usize = 4 * 1024;

/// What can go wrong between two programs, whatever they speak.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Nobody listens, or it may not be asked.
    #[error("{endpoint} cannot be reached: {source}")]
    Connect {
        /// Who.
        endpoint: Endpoint,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The peer closed the connection in the middle of an answer.
    #[error("the peer closed the connection before its answer was complete")]
    Closed,
    /// The whole exchange was not over in time.
    #[error("no complete answer within {} ms", .0.as_millis())]
    Deadline(Duration),
    /// The answer was longer than allowed.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// An exchange on this connection failed before: what is still under way there belongs to that one.
    #[error("an earlier exchange on this connection failed; it needs a new one")]
    Broken,
}

/// Runs an exchange until its deadline.
pub(crate) async fn within<T, E: From<WireError>>(
    deadline: Duration,
    exchange: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match tokio::time::timeout(deadline, exchange).await {
        Ok(result) => result,
        Err(_) => Err(WireError::Deadline(deadline).into()),
    }
}

/// A connection of either kind.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    pub(crate) async fn connect(endpoint: &Endpoint) -> Result<Self, WireError> {
        let connected = match endpoint {
            Endpoint::Tcp(address) => match TcpStream::connect(address).await {
                // One small request at a time: waiting for more of it only delays it.
                Ok(stream) => stream.set_nodelay(true).map(|()| Self::Tcp(stream)),
                Err(error) => Err(error),
            },
            Endpoint::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
        };
        connected.map_err(|source| WireError::Connect { endpoint: endpoint.clone(), source })
    }

    /// Reads what is there into `buffer`, which grows by what was read; false at the end of the stream.
    pub(crate) async fn read_more(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        let mut chunk = [0; CHUNK];
        let count = self.read(&mut chunk).await?;
        buffer.extend_from_slice(&chunk[..count]);
        Ok(count > 0)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
