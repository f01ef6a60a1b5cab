//! Per-core counters, merged on read.

use std::collections::BTreeMap;

use crate::observe::catalog::{CLASSES, Counter};
use crate::observe::histogram::Latencies;
use crate::observe::spans::Spans;

/// The route of a request that no route took.
pub const UNROUTED: u32 = u32::MAX;

/// Route ids are dense; one beyond this is counted as `UNROUTED`, not as a reason to allocate.
const ROUTES_MAX: u32 = 1 << 20;

/// The numbers of one core. Plain fields: no other thread looks at them, readers get a copy.
#[derive(Debug)]
pub struct CoreNumbers {
    counters: [u64; Counter::COUNT],
    totals: Totals,
    /// By route id; empty until the route has its first request.
    routes: Vec<Option<Box<RouteNumbers>>>,
    unrouted: Box<RouteNumbers>,
    /// Exchanges that are not counted yet. A route's numbers are cold memory when there are many
    /// routes; counted one right after the other, the misses of many exchanges overlap.
    finished: Vec<Finished>,
}

/// One exchange that has ended.
#[derive(Clone, Copy, Debug)]
struct Finished {
    received: u64,
    sent: u64,
    latency_us: u32,
    /// 0: no integration was asked.
    integration_us: u32,
    route: u32,
    status: u16,
}

/// How many are counted at once.
const FINISHED_MAX: usize = 256;

/// How many of them are fetched from memory at once: what they touch fits the nearest cache.
const FETCHED_AT_ONCE: usize = 32;

/// Sums over all routes, those that are gone included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests by class of status, in the order of `catalog::CLASSES`.
    pub classes: [u64; CLASSES.len()],
    pub received_bytes: u64,
    pub sent_bytes: u64,
}

impl Totals {
    pub fn requests(&self) -> u64 {
        self.classes.iter().sum()
    }

    #[inline]
    fn add(&mut self, status: u16, received: u64, sent: u64) {
        self.classes[class(status)] += 1;
        self.received_bytes += received;
        self.sent_bytes += sent;
    }

    fn merge(&mut self, other: &Self) {
        add_each(&mut self.classes, &other.classes);
        self.received_bytes += other.received_bytes;
        self.sent_bytes += other.sent_bytes;
    }
}

/// What is known of one route.
#[derive(Clone, Debug, Default)]
pub struct RouteNumbers {
    pub totals: Totals,
    pub latencies: Latencies,
    /// How long integrations took, of those requests that asked one.
    pub integrations: Spans,
    /// Answers that the cache had, and those that it had not.
    pub cached: [u64; 2],
}

impl RouteNumbers {
    fn merge(&mut self, other: &Self) {
        add_each(&mut self.cached, &other.cached);
        self.totals.merge(&other.totals);
        self.latencies.merge(&other.latencies);
        self.integrations.merge(&other.integrations);
    }

    /// Touches what an exchange of this latency will be counted in.
    #[inline]
    fn fetch(&self, latency_us: u32) -> u64 {
        let latency = self.latencies.fetch(u64::from(latency_us));
        self.totals.sent_bytes ^ latency ^ self.integrations.fetch()
    }
}

impl Default for CoreNumbers {
    fn default() -> Self {
        Self::new()
    }
}

impl CoreNumbers {
    pub fn new() -> Self {
        Self {
            counters: [0; Counter::COUNT],
            totals: Totals::default(),
            routes: Vec::new(),
            unrouted: Box::default(),
            finished: Vec::with_capacity(FINISHED_MAX),
        }
    }

    /// Makes room for the route ids below `route_ids`, so that no request has to. Called when a
    /// plan arrives.
    pub fn reserve(&mut self, route_ids: u32) {
        let wanted = route_ids.min(ROUTES_MAX) as usize;
        if self.routes.len() < wanted {
            self.routes.resize_with(wanted, || None);
        }
    }

    #[inline]
    pub fn add(&mut self, counter: Counter, count: u64) {
        self.counters[counter as usize] += count;
    }

    /// Puts a count that somebody else keeps (the log queue its drops).
    #[inline]
    pub fn set(&mut self, counter: Counter, count: u64) {
        self.counters[counter as usize] = count;
    }

    /// Counts a finished exchange. `status` 0 means that no status was sent; the two times, of all
    /// and of its integration, are in microseconds, 0 where none was asked; `received` and `sent`
    /// are bytes. Allocates on a route's first request only.
    #[inline]
    pub fn finish(
        &mut self,
        route: u32,
        status: u16,
        (latency_us, integration_us): (u64, u64),
        received: u64,
        sent: u64,
    ) {
        self.finished.push(Finished {
            received,
            sent,
            latency_us: micros(latency_us),
            integration_us: micros(integration_us),
            route,
            status,
        });
        if self.finished.len() == FINISHED_MAX {
            self.settle();
        }
    }

