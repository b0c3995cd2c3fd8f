//! argon2id in memory that is kept: each thread that hashes has its own, once.
//!
//! Allocated for each hash (19 MiB, more than the allocator gives back by itself), it stays with the allocator several
//! times over for each thread.

use std::cell::RefCell;

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        self, CustomizedPasswordHasher, PasswordHasher,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};

thread_local! {
    static MEMORY: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

pub struct Argon2id(Argon2<'static>);

impl Argon2id {
    pub fn new(params: Params) -> Self {
        Self(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

impl PasswordHasher<PasswordHash> for Argon2id {
    fn hash_password_with_salt(&self, password: &[u8], salt: &[u8]) -> password_hash::Result<PasswordHash> {
        let params = self.0.params();
        let mut output = vec![0; params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
        MEMORY.with_borrow_mut(|memory| {
            memory.resize(memory.len().max(params.block_count()), Block::new());
            self.0.hash_password_into_with_memory(password, salt, &mut output, memory)
        })?;
        Ok(PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(params)?,
            salt: Some(Salt::new(salt)?),
            hash: Some(Output::new(&output)?),
        })
    }
}

/// For comparing with a hash that was made with other parameters; with another algorithm there is none.
impl CustomizedPasswordHasher<PasswordHash> for Argon2id {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> password_hash::Result<PasswordHash> {
        if algorithm.is_some_and(|name| name != Algorithm::Argon2id.as_str()) {
            return Err(password_hash::Error::Algorithm);
        }
        if version.is_some_and(|version| version != u32::from(Version::V0x13)) {
            return Err(password_hash::Error::Version);
        }
        Self::new(params).hash_password_with_salt(password, salt)
    }
}
