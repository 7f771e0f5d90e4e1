//! The set of keys, in step with its file.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};

use super::file::{KeyFile, KeyFileError, Stamp};
use super::key::{Key, KeyDraft, KeySecret, secret_hash};
use crate::engine::now_us;

/// Longest key name in characters.
const NAME_CHARS_MAX: usize = 63;

/// A change of the key set that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The key file cannot be used.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The tenant has an active key of this name.
    #[error("tenant {tenant} already has an active key named {name:?}")]
    NameTaken {
        /// Whose key.
        tenant: String,
        /// The name.
        name: String,
    },
    /// The name cannot be a user name.
    #[error("{0:?} cannot name a key: use 1 to 63 characters without control characters")]
    BadName(String),
    /// No active key has this id.
    #[error("no active key has the id {0:?}; `likeness keys list` shows them")]
    NotFound(String),
    /// The operating system's random generator failed.
    #[error("the operating system gave no random bytes")]
    Random,
}

/// All keys of one data directory.
#[derive(Debug)]
pub struct Keyring {
    file: KeyFile,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    stamp: Option<Stamp>,
    by_hash: HashMap<String, Arc<Key>>,
    by_name: HashMap<(String, String), Arc<Key>>,
    active: HashSet<String>,
}

impl Keyring {
    /// The keys of `directory`, which must exist.
    ///
    /// # Errors
    /// When the key file is there but cannot be read.
    pub fn open(directory: &Path) -> Result<Self, KeyringError> {
        let ring = Self { file: KeyFile::new(directory), cache: Mutex::default() };
        ring.with_fresh(|_| ())?;
        Ok(ring)
    }

    /// The active key with this secret.
    ///
    /// The look-up goes by hash, so its timing says nothing about other secrets.
    ///
    /// # Errors
    /// When the key file changed and cannot be read.
    pub fn authenticate(&self, secret: &str) -> Result<Option<Arc<Key>>, KeyringError> {
        let hash = secret_hash(secret);
        self.with_fresh(|cache| cache.by_hash.get(&hash).cloned())
    }

    /// The active key of `tenant` called `name`.
    ///
    /// # Errors
    /// When the key file changed and cannot be read.
    pub fn find(&self, tenant: &str, name: &str) -> Result<Option<Arc<Key>>, KeyringError> {
        let named = (tenant.to_owned(), name.to_owned());
        self.with_fresh(|cache| cache.by_name.get(&named).cloned())
    }

    /// Whether the key with this id still works.
    ///
    /// # Errors
    /// When the key file changed and cannot be read.
    pub fn is_active(&self, id: &str) -> Result<bool, KeyringError> {
        self.with_fresh(|cache| cache.active.contains(id))
    }

    /// All keys, oldest first, revoked ones included.
    ///
    /// # Errors
    /// When the key file cannot be read.
    pub fn list(&self) -> Result<Vec<Key>, KeyringError> {
        Ok(self.file.read()?)
    }

    /// Creates a key. Its secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`KeyringError::NameTaken`], [`KeyringError::BadName`], or the file cannot be written.
    pub fn create(&self, draft: KeyDraft) -> Result<(Key, KeySecret), KeyringError> {
        let chars = draft.name.chars().count();
        if !(1..=NAME_CHARS_MAX).contains(&chars) || draft.name.chars().any(char::is_control) {
            return Err(KeyringError::BadName(draft.name.chars().take(80).collect()));
        }
        let lock = self.file.lock()?;
        let mut keys = self.file.read()?;
        let taken = |key: &Key| key.tenant == draft.tenant.as_str() && key.name == draft.name;
        if keys.iter().any(|key| key.is_active() && taken(key)) {
            let (tenant, name) = (draft.tenant.to_string(), draft.name);
            return Err(KeyringError::NameTaken { tenant, name });
        }
        let random = SystemRandom::new();
        let secret = KeySecret::generate(&random).map_err(|_| KeyringError::Random)?;
        let (mut salt, mut id) = ([0_u8; 16], [0_u8; 6]);
        random.fill(&mut salt).map_err(|_| KeyringError::Random)?;
        random.fill(&mut id).map_err(|_| KeyringError::Random)?;
        let id = format!("k_{}", hex::encode(id));
        let key = Key::new(draft, &secret, id, salt, now_us());
        keys.push(key.clone());
        self.file.replace(keys, &lock)?;
        Ok((key, secret))
    }