    /// Counts a look into the cache of a stage.
    pub fn looked_up(&mut self, route: u32, is_hit: bool) {
        let numbers = match self.routes.get_mut(route as usize) {
            Some(Some(numbers)) => numbers,
            _ => self.first(route),
        };
        numbers.cached[usize::from(!is_hit)] += 1;
    }

    /// Counts what has finished since.
    fn settle(&mut self) {
        let mut finished = std::mem::take(&mut self.finished);
        for some in finished.chunks(FETCHED_AT_ONCE) {
            self.fetch(some);
            some.iter().for_each(|exchange| self.count(exchange));
        }
        finished.clear();
        self.finished = finished;
    }

    /// Reads what counting these will write, and nothing else: so few instructions for each that
    /// the processor waits for the memory of many at the same time.
    fn fetch(&self, finished: &[Finished]) {
        let seen = finished.iter().map(|exchange| {
            let numbers = self.routes.get(exchange.route as usize);
            let numbers = numbers.and_then(Option::as_ref);
            numbers.map_or(0, |numbers| numbers.fetch(exchange.latency_us))
        });
        std::hint::black_box(seen.fold(0, u64::wrapping_add));
    }

    #[inline]
    fn count(&mut self, exchange: &Finished) {
        let status = exchange.status;
        self.totals.add(status, exchange.received, exchange.sent);
        let numbers = match self.routes.get_mut(exchange.route as usize) {
            Some(Some(numbers)) => numbers,
            _ => self.first(exchange.route),
        };
        numbers.totals.add(status, exchange.received, exchange.sent);
        numbers.latencies.record(u64::from(exchange.latency_us));
        if exchange.integration_us > 0 {
            numbers.integrations.record(exchange.integration_us);
        }
    }

    /// A copy of everything. With many routes in use take `snapshot_part` instead.
    pub fn snapshot(&mut self) -> Numbers {
        self.snapshot_part(0, u32::MAX).0
    }

    /// A copy of at most `routes_max` routes from the id `first` on, and the id to go on with.
    /// The counters, totals and `UNROUTED` come with the part that starts at zero.
    ///
    /// Copying takes about a microsecond a route, and the core serves nobody meanwhile: a reader
    /// asks for some hundred routes at a time.
    pub fn snapshot_part(&mut self, first: u32, routes_max: u32) -> (Numbers, Option<u32>) {
        self.settle();
        let mut part = Numbers::default();
        if first == 0 {
            part.counters = self.counters;
            part.totals = self.totals;
            if self.unrouted.totals.requests() > 0 {
                part.routes.insert(UNROUTED, self.unrouted.clone());
            }
        }
        let mut left = routes_max.max(1);
        for (id, numbers) in (0..).zip(&self.routes).skip(first as usize) {
            let Some(numbers) = numbers else { continue };
            if left == 0 {
                return (part, Some(id));
            }
            left -= 1;
            part.routes.insert(id, numbers.clone());
        }
        (part, None)
    }

    /// Drops the numbers of routes that are gone, so that their ids can name other routes. The
    /// totals keep what they counted.
    pub fn forget(&mut self, routes: &[u32]) {
        self.settle();
        for route in routes {
            if let Some(numbers) = self.routes.get_mut(*route as usize) {
                *numbers = None;
            }
        }
    }

    #[cold]
    fn first(&mut self, route: u32) -> &mut RouteNumbers {
        if route >= ROUTES_MAX {
            return &mut self.unrouted;
        }
        self.reserve(route + 1);
        self.routes[route as usize].get_or_insert_default()
    }
}

/// The numbers of some cores, as a reader holds them.
#[derive(Clone, Debug)]
pub struct Numbers {
    counters: [u64; Counter::COUNT],
    totals: Totals,
    routes: BTreeMap<u32, Box<RouteNumbers>>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            counters: [0; Counter::COUNT],
            totals: Totals::default(),
            routes: BTreeMap::new(),
        }
    }
}

impl Numbers {
    /// Adds another core, or another part of the same.
    pub fn merge(&mut self, other: Self) {
        add_each(&mut self.counters, &other.counters);
        self.totals.merge(&other.totals);
        if self.routes.is_empty() {
            self.routes = other.routes;
            return;
        }
        for (id, theirs) in other.routes {
            match self.routes.get_mut(&id) {
                Some(ours) => ours.merge(&theirs),
                None => {
                    self.routes.insert(id, theirs);
                }
            }
        }
    }

    /// Counts something that happened outside of the cores.
    pub fn add(&mut self, counter: Counter, count: u64) {
        self.counters[counter as usize] += count;
    }

    pub fn get(&self, counter: Counter) -> u64 {
        self.counters[counter as usize]
    }

    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Connections that are open.
    pub fn connections_open(&self) -> u64 {
        self.get(Counter::ConnectionsAccepted)
            .saturating_sub(self.get(Counter::ConnectionsClosed))
    }

    /// The routes that had requests, by ascending id; `UNROUTED` comes last.
    pub fn routes(&self) -> impl Iterator<Item = (u32, &RouteNumbers)> {
        self.routes.iter().map(|(id, numbers)| (*id, &**numbers))
    }

