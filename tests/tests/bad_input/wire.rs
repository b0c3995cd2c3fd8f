//! Bytes that are no HTTP, nearly HTTP, or HTTP that nobody sends: each gets a 4xx in the one shape, or is taken for what
//! it says; none hangs and none is answered by a bare status.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than anything here may take; a body that does not come is waited for 9 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came back over one connection.
struct Answers(String);

impl Answers {
    /// Sends the bytes and reads to the end.
    async fn to(bytes: &[u8]) -> Self {
        let base = trellis_tests::base();
        let mut stream = TcpStream::connect(base.trim_start_matches("http://")).await.expect("the gateway listens");
        // A refused client may be cut off while it sends.
        let _ = stream.write_all(bytes).await;
        let mut read = Vec::new();
        let mut buffer = [0; 8192];
        let reading = async {
            while let Ok(some @ 1..) = stream.read(&mut buffer).await {
                read.extend_from_slice(&buffer[..some]);
            }
        };
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("it hangs: {shown:?}"));
        Self(String::from_utf8_lossy(&read).into_owned())
    }

    fn head(&self) -> &str {
        self.0.split("\r\n\r\n").next().unwrap_or_default()
    }

    fn status(&self) -> u16 {
        self.head().split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    fn header(&self, name: &str) -> &str {
        let lines = self.head().lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| *known == name).map(|(_, value)| value).next().unwrap_or_default()
    }

    fn body(&self) -> Value {
        let body = self.0.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {}", self.0))
    }

    /// One refusal in the shape of problems, protected as every answer.
    fn problem(&self, status: u16, what: &str) -> Value {
        assert_eq!(self.status(), status, "{what}: {}", self.0);
        assert_eq!(self.header("content-type"), "application/problem+json", "{what}: {}", self.0);
        assert_eq!(self.header("x-content-type-options"), "nosniff", "{what}");
        let problem = self.body();
        assert_eq!(problem["status"], status, "{what}: {}", self.0);
        assert!(problem["code"].is_string() && problem["detail"].is_string(), "{what}: {}", self.0);
        assert_eq!(problem["request_id"], self.header("x-request-id"), "{what}: {}", self.0);
        problem
    }
}

const CLOSE: &str = "host: x\r\nconnection: close\r\n";

#[tokio::test]
async fn what_is_no_http_is_a_problem() {
    let long = |size: usize| "x".repeat(size);
    for (bytes, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3} a TLS hello\r\n\r\n".to_owned(), 400),
        ("GET\r\n\r\n".to_owned(), 400),
        ("GET /healthz\r\n\r\n".to_owned(), 400),
        ("GET /healthz HTTP/9.9\r\nhost: x\r\n\r\n".to_owned(), 400),
        ("GET /healthz HTTP/2.0\r\nhost: x\r\n\r\n".to_owned(), 400),
        ("GET /a b HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 400),
        ("GET /\u{1} HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 400),
        ("G(T / HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nna me: x\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nname : x\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nname\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nname: a\u{0}b\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: x\r\n folded: x\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: x\r\n: x\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\n{CLOSE}x: {}\r\n\r\n", long(80 * 1024)), 431),
        (format!("GET / HTTP/1.1\r\n{CLOSE}x: {}\r\n\r\n", long(1024 * 1024)), 431),
        (format!("GET /{} HTTP/1.1\r\n{CLOSE}\r\n", long(66 * 1024)), 431),
        (format!("GET /{} HTTP/1.1\r\n{CLOSE}\r\n", long(80 * 1024)), 431),
        (format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(1100)), 431),
    ] {
        let what = &bytes[..bytes.len().min(60)];
        let answer = Answers::to(bytes.as_bytes()).await;
        answer.problem(status, what);
        assert_eq!(answer.header("connection"), "close", "{what}");
    }
}

