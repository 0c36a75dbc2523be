//! The entries of a vocabulary: one arena of text, one hash table of places in it.
//!
//! An entry takes its text and 10 bytes, or 18 where the ids do not count up with the file. A map from `String` to id
//! and its inverse take ten times that, which is more than the file itself.

/// Ids are below this. The largest published vocabularies have 262,144 entries.
pub const MAX_VOCABULARY: usize = 1 << 20;

/// Steps a look-up may take. At a load of two thirds honest entries need some tens; a file that was made to collide is
/// refused instead of read for hours.
pub(super) const MAX_PROBES: usize = 1024;

/// Slots of an open-addressing table for so many keys: a load of two thirds, and one free slot for an empty table.
pub(super) fn slots_for(keys: usize) -> usize {
    keys + keys / 2 + 1
}

/// The slot where the search for a hash begins. The high bits decide, so no power of two is needed.
pub(super) fn first_slot(hash: u64, slots: usize) -> usize {
    ((u128::from(hash) * slots as u128) >> 64) as usize // OK to cast: less than `slots`.
}

/// Multiplies to 128 bits and folds, as wyhash does.
pub(super) fn mix(value: u64) -> u64 {
    let product = u128::from(value ^ 0x9e37_79b9_7f4a_7c15) * u128::from(0xd6e8_feb8_6659_fd93_u64);
    product as u64 ^ (product >> 64) as u64 // Both halves are wanted.
}

fn hash(text: &[u8]) -> u64 {
    text.chunks(8).fold(mix(text.len() as u64), |state, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mix(state.rotate_left(23) ^ u64::from_le_bytes(word))
    })
}

/// What to do with a text that comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twice {
    Refuse,
    /// Both ids have the entry, the text has the later id.
    LastCounts,
}

/// Text ↔ id.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    text: String,
    /// Where each entry ends in `text`, in the order of the file.
    ends: Vec<u32>,
    /// Id of each entry, in the order of the file. Empty while the ids count up from 0.
    ids: Vec<u32>,
    /// Entries in the order of their ids. Empty when `ids` is.
    by_id: Vec<u32>,
    /// Open addressing: an entry + 1, or 0 for a free slot.
    table: Vec<u32>,
    /// Bytes of the longest entry: what is longer need not be looked for.
    longest: usize,
}

impl Vocabulary {
    /// Room for exactly so many entries and bytes of text.
    pub fn with_capacity(entries: usize, bytes: usize) -> Vocabulary {
        Vocabulary {
            text: String::with_capacity(bytes),
            ends: Vec::with_capacity(entries),
            table: vec![0; slots_for(entries)],
            ..Vocabulary::default()
        }
    }

    /// Adds an entry. No more than there is room for; the ids are compared by `finish`.
    pub fn push(&mut self, text: &str, id: u32, twice: Twice) -> Result<(), String> {
        let entry = self.ends.len();
        if entry == self.ends.capacity() || (id as usize) >= MAX_VOCABULARY {
            return Err(format!("{:?} has id {id}, the limit is {MAX_VOCABULARY}", shortened(text)));
        }
        let (slot, found) = self.search(text.as_bytes());
        match (found, twice) {
            (Some(other), Twice::Refuse) => {
                return Err(format!("{:?} occurs twice, as {} and as {id}", shortened(text), self.id_of(other)));
            }
            (None, _) if slot == usize::MAX => {
                return Err(format!("{:?} collides with {MAX_PROBES} others", shortened(text)));
            }
            _ => {}
        }
        if self.ids.is_empty() && id as usize != entry {
            self.ids.reserve_exact(self.ends.capacity());
            self.ids.extend(0..entry as u32); // OK to cast: at most `MAX_VOCABULARY`.
        }
        if id as usize != entry || !self.ids.is_empty() {
            self.ids.push(id);
        }
        self.text.push_str(text);
        self.ends.push(u32::try_from(self.text.len()).map_err(|_| "the entries are too long".to_string())?);
        self.longest = self.longest.max(text.len());
        self.table[slot] = entry as u32 + 1; // OK to cast: as above.
        Ok(())
    }