    /// The latencies of all routes together.
    pub fn latencies(&self) -> Latencies {
        let mut all = Latencies::default();
        for (_, route) in self.routes() {
            all.merge(&route.latencies);
        }
        all
    }
}

/// An hour and more are as good as an hour.
#[inline]
fn micros(us: u64) -> u32 {
    u32::try_from(us).unwrap_or(u32::MAX)
}

#[inline]
fn class(status: u16) -> usize {
    match status {
        0..100 => 0,
        100..500 => usize::from(status / 100),
        // Some upstreams answer with codes of their own above 599.
        _ => 5,
    }
}

fn add_each(ours: &mut [u64], theirs: &[u64]) {
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        *ours += theirs;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_exchange_counts_for_its_route_and_in_total() {
        let mut core = CoreNumbers::new();
        core.finish(3, 200, (150, 0), 100, 2_000);
        core.finish(3, 503, (250, 200), 50, 10);
        core.finish(UNROUTED, 404, (10, 0), 1, 1);
        let numbers = core.snapshot();
        let ids: Vec<u32> = numbers.routes().map(|(id, _)| id).collect();
        assert_eq!(ids, [3, UNROUTED]);
        let (_, route) = numbers.routes().next().unwrap_or_else(|| unreachable!());
        assert_eq!(route.totals.classes, [0, 0, 1, 0, 0, 1]);
        assert_eq!(
            (route.totals.received_bytes, route.totals.sent_bytes),
            (150, 2_010)
        );
        assert_eq!(route.latencies.quantiles().max, 250);
        let integrations = &route.integrations;
        assert_eq!((integrations.count(), integrations.sum_us()), (1, 200));
        assert_eq!(numbers.totals().requests(), 3);
        assert_eq!(numbers.latencies().count(), 3);
    }

    #[test]
    fn every_status_has_a_class() {
        let check = |status, expected| assert_eq!(CLASSES[class(status)], expected, "{status}");
        check(0, "none");
        check(101, "1xx");
        check(200, "2xx");
        check(399, "3xx");
        check(499, "4xx");
        check(500, "5xx");
        check(999, "5xx");
        check(u16::MAX, "5xx");
    }

    #[test]
    fn a_wild_route_id_allocates_nothing() {
        let mut core = CoreNumbers::new();
        core.finish(ROUTES_MAX, 200, (1, 0), 0, 0);
        core.reserve(u32::MAX - 1);
        assert_eq!(core.routes.len(), ROUTES_MAX as usize);
        let ids: Vec<u32> = core.snapshot().routes().map(|(id, _)| id).collect();
        assert_eq!(ids, [UNROUTED]);
    }

    #[test]
    fn merged_cores_sum_up() {
        let (mut one, mut two) = (CoreNumbers::new(), CoreNumbers::new());
        one.add(Counter::ConnectionsAccepted, 5);
        one.add(Counter::ConnectionsClosed, 2);
        two.add(Counter::ConnectionsAccepted, 1);
        one.finish(0, 200, (10, 0), 1, 2);
        two.finish(0, 200, (30, 0), 1, 2);
        two.finish(1, 404, (20, 0), 0, 0);
        let mut all = one.snapshot();
        all.merge(two.snapshot());
        assert_eq!(all.connections_open(), 4);
        let counts: Vec<u64> = all.routes().map(|(_, r)| r.latencies.count()).collect();
        assert_eq!(counts, [2, 1]);
        assert_eq!(all.totals().classes, [0, 0, 2, 0, 1, 0]);
    }

    #[test]
    fn parts_put_together_are_the_whole() {
        let mut core = CoreNumbers::new();
        core.add(Counter::Retries, 7);
        for route in (0..100).step_by(3) {
            core.finish(route, 200, (u64::from(route), 0), 1, 1);
        }
        core.finish(UNROUTED, 404, (1, 0), 1, 1);
        let (mut whole, mut next) = core.snapshot_part(0, 10);
        let mut parts = 1;
        while let Some(first) = next {
            let part;
            (part, next) = core.snapshot_part(first, 10);
            whole.merge(part);
            parts += 1;
        }
        assert_eq!(parts, 4);
        assert_eq!(whole.get(Counter::Retries), 7);
        assert_eq!(whole.totals(), core.snapshot().totals());
        assert!(
            whole
                .routes()
                .map(|(id, _)| id)
                .eq(core.snapshot().routes().map(|(id, _)| id))
        );
    }

    #[test]
    fn a_forgotten_route_starts_anew_but_the_totals_remember() {
        let mut core = CoreNumbers::new();
        core.finish(2, 200, (10, 0), 0, 0);
        core.forget(&[2, 99]);
        assert_eq!(core.snapshot().routes().count(), 0);
        assert_eq!(core.snapshot().totals().requests(), 1);
        core.finish(2, 200, (10, 0), 0, 0);
        assert_eq!(core.snapshot().latencies().count(), 1);
    }
}
