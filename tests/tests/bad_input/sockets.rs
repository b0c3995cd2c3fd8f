//! Frames that nobody understands, and frames that are none: an error or a close code, and nobody else notices.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use super::line::{KINDS, Kind, Line, Place, Witness};

/// As many as there are made up for each kind of socket.
const FRAMES: usize = 400;
const LARGEST: usize = 256 * 1024;

/// Something that looks like a frame, more or less.
fn made_up(rng: &mut StdRng, place: &Place) -> String {
    let topics = [
        json!(place.topic()),
        json!(format!("project:{}/WEB", place.org)),
        json!("task:nobody/WEB-1"),
        json!("task:/"),
        json!("notifications:"),
        json!("x".repeat(300)),
        json!(7),
        Value::Null,
    ];
    let types =
        ["subscribe", "unsubscribe", "auth", "ping", "pong", "connection_init", "complete", "event", "", "dance"];
    let ids =
        [json!(1), json!("a"), json!(-0.5), json!({}), json!([1]), json!(true), json!("x".repeat(300)), Value::Null];
    let mut one = |list: &[Value]| list[rng.random_range(0..list.len())].clone();
    let mut frame = json!({"type": one(&types.map(Value::from))});
    let fields: [(&str, &[Value]); 8] = [
        ("id", &ids),
        ("topic", &topics),
        ("after", &[json!("nonsense"), json!(""), json!(7), Value::Null]),
        ("token", &[json!("nonsense"), json!(7), json!("")]),
        ("payload", &[json!({}), json!({"query": "{"}), json!({"query": 7}), json!("x"), json!({"variables": []})]),
        ("message", &[json!(7), json!(""), json!({})]),
        ("type", &[json!(7), json!(["ping"]), Value::Null]),
        ("\u{0}", &[json!("\u{feff}")]),
    ];
    for (name, values) in fields {
        if one(&[json!(true), json!(false), json!(false)]) == true {
            frame[name] = one(values);
        }
    }
    let text = frame.to_string();
    // Now and then cut off, or something after the end.
    match rng.random_range(0..12) {
        0 => text.chars().take(rng.random_range(0..text.len())).collect(),
        1 => format!("{text}{text}"),
        2 => format!("[{text}]"),
        _ => text,
    }
}

#[tokio::test]
async fn made_up_frames_are_answered_or_close_their_own_socket_alone() {
    let seed = std::env::var("TRELLIS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(5);
    println!("seed {seed}");
    let base = trellis_tests::base();
    let place = Place::new(&base).await;
    let mut witness = Witness::new(&place, &base).await;
    for kind in KINDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut line = Line::open(&place, &base, kind).await;
        let (mut answered, mut closed) = (0, 0);
        for number in 0..FRAMES {
            let text = made_up(&mut rng, &place);
            line.offer(Message::text(text.clone())).await;
            // After it, something that is always answered, so that silence is known from waiting.
            line.say(json!({"type": "ping"})).await;
            loop {
                match line.next().await {
                    Ok(frame) if frame["type"] == "pong" && frame.get("id").is_none() => break,
                    Ok(_) => answered += 1,
                    Err(code) => {
                        let known = match kind {
                            Kind::Full => [4400, 4401].as_slice(),
                            Kind::Original => &[],
                            Kind::Graph => &[4400, 4401, 4409, 4429],
                        };
                        assert!(code.is_some_and(|code| known.contains(&code)), "{kind:?} {code:?} after {text}");
                        closed += 1;
                        line = Line::open(&place, &base, kind).await;
                        break;
                    }
                }
            }
            if number % 100 == 0 {
                let word = format!("{kind:?} {number}");
                place.comment(&word).await;
                witness.hears(&word).await;
                line = Line::open(&place, &base, kind).await;
            }
        }
        println!("{kind:?}: {answered} answers to {FRAMES} frames, {closed} times closed");
        assert!(answered > 50 || closed > 50, "{kind:?}");
    }
    witness.hears_no_more().await;
}

