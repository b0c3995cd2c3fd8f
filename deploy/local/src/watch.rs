//! `make watch`: the live events of one topic at a terminal. A client of the public protocol, for trying it out.

use std::{io::Write as _, net::TcpStream};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};
use tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue};

#[derive(Args)]
pub struct Watch {
    /// `task:acme/WEB-1`, `project:acme/website`
    topic: String,
    /// The access token
    #[arg(long, env = "TOKEN", hide_env_values = true)]
    token: String,
    /// The gateway
    #[arg(long, default_value = "http://127.0.0.1:8000")]
    url: String,
    /// Go on after this cursor, which may begin with `-`
    #[arg(long, allow_hyphen_values = true)]
    after: Option<String>,
    /// Stop after so many events
    #[arg(long)]
    count: Option<usize>,
}

impl Watch {
    /// Prints every frame as it comes; ends with the connection, or after `count` events.
    pub fn run(&self) -> anyhow::Result<()> {
        let address = self.url.strip_prefix("http://").context("--url begins with http://")?.trim_end_matches('/');
        let mut request = format!("ws://{address}/api/v1/live").into_client_request()?;
        let header = |value: &str| HeaderValue::from_str(value).context("TOKEN is no token");
        request.headers_mut().insert("sec-websocket-protocol", header("trellis.v1")?);
        request.headers_mut().insert("authorization", header(&format!("Bearer {}", self.token))?);
        let stream =
            TcpStream::connect(address).with_context(|| format!("no gateway at {}: does `make up` run?", self.url))?;
        let (mut socket, _) = tungstenite::client(request, stream)
            .map_err(|error| anyhow::anyhow!("the gateway refused the connection: {error}"))?;

        let mut subscribe = json!({"type": "subscribe", "id": 1, "topic": self.topic});
        if let Some(after) = &self.after {
            subscribe["after"] = after.as_str().into();
        }
        socket.send(Message::text(subscribe.to_string()))?;
        let mut events = 0;
        while self.count.is_none_or(|count| events < count) {
            match socket.read()? {
                Message::Text(text) => {
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "{text}")?;
                    out.flush()?;
                    let frame: Value = serde_json::from_str(&text)?;
                    match frame["type"].as_str() {
                        Some("event") => events += 1,
                        Some("error") => bail!("{}", frame["message"].as_str().unwrap_or("refused")),
                        _ => {}
                    }
                }
                Message::Close(frame) => bail!("the gateway closed the connection: {frame:?}"),
                _ => {}
            }
        }
        socket.close(None).ok();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        watch: Watch,
    }

    #[test]
    fn a_cursor_may_begin_with_a_dash() {
        let command = Command::try_parse_from(["watch", "--token", "t", "--after", "-AbC", "task:a/B-1"]).unwrap();
        assert_eq!(command.watch.after.as_deref(), Some("-AbC"));
    }
}
