//! What attackers hold, and what must come of it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::{
    grpc,
    matrix::{Needs, Outcome, Row},
    world::{Credentials, Person, SigningKey, Victim, World},
};

/// What an attacker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    NoToken,
    /// A true token of the victim's ADMIN, whose time is up.
    Expired,
    /// The claims of the victim's ADMIN, and `alg` says that nothing is signed.
    ForgedNone,
    /// The same, signed as if the published key were a shared secret.
    Hs256WithPublicKey,
    /// The same, by a key of the attacker's own, under a name of his own …
    UnknownKid,
    /// … or under the name of the true one.
    KnownKidOtherKey,
    /// Signed by the true key, for another world.
    WrongIssuer,
    WrongAudience,
    /// Signed by the true key, but said to be something else.
    WrongType,
    /// Of the victim's ADMIN, in place of the access token.
    RefreshToken,
    /// Of the victim's ADMIN, who has logged out.
    RevokedSession,
    /// ADMIN of another organization, in which everything is named as in the victim's.
    OtherAdmin,
    RemovedMember,
    MemberForAdmin,
    /// The victim's ADMIN, for what only processes may do.
    UserForProcess,
    /// A true service token of a process that may not: each of them.
    OtherProcess(&'static str),
    /// Service tokens for another service (a peer that was broken into hands on what it was shown), for none in
    /// particular, for users' clients; whose time is up; that live too long; that one process signs in the name of
    /// another; and one that an access token's key signed.
    ServiceOfOtherService,
    ServiceOfEveryService,
    ServiceAudience,
    ServiceExpired,
    ServiceTooLong,
    ServiceOfAnother,
    ServiceByUserKey,
    /// An access token presented as a service's.
    UserAsService,
    /// No token, and headers that say who asks.
    ClaimedByHeaders,
}

const PROCESSES: [&str; 4] = ["gateway", "identity", "org", "project"];

/// What is tried wherever a user must be signed in.
const TOKENS: [Attack; 11] = [
    Attack::NoToken,
    Attack::Expired,
    Attack::ForgedNone,
    Attack::Hs256WithPublicKey,
    Attack::UnknownKid,
    Attack::KnownKidOtherKey,
    Attack::WrongIssuer,
    Attack::WrongAudience,
    Attack::WrongType,
    Attack::RefreshToken,
    Attack::RevokedSession,
];

/// What is tried beside it wherever processes call.
const SERVICE_TOKENS: [Attack; 9] = [
    Attack::ServiceOfOtherService,
    Attack::ServiceOfEveryService,
    Attack::ServiceAudience,
    Attack::ServiceExpired,
    Attack::ServiceTooLong,
    Attack::ServiceOfAnother,
    Attack::ServiceByUserKey,
    Attack::UserAsService,
    Attack::ClaimedByHeaders,
];

impl Row {
    /// The columns of this row, and what each must come to.
    pub fn attacks(&self) -> Vec<(Attack, Outcome)> {
        use Attack::{MemberForAdmin, OtherAdmin, RemovedMember, UserForProcess};
        let gone = [(OtherAdmin, Outcome::NotFound), (RemovedMember, Outcome::NotFound)];
        let refused = (MemberForAdmin, Outcome::Forbidden);
        let mut attacks: Vec<(Attack, Outcome)> = match self.needs {
            Needs::Nobody(_) => return Vec::new(),
            Needs::User => Vec::new(),
            Needs::Own | Needs::Invitee | Needs::Member => gone.into(),
            Needs::Author | Needs::Admin => gone.into_iter().chain([refused]).collect(),
            Needs::Process(_) => vec![(UserForProcess, Outcome::Forbidden)],
        };
        attacks.extend(TOKENS.map(|attack| (attack, Outcome::Unauthenticated)));
        if self.is_between_processes() {
            attacks.extend(SERVICE_TOKENS.map(|attack| (attack, Outcome::Unauthenticated)));
            // What only users do knows no process; what some processes do is forbidden to the others.
            let wanted = if self.by_processes().is_empty() { Outcome::Unauthenticated } else { Outcome::Forbidden };
            attacks.extend(self.other_processes().map(|name| (Attack::OtherProcess(name), wanted.clone())));
        }
        attacks
    }

    /// gRPC methods are named so; only there are there service tokens.
    fn is_between_processes(&self) -> bool {
        self.name.starts_with("trellis.")
    }

    /// The processes that may do it on their own account.
    pub fn by_processes(&self) -> &'static [&'static str] {
        match self.needs {
            Needs::Process(names) => names,
            _ => self.processes,
        }
    }

    /// The processes that may not.
    fn other_processes(&self) -> impl Iterator<Item = &'static str> {
        PROCESSES.into_iter().filter(|name| !self.by_processes().contains(name))
    }

    /// What service tokens for this row's service are for: its package.
    fn audience(&self) -> &str {
        self.name.rsplit_once('.').map_or("", |(package, _)| package)
    }
}

