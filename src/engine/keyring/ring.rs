//! The set of keys, in step with its file.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};

use super::file::{Contents, KeyFile, KeyFileError, Stamp};
use super::key::{Key, KeyDraft, KeySecret, secret_hash};
use crate::engine::{TenantName, now_us};

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
    /// It would never have worked.
    #[error("a key cannot expire in the past")]
    BadExpiry,
    /// A suspension would stop nobody; most likely the name is misspelt.
    #[error("tenant {0} has no keys; `likeness tenants list` shows those that have")]
    NoSuchTenant(TenantName),
    /// No active key has this id.
    #[error("no active key has the id {0:?}; `likeness keys list` shows them")]
    NotFound(String),
    /// The operating system's random generator failed.
    #[error("the operating system gave no random bytes")]
    Random,
}

/// Who somebody with a secret is.
#[derive(Debug, Clone)]
pub enum Login {
    /// Nobody: no such key, or not any more.
    Refused,
    /// The holder of a key whose tenant is suspended.
    Suspended,
    /// The holder of this key.
    Admitted(Arc<Key>),
}

/// Whether a key that once opened a door still does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Active,
    /// It was revoked or has expired.
    Gone,
    /// Its tenant is suspended.
    Suspended,
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
    by_id: HashMap<String, Arc<Key>>,
    suspended: BTreeSet<String>,
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

    /// Who the holder of this secret is.
    ///
    /// The secret is not compared with others but hashed and looked up. The time of that depends on
    /// the hash, which nobody can choose: it brings no guess nearer to a key.
    ///
    /// # Errors
    /// When the key file changed and cannot be read.
    pub fn authenticate(&self, secret: &str) -> Result<Login, KeyringError> {
        let hash = secret_hash(secret);
        self.with_fresh(|cache| match cache.by_hash.get(&hash).filter(|key| key.is_active()) {
            None => Login::Refused,
            Some(key) if cache.suspended.contains(&key.tenant) => Login::Suspended,
            Some(key) => Login::Admitted(Arc::clone(key)),
        })
    }

    /// The active key of `tenant` called `name`.
    ///
    /// # Errors
    /// When the key file changed and cannot be read.
    pub fn find(&self, tenant: &str, name: &str) -> Result<Option<Arc<Key>>, KeyringError> {
        let named = (tenant.to_owned(), name.to_owned());
        self.with_fresh(|cache| cache.by_name.get(&named).filter(|key| key.is_active()).cloned())
    }

    /// Whether the key with this id still works.
    ///
    /// # Errors
    /// When the key file changed and cannot be read.
    pub fn standing(&self, id: &str) -> Result<Standing, KeyringError> {
        self.with_fresh(|cache| match cache.by_id.get(id).filter(|key| key.is_active()) {
            None => Standing::Gone,
            Some(key) if cache.suspended.contains(&key.tenant) => Standing::Suspended,
            Some(_) => Standing::Active,
        })
    }

    /// The suspended tenants, in the order of their names.
    ///
    /// # Errors
    /// When the key file cannot be read.
    pub fn suspended(&self) -> Result<BTreeSet<String>, KeyringError> {
        Ok(self.file.read()?.suspended)
    }

    /// Makes no key of `tenant` work until it is resumed; running servers take notice at once. Says
    /// whether that changed anything.
    ///
    /// # Errors
    /// [`KeyringError::NoSuchTenant`] where the tenant never had a key, or the file cannot be
    /// written.
    pub fn suspend(&self, tenant: &TenantName) -> Result<bool, KeyringError> {
        self.change(|contents| {
            if !contents.keys.iter().any(|key| key.tenant == tenant.as_str()) {
                return Err(KeyringError::NoSuchTenant(tenant.clone()));
            }
            Ok(contents.suspended.insert(tenant.to_string()))
        })
    }

    /// Takes a suspension back. Says whether there was one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn resume(&self, tenant: &TenantName) -> Result<bool, KeyringError> {
        self.change(|contents| Ok(contents.suspended.remove(tenant.as_str())))
    }

    /// All keys, oldest first, revoked ones included.
    ///
    /// # Errors
    /// When the key file cannot be read.
    pub fn list(&self) -> Result<Vec<Key>, KeyringError> {
        Ok(self.file.read()?.keys)
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
        if draft.expires_at_us.is_some_and(|at_us| at_us <= now_us()) {
            return Err(KeyringError::BadExpiry);
        }
        let random = SystemRandom::new();
        let secret = KeySecret::generate(&random).map_err(|_| KeyringError::Random)?;
        let (mut salt, mut id) = ([0_u8; 16], [0_u8; 6]);
        random.fill(&mut salt).map_err(|_| KeyringError::Random)?;
        random.fill(&mut id).map_err(|_| KeyringError::Random)?;
        let id = format!("k_{}", hex::encode(id));
        let key = Key::new(draft, &secret, id, salt, now_us());
        self.change(|contents| {
            let taken = |other: &&Key| other.tenant == key.tenant && other.name == key.name;
            if contents.keys.iter().filter(taken).any(Key::is_active) {
                let Key { tenant, name, .. } = key;
                return Err(KeyringError::NameTaken { tenant, name });
            }
            contents.keys.push(key.clone());
            Ok((key, secret))
        })
    }

    /// Revokes the active key with this id; running servers refuse it from their next look-up on.
    ///
    /// # Errors
    /// [`KeyringError::NotFound`], or the file cannot be written.
    pub fn revoke(&self, id: &str) -> Result<Key, KeyringError> {
        self.revoke_where(id, |key| key.id == id)
    }

    /// Revokes the active key of `tenant` called `name`.
    ///
    /// # Errors
    /// As [`Keyring::revoke`].
    pub fn revoke_named(&self, tenant: &TenantName, name: &str) -> Result<Key, KeyringError> {
        self.revoke_where(name, |key| key.tenant == tenant.as_str() && key.name == name)
    }

    fn revoke_where(
        &self,
        wanted: &str,
        is_it: impl Fn(&Key) -> bool,
    ) -> Result<Key, KeyringError> {
        self.change(|contents| {
            let key = contents.keys.iter_mut().find(|key| key.is_active() && is_it(key));
            let key = key.ok_or_else(|| KeyringError::NotFound(wanted.to_owned()))?;
            key.revoked_at_us = Some(now_us());
            Ok(key.clone())
        })
    }

    /// Changes the file as a whole, unless `change` fails.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Contents) -> Result<T, KeyringError>,
    ) -> Result<T, KeyringError> {
        let lock = self.file.lock()?;
        let mut contents = self.file.read()?;
        let outcome = change(&mut contents)?;
        self.file.replace(contents, &lock)?;
        Ok(outcome)
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
    fn new(stamp: Option<Stamp>, contents: Contents) -> Self {
        let mut cache = Self { stamp, suspended: contents.suspended, ..Self::default() };
        for key in contents.keys.into_iter().filter(Key::is_active).map(Arc::new) {
            let named = (key.tenant.clone(), key.name.clone());
            cache.by_id.insert(key.id.clone(), Arc::clone(&key));
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
        let (name, role, tier) = (name.to_owned(), Role::Admin, Tier::Standard);
        KeyDraft { tenant, name, role, tier, expires_at_us: None }
    }

    fn is_refused(ring: &Keyring, secret: &str) -> bool {
        matches!(ring.authenticate(secret).unwrap(), Login::Refused)
    }

    #[test]
    fn a_new_key_authenticates_and_only_its_own_secret_does() {
        let directory = tempfile::tempdir().unwrap();
        let ring = Keyring::open(directory.path()).unwrap();
        let (key, secret) = ring.create(draft("acme", "admin")).unwrap();
        let found = ring.authenticate(secret.reveal()).unwrap();
        assert!(matches!(found, Login::Admitted(found) if found.id == key.id));
        assert_eq!(secret.reveal().len(), "iksk_live_".len() + 48);
        assert!(is_refused(&ring, "iksk_live_"));
        assert!(is_refused(&ring, &format!("{}0", secret.reveal())));
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
        assert!(!is_refused(&server, secret.reveal()));
        assert_eq!(server.standing(&key.id).unwrap(), Standing::Active);
        command_line.revoke(&key.id).unwrap();
        assert!(is_refused(&server, secret.reveal()));
        assert!(server.find("acme", "admin").unwrap().is_none());
        assert_eq!(server.standing(&key.id).unwrap(), Standing::Gone);
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
    fn an_expired_key_opens_nothing_and_its_name_is_free() {
        let directory = tempfile::tempdir().unwrap();
        let ring = Keyring::open(directory.path()).unwrap();
        let expiring = |at_us| KeyDraft { expires_at_us: Some(at_us), ..draft("acme", "ci") };
        assert!(matches!(ring.create(expiring(now_us())), Err(KeyringError::BadExpiry)));
        let hour_us = 3_600_000_000;
        let (key, secret) = ring.create(expiring(now_us() + hour_us)).unwrap();
        assert_eq!(ring.standing(&key.id).unwrap(), Standing::Active);
        assert!(!is_refused(&ring, secret.reveal()));
        let path = directory.path().join("keys.json");
        let expires_at = key.expires_at_us.unwrap();
        let text = std::fs::read_to_string(&path).unwrap().replace(&expires_at.to_string(), "17");
        std::fs::write(&path, text).unwrap();
        assert!(is_refused(&ring, secret.reveal()));
        assert_eq!(ring.standing(&key.id).unwrap(), Standing::Gone);
        assert!(ring.find("acme", "ci").unwrap().is_none());
        assert_eq!(ring.list().unwrap()[0].state(), "expired");
        assert!(ring.create(draft("acme", "ci")).is_ok());
    }

    #[test]
    fn no_key_of_a_suspended_tenant_works_until_it_is_resumed() {
        let directory = tempfile::tempdir().unwrap();
        let ring = Keyring::open(directory.path()).unwrap();
        let (key, secret) = ring.create(draft("acme", "ci")).unwrap();
        let (_, other) = ring.create(draft("other", "ci")).unwrap();
        let acme = "acme".parse().unwrap();
        assert!(ring.suspend(&acme).unwrap());
        assert!(!ring.suspend(&acme).unwrap());
        assert!(matches!(ring.authenticate(secret.reveal()).unwrap(), Login::Suspended));
        assert!(matches!(ring.authenticate(other.reveal()).unwrap(), Login::Admitted(_)));
        assert_eq!(ring.standing(&key.id).unwrap(), Standing::Suspended);
        assert!(ring.resume(&acme).unwrap());
        assert_eq!(ring.standing(&key.id).unwrap(), Standing::Active);
        assert!(!ring.resume(&acme).unwrap());
    }

    #[test]
    fn a_tenant_without_keys_cannot_be_suspended_which_would_be_a_slip_of_the_pen() {
        let directory = tempfile::tempdir().unwrap();
        let ring = Keyring::open(directory.path()).unwrap();
        let (key, _) = ring.create(draft("acme", "ci")).unwrap();
        let error = ring.suspend(&"acmee".parse().unwrap()).unwrap_err();
        assert!(error.to_string().starts_with("tenant acmee has no keys"), "{error}");
        assert!(ring.suspended().unwrap().is_empty());
        // One whose keys are all revoked is known.
        ring.revoke(&key.id).unwrap();
        assert!(ring.suspend(&"acme".parse().unwrap()).unwrap());
    }

    #[test]
    fn a_key_file_of_the_first_layout_is_read_and_one_of_a_later_layout_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let ring = Keyring::open(directory.path()).unwrap();
        let (_, secret) = ring.create(draft("acme", "ci")).unwrap();
        let path = directory.path().join("keys.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
        file["version"] = 1.into();
        file.as_object_mut().unwrap().remove("suspended");
        file["keys"][0].as_object_mut().unwrap().remove("expires_at_us");
        std::fs::write(&path, file.to_string()).unwrap();
        assert!(!is_refused(&ring, secret.reveal()));
        file["version"] = 3.into();
        std::fs::write(&path, file.to_string()).unwrap();
        assert!(ring.authenticate(secret.reveal()).is_err());
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
