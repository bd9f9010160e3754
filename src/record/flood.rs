//! Lets refusals of strangers share a record while there is a flood of them.
//!
//! In: each refusal of a request without a verified identity. Out: whether it gets a record of its
//! own or shares one; what is shared, several times a second, to be stored; and when it is over.
//!
//! A flood is declared when more such refusals come in one second than the settings say, and is over
//! when for five seconds fewer than half as many came. Beginning and end are events. A shared record
//! is of one reason: it says how many, from when to when, and which networks they came from. Nobody
//! is answered before the record that counts them is stored, so what a shared record counts are
//! answers, and no count is lost with the process (P2). The wait slows a flood down as well.
//!
//! Memory: one place for each request that waits, never more than may wait for the journal, and a
//! thousand networks.
//!
//! Never: a request whose caller is known.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use tokio::sync::oneshot;

use crate::clock::Time;
use crate::refusal::Reason;

/// Where the refusals of strangers are counted.
#[derive(Debug)]
pub(super) struct Flood {
    /// More than so many in one second are a flood; 0: there is none, however many.
    threshold: u64,
    /// So many may wait.
    room: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    second: u64,
    in_second: u64,
    /// While a flood is declared: the second until which it was one.
    last_second: Option<u64>,
    answered: u64,
    waiting: usize,
    shares: BTreeMap<&'static str, Share>,
}

/// Refusals for one reason that will share a record.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) reason: Reason,
    pub(super) count: u64,
    pub(super) first: Time,
    pub(super) last: Time,
    pub(super) networks: HashMap<IpNet, u64>,
    pub(super) waiters: Vec<oneshot::Sender<Shared>>,
}

/// The number of the shared record, or why there is none.
pub(super) type Shared = Result<u64, Reason>;

/// What a refusal of a stranger gets.
#[derive(Debug)]
pub(super) enum Met {
    /// A record of its own.
    Own,
    /// A shared one, to be waited for.
    Shared(oneshot::Receiver<Shared>),
    /// The same, and with it a flood begins: somebody has to store what is shared.
    Begins(oneshot::Receiver<Shared>),
    /// None: too many wait.
    Full,
}

/// What is to be stored now.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) shares: Vec<Share>,
    /// The flood is over, after so many answers.
    pub(super) over: Option<u64>,
}

impl Flood {
    pub(super) fn new(threshold: u64, room: usize) -> Flood {
        Flood {
            threshold,
            room,
            inside: Mutex::default(),
        }
    }

    /// More than so many in one second are a flood.
    pub(super) fn threshold(&self) -> u64 {
        self.threshold
    }

    /// Whether a flood is declared.
    pub(super) fn is_declared(&self) -> bool {
        self.inside().last_second.is_some()
    }

    /// A stranger is refused.
    pub(super) fn meet(&self, reason: Reason, peer: IpAddr, time: Time, mono_ns: u64) -> Met {
        if self.threshold == 0 {
            return Met::Own;
        }
        let mut inside = self.inside();
        let second = mono_ns / NS_IN_S;
        inside.count(second);
        let begins = inside.last_second.is_none();
        if inside.in_second > self.threshold / 2 && !begins {
            inside.last_second = Some(second);
        }
        if begins && inside.in_second <= self.threshold {
            return Met::Own;
        }
        if inside.waiting >= self.room {
            return Met::Full;
        }
        let waiter = inside.share(reason, peer, time);
        match begins {
            true => {
                inside.last_second = Some(second);
                Met::Begins(waiter)
            }
            false => Met::Shared(waiter),
        }
    }

    /// Takes what is shared so far.
    pub(super) fn turn(&self, mono_ns: u64) -> Turn {
        let mut inside = self.inside();
        let shares: Vec<Share> = std::mem::take(&mut inside.shares).into_values().collect();
        inside.waiting = 0;
        let second = mono_ns / NS_IN_S;
        let is_quiet = inside
            .last_second
            .is_none_or(|last| second.saturating_sub(last) > QUIET_S);
        let over = (is_quiet && shares.is_empty()).then(|| {
            inside.last_second = None;
            std::mem::take(&mut inside.answered)
        });
        Turn { shares, over }
    }

