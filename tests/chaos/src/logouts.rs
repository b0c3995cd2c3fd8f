//! The wanderer logs in and out: the token and the sockets of a session end with it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, future::join_all};
use reqwest::Method;
use serde_json::json;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use trellis_tests::PASSWORD;

use crate::{
    client::{Answer, Request},
    members::{BOUND, CLEARS_UP, GRANTED_IN_BAD_WEATHER, Members, PAUSE},
    sockets::connect,
    world::Person,
};

impl Members {
    /// Logs in and out until told to stop, or so many times.
    pub async fn log_in_and_out(self: Arc<Self>, most: usize) {
        for trial in 0..most {
            if self.stopped() {
                return;
            }
            let Some(token) = self.log_in().await else { return };
            let person = Person { token, ..self.world.wanderer.clone() };
            let mut sockets = Vec::new();
            for base in &self.client.bases {
                sockets.extend(connect(base, &person.token).await);
            }
            let gateway = trial % self.client.bases.len();
            let logout = Request::rest(&person, Method::POST, "/auth/logout", None);
            let Some(out) = self.insist(gateway, &logout, |code| code.starts_with("401")).await else { return };
            let closings = sockets.into_iter().map(|mut socket| async move {
                let closed = async {
                    loop {
                        match socket.next().await {
                            Some(Ok(Message::Close(Some(frame)))) => return u16::from(frame.code) == 4401,
                            Some(Ok(_)) => {}
                            // Broken by something else.
                            _ => return false,
                        }
                    }
                };
                match timeout(GRANTED_IN_BAD_WEATHER, closed).await {
                    Ok(by_us) => by_us.then(|| out.elapsed()),
                    Err(_) => Some(GRANTED_IN_BAD_WEATHER),
                }
            });
            let asking = self.asks_until_refused(&person, out);
            let (closed, ()) = tokio::join!(join_all(closings), asking);
            for after in closed.into_iter().flatten() {
                self.judge(after, "a socket was open after a logout");
                if self.weather.calm_for() > after + CLEARS_UP {
                    self.seen().closed.push(after);
                }
            }
            let pause = Instant::now() + Duration::from_secs(2);
            while Instant::now() < pause && most == usize::MAX && !self.stopped() {
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    async fn log_in(&self) -> Option<String> {
        let wanderer = &self.world.wanderer;
        let body = json!({"email": wanderer.email, "password": PASSWORD});
        let mut gateway = 0;
        while !self.stopped() {
            let request = Request::rest(wanderer, Method::POST, "/auth/login", Some(body.clone()));
            if let Answer::Yes(tokens) = self.client.ask(gateway, &request).await.0 {
                return tokens["access_token"].as_str().map(str::to_owned);
            }
            gateway = (gateway + 1) % self.client.bases.len();
            sleep(Duration::from_millis(200)).await;
        }
        None
    }

    async fn asks_until_refused(&self, person: &Person, out: Instant) {
        for gateway in 0..self.client.bases.len() {
            let mut last = Duration::ZERO;
            while !self.stopped() && out.elapsed() < GRANTED_IN_BAD_WEATHER + BOUND {
                let sent = out.elapsed();
                match self.client.ask(gateway, &Request::rest(person, Method::GET, "/me", None)).await.0 {
                    Answer::Yes(_) => {
                        last = sent;
                        self.judge(sent, &format!("/me was answered by gateway {gateway} after a logout"));
                    }
                    Answer::No(_) => break,
                    Answer::Again => {}
                }
                sleep(PAUSE).await;
            }
            if self.weather.calm_for() > out.elapsed() + CLEARS_UP {
                self.seen().answered.push(last);
            }
        }
    }
}
