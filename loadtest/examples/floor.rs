//! The bare relay that servers are compared with, as a program.

use anyhow::Context;
use clap::Parser;
use tokio::net::TcpListener;

#[derive(Debug, Parser)]
struct Options {
    #[arg(long, default_value = "127.0.0.1:1234")]
    listen: String,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it says where it listens")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(&options.listen).await;
    let listener = listener.with_context(|| format!("could not listen on {}", options.listen))?;
    println!("floor listens on ws://{}, process {}", listener.local_addr()?, std::process::id());
    flow_loadtest::floor::serve(listener).await
}
