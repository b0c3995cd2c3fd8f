//! The variable parts of a path, percent-decoded; what is no text is refused.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::{Deserialize, de::DeserializeOwned};

use crate::problem::Problem;

/// `{project}`: slug or key.
#[derive(Deserialize)]
pub struct ProjectPath {
    pub project: String,
}

/// `{task_id}`: `WEB-1`.
#[derive(Deserialize)]
pub struct TaskPath {
    pub task_id: String,
}

/// `{user_id}`
#[derive(Deserialize)]
pub struct UserPath {
    pub user_id: String,
}

/// `{id}`
#[derive(Deserialize)]
pub struct IdPath {
    pub id: String,
}

/// The parts of the path that `T` names; others (the organization, which its gate has read) are no matter.
pub struct Params<T>(pub T);

impl<S, T> FromRequestParts<S> for Params<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = parts.uri.path();
        if path.contains("%00") {
            return Err(Problem::invalid_request("The path holds a NUL character."));
        }
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(_) => Err(Problem::invalid_request("The path is not percent-encoded UTF-8.")),
        }
    }
}

/// Percent-decodes one segment or value; `None` where it is no UTF-8 or holds a NUL.
pub fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn percent_decoding() {
        assert_eq!(decoded("a%20b%C3%A9").as_deref(), Some("a bé"));
        for bad in ["%", "%2", "%zz", "%ff", "%00", "a%+1"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }
}