impl World {
    /// What this attacker shows.
    pub fn credentials(&self, attack: Attack, victim: &Victim, row: &Row) -> Credentials {
        let admin = &victim.admin;
        let (claims, key) = (claims(admin), &self.signing_key);
        let process = row.by_processes().first().copied().unwrap_or("gateway");
        let other = row.other_processes().next().unwrap_or("gateway");
        let service = service_claims(process, row.audience());
        let service_key = |name: &str| self.service_keys[name];
        let user = Credentials::user;
        match attack {
            Attack::NoToken => Credentials::none(),
            Attack::Expired => user(sign(key, "at+jwt", &with(&with(&claims, "exp", now() - 60), "iat", now() - 960))),
            Attack::ForgedNone => {
                let header = json!({"alg": "none", "typ": "at+jwt", "kid": key.kid});
                user(format!("{}.{}.", encode(&header), encode(&claims)))
            }
            Attack::Hs256WithPublicKey => user(hs256(key, &claims)),
            Attack::UnknownKid => user(sign(&SigningKey::new("attacker", [7; 32]), "at+jwt", &claims)),
            Attack::KnownKidOtherKey => user(sign(&SigningKey::new(&key.kid, [7; 32]), "at+jwt", &claims)),
            Attack::WrongIssuer => user(sign(key, "at+jwt", &with(&claims, "iss", "somebody-else"))),
            Attack::WrongAudience => user(sign(key, "at+jwt", &with(&claims, "aud", "trellis-internal"))),
            Attack::WrongType => user(sign(key, "JWT", &claims)),
            Attack::RefreshToken => user(admin.refresh_token.clone()),
            Attack::RevokedSession => user(victim.logged_out.clone()),
            Attack::OtherAdmin => user(self.outsider.token.clone()),
            Attack::RemovedMember => user(victim.removed.token.clone()),
            Attack::MemberForAdmin => user(victim.member.token.clone()),
            Attack::UserForProcess => user(admin.token.clone()),
            Attack::OtherProcess(name) => Credentials::service(self.service_token(name, row.audience())),
            Attack::ServiceOfOtherService => {
                let elsewhere =
                    ["trellis.identity.v1", "trellis.org.v1"].into_iter().find(|aud| *aud != row.audience());
                service_token(process, service_key(process), &with(&service, "aud", elsewhere.unwrap()))
            }
            Attack::ServiceOfEveryService => {
                service_token(process, service_key(process), &with(&service, "aud", "trellis-internal"))
            }
            Attack::ServiceAudience => service_token(process, service_key(process), &with(&service, "aud", "trellis")),
            Attack::ServiceExpired => {
                let old = with(&with(&service, "iat", now() - 90), "exp", now() - 31);
                service_token(process, service_key(process), &old)
            }
            Attack::ServiceTooLong => {
                service_token(process, service_key(process), &with(&service, "exp", now() + 86_400))
            }
            Attack::ServiceOfAnother => {
                // By its own key and under that key's name, but it says that the right one issued it.
                service_token(other, service_key(other), &service)
            }
            Attack::ServiceByUserKey => {
                Credentials::service(sign(&SigningKey::new(process, key.seed), "service+jwt", &service))
            }
            Attack::UserAsService => Credentials::service(admin.token.clone()),
            Attack::ClaimedByHeaders => Credentials { scheme: grpc::CLAIMED, token: Some(admin.id.to_string()) },
        }
    }

    /// Who may do it, at the least.
    pub fn who_may(&self, victim: &Victim, row: &Row) -> Credentials {
        match row.needs {
            Needs::Nobody(_) => Credentials::none(),
            Needs::User | Needs::Own | Needs::Author | Needs::Admin => Credentials::user(victim.admin.token.clone()),
            Needs::Member => Credentials::user(victim.member.token.clone()),
            Needs::Invitee => Credentials::user(victim.invitee.token.clone()),
            Needs::Process(names) => Credentials::service(self.service_token(names[0], row.audience())),
        }
    }

    /// A true one.
    fn service_token(&self, process: &str, audience: &str) -> String {
        let key = SigningKey::new(process, self.service_keys[process]);
        sign(&key, "service+jwt", &service_claims(process, audience))
    }
}

/// What a token of this person says.
pub fn claims(person: &Person) -> Value {
    let now = now();
    json!({
        "iss": "trellis", "aud": "trellis", "sub": person.id, "sid": person.session,
        "jti": uuid::Uuid::new_v4(), "iat": now, "exp": now + 900,
    })
}

fn service_claims(process: &str, audience: &str) -> Value {
    json!({"iss": process, "aud": audience, "iat": now(), "exp": now() + 60})
}

fn service_token(kid: &str, seed: [u8; 32], claims: &Value) -> Credentials {
    Credentials::service(sign(&SigningKey::new(kid, seed), "service+jwt", claims))
}

/// Signs as identity signs.
pub fn sign(key: &SigningKey, typ: &str, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(typ.to_owned());
    header.kid = Some(key.kid.clone());
    let der = ed25519_dalek::SigningKey::from_bytes(&key.seed).to_pkcs8_der().unwrap();
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(der.as_bytes())).unwrap()
}

fn hs256(key: &SigningKey, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(key.kid.clone());
    let public = ed25519_dalek::SigningKey::from_bytes(&key.seed).verifying_key().to_bytes();
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(&public)).unwrap()
}

/// Unix seconds.
pub fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

fn encode(value: &Value) -> String {
    BASE64.encode(value.to_string())
}

fn with(claims: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims.clone();
    claims[name] = value.into();
    claims
}