    /// The journal takes no more: whoever waits hears it, and there is no flood any more.
    pub(super) fn give_up(&self) {
        *self.inside() = Inside::default();
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn count(&mut self, second: u64) {
        if self.second != second {
            self.second = second;
            self.in_second = 0;
        }
        self.in_second = self.in_second.saturating_add(1);
    }

    fn share(&mut self, reason: Reason, peer: IpAddr, time: Time) -> oneshot::Receiver<Shared> {
        let share = self.shares.entry(reason.word()).or_insert_with(|| Share {
            reason,
            count: 0,
            first: time,
            last: time,
            networks: HashMap::new(),
            waiters: Vec::new(),
        });
        share.count = share.count.saturating_add(1);
        share.first = share.first.min(time);
        share.last = share.last.max(time);
        let network = network_of(peer);
        if share.networks.len() < MOST_NETWORKS || share.networks.contains_key(&network) {
            let seen = share.networks.entry(network).or_default();
            *seen = seen.saturating_add(1);
        }
        let (tell, waiter) = oneshot::channel();
        share.waiters.push(tell);
        self.waiting = self.waiting.saturating_add(1);
        self.answered = self.answered.saturating_add(1);
        waiter
    }
}

impl Share {
    /// The networks that most came from, with how many; and how many came from all others.
    pub(super) fn most(&self) -> (Vec<(String, u64)>, u64) {
        let mut networks: Vec<(&IpNet, u64)> = self.networks.iter().map(|(n, c)| (n, *c)).collect();
        networks.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        networks.truncate(NETWORKS_TOLD);
        let told = networks
            .iter()
            .fold(0, |sum: u64, (_, c)| sum.saturating_add(*c));
        let named = networks.into_iter().map(|(n, c)| (n.to_string(), c));
        (named.collect(), self.count.saturating_sub(told))
    }
}

/// The network that a peer is told by: /24, or /48 of IPv6.
fn network_of(peer: IpAddr) -> IpNet {
    let peer = peer.to_canonical();
    let bits = match peer {
        IpAddr::V4(_) => 24,
        IpAddr::V6(_) => 48,
    };
    IpNet::new(peer, bits).map_or(IpNet::from(peer), |network| network.trunc())
}

const NS_IN_S: u64 = 1_000_000_000;
const QUIET_S: u64 = 5;
const MOST_NETWORKS: usize = 1_000;
const NETWORKS_TOLD: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn meet(flood: &Flood, second: u64, peer: &str) -> Met {
        let time = Time::from_secs(1_000 + second);
        let peer = peer.parse().unwrap();
        flood.meet(Reason::NoCredential, peer, time, second * NS_IN_S)
    }

    /// A declared flood, with what waits.
    fn declared() -> (Flood, Vec<Met>) {
        let flood = Flood::new(10, 100);
        let met: Vec<Met> = (0..12).map(|_| meet(&flood, 1, "192.0.2.7")).collect();
        assert!(flood.is_declared());
        (flood, met)
    }

    #[test]
    fn below_the_threshold_everybody_has_a_record_of_their_own() {
        let flood = Flood::new(10, 100);
        for second in 0..20 {
            for _ in 0..10 {
                assert!(matches!(meet(&flood, second, "192.0.2.7"), Met::Own));
            }
        }
        assert!(!flood.is_declared());
    }

    #[test]
    fn the_one_above_begins_a_flood_and_shares_with_those_after() {
        let (flood, met) = declared();
        assert!(met[..10].iter().all(|met| matches!(met, Met::Own)));
        assert!(matches!(met[10], Met::Begins(_)));
        assert!(matches!(met[11], Met::Shared(_)));
        let turn = flood.turn(NS_IN_S);
        assert_eq!((turn.shares.len(), turn.shares[0].count), (1, 2));
        assert_eq!(turn.over, None);
    }

    #[test]
    fn a_threshold_of_zero_declares_none() {
        let flood = Flood::new(0, 100);
        for _ in 0..10_000 {
            assert!(matches!(meet(&flood, 1, "192.0.2.7"), Met::Own));
        }
    }

    #[test]
    fn a_flood_is_over_after_five_quiet_seconds_and_not_before() {
        let (flood, _met) = declared();
        drop(flood.turn(NS_IN_S));
        for second in 2..7 {
            // Half as many are still no flood, and do not keep it one.
            for _ in 0..5 {
                assert!(matches!(meet(&flood, second, "192.0.2.7"), Met::Shared(_)));
            }
            assert_eq!(flood.turn(second * NS_IN_S).over, None, "{second}");
        }
        assert_eq!(flood.turn(7 * NS_IN_S).over, Some(2 + 5 * 5));
        assert!(!flood.is_declared());
        assert!(matches!(meet(&flood, 8, "192.0.2.7"), Met::Own));
    }

    #[test]
    fn no_more_wait_than_there_is_room_for() {
        let flood = Flood::new(1, 3);
        let met: Vec<Met> = (0..6).map(|_| meet(&flood, 1, "192.0.2.7")).collect();
        assert!(matches!(met[3], Met::Shared(_)));
        assert!(matches!(met[4], Met::Full) && matches!(met[5], Met::Full));
        assert_eq!(
            flood.turn(NS_IN_S).shares[0].count,
            3,
            "only those who wait"
        );
    }

    #[test]
    fn networks_are_told_by_how_many_came_and_never_more_than_32() {
        let flood = Flood::new(1, 10_000);
        drop(meet(&flood, 1, "192.0.2.7"));
        for third in 0..200_u8 {
            for _ in 0..=third % 40 {
                drop(meet(&flood, 1, &format!("10.0.{third}.9")));
            }
        }
        drop(meet(&flood, 1, "2001:db8:1:2::3"));
        let turn = flood.turn(NS_IN_S);
        let (named, others) = turn.shares[0].most();
        assert_eq!(named.len(), 32);
        assert_eq!(named[0], ("10.0.39.0/24".to_owned(), 40));
        let told: u64 = named.iter().map(|(_, count)| count).sum();
        assert_eq!(told + others, turn.shares[0].count);
        assert_eq!(
            network_of("2001:db8:1:2::3".parse().unwrap()).to_string(),
            "2001:db8:1::/48"
        );
    }
}