    /// Checks that every id is given once.
    pub fn finish(mut self) -> Result<Vocabulary, String> {
        if !self.ids.is_empty() {
            let mut by_id: Vec<u32> = (0..self.ids.len() as u32).collect(); // OK to cast: as above.
            by_id.sort_unstable_by_key(|&entry| (self.ids[entry as usize], entry));
            // Which of two tokens an id decodes to would be left to chance.
            if let Some(pair) = by_id.windows(2).find(|pair| self.id_of(pair[0]) == self.id_of(pair[1])) {
                let mut texts = [self.text_of(pair[0]), self.text_of(pair[1])].map(shortened);
                texts.sort_unstable();
                return Err(format!("id {} is given to {:?} and to {:?}", self.id_of(pair[0]), texts[0], texts[1]));
            }
            self.by_id = by_id;
        }
        Ok(self)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// `None` when there are no entries.
    pub fn highest_id(&self) -> Option<usize> {
        match self.by_id.last() {
            Some(&entry) => Some(self.id_of(entry) as usize),
            None => self.len().checked_sub(1),
        }
    }

    /// The id of a text.
    pub fn id(&self, text: &str) -> Option<u32> {
        if text.len() > self.longest {
            return None;
        }
        self.search(text.as_bytes()).1.map(|entry| self.id_of(entry))
    }

    /// The text of an id.
    pub fn text(&self, id: u32) -> Option<&str> {
        if self.ids.is_empty() {
            return ((id as usize) < self.len()).then(|| self.text_of(id));
        }
        // Where no id is left out, the place is the id.
        let guess = self.by_id.get(id as usize).copied().filter(|&entry| self.id_of(entry) == id);
        let entry = guess.or_else(|| {
            self.by_id.binary_search_by_key(&id, |&entry| self.id_of(entry)).ok().map(|place| self.by_id[place])
        })?;
        Some(self.text_of(entry))
    }

    fn id_of(&self, entry: u32) -> u32 {
        self.ids.get(entry as usize).copied().unwrap_or(entry)
    }

    fn text_of(&self, entry: u32) -> &str {
        let entry = entry as usize;
        let start = entry.checked_sub(1).map_or(0, |previous| self.ends[previous] as usize);
        &self.text[start..self.ends[entry] as usize]
    }

    /// The slot of a text, or the one where it belongs, and the entry that is there. `usize::MAX` when it collides too
    /// often.
    fn search(&self, text: &[u8]) -> (usize, Option<u32>) {
        let slots = self.table.len();
        if slots == 0 {
            return (usize::MAX, None);
        }
        let mut slot = first_slot(hash(text), slots);
        for _ in 0..MAX_PROBES.min(slots) {
            match self.table[slot].checked_sub(1) {
                None => return (slot, None),
                Some(entry) if self.text_of(entry).as_bytes() == text => return (slot, Some(entry)),
                Some(_) => slot = if slot + 1 == slots { 0 } else { slot + 1 },
            }
        }
        (usize::MAX, None)
    }
}

/// At most 60 characters of a token, for messages.
pub(super) fn shortened(token: &str) -> String {
    token.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn vocabulary(entries: &[(&str, u32)], twice: Twice) -> Result<Vocabulary, String> {
        let mut vocabulary = Vocabulary::with_capacity(entries.len(), entries.iter().map(|(text, _)| text.len()).sum());
        entries.iter().try_for_each(|(text, id)| vocabulary.push(text, *id, twice))?;
        vocabulary.finish()
    }

    /// Oracle: the standard library's map, for ids that count up, that are shuffled, and that leave gaps.
    #[test]
    fn it_is_a_map_both_ways() {
        let ids: [fn(u32) -> u32; 3] = [|i| i, |i| i * 7 % 401, |i| i * 5 + 1];
        for id in ids {
            let texts: Vec<String> = (0..400).map(|i| format!("{:x}", i * i)).collect();
            let entries: Vec<(&str, u32)> = texts.iter().map(String::as_str).zip((0..400).map(id)).collect();
            let expected: BTreeMap<&str, u32> = entries.iter().copied().collect();
            let vocabulary = vocabulary(&entries, Twice::Refuse).expect("a vocabulary");
            assert_eq!(vocabulary.len(), entries.len());
            assert_eq!(vocabulary.highest_id(), expected.values().max().map(|&id| id as usize));
            for (text, id) in &expected {
                assert_eq!(vocabulary.id(text), Some(*id));
                assert_eq!(vocabulary.text(*id), Some(*text));
            }
            for absent in ["", "zz", "0123456789abcdef"] {
                assert_eq!(vocabulary.id(absent), None);
            }
            assert_eq!(vocabulary.text(u32::MAX), None);
            assert_eq!((0..2500).filter(|id| vocabulary.text(*id).is_some()).count(), expected.len());
        }
    }

    /// Oracle: the contract.
    #[test]
    fn what_comes_twice_is_refused_or_the_last_counts() {
        let again = [("a", 0), ("b", 1), ("a", 2)];
        assert!(vocabulary(&again, Twice::Refuse).expect_err("a").contains("\"a\" occurs twice, as 0 and as 2"));
        let last = vocabulary(&again, Twice::LastCounts).expect("a vocabulary");
        assert_eq!((last.id("a"), last.text(0), last.text(2)), (Some(2), Some("a"), Some("a")));
        let same = vocabulary(&[("b", 4), ("a", 4)], Twice::Refuse).expect_err("4");
        assert_eq!(same, "id 4 is given to \"a\" and to \"b\"");
        let empty = Vocabulary::default();
        assert_eq!((empty.id(""), empty.text(0), empty.highest_id()), (None, None, None));
    }

    /// Oracle: entries made to fall into one slot, found by asking the hash.
    #[test]
    fn collisions_are_refused_and_not_endured() {
        let count = 3000;
        let slots = slots_for(count);
        let colliding: Vec<String> = (0_u64..)
            .map(|i| format!("{i:x}"))
            .filter(|text| first_slot(hash(text.as_bytes()), slots) < 2)
            .take(MAX_PROBES + 8)
            .collect();
        let mut vocabulary = Vocabulary::with_capacity(count, 1 << 20);
        let error = colliding
            .iter()
            .enumerate()
            .find_map(|(id, text)| vocabulary.push(text, id as u32, Twice::Refuse).err())
            .expect("too many collisions");
        assert!(error.contains("collides with 1024 others"), "{error}");
    }
}
