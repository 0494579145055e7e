//! Inclusion groups: of each, exactly one of the found entries stays.

use std::collections::{HashMap, HashSet};

use super::{Entry, Reason};
use crate::domain::{
    random::{Dice, seed_for},
    veils::Writer,
};

/// The entries that lose a group in this pass, with the group. Those of each side have groups of their own, whatever they are called.
pub(super) fn losers(
    entries: &[Entry],
    found: &[(usize, Reason)],
    fired: &[usize],
    side: &dyn Fn(usize) -> Option<Writer>,
    seed: u64,
) -> HashMap<usize, String> {
    let groups_of = |index: usize| {
        let groups = entries[index].groups.iter();
        groups.map(move |group| (side(index), group.as_str()))
    };
    let taken: HashSet<Group<'_>> = fired.iter().copied().flat_map(groups_of).collect();
    let mut lost = HashMap::new();
    for (group, mut members) in members_by_group(found, groups_of) {
        members.retain(|index| !lost.contains_key(index));
        let winner = match taken.contains(&group) {
            true => None,
            false => elect(entries, &members, seed_for(seed, group.1, 0)),
        };
        let losing = members.into_iter().filter(|member| Some(*member) != winner);
        lost.extend(losing.map(|index| (index, group.1.to_owned())));
    }
    lost
}

/// A group: its side, and its name.
type Group<'e> = (Option<Writer>, &'e str);

/// Groups in the order in which the found entries name them.
fn members_by_group<'e, G: Iterator<Item = Group<'e>>>(
    found: &[(usize, Reason)],
    groups_of: impl Fn(usize) -> G,
) -> Vec<(Group<'e>, Vec<usize>)> {
    let mut groups: Vec<(Group<'e>, Vec<usize>)> = Vec::new();
    let mut places = HashMap::new();
    for (index, _) in found {
        for group in groups_of(*index) {
            let place = *places.entry(group).or_insert(groups.len());
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
