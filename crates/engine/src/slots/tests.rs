use super::*;

fn idle(tokens: &[u32], used: u64) -> View<'_> {
    View {
        tokens,
        busy: false,
        used,
    }
}

fn busy(tokens: &[u32], used: u64) -> View<'_> {
    View {
        tokens,
        busy: true,
        used,
    }
}

#[test]
fn goes_on_where_the_longest_common_beginning_is() {
    let slots = [idle(&[1, 2], 3), idle(&[1, 2, 3, 4], 1), idle(&[], 0)];
    assert_eq!(
        choose(&slots, &[1, 2, 3, 4, 5]),
        Some(Choice {
            slot: 1,
            source: 1,
            shared: 4
        })
    );
}

#[test]
fn computes_the_last_token_even_if_all_are_known() {
    assert_eq!(
        choose(&[idle(&[1, 2, 3, 4], 1)], &[1, 2, 3]),
        Some(Choice {
            slot: 0,
            source: 0,
            shared: 2
        })
    );
}

#[test]
fn copies_a_common_beginning_rather_than_push_out_another_chat() {
    let slots = [idle(&[1, 2, 3, 4, 5, 6, 7, 8], 5), idle(&[9, 9, 9], 2)];
    assert_eq!(
        choose(&slots, &[1, 2, 3, 10, 11]),
        Some(Choice {
            slot: 1,
            source: 0,
            shared: 3
        })
    );
}

#[test]
fn copies_from_a_slot_that_is_busy() {
    let slots = [busy(&[1, 2, 3, 4], 5), idle(&[9], 2)];
    assert_eq!(
        choose(&slots, &[1, 2, 3, 4]),
        Some(Choice {
            slot: 1,
            source: 0,
            shared: 3
        })
    );
}

#[test]
fn takes_the_slot_longest_unused_when_nothing_is_common() {
    let slots = [idle(&[7, 8], 4), idle(&[8, 9], 2), idle(&[9, 7], 3)];
    assert_eq!(
        choose(&slots, &[1, 2]).map(|choice| (choice.slot, choice.shared)),
        Some((1, 0))
    );
}

#[test]
fn finds_no_slot_while_all_are_busy() {
    assert_eq!(choose(&[busy(&[1], 1), busy(&[2], 2)], &[1, 2]), None);
}
