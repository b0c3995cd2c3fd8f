//! Passwords: which are good enough, and how they are hashed. Hashing takes tens of milliseconds of a core: it is
//! called through `ops::Hasher` only.

use std::{collections::HashSet, fmt, sync::LazyLock};

use argon2::{
    Algorithm, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::{self, phc::PasswordHash},
};
use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::UnicodeNormalization as _;

use super::{Refusal, argon2id::Argon2id};

/// Fewest and most characters.
pub const PASSWORD_CHARACTERS: (usize, usize) = (8, 128);

/// The most used passwords of at least 8 characters, in lower case, sorted.
const COMMON: &str = include_str!("common_passwords.txt");

/// A password that a user may choose. Never trimmed, never shown.
#[derive(Clone)]
pub struct NewPassword(SecretString);

impl NewPassword {
    pub fn parse(text: &SecretString) -> Result<Self, Refusal> {
        let (fewest, most) = PASSWORD_CHARACTERS;
        let plain = text.expose_secret();
        let characters = plain.chars().count();
        if plain.is_empty() {
            Err(("required", "must be given".to_owned()))
        } else if plain.contains('\0') {
            Err(("invalid", "must not contain NUL".to_owned()))
        } else if characters < fewest {
            Err(("too_short", format!("must be at least {fewest} characters")))
        } else if characters > most {
            Err(("too_long", format!("must be at most {most} characters")))
        } else if is_common(plain) {
            Err(("too_common", "is among the most used passwords".to_owned()))
        } else {
            Ok(Self(text.clone()))
        }
    }

    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword(…)")
    }
}

/// Whatever its case, the space around it, and the width and composition of its letters: all that costs a guesser
/// nothing. More is not taken off (a year, an exclamation mark): the rule is a list, so that a user who is refused can
/// tell why, and it is rate limits that make guessing dear.
fn is_common(plain: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.lines().collect());
    let plain: String = plain.trim().nfkc().collect();
    WORDS.contains(plain.to_lowercase().as_str())
}

/// What a verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    pub matches: bool,
    /// The hash was made with other parameters than today's.
    pub outdated: bool,
}

/// argon2id with 19 MiB, two passes, one lane (OWASP's first choice).
fn argon2() -> Argon2id {
    Argon2id::new(params())
}

fn params() -> Params {
    Params::new(19_456, 2, 1, None).expect("these are within argon2's bounds")
}

/// A PHC string with a salt of its own.
pub fn hash(password: &SecretString) -> Result<String, password_hash::Error> {
    let hash: PasswordHash = argon2().hash_password(password.expose_secret().as_bytes())?;
    Ok(hash.to_string())
}

/// Compares a password with a PHC string, whatever parameters that was made with.
pub fn verify(password: &SecretString, hash: &str) -> Result<Verified, password_hash::Error> {
    let parsed = PasswordHash::new(hash).map_err(|_| password_hash::Error::EncodingInvalid)?;
    let matches = match argon2().verify_password(password.expose_secret().as_bytes(), &parsed) {
        Ok(()) => true,
        Err(password_hash::Error::PasswordInvalid) => false,
        Err(error) => return Err(error),
    };
    Ok(Verified { matches, outdated: is_outdated(&parsed) })
}

/// A hash of nobody's password: verified against where there is no user, so that it takes the same time.
pub fn dummy_hash() -> Result<String, password_hash::Error> {
    let random: [u8; 32] = rand::random();
    let hash: PasswordHash = argon2().hash_password(&random)?;
    Ok(hash.to_string())
}

fn is_outdated(hash: &PasswordHash) -> bool {
    let today = params();
    let same = hash.algorithm == Algorithm::Argon2id.ident()
        && hash.version == Some(Version::V0x13.into())
        && Params::try_from(hash).is_ok_and(|params| {
            (params.m_cost(), params.t_cost(), params.p_cost()) == (today.m_cost(), today.t_cost(), today.p_cost())
        });
    !same
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn code(text: &str) -> &'static str {
        NewPassword::parse(&text.into()).err().map_or("ok", |(code, _)| code)
    }

    #[test]
    fn passwords_are_long_enough_and_not_common() {
        assert_eq!(code("correct horse battery"), "ok");
        assert_eq!(code("        "), "ok");
        assert_eq!(code("größe-ü1"), "ok");
        assert_eq!(code("größe-1"), "too_short");
        assert_eq!(code(&"ü".repeat(128)), "ok");
        assert_eq!(code(&"x".repeat(129)), "too_long");
        assert_eq!(code(""), "required");
        assert_eq!(code("abc\0defgh"), "invalid");
        assert_eq!(code("password1"), "too_common");
        assert_eq!(code("PassWord"), "too_common");
        assert_eq!(code(" password1\t"), "too_common");
        assert_eq!(code("ｐａｓｓｗｏｒｄ１"), "too_common");
        assert_eq!(code("password of ann"), "ok");
    }

    #[test]
    fn the_list_has_what_the_rule_of_length_lets_through() {
        assert!(COMMON.lines().count() > 1000);
        assert!(
            COMMON.lines().all(|line| line.chars().count() >= PASSWORD_CHARACTERS.0 && line == line.to_lowercase())
        );
        assert!(COMMON.lines().is_sorted());
    }

    #[test]
    fn hashes_are_verified_and_old_ones_noticed() {
        let password = SecretString::from("correct horse battery");
        let made = hash(&password).unwrap();
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made}");
        assert_ne!(made, hash(&password).unwrap());
        assert_eq!(verify(&password, &made).unwrap(), Verified { matches: true, outdated: false });
        assert!(!verify(&"correct horse batterz".into(), &made).unwrap().matches);
        assert!(!verify(&password, &dummy_hash().unwrap()).unwrap().matches);

        let weak = Argon2id::new(Params::new(1024, 1, 1, None).unwrap());
        let old: PasswordHash = weak.hash_password(b"correct horse battery").unwrap();
        assert_eq!(verify(&password, &old.to_string()).unwrap(), Verified { matches: true, outdated: true });
        assert!(verify(&password, "plain").is_err());
    }
}
