//! A place in the order of one scope, as clients carry it: `Trellis-Cursor` and the `cursor` of live frames.
//!
//! Opaque to them: 40 bytes (epoch, scope, number) in base64url. It is no proof of anything; a topic is authorized,
//! never a cursor.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use trellis_proto::event::v1::Position;
use uuid::Uuid;

const BYTES: usize = 16 + 16 + 8;

/// The state of `scope` after `seq` events, in the life `epoch` of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    pub epoch: Uuid,
    pub scope: Uuid,
    pub seq: u64,
}

/// The text is not one that this system gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor")]
pub struct BadCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; BYTES];
        bytes[..16].copy_from_slice(self.epoch.as_bytes());
        bytes[16..32].copy_from_slice(self.scope.as_bytes());
        bytes[32..].copy_from_slice(&self.seq.to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let bytes: [u8; BYTES] = bytes.try_into().map_err(|_| BadCursor)?;
        let (epoch, rest) = bytes.split_at(16);
        let (scope, seq) = rest.split_at(16);
        Ok(Self {
            epoch: Uuid::from_slice(epoch).map_err(|_| BadCursor)?,
            scope: Uuid::from_slice(scope).map_err(|_| BadCursor)?,
            seq: u64::from_be_bytes(seq.try_into().map_err(|_| BadCursor)?),
        })
    }
}

impl TryFrom<&Position> for Cursor {
    type Error = BadCursor;

    /// From the wire between our own processes.
    fn try_from(position: &Position) -> Result<Self, BadCursor> {
        Ok(Self {
            epoch: position.epoch.parse().map_err(|_| BadCursor)?,
            scope: position.scope.parse().map_err(|_| BadCursor)?,
            seq: position.seq,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn cursor() -> Cursor {
        Cursor { epoch: Uuid::from_u128(1), scope: Uuid::from_u128(2), seq: 0x0102_0304_0506_0708 }
    }

    #[test]
    fn what_is_given_out_is_taken_back() {
        let text = cursor().to_string();
        assert_eq!(text.len(), 54);
        assert_eq!(text.parse(), Ok(cursor()));
    }

    #[test]
    fn anything_else_is_refused() {
        let text = cursor().to_string();
        for bad in ["", "x", "é", &text[1..], &format!("{text}A"), &format!("{text}=="), &text.replace('A', "+")] {
            assert_eq!(bad.parse::<Cursor>(), Err(BadCursor), "{bad}");
        }
    }

    #[test]
    fn positions_of_the_services_become_cursors() {
        let position =
            Position { epoch: Uuid::from_u128(1).to_string(), scope: Uuid::from_u128(2).to_string(), seq: 7 };
        assert_eq!(Cursor::try_from(&position).unwrap().seq, 7);
        assert!(Cursor::try_from(&Position::default()).is_err());
    }
}
