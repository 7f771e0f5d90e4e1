//! The open connections of the door, and which one gives way when there are too many: the one that
//! has been waiting for a request longest. So nobody makes the door deaf by opening many and
//! sending nothing, or the half of a head.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::state::RestLimits;
use crate::engine::keyring::network_of;

/// The turn of a connection that does not wait.
const AT_WORK: u64 = u64::MAX;
/// The turn of one that was told to give way.
const GIVING_WAY: u64 = u64::MAX - 1;

/// All open connections. Clones are the same ones.
#[derive(Debug, Clone)]
pub(super) struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    most_of_network: usize,
    /// By the turn in which they were opened.
    open: Mutex<BTreeMap<u64, Arc<Open>>>,
    turns: AtomicU64,
}

#[derive(Debug)]
struct Open {
    network: IpAddr,
    /// Since which turn it has been waiting for a request, if it has.
    waiting_since: AtomicU64,
    gives_way: Notify,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    opened: u64,
    this: Arc<Open>,
    all: Connections,
}

/// A request under way; until this is dropped its connection does not give way.
#[derive(Debug)]
pub(super) struct Work(Arc<Place>);

impl Connections {
    /// None yet, and never many more than `limits` says.
    pub(super) fn within(limits: &RestLimits) -> Self {
        Self(Arc::new(Shared {
            most: limits.connections_max,
            most_of_network: limits.connections_per_address_max,
            open: Mutex::default(),
            turns: AtomicU64::new(0),
        }))
    }

    /// A place for a connection from `address`. If all are taken another gives way, one of the
    /// same network where that has as many as it may. None where all of these are at work.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Place> {
        let network = network_of(address);
        let mut open = self.0.open.lock();
        let own = open.values().filter(|one| one.network == network).count();
        if own >= self.0.most_of_network {
            give_way(open.values().filter(|one| one.network == network))?;
        } else if open.len() >= self.0.most {
            give_way(open.values())?;
        }
        let opened = self.turn();
        let (waiting_since, gives_way) = (AtomicU64::new(opened), Notify::new());
        let this = Arc::new(Open { network, waiting_since, gives_way });
        open.insert(opened, Arc::clone(&this));
        Some(Place { opened, this, all: self.clone() })
    }

    fn turn(&self) -> u64 {
        self.0.turns.fetch_add(1, Ordering::Relaxed)
    }
}

/// Tells the one that has waited longest to give way; none where all are at work.
fn give_way<'a>(among: impl Iterator<Item = &'a Arc<Open>>) -> Option<()> {
    let waiting = among.map(|one| (one.waiting_since.load(Ordering::Relaxed), one));
    let (_, longest) =
        waiting.filter(|(since, _)| *since < GIVING_WAY).min_by_key(|(at, _)| *at)?;
    longest.waiting_since.store(GIVING_WAY, Ordering::Relaxed);
    longest.gives_way.notify_one();
    Some(())
}

impl Place {
    /// Completes when the connection is to be closed for another one.
    pub(super) async fn gives_way(&self) {
        loop {
            self.this.gives_way.notified().await;
            // A request may have come in the same moment, and is answered.
            if self.this.waiting_since.load(Ordering::Relaxed) == GIVING_WAY {
                return;
            }
        }
    }

    /// Says that a request is under way.
    pub(super) fn work(self: &Arc<Self>) -> Work {
        self.this.waiting_since.store(AT_WORK, Ordering::Relaxed);
        Work(Arc::clone(self))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.this.waiting_since.store(self.0.all.turn(), Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.0.open.lock().remove(&self.opened);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn within(connections_max: usize, connections_per_address_max: usize) -> Connections {
        let limits = RestLimits::default();
        Connections::within(&RestLimits { connections_max, connections_per_address_max, ..limits })
    }

    fn admit(all: &Connections, address: &str) -> Option<Arc<Place>> {
        all.admit(address.parse().unwrap()).map(Arc::new)
    }

    fn is_told(place: &Place) -> bool {
        place.gives_way().now_or_never().is_some()
    }

    #[test]
    fn of_one_network_the_one_that_waits_longest_gives_way() {
        let all = within(9, 2);
        let [first, second] = ["2001:db8::1", "2001:db8::2"].map(|at| admit(&all, at).unwrap());
        let other = admit(&all, "10.0.0.1").unwrap();
        drop(first.work());
        let third = admit(&all, "2001:db8::3").unwrap();
        let told = [&first, &second, &third, &other].map(|place| is_told(place));
        assert_eq!(told, [false, true, false, false]);
        let _fourth = admit(&all, "2001:db8::4").unwrap();
        assert!(is_told(&first) && !is_told(&third));
    }

    #[test]
    fn of_all_the_one_that_waits_longest_gives_way_and_none_that_is_at_work() {
        let all = within(2, 2);
        let (first, second) = (admit(&all, "10.0.0.1").unwrap(), admit(&all, "10.0.0.2").unwrap());
        let work = first.work();
        let third = admit(&all, "10.0.0.3").unwrap();
        assert!(is_told(&second) && !is_told(&first));
        drop(second);
        let busy = third.work();
        assert!(admit(&all, "10.0.0.4").is_none());
        drop((work, first));
        assert!(admit(&all, "10.0.0.4").is_some());
        drop((busy, third));
        assert!(all.0.open.lock().is_empty());
    }
}
