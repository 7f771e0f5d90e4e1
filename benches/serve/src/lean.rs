//! A client that sends a prepared search and looks for the end of its answer, and nothing else: what
//! the server's protocol costs, without what a driver does with the rows.

use std::net::{SocketAddr, TcpStream as StdStream};

use bytes::BytesMut;
use likeness_storage::Probe;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::Header;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, NoTls};

use super::Outcome;

const STATEMENT: &str = "ask";
/// Bytes of a message's type and length.
const HEADER: usize = 5;
const BINARY: i16 = 1;

/// The client's end.
pub(super) struct LeanClient(Mutex<TcpStream>);

impl LeanClient {
    /// Logs in and prepares `search` by a driver, and takes the socket over from it.
    pub(super) async fn connect(
        address: SocketAddr,
        config: &Config,
        search: &str,
    ) -> Outcome<Self> {
        let socket = StdStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let own = socket.try_clone()?;
        let (driver, connection) = config.connect_raw(TcpStream::from_std(socket)?, NoTls).await?;
        let connection = tokio::spawn(connection);
        driver.batch_execute(&format!("PREPARE {STATEMENT} AS {search}")).await?;
        connection.abort();
        Ok(Self(Mutex::new(TcpStream::from_std(own)?)))
    }

    /// The number of rows.
    pub(super) async fn ask(&self, probe: &Probe) -> Outcome<usize> {
        let mut socket = self.0.lock().await;
        socket.write_all(&question(probe)?).await?;
        let mut answer = BytesMut::with_capacity(32 * 1024);
        let mut rows = 0;
        loop {
            while let Some(message) = next(&mut answer)? {
                match message {
                    b'D' => rows += 1,
                    b'Z' => return Ok(rows),
                    b'E' => return Err("a search was refused".into()),
                    _ => {}
                }
            }
            if socket.read_buf(&mut answer).await? == 0 {
                return Err("the server closed the connection".into());
            }
        }
    }
}

/// A search by `probe`: Bind, Execute and Sync.
fn question(probe: &Probe) -> Outcome<BytesMut> {
    let mut question = BytesMut::with_capacity(8 * 1024);
    let values = [probe.embedding.as_slice()];
    let value = |values: &[f32], bytes: &mut BytesMut| {
        values.to_sql(&Type::FLOAT4_ARRAY, bytes).map(|_| IsNull::No)
    };
    frontend::bind("", STATEMENT, [BINARY], values, value, [BINARY], &mut question)
        .map_err(|_| "an embedding could not be sent")?;
    frontend::execute("", 0, &mut question)?;
    frontend::sync(&mut question);
    Ok(question)
}

/// The type of the next message, which is taken out of `bytes` once it is whole.
fn next(bytes: &mut BytesMut) -> Outcome<Option<u8>> {
    let Some(header) = Header::parse(bytes)? else { return Ok(None) };
    let length = usize::try_from(header.len())? + HEADER - 4;
    if bytes.len() < length {
        return Ok(None);
    }
    let _message = bytes.split_to(length);
    Ok(Some(header.tag()))
}
