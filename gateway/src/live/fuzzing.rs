//! What clients say on the sockets of live events, for fuzz targets (`make fuzz`).

use super::{
    frames,
    original_frames::Said,
    protocol::{Refused, Request},
    topic::Topic,
};

/// A message of the live protocol, a topic, and a message on the original's socket.
pub fn said(text: &str) {
    match Request::parse(text) {
        Ok(Request::Subscribe { id, topic, spelling, after }) => {
            assert!(spelling.len() <= 256 && Topic::parse(&spelling) == Ok(topic));
            // What is given back is JSON, whatever was said.
            whole(&frames::unsubscribed(id.as_deref(), &spelling));
            if let Some(after) = after {
                assert_eq!(after.to_string().parse(), Ok(after));
            }
        }
        Ok(Request::Unsubscribe { id, spelling, .. }) => whole(&frames::unsubscribed(id.as_deref(), &spelling)),
        Ok(Request::Auth { id, .. } | Request::Ping { id }) => whole(&frames::pong(id.as_deref())),
        Err(Refused::Invalid { id, message }) => {
            whole(&frames::error(id.as_deref(), trellis_rpc::Code::InvalidRequest, &message));
        }
        Err(Refused::NotJson) => {}
    }
    if let Ok(topic) = Topic::parse(text) {
        assert!(topic.org().is_none_or(|org| !org.is_empty() && !org.contains(['/', '\0'])));
    }
    if let Said::Comment(comment) = Said::parse(text) {
        assert!(!comment.trim().is_empty());
    }
}

fn whole(frame: &str) {
    assert!(serde_json::from_str::<serde_json::Value>(frame).is_ok_and(|frame| frame.is_object()), "{frame}");
}