#[tokio::test]
async fn huge_messages_close_their_own_socket_alone() {
    let base = trellis_tests::base();
    let place = Place::new(&base).await;
    let mut witness = Witness::new(&place, &base).await;
    for kind in KINDS {
        for size in [LARGEST + 1, 1024 * 1024, 8 * 1024 * 1024] {
            let mut line = Line::open(&place, &base, kind).await;
            line.offer(Message::text("x".repeat(size))).await;
            assert!(ended(&mut line).await.is_none_or(|code| code == 1009), "{kind:?} of {size} bytes");
        }
        // In pieces, each of which is small.
        let mut line = Line::open(&place, &base, kind).await;
        line.offer(Message::Frame(Frame::message(vec![b'x'; 1024], OpCode::Data(Data::Text), false))).await;
        for _ in 0..=LARGEST / 1024 {
            let piece = Frame::message(vec![b'x'; 1024], OpCode::Data(Data::Continue), false);
            line.offer(Message::Frame(piece)).await;
        }
        assert!(ended(&mut line).await.is_none_or(|code| code == 1009), "{kind:?} in pieces");
        // Announced, and nothing of it sent: nobody waits for it, or makes room for it.
        for length in [LARGEST as u64 + 1, 1 << 40, u64::MAX >> 1, u64::MAX] {
            let line = Line::open(&place, &base, kind).await;
            let head = [&[0x81, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
            let code = line.code_after(&head).await;
            assert!(code == Some(1009) || code == Some(4400), "{kind:?} announced {length}: {code:?}");
        }
        // What just fits is read.
        let mut line = Line::open(&place, &base, kind).await;
        let padding = "x".repeat(LARGEST - 100);
        line.say(json!({"type": "ping", "padding": padding})).await;
        let answer = line.next().await;
        let wanted = match kind {
            Kind::Full => answer.as_ref().is_ok_and(|frame| frame["code"] == "invalid_request"),
            Kind::Original => answer.is_ok(),
            Kind::Graph => answer.as_ref().is_ok_and(|frame| frame["type"] == "pong") || answer == Err(Some(4400)),
        };
        assert!(wanted, "{kind:?}: {answer:?}");
        let word = format!("after what was huge at {kind:?}");
        place.comment(&word).await;
        witness.hears(&word).await;
    }
    witness.hears_no_more().await;
}

/// The code that it was closed with; none where the end came before the word, since the client was still sending.
async fn ended(line: &mut Line) -> Option<u16> {
    loop {
        if let Err(code) = line.next().await {
            return code;
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_frames_close_their_own_socket_alone() {
    let base = trellis_tests::base();
    let place = Place::new(&base).await;
    let mut witness = Witness::new(&place, &base).await;
    let masked = |head: &[u8], body: &[u8]| [head, &[0; 4], body].concat();
    for kind in KINDS {
        for (what, bytes) in [
            ("a reserved kind of frame", masked(&[0x83, 0x80], b"")),
            ("a reserved kind of control frame", masked(&[0x8b, 0x80], b"")),
            ("reserved bits", masked(&[0xf1, 0x81], b"x")),
            ("a frame without a mask", vec![0x81, 0x02, b'{', b'}']),
            ("a continuation of nothing", masked(&[0x80, 0x81], b"x")),
            ("a beginning within a message", [masked(&[0x01, 0x81], b"x"), masked(&[0x81, 0x81], b"x")].concat()),
            ("a ping in pieces", masked(&[0x09, 0x80], b"")),
            ("a ping that is too long", masked(&[0x89, 0xfe, 0x00, 0x7e], &[b'x'; 126])),
            ("text that is no UTF-8", masked(&[0x81, 0x82], &[0xc3, 0x28])),
            ("a close frame of one byte", masked(&[0x88, 0x81], &[0x03])),
            ("a binary message", masked(&[0x82, 0x82], b"{}")),
            ("HTTP", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ] {
            // The original answers what is binary as what it does not understand, and goes on.
            if what == "a binary message" && kind == Kind::Original {
                continue;
            }
            let line = Line::open(&place, &base, kind).await;
            let code = line.code_after(&bytes).await;
            assert!(code.is_none_or(|code| [4400, 1002, 1007].contains(&code)), "{kind:?}: {what}: {code:?}");
        }
        let word = format!("after the bytes at {kind:?}");
        place.comment(&word).await;
        witness.hears(&word).await;
    }
    witness.hears_no_more().await;
}
