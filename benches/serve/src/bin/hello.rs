//! A service that does nothing, made with the same axum: what of an idle endpoint is the
//! framework's. `benches/load.py` measures it next to the server.

use std::error::Error;
use std::io::{self, Write};

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(io::stdout(), "ready {}", listener.local_addr()?)?;
        let hello = Router::new().route("/", get(async || "Hello, world!"));
        axum::serve(listener, hello).await?;
        Ok(())
    })
}
