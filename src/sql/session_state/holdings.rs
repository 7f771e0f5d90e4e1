//! What a session holds from statement to statement: settings and cursors, which transactions
//! decide about, prepared statements, which they do not, and what is still to be told.

use std::sync::Arc;

use parking_lot::Mutex;

use super::cursor::Cursors;
use super::prepared::PreparedStatements;
use super::settings::Settings;
use crate::sql::Notice;

/// The settings, open cursors, prepared statements and notices of a session. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(in crate::sql) struct Holdings {
    settings: Arc<Mutex<Settings>>,
    cursors: Arc<Mutex<Cursors>>,
    prepared: Arc<Mutex<PreparedStatements>>,
    notices: Arc<Mutex<Vec<Notice>>>,
}

/// Which settings and cursors there were at some moment, to go back to.
#[derive(Debug, Clone, Default)]
pub(in crate::sql) struct Mark {
    settings: Settings,
    cursors_made: u64,
}

impl Holdings {
    /// What a session of `user` begins with.
    pub(in crate::sql) fn of(user: &str) -> Self {
        Self { settings: Arc::new(Mutex::new(Settings::of(user))), ..Self::default() }
    }

    pub(in crate::sql) fn settings(&self) -> &Mutex<Settings> {
        &self.settings
    }

    pub(in crate::sql) fn cursors(&self) -> &Mutex<Cursors> {
        &self.cursors
    }

    pub(in crate::sql) fn prepared(&self) -> &Mutex<PreparedStatements> {
        &self.prepared
    }

    /// What the client has not been told yet.
    pub(in crate::sql) fn notices(&self) -> &Mutex<Vec<Notice>> {
        &self.notices
    }

    /// What there is now.
    pub(in crate::sql) fn mark(&self) -> Mark {
        let settings = self.settings.lock().clone();
        Mark { settings, cursors_made: self.cursors.lock().made() }
    }

    /// Makes undone what happened since.
    pub(in crate::sql) fn go_back(&self, mark: Mark) {
        *self.settings.lock() = mark.settings;
        self.cursors.lock().go_back(mark.cursors_made);
    }

    /// Ends what lasts as long as a transaction.
    pub(in crate::sql) fn commit(&self) {
        self.settings.lock().end_local();
        self.cursors.lock().commit();
    }
}