    /// Revokes the active key with this id; running servers refuse it from their next look-up on.
    ///
    /// # Errors
    /// [`KeyringError::NotFound`], or the file cannot be written.
    pub fn revoke(&self, id: &str) -> Result<Key, KeyringError> {
        let lock = self.file.lock()?;
        let mut keys = self.file.read()?;
        let key = keys
            .iter_mut()
            .find(|key| key.id == id && key.is_active())
            .ok_or_else(|| KeyringError::NotFound(id.to_owned()))?;
        key.revoked_at_us = Some(now_us());
        let revoked = key.clone();
        self.file.replace(keys, &lock)?;
        Ok(revoked)
    }

    /// Answers from the cache, after re-reading the file if it changed: one `stat` per look-up, in
    /// exchange for revocations that work at once.
    fn with_fresh<T>(&self, answer: impl FnOnce(&Cache) -> T) -> Result<T, KeyringError> {
        let mut cache = self.cache.lock();
        let stamp = self.file.stamp()?;
        if cache.stamp != stamp {
            *cache = Cache::new(stamp, self.file.read()?);
        }
        Ok(answer(&cache))
    }
}

impl Cache {
    fn new(stamp: Option<Stamp>, keys: Vec<Key>) -> Self {
        let mut cache = Self { stamp, ..Self::default() };
        for key in keys.into_iter().filter(Key::is_active).map(Arc::new) {
            let named = (key.tenant.clone(), key.name.clone());
            cache.active.insert(key.id.clone());
            cache.by_hash.insert(key.secret_sha256.clone(), Arc::clone(&key));
            cache.by_name.insert(named, key);
        }
        cache
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Role;
    use crate::engine::keyring::Tier;

    fn draft(tenant: &str, name: &str) -> KeyDraft {
        let tenant = tenant.parse().unwrap();
        KeyDraft { tenant, name: name.to_owned(), role: Role::Admin, tier: Tier::Standard }
    }

    #[test]
    fn a_new_key_authenticates_and_only_its_own_secret_does() {
        let directory = tempfile::tempdir().unwrap();
        let ring = Keyring::open(directory.path()).unwrap();
        let (key, secret) = ring.create(draft("acme", "admin")).unwrap();
        let found = ring.authenticate(secret.reveal()).unwrap().unwrap();
        assert_eq!(found.id, key.id);
        assert_eq!(secret.reveal().len(), "iksk_live_".len() + 48);
        assert!(ring.authenticate("iksk_live_").unwrap().is_none());
        assert!(ring.authenticate(&format!("{}0", secret.reveal())).unwrap().is_none());
    }

    #[test]
    fn the_file_never_holds_a_secret() {
        let directory = tempfile::tempdir().unwrap();
        let ring = Keyring::open(directory.path()).unwrap();
        let (_, secret) = ring.create(draft("acme", "admin")).unwrap();
        let text = std::fs::read_to_string(directory.path().join("keys.json")).unwrap();
        assert!(text.contains("acme"));
        assert!(!text.contains(secret.reveal()));
        let digits = secret.reveal().trim_start_matches("iksk_live_");
        assert!(!text.contains(digits));
    }

    #[test]
    fn revocation_by_another_process_takes_effect_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let server = Keyring::open(directory.path()).unwrap();
        let command_line = Keyring::open(directory.path()).unwrap();
        let (key, secret) = command_line.create(draft("acme", "admin")).unwrap();
        assert!(server.authenticate(secret.reveal()).unwrap().is_some());
        assert!(server.is_active(&key.id).unwrap());
        command_line.revoke(&key.id).unwrap();
        assert!(server.authenticate(secret.reveal()).unwrap().is_none());
        assert!(server.find("acme", "admin").unwrap().is_none());
        assert!(!server.is_active(&key.id).unwrap());
        assert!(matches!(command_line.revoke(&key.id), Err(KeyringError::NotFound(_))));
    }

    #[test]
    fn a_name_is_taken_only_while_its_key_is_active() {
        let directory = tempfile::tempdir().unwrap();
        let ring = Keyring::open(directory.path()).unwrap();
        let (first, _) = ring.create(draft("acme", "ci")).unwrap();
        assert!(matches!(ring.create(draft("acme", "ci")), Err(KeyringError::NameTaken { .. })));
        assert!(ring.create(draft("other", "ci")).is_ok());
        ring.revoke(&first.id).unwrap();
        assert!(ring.create(draft("acme", "ci")).is_ok());
    }

    #[test]
    fn a_damaged_key_file_lets_nobody_in() {
        let directory = tempfile::tempdir().unwrap();
        let ring = Keyring::open(directory.path()).unwrap();
        let (_, secret) = ring.create(draft("acme", "admin")).unwrap();
        std::fs::write(directory.path().join("keys.json"), b"{\"version\":1,").unwrap();
        assert!(ring.authenticate(secret.reveal()).is_err());
        assert!(Keyring::open(directory.path()).is_err());
    }
}
