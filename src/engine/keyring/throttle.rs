//! Slows down who keeps failing to log in: counts failures per client address and per name tried.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use parking_lot::Mutex;

/// Length of the windows in which failures are counted.
const WINDOW: Duration = Duration::from_mins(1);
/// Failures of one address in a window.
const ADDRESS_FAILURES_MAX: u32 = 30;
/// Failures with one name in a window, from wherever. More than an address may have, so that one
/// client alone cannot keep the holder of a name out.
const NAME_FAILURES_MAX: u32 = 300;
/// Addresses and names in memory. When there are more, further ones are not counted until a window
/// has passed: forgetting is better than growing.
const SUBJECTS_MAX: usize = 8192;

/// Too many log-ins failed; the next may be tried after so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttled {
    /// Until the window of the failures has passed, rounded up.
    pub retry_after_s: u64,
}

/// Counts failed log-ins of one door.
#[derive(Debug, Default)]
pub struct LoginThrottle {
    failures: Mutex<HashMap<Subject, Failures>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Address(IpAddr),
    Name(String),
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    since: Duration,
    count: u32,
}

impl LoginThrottle {
    /// Whether `address` may try to log in as `name` at `now`, counted from any moment that stays.
    ///
    /// # Errors
    /// [`Throttled`] when it may not.
    pub fn check(
        &self,
        address: Option<IpAddr>,
        name: &str,
        now: Duration,
    ) -> Result<(), Throttled> {
        let failures = self.failures.lock();
        let limits = subjects(address, name).map(|(subject, most)| {
            let found = failures.get(&subject).filter(|found| found.is_recent(now));
            found.filter(|found| found.count >= most).map(|found| found.left(now))
        });
        match limits.flatten().max() {
            Some(left) => Err(Throttled { retry_after_s: left.as_secs() + 1 }),
            None => Ok(()),
        }
    }

    /// A log-in of `address` as `name` failed.
    pub fn failed(&self, address: Option<IpAddr>, name: &str, now: Duration) {
        let mut failures = self.failures.lock();
        for (subject, _) in subjects(address, name) {
            if failures.len() >= SUBJECTS_MAX && !failures.contains_key(&subject) {
                failures.retain(|_, found| found.is_recent(now));
                if failures.len() >= SUBJECTS_MAX {
                    continue;
                }
            }
            let found = failures.entry(subject).or_insert(Failures { since: now, count: 0 });
            if !found.is_recent(now) {
                *found = Failures { since: now, count: 0 };
            }
            found.count = found.count.saturating_add(1);
        }
    }
}

impl Failures {
    fn is_recent(&self, now: Duration) -> bool {
        now.saturating_sub(self.since) < WINDOW
    }

    fn left(&self, now: Duration) -> Duration {
        WINDOW.saturating_sub(now.saturating_sub(self.since))
    }
}

/// What a log-in counts for, and how many failures each may have.
fn subjects(address: Option<IpAddr>, name: &str) -> impl Iterator<Item = (Subject, u32)> {
    let address =
        address.map(|address| (Subject::Address(network_of(address)), ADDRESS_FAILURES_MAX));
    address.into_iter().chain([(Subject::Name(name.to_owned()), NAME_FAILURES_MAX)])
}

/// The address as far as it tells one client from another: whoever has one IPv6 address has a whole
/// network of them.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const fn address(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
    }

    #[test]
    fn an_address_that_keeps_failing_waits_for_the_rest_of_the_minute_and_no_other_does() {
        let (throttle, start) = (LoginThrottle::default(), Duration::from_secs(1000));
        for attempt in 0..ADDRESS_FAILURES_MAX {
            assert_eq!(throttle.check(Some(address(1)), "a", start), Ok(()), "{attempt}");
            throttle.failed(Some(address(1)), "a", start);
        }
        let later = start + Duration::from_secs(20);
        let refused = Err(Throttled { retry_after_s: 41 });
        assert_eq!(throttle.check(Some(address(1)), "another", later), refused);
        assert_eq!(throttle.check(Some(address(2)), "a", later), Ok(()));
        assert_eq!(throttle.check(None, "a", later), Ok(()));
        assert_eq!(throttle.check(Some(address(1)), "a", start + WINDOW), Ok(()));
    }

    #[test]
    fn a_name_tried_from_many_addresses_waits_too() {
        let (throttle, now) = (LoginThrottle::default(), Duration::from_secs(1000));
        for number in 0..NAME_FAILURES_MAX {
            throttle.failed(Some(address((number % 200) as u8)), "a", now);
        }
        assert!(throttle.check(Some(address(250)), "a", now).is_err());
        assert_eq!(throttle.check(Some(address(250)), "b", now), Ok(()));
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one() {
        let (throttle, now) = (LoginThrottle::default(), Duration::from_secs(1000));
        let address = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 7, 0, 0, 0, last]);
        for last in 0..30 {
            throttle.failed(Some(address(last)), &last.to_string(), now);
        }
        assert!(throttle.check(Some(address(99)), "new", now).is_err());
        let other = IpAddr::from([0x2001, 0xdb8, 0, 8, 0, 0, 0, 1]);
        assert_eq!(throttle.check(Some(other), "new", now), Ok(()));
    }

    #[test]
    fn memory_is_bounded_whatever_is_tried() {
        let (throttle, now) = (LoginThrottle::default(), Duration::from_secs(1000));
        for number in 0..3 * SUBJECTS_MAX {
            throttle.failed(None, &number.to_string(), now);
        }
        assert_eq!(throttle.failures.lock().len(), SUBJECTS_MAX);
        throttle.failed(None, "later", now + WINDOW);
        assert_eq!(throttle.failures.lock().len(), 1);
    }
}
