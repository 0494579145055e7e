//! Inclusion groups: of each, exactly one of the found entries stays.

use std::collections::{HashMap, HashSet};

use super::{Entry, Reason};
use crate::domain::random::{Dice, seed_for};

/// The entries that lose a group in this pass, with the group.
pub(super) fn losers(
    entries: &[Entry],
    found: &[(usize, Reason)],
    fired: &[usize],
    seed: u64,
) -> HashMap<usize, String> {
    let taken: HashSet<&str> = fired
        .iter()
        .flat_map(|index| &entries[*index].groups)
        .map(String::as_str)
        .collect();
    let mut lost = HashMap::new();
    for (group, mut members) in members_by_group(entries, found) {
        members.retain(|index| !lost.contains_key(index));
        let winner = match taken.contains(group) {
            true => None,
            false => elect(entries, &members, seed_for(seed, group, 0)),
        };
        let losing = members.into_iter().filter(|member| Some(*member) != winner);
        lost.extend(losing.map(|index| (index, group.to_owned())));
    }
    lost
}

/// Groups in the order in which the found entries name them.
fn members_by_group<'e>(
    entries: &'e [Entry],
    found: &[(usize, Reason)],
) -> Vec<(&'e str, Vec<usize>)> {
    let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
    let mut places = HashMap::new();
    for (index, _) in found {
        for group in &entries[*index].groups {
            let place = *places.entry(group.as_str()).or_insert(groups.len());
            if place == groups.len() {
                groups.push((group, Vec::new()));
            }
            groups[place].1.push(*index);
        }
    }
    groups
}

/// The highest order among those that override, or else one by weight.
fn elect(entries: &[Entry], members: &[usize], seed: u64) -> Option<usize> {
    if let Some(first) = members.iter().find(|index| entries[**index].group_override) {
        return Some(*first);
    }
    let weight = |index: &usize| u64::from(entries[*index].group_weight);
    let total: u64 = members.iter().map(weight).sum();
    let mut rolled = Dice::new(seed).below(total);
    for index in members {
        if rolled < weight(index) {
            return Some(*index);
        }
        rolled -= weight(index);
    }
    members.first().copied()
}
