//! The merges of a byte-pair encoding: which pair of tokens becomes which token, and which of them first.
//!
//! Source   Sennrich, Haddow & Birch 2016, "Neural Machine Translation of Rare Words with Subword Units"
//!
//! A merge takes 16 bytes: 8 in a slot of an open-addressing table at a load of two thirds, 4 for the token it makes.

use super::vocabulary::{MAX_PROBES, MAX_VOCABULARY, first_slot, mix, slots_for};

/// Bits of an id: ids are below `MAX_VOCABULARY`.
const ID_BITS: u32 = MAX_VOCABULARY.trailing_zeros();

const RANK_BITS: u32 = 64 - 2 * ID_BITS;

/// Ranks are below this: 2^24, more than fit into the largest file that is read.
pub(super) const MAX_MERGES: usize = (1 << RANK_BITS) - 1;

const FREE: u64 = u64::MAX;

/// (left id, right id) → (rank, new id).
#[derive(Debug, Default)]
pub(super) struct Merges {
    /// Left id, right id and rank, from the high bits down; or `FREE`, which no rank can make.
    table: Vec<u64>,
    /// What each merge makes, by rank.
    made: Vec<u32>,
}

impl Merges {
    /// Room for exactly so many merges.
    pub fn with_capacity(merges: usize) -> Merges {
        Merges { table: vec![FREE; slots_for(merges)], made: Vec::with_capacity(merges) }
    }

    /// Adds the merge of the next rank; all ids are below `MAX_VOCABULARY`. Of two merges of one pair the last counts.
    pub fn push(&mut self, left: u32, right: u32, made: u32) -> Result<(), String> {
        let rank = self.made.len();
        if rank == self.made.capacity() || rank >= MAX_MERGES {
            return Err(format!("more than {} merges", rank));
        }
        let key = key(left, right);
        let slot = self.search(key).ok_or_else(|| format!("merge {rank} collides with {MAX_PROBES} others"))?;
        self.table[slot] = key << RANK_BITS | rank as u64;
        self.made.push(made);
        Ok(())
    }

    /// Rank of the merge of two tokens, where there is one.
    pub fn rank(&self, left: u32, right: u32) -> Option<u32> {
        let slot = self.search(key(left, right))?;
        let found = self.table[slot];
        (found != FREE).then_some((found & MAX_MERGES as u64) as u32) // OK to cast: `RANK_BITS` are less than 32.
    }

    /// What the merge of this rank makes.
    pub fn made(&self, rank: u32) -> u32 {
        self.made[rank as usize]
    }

    /// The slot of a pair, or a free one; `None` when it collides too often.
    fn search(&self, key: u64) -> Option<usize> {
        let slots = self.table.len();
        if slots == 0 {
            return None;
        }
        let mut slot = first_slot(mix(key), slots);
        for _ in 0..MAX_PROBES.min(slots) {
            let found = self.table[slot];
            if found == FREE || found >> RANK_BITS == key {
                return Some(slot);
            }
            slot = if slot + 1 == slots { 0 } else { slot + 1 };
        }
        None
    }
}

fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << ID_BITS | u64::from(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Oracle: the standard library's map, with pairs that come again and ids up to the highest.
    #[test]
    fn it_is_a_map_of_pairs() {
        let highest = MAX_VOCABULARY as u32 - 1;
        let pairs: Vec<(u32, u32)> = (0..2000_u32).map(|i| (i % 37, i % 91)).chain([(highest, highest)]).collect();
        let mut merges = Merges::with_capacity(pairs.len());
        let mut expected = HashMap::new();
        for (rank, &(left, right)) in pairs.iter().enumerate() {
            merges.push(left, right, rank as u32 * 3).expect("room");
            expected.insert((left, right), rank as u32);
        }
        assert!(merges.push(0, 0, 0).is_err());
        for left in (0..40).chain([highest]) {
            for right in (0..95).chain([highest]) {
                let rank = merges.rank(left, right);
                assert_eq!(rank, expected.get(&(left, right)).copied());
                assert!(rank.is_none_or(|rank| merges.made(rank) == rank * 3));
            }
        }
        assert_eq!(Merges::default().rank(0, 0), None);
    }
}
