//! Calls that fail: of one kind, or by number.

use super::random::Random;
use crate::io::FileName;

/// What a directory or one of its files is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    List,
    Read,
    Map,
    Create,
    AppendBehind,
    Replace,
    Remove,
    SyncDirectory,
    Append,
    Reserve,
    Cut,
    Sync,
}

/// What the next calls do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They work.
    #[default]
    None,
    /// Appending writes half of the bytes and fails.
    Append,
    /// Syncing a file fails, and what it should have written will not be written by a later sync.
    Sync,
    /// Replacing a file fails.
    Replace,
    /// Removing a file fails.
    Remove,
}

impl Fault {
    /// How a call fails, where it does.
    pub(super) fn hits(self, call: Call) -> Option<Failure> {
        let hit = match self {
            Self::None => false,
            Self::Append => call == Call::Append,
            Self::Sync => matches!(call, Call::Sync | Call::AppendBehind),
            Self::Replace => call == Call::Replace,
            Self::Remove => call == Call::Remove,
        };
        hit.then_some(Failure { random: None })
    }
}

/// One call fails, chosen by its number: each kind of call in a way of its own, of which the seed
/// chooses the details.
#[derive(Clone, Debug)]
pub(crate) struct Breakdown {
    /// The number of the call.
    pub(crate) call: u64,
    pub(crate) seed: u64,
    /// Whether all calls after it fail too, as those of a disk that is gone.
    pub(crate) lasts: bool,
}

impl Breakdown {
    /// How call number `call` fails, where it does.
    pub(super) fn hits(&self, call: u64) -> Option<Failure> {
        let hit = call == self.call || (self.lasts && call > self.call);
        hit.then(|| Failure { random: Some(Random::new(self.seed ^ call)) })
    }
}

/// The details of one failure: by seed, or plain.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) random: Option<Random>,
}

impl Failure {
    /// How much of something is done before the failure; half where there is no seed.
    pub(super) fn part(&mut self, whole: usize) -> usize {
        self.random.as_mut().map_or(whole / 2, |random| random.below(whole + 1))
    }

    /// Which of several steps fails; the first where there is no seed.
    pub(super) fn step(&mut self, steps: usize) -> usize {
        self.random.as_mut().map_or(0, |random| random.below(steps))
    }
}

/// The call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) call: Call,
    /// The file, unless it was the directory itself.
    pub(crate) name: Option<FileName>,
}
