//! What went through the door: requests by route and status, and how long they took.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use parking_lot::Mutex;

/// Upper ends of the buckets in which latencies are counted, in seconds.
const BUCKETS_S: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Counts since the door opened. Routes are patterns, so that there are few of them; the methods
/// counted are those that routes have.
#[derive(Debug, Default)]
pub(super) struct Traffic(Mutex<BTreeMap<(String, &'static str), RouteTraffic>>);

#[derive(Debug, Default)]
struct RouteTraffic {
    by_status: BTreeMap<u16, u64>,
    buckets: [u64; BUCKETS_S.len()],
    count: u64,
    seconds: f64,
}

impl Traffic {
    /// Counts a request that was answered.
    pub(super) fn count(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut routes = self.0.lock();
        let route = routes.entry((route.to_owned(), known(method))).or_default();
        *route.by_status.entry(status.as_u16()).or_default() += 1;
        if let Some(bucket) = BUCKETS_S.iter().position(|end| seconds <= *end) {
            route.buckets[bucket] += 1;
        }
        route.count += 1;
        route.seconds += seconds;
    }

    /// Writes the counts in the text format of Prometheus.
    pub(super) fn write_to(&self, out: &mut String) {
        let routes = self.0.lock();
        let name = "likeness_http_requests_total";
        let mut lines = format!("# HELP {name} Requests answered.\n# TYPE {name} counter\n");
        for ((route, method), traffic) in routes.iter() {
            for (status, count) in &traffic.by_status {
                let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
                lines.push_str(&format_line(name, &labels, count));
            }
        }
        let name = "likeness_http_request_seconds";
        let _ = writeln!(lines, "# HELP {name} Time to an answer.\n# TYPE {name} histogram");
        for ((route, method), traffic) in routes.iter() {
            let labels = format!("route=\"{route}\",method=\"{method}\"");
            let mut sum = 0;
            for (end, count) in BUCKETS_S.iter().zip(traffic.buckets) {
                sum += count;
                let labels = format!("{labels},le=\"{end}\"");
                lines.push_str(&format_line(&format!("{name}_bucket"), &labels, sum));
            }
            let all = format!("{labels},le=\"+Inf\"");
            lines.push_str(&format_line(&format!("{name}_bucket"), &all, traffic.count));
            lines.push_str(&format_line(&format!("{name}_sum"), &labels, traffic.seconds));
            lines.push_str(&format_line(&format!("{name}_count"), &labels, traffic.count));
        }
        out.push_str(&lines);
    }

    /// Requests answered with `status`.
    pub(super) fn answered(&self, status: StatusCode) -> u64 {
        let routes = self.0.lock();
        routes.values().filter_map(|route| route.by_status.get(&status.as_u16())).sum()
    }
}

fn format_line(name: &str, labels: &str, value: impl std::fmt::Display) -> String {
    format!("{name}{{{labels}}} {value}\n")
}

/// The method by its name; those that no route has are one.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_everything_below_their_end_and_routes_have_their_own() {
        let traffic = Traffic::default();
        let count = |route, status, ms| {
            let took = Duration::from_millis(ms);
            traffic.count(route, &Method::GET, status, took);
        };
        count("/a", StatusCode::OK, 1);
        count("/a", StatusCode::OK, 300);
        count("/a", StatusCode::TOO_MANY_REQUESTS, 20_000);
        count("/b", StatusCode::TOO_MANY_REQUESTS, 2);
        let mut text = String::new();
        traffic.write_to(&mut text);
        for line in [
            "likeness_http_requests_total{route=\"/a\",method=\"GET\",status=\"200\"} 2",
            "likeness_http_requests_total{route=\"/b\",method=\"GET\",status=\"429\"} 1",
            "likeness_http_request_seconds_bucket{route=\"/a\",method=\"GET\",le=\"0.001\"} 1",
            "likeness_http_request_seconds_bucket{route=\"/a\",method=\"GET\",le=\"0.25\"} 1",
            "likeness_http_request_seconds_bucket{route=\"/a\",method=\"GET\",le=\"0.5\"} 2",
            "likeness_http_request_seconds_bucket{route=\"/a\",method=\"GET\",le=\"10\"} 2",
            "likeness_http_request_seconds_bucket{route=\"/a\",method=\"GET\",le=\"+Inf\"} 3",
            "likeness_http_request_seconds_count{route=\"/a\",method=\"GET\"} 3",
            "likeness_http_request_seconds_sum{route=\"/a\",method=\"GET\"} 20.301",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(traffic.answered(StatusCode::TOO_MANY_REQUESTS), 2);
    }
}
