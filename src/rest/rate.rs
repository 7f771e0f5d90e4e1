//! Counts requests per key in two fixed windows, a second and a minute.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;

use crate::engine::keyring::Tier;

/// Lengths of the windows in seconds. Windows begin at multiples of their length.
const WINDOWS_S: [u64; 2] = [1, 60];
/// Keys in memory beyond which those that made no request in the last minute are forgotten.
const KEYS_MAX: usize = 4096;

/// Requests made by each key. Rejected requests do not count.
#[derive(Debug, Default)]
pub(super) struct RateLimiter {
    usage: Mutex<HashMap<String, [Window; 2]>>,
}

/// Requests counted in one window.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    /// Number of the window since the clock began.
    number: u64,
    used: u32,
}

/// Where a key stands in the window it will exhaust first. All zero: no window applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Budget {
    /// Requests the window allows.
    pub(super) limit: u32,
    /// Requests left in it.
    pub(super) remaining: u32,
    /// Seconds until it begins anew, rounded up.
    pub(super) reset_s: u64,
}

/// Whether a request is served, and what is left after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RateDecision {
    /// Whether it is within both limits.
    pub(super) admitted: bool,
    /// The tighter window.
    pub(super) budget: Budget,
}

impl RateLimiter {
    /// Counts one request of the key `key_id` at `now`, unless a window is used up.
    pub(super) fn admit(&self, key_id: &str, tier: Tier, now: Duration) -> RateDecision {
        let limits = [tier.per_second(), tier.per_minute()];
        if limits == [None, None] {
            return RateDecision { admitted: true, budget: Budget::default() };
        }
        let mut usage = self.usage.lock();
        if usage.len() >= KEYS_MAX && !usage.contains_key(key_id) {
            let minute = now.as_secs() / WINDOWS_S[1];
            usage.retain(|_, [_, window]| window.number == minute);
        }
        let windows = usage.entry(key_id.to_owned()).or_default();
        for (window, length_s) in windows.iter_mut().zip(WINDOWS_S) {
            let number = now.as_secs() / length_s;
            if window.number != number {
                *window = Window { number, used: 0 };
            }
        }
        let has_room =
            |(window, limit): (&Window, Option<u32>)| limit.is_none_or(|limit| window.used < limit);
        let admitted = windows.iter().zip(limits).all(has_room);
        if admitted {
            for window in windows.iter_mut() {
                window.used = window.used.saturating_add(1);
            }
        }
        RateDecision { admitted, budget: tighter(windows, limits, now) }
    }
}

/// The window with the fewest requests left; of two equal ones the one that lasts longer.
fn tighter(windows: &[Window; 2], limits: [Option<u32>; 2], now: Duration) -> Budget {
    let budget = |((window, limit), length_s): ((&Window, Option<u32>), u64)| {
        let limit = limit?;
        let remaining = limit.saturating_sub(window.used);
        // A window that just began lasts its whole length, one about to end counts as a second.
        Some(Budget { limit, remaining, reset_s: length_s - now.as_secs() % length_s })
    };
    windows
        .iter()
        .zip(limits)
        .zip(WINDOWS_S)
        .filter_map(budget)
        .min_by_key(|budget| (budget.remaining, Reverse(budget.reset_s)))
        .unwrap_or_default()
}

impl Budget {
    /// Writes the `X-RateLimit-*` headers.
    pub(super) fn write_to(self, headers: &mut HeaderMap) {
        let mut write = |name: &'static str, value: HeaderValue| {
            headers.insert(HeaderName::from_static(name), value);
        };
        write("x-ratelimit-limit", self.limit.into());
        write("x-ratelimit-remaining", self.remaining.into());
        write("x-ratelimit-reset", self.reset_s.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_second_window_is_the_tighter_one_of_a_fresh_key() {
        let limiter = RateLimiter::default();
        let decision = limiter.admit("k", Tier::Standard, at(120_400));
        let budget = Budget { limit: 50, remaining: 49, reset_s: 1 };
        assert_eq!(decision, RateDecision { admitted: true, budget });
    }

    #[test]
    fn request_51_of_one_second_waits_for_the_next_second() {
        let limiter = RateLimiter::default();
        for _ in 0..50 {
            assert!(limiter.admit("k", Tier::Standard, at(10_999)).admitted);
        }
        let refused = limiter.admit("k", Tier::Standard, at(10_999));
        let budget = Budget { limit: 50, remaining: 0, reset_s: 1 };
        assert_eq!(refused, RateDecision { admitted: false, budget });
        assert!(limiter.admit("k", Tier::Standard, at(11_000)).admitted);
    }

    #[test]
    fn request_601_of_one_minute_waits_for_the_next_minute() {
        let limiter = RateLimiter::default();
        for request in 0..600 {
            assert!(limiter.admit("k", Tier::Standard, at(request / 50 * 1000)).admitted);
        }
        let refused = limiter.admit("k", Tier::Standard, at(45_500));
        let budget = Budget { limit: 600, remaining: 0, reset_s: 15 };
        assert_eq!(refused, RateDecision { admitted: false, budget });
        assert!(limiter.admit("k", Tier::Standard, at(60_000)).admitted);
    }

    #[test]
    fn refused_requests_use_nothing_up() {
        let limiter = RateLimiter::default();
        for _ in 0..5_000 {
            limiter.admit("k", Tier::Standard, at(0));
        }
        let budget = limiter.admit("k", Tier::Standard, at(1_000)).budget;
        assert_eq!(budget.remaining, 49);
        let minute_used = limiter.usage.lock()["k"][1].used;
        assert_eq!(minute_used, 51);
    }

    #[test]
    fn keys_have_separate_budgets() {
        let limiter = RateLimiter::default();
        for _ in 0..51 {
            limiter.admit("a", Tier::Standard, at(0));
        }
        assert!(!limiter.admit("a", Tier::Standard, at(0)).admitted);
        assert!(limiter.admit("b", Tier::Standard, at(0)).admitted);
    }

    #[test]
    fn the_high_tier_has_its_own_limits_and_the_unlimited_one_none() {
        let limiter = RateLimiter::default();
        assert_eq!(limiter.admit("h", Tier::High, at(0)).budget.limit, 200);
        for _ in 0..10_000 {
            let decision = limiter.admit("u", Tier::Unlimited, at(0));
            assert_eq!(decision, RateDecision { admitted: true, budget: Budget::default() });
        }
    }

    #[test]
    fn idle_keys_are_forgotten_when_there_are_many() {
        let limiter = RateLimiter::default();
        for key in 0..KEYS_MAX {
            limiter.admit(&key.to_string(), Tier::Standard, at(0));
        }
        limiter.admit("new", Tier::Standard, at(60_000));
        assert_eq!(limiter.usage.lock().len(), 1);
    }
}
