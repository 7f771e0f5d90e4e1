//! Log-in: which tenant and key a client names, and whether it proves that it has the key.
//!
//! Database = tenant, user = name of the key, password = the key. A client that names no database
//! means the tenant `default`; so does one whose database equals its user name (what libpq sends
//! when nobody chose) unless a tenant of that name has such a key. An unknown tenant or name goes
//! through the same exchange as a wrong key, with a salt made up for it, and ends the same way.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use pgwire::api::auth::Password;
use ring::hmac;
use ring::rand::SystemRandom;

use super::error::{Failure, PgError, WireState};
use super::scram::prove;
use super::wire::Wire;
use crate::engine::keyring::{Key, Keyring, KeyringError, LoginThrottle, Standing, Throttled};
use crate::sql::SqlState;

/// The tenant of clients that name none.
const DEFAULT_TENANT: &str = "default";
/// Bytes of a made-up salt; as many as a real one has.
const SALT_BYTES: usize = 16;
/// What every API key begins with.
const KEY_PREFIX: &str = "iksk_";

/// Checks who clients are.
#[derive(Debug)]
pub(super) struct Gatekeeper {
    keyring: Arc<Keyring>,
    throttle: LoginThrottle,
    /// The beginning of the throttle's time.
    start: Instant,
    /// Makes the salts of names that do not exist: the same one every time a name is tried.
    decoys: hmac::Key,
}

impl Gatekeeper {
    /// # Errors
    /// When the operating system gives no random bytes.
    pub(super) fn new(keyring: Arc<Keyring>) -> Result<Self, ring::error::Unspecified> {
        let decoys = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())?;
        Ok(Self { keyring, throttle: LoginThrottle::default(), start: Instant::now(), decoys })
    }

    /// The keys that open this door.
    pub(super) fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// Whether the key still opens this door.
    ///
    /// # Errors
    /// A fatal error when it does not, or when that cannot be found out.
    pub(super) fn still_open(&self, key_id: &str) -> Result<(), PgError> {
        let message = match self.keyring.standing(key_id).map_err(|error| unreadable(&error))? {
            Standing::Active => return Ok(()),
            Standing::Gone => "the API key of this connection has been revoked or has expired",
            Standing::Suspended => "the account of this API key is suspended",
        };
        Err(PgError::fatal(WireState::InvalidAuthorization, message))
    }

    /// Holds the SCRAM exchange with a client that sent these start-up parameters.
    ///
    /// # Errors
    /// A fatal error when the client does not prove that it has the key, or the connection's own.
    pub(super) async fn admit(
        &self,
        wire: &mut Wire,
        parameters: &BTreeMap<String, String>,
        peer: IpAddr,
    ) -> Result<Arc<Key>, Failure> {
        let given = |name| parameters.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let user = given("user").ok_or_else(|| {
            let message = "no user name given: it is the name of an API key";
            PgError::fatal(WireState::InvalidAuthorization, message)
        })?;
        let name = [given("database").unwrap_or(DEFAULT_TENANT), "/", user].concat();
        let allowed = self.throttle.check(Some(peer), &name, self.start.elapsed());
        allowed.map_err(too_many_failures)?;
        let key = self.find(given("database"), user).map_err(|error| unreadable(&error))?;
        let expected = match &key {
            Some(key) => {
                let scram = &key.scram;
                Password::new(Some(scram.salt.clone()), scram.salted_password.clone())
            }
            None => self.decoy(given("database"), user),
        };
        if prove(wire, expected).await?
            && let Some(key) = key
        {
            self.still_open(&key.id)?;
            return Ok(key);
        }
        self.throttle.failed(Some(peer), &name, self.start.elapsed());
        Err(refused(user).into())
    }

    fn find(&self, database: Option<&str>, user: &str) -> Result<Option<Arc<Key>>, KeyringError> {
        let named = self.keyring.find(database.unwrap_or(DEFAULT_TENANT), user)?;
        if named.is_none() && database == Some(user) {
            return self.keyring.find(DEFAULT_TENANT, user);
        }
        Ok(named)
    }

    /// What a name that does not exist is checked against: nothing matches it.
    fn decoy(&self, database: Option<&str>, user: &str) -> Password {
        let name = [database.unwrap_or(DEFAULT_TENANT), "\0", user].concat();
        let made_up = |purpose: &str| {
            let text = [purpose, name.as_str()].concat();
            hmac::sign(&self.decoys, text.as_bytes()).as_ref().to_vec()
        };
        let mut salt = made_up("salt");
        salt.truncate(SALT_BYTES);
        Password::new(Some(salt), made_up("password"))
    }
}

/// Also goes to the log, so it never repeats a name that is really a key.
fn refused(user: &str) -> PgError {
    if user.contains(KEY_PREFIX) {
        let message = "password authentication failed: the user name given looks like an API key";
        return PgError::fatal(WireState::InvalidPassword, message)
            .with_hint("The user is the name of the key; the key itself is the password.");
    }
    let message = format!("password authentication failed for user \"{user}\"");
    PgError::fatal(WireState::InvalidPassword, message)
}

fn too_many_failures(Throttled { retry_after_s }: Throttled) -> PgError {
    let message = format!("too many failed log-ins; try again in {retry_after_s} s");
    PgError::fatal(WireState::InvalidAuthorization, message)
}

fn unreadable(error: &KeyringError) -> PgError {
    tracing::error!(%error, "API keys cannot be read, nobody can log in");
    PgError::fatal(SqlState::InternalError, "internal error")
}
