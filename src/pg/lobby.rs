//! Clients that have not logged in yet, and which of them gives way when there are too many. They
//! take no places of those that have, so that nobody keeps holders of keys out by opening many
//! connections and saying nothing.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::engine::keyring::network_of;

/// All clients that have not logged in. Clones are the same ones.
#[derive(Debug, Clone)]
pub(super) struct Lobby {
    most: usize,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By the order in which they came.
    guests: BTreeMap<u64, Arc<Guest>>,
    arrivals: u64,
}

#[derive(Debug)]
struct Guest {
    network: IpAddr,
    /// Whether it has said who it wants to be.
    has_spoken: AtomicBool,
    gives_way: Notify,
}

/// A client that is counted until this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    arrival: u64,
    guest: Arc<Guest>,
    lobby: Lobby,
}

impl Lobby {
    /// Nobody yet, and never more than `most`.
    pub(super) fn of(most: usize) -> Self {
        Self { most, waiting: Arc::default() }
    }

    /// A seat for a client from `address`, for which another one gives way if all are taken.
    pub(super) fn enter(&self, address: IpAddr) -> Seat {
        let network = network_of(address);
        let guest = Guest { network, has_spoken: AtomicBool::new(false), gives_way: Notify::new() };
        let guest = Arc::new(guest);
        let mut waiting = self.waiting.lock();
        if waiting.guests.len() >= self.most {
            waiting.send_away_one(Some(network));
        }
        let arrival = waiting.arrivals;
        waiting.arrivals += 1;
        waiting.guests.insert(arrival, Arc::clone(&guest));
        Seat { arrival, guest, lobby: self.clone() }
    }

    /// Has one client give way, for whatever it keeps busy.
    pub(super) fn send_away_one(&self) {
        self.waiting.lock().send_away_one(None);
    }
}

impl Waiting {
    /// Of the network that has the most, `coming` counted, the client that has been there longest;
    /// one that has said nothing yet before others.
    fn send_away_one(&mut self, coming: Option<IpAddr>) {
        let mut counts = HashMap::<IpAddr, usize>::new();
        for network in self.guests.values().map(|guest| guest.network).chain(coming) {
            *counts.entry(network).or_default() += 1;
        }
        let count = |guest: &Guest| counts.get(&guest.network).copied().unwrap_or_default();
        let most = self.guests.values().map(|guest| count(guest)).max();
        let of_most = self.guests.iter().filter(|(_, guest)| Some(count(guest)) == most);
        let first = of_most.min_by_key(|(at, guest)| (guest.has_spoken(), **at));
        if let Some(arrival) = first.map(|(at, _)| *at)
            && let Some(guest) = self.guests.remove(&arrival)
        {
            guest.gives_way.notify_one();
        }
    }
}

impl Guest {
    fn has_spoken(&self) -> bool {
        self.has_spoken.load(Ordering::Relaxed)
    }
}

impl Seat {
    /// Completes when the client is to be sent away for another one.
    pub(super) async fn gives_way(&self) {
        self.guest.gives_way.notified().await;
    }

    /// The client has said who it wants to be.
    pub(super) fn has_spoken(&self) {
        self.guest.has_spoken.store(true, Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lobby.waiting.lock().guests.remove(&self.arrival);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn enter(lobby: &Lobby, address: &str) -> Seat {
        lobby.enter(address.parse().unwrap())
    }

    fn is_told(seat: &Seat) -> bool {
        seat.gives_way().now_or_never().is_some()
    }

    #[test]
    fn the_network_with_the_most_gives_way_to_others_and_to_its_own() {
        let lobby = Lobby::of(3);
        let crowd = ["2001:db8::1", "2001:db8::2", "2001:db8::3"].map(|at| enter(&lobby, at));
        let lone = enter(&lobby, "10.0.0.1");
        assert_eq!([0, 1, 2].map(|at| is_told(&crowd[at])), [true, false, false]);
        let _another = enter(&lobby, "2001:db8::4");
        assert!(is_told(&crowd[1]) && !is_told(&crowd[2]) && !is_told(&lone));
    }

    #[test]
    fn whoever_has_said_nothing_gives_way_before_those_that_came_earlier() {
        let lobby = Lobby::of(2);
        let (first, second) = (enter(&lobby, "10.0.0.1"), enter(&lobby, "10.0.0.1"));
        first.has_spoken();
        let third = enter(&lobby, "10.0.0.1");
        assert_eq!([&first, &second, &third].map(is_told), [false, true, false]);
        third.has_spoken();
        let fourth = enter(&lobby, "10.0.0.1");
        assert_eq!([&first, &third, &fourth].map(is_told), [true, false, false]);
        lobby.send_away_one();
        assert!(is_told(&fourth) && !is_told(&third));
    }

    #[test]
    fn a_seat_that_is_left_is_free() {
        let lobby = Lobby::of(1);
        drop(enter(&lobby, "10.0.0.1"));
        let stays = enter(&lobby, "10.0.0.2");
        assert!(!is_told(&stays));
        drop(stays);
        assert!(lobby.waiting.lock().guests.is_empty());
    }
}