#[tokio::test]
async fn lengths_that_contradict_each_other_are_a_problem() {
    let body = "{\"email\":\"a@b.test\",\"password\":\"x\"}";
    let at = format!("POST /api/v1/auth/login HTTP/1.1\r\n{CLOSE}content-type: application/json\r\n");
    for lengths in [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5, 6\r\n",
        "content-length: -1\r\n",
        "content-length: +5\r\n",
        "content-length: 0x5\r\n",
        "content-length: five\r\n",
        "content-length: 99999999999999999999999\r\n",
        "transfer-encoding: gzip\r\n",
        "transfer-encoding: chunked, gzip\r\n",
    ] {
        Answers::to(format!("{at}{lengths}\r\n{body}").as_bytes()).await.problem(400, lengths);
    }
    for chunks in [
        "zz\r\n{}\r\n0\r\n\r\n",
        "-1\r\n{}\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "2;\n{}\r\n0\r\n\r\n",
    ] {
        let answer = Answers::to(format!("{at}transfer-encoding: chunked\r\n\r\n{chunks}").as_bytes()).await;
        answer.problem(400, chunks);
    }
    Answers::to(format!("{at}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n").as_bytes())
        .await
        .problem(422, "a good one");
}

#[tokio::test]
async fn a_request_names_its_host_once() {
    for hosts in ["", "host: a\r\nhost: a\r\n", "host: a\r\nhost: b\r\n"] {
        let problem = Answers::to(format!("GET /healthz HTTP/1.1\r\nconnection: close\r\n{hosts}\r\n").as_bytes())
            .await
            .problem(400, hosts);
        assert_eq!(problem["errors"][0]["field"], "Host");
    }
}

#[tokio::test]
async fn odd_requests_are_taken_for_what_they_say() {
    for (line, status) in [
        ("GET /healthz HTTP/1.0", 200),
        ("GET healthz HTTP/1.1", 404),
        ("GET http://elsewhere.test/healthz HTTP/1.1", 200),
        ("GET http://elsewhere.test/api/v1/me HTTP/1.1", 401),
        ("GET /healthz?x=1 HTTP/1.1", 400),
        ("OPTIONS * HTTP/1.1", 404),
        ("CONNECT example.test:443 HTTP/1.1", 404),
        ("CONNECT /api/v1/live HTTP/1.1", 400),
        ("TRACE /healthz HTTP/1.1", 405),
        ("TRACE /nothing HTTP/1.1", 404),
        ("BREW /healthz HTTP/1.1", 405),
        ("GET //healthz HTTP/1.1", 404),
        ("GET /healthz/../api/v1/me HTTP/1.1", 404),
        ("GET /%2e%2e/healthz HTTP/1.1", 404),
    ] {
        let answer = Answers::to(format!("{line}\r\n{CLOSE}\r\n").as_bytes()).await;
        if status == 200 {
            assert_eq!(answer.status(), 200, "{line}: {}", answer.0);
        } else {
            answer.problem(status, line);
        }
    }
    // What is not understood of HTTP/2 closes the connection; it never gets as far as an answer.
    Answers::to(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense that is no frame at all").await;
    // Half a head is no request: whoever stops there has gone.
    let mut half = TcpStream::connect(trellis_tests::base().trim_start_matches("http://")).await.unwrap();
    half.write_all(b"GET /healthz HT").await.unwrap();
    half.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, half.read_to_end(&mut rest)).await.expect("it hangs").unwrap();
}

#[tokio::test]
async fn refusals_of_http_have_the_shape_of_graphql_at_its_address() {
    for (bytes, status) in [
        ("POST /graphql HTTP/1.1\r\nhost: x\r\nna me: x\r\n\r\n".to_owned(), 400),
        ("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n".to_owned(), 400),
        (format!("POST /graphql HTTP/1.1\r\n{CLOSE}x: {}\r\n\r\n", "x".repeat(80 * 1024)), 431),
        ("POST /graphql HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(), 400),
    ] {
        let answer = Answers::to(bytes.as_bytes()).await;
        assert_eq!(answer.status(), status, "{}", answer.0);
        assert!(answer.header("content-type").starts_with("application/json"), "{}", answer.0);
        assert!(answer.body()["errors"][0]["extensions"]["code"].is_string(), "{}", answer.0);
    }
}

#[tokio::test]
async fn what_was_right_before_is_answered_before_the_refusal() {
    let bytes = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n";
    let Answers(both) = Answers::to(bytes.as_bytes()).await;
    let (first, second) = both.split_at(both.rfind("HTTP/1.1 ").expect("an answer"));
    assert!(first.starts_with("HTTP/1.1 200"), "{both}");
    Answers(second.to_owned()).problem(400, "nonsense");
}
