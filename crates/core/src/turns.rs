//! Whose turn it is: among the jobs of one kind, owners take turns.

use std::collections::BTreeMap;

/// The jobs of one kind in the order in which they are to be tried, from the order of their age.
///
/// Every owner's oldest job comes first, then every owner's second, and so on; among equals the owner goes first whose
/// last turn is longest ago. Jobs at work stand in the queue too and are their owners' oldest, so that an owner who has
/// nothing at work goes before one who has.
pub fn by_turns<T, O: Ord + Clone>(queue: Vec<(O, T)>, last_turn: impl Fn(&O) -> Option<u64>) -> Vec<T> {
    let mut ranks: BTreeMap<O, u32> = BTreeMap::new();
    let ranked = queue.into_iter().map(|(owner, job)| {
        let rank = ranks.entry(owner.clone()).and_modify(|rank| *rank += 1).or_default();
        ((*rank, last_turn(&owner)), job)
    });
    let mut ranked: Vec<_> = ranked.collect();
    // Stable: otherwise by age. Who had no turn yet goes first.
    ranked.sort_by_key(|(turn, _)| *turn);
    ranked.into_iter().map(|(_, job)| job).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Jobs as `owner` and number.
    fn queue(jobs: &[&'static str]) -> Vec<(char, &'static str)> {
        jobs.iter().map(|job| (job.chars().next().expect("an owner"), *job)).collect()
    }

    #[test]
    fn one_clip_does_not_wait_behind_anothers_two_hundred() {
        let mut waiting: Vec<(char, String)> = (0..200).map(|n| ('a', format!("a{n}"))).collect();
        waiting.push(('b', "b0".to_owned()));
        let order = by_turns(waiting, |_| None);
        assert_eq!(order[..3], ["a0", "b0", "a1"]);
        assert_eq!(order.len(), 201);
    }

    #[test]
    fn the_owner_whose_last_turn_is_longest_ago_goes_first() {
        let last = |owner: &char| BTreeMap::from([('a', 7), ('b', 3)]).get(owner).copied();
        assert_eq!(by_turns(queue(&["a1", "a2", "b1", "b2"]), last), ["b1", "a1", "b2", "a2"]);
        assert_eq!(by_turns(queue(&["a1", "b1", "c1"]), last), ["c1", "b1", "a1"], "c had no turn yet");
    }

    #[test]
    fn one_owners_jobs_go_by_age() {
        assert_eq!(by_turns(queue(&["a1", "a2", "a3"]), |_| Some(1)), ["a1", "a2", "a3"]);
    }
}
