//! Asks from the master whether a web server answers at an address, without a process of its own.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a web server may take to begin its answer to a question about nothing.
const LIMIT: Duration = Duration::from_secs(5);

/// Whether HTTP is spoken there; what is answered does not matter. The error says why not.
pub(crate) async fn knock(address: IpAddr, port: u16) -> Result<(), String> {
    let ask = async {
        let mut stream = TcpStream::connect((address, port)).await.map_err(|e| e.to_string())?;
        let question = format!("HEAD / HTTP/1.0\r\nHost: {address}\r\nUser-Agent: Aegir\r\n\r\n");
        stream.write_all(question.as_bytes()).await.map_err(|e| e.to_string())?;
        let mut begin = [0; 5];
        stream.read_exact(&mut begin).await.map_err(|e| e.to_string())?;
        if begin == *b"HTTP/" { Ok(()) } else { Err("what answers there does not speak HTTP".to_owned()) }
    };
    tokio::time::timeout(LIMIT, ask).await.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())))
}
