//! Numbers of payment cards (ISO/IEC 7812).

use crate::steps;

/// The most digits that a number has.
const MAX_DIGITS: usize = 19;

/// How the digits are grouped where they are.
const GROUPS: &[&[usize]] = &[&[4, 4, 4, 4], &[4, 4, 4, 4, 3], &[4, 6, 5], &[4, 6, 4]];

/// The fewest digits that a number has.
const MIN_DIGITS: usize = 13;

/// Whether what follows a digit may be the rest of the number of a card.
#[inline]
pub(super) fn may_begin(next: &[u8]) -> bool {
    matches!(next, [a, b, c, ..] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit())
        && is_long(next)
}

/// Whether enough digits follow, in groups or not.
fn is_long(next: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-');
    next.get(..MIN_DIGITS - 1).is_some_and(|next| next.iter().all(is_part))
}

/// Where the number of a card ends that starts at `start`, if there is one.
pub(super) fn end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut digits = [0; MAX_DIGITS];
    let mut count = 0_usize;
    let mut groups = [0_usize; 5];
    let mut group = 0_usize;
    let mut separator = None;
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' => {
                *digits.get_mut(count)? = byte.wrapping_sub(b'0');
                let length = groups.get_mut(group)?;
                *length = length.saturating_add(1);
                count = count.saturating_add(1);
            }
            b' ' | b'-'
                if bytes.get(at.saturating_add(1)).is_some_and(u8::is_ascii_digit)
                    && separator.is_none_or(|have| have == *byte)
                    && count < 16 =>
            {
                separator = Some(*byte);
                group = group.saturating_add(1);
            }
            _ => break,
        }
        at = at.saturating_add(1);
    }
    steps::count(count);
    let digits = digits.get(..count)?;
    let next = bytes.get(at).copied().unwrap_or(b' ');
    let is_fraction =
        next == b'.' && bytes.get(at.saturating_add(1)).is_some_and(u8::is_ascii_digit);
    if next.is_ascii_alphanumeric() || next == b'_' || is_fraction {
        return None;
    }
    let grouped = groups.get(..=group)?;
    let is_grouped = separator.is_none() || GROUPS.contains(&grouped);
    (is_grouped && is_issued(digits) && is_checked(digits)).then_some(at)
}

/// Whether an integer has enough digits for the number of a card.
#[inline]
pub(super) fn may_be(number: i64) -> bool {
    number >= 1_000_000_000_000
}

/// Whether an integer is the number of a card.
pub(super) fn is_card(number: i64) -> bool {
    may_be(number) && {
        let text = number.to_string();
        end(text.as_bytes(), 0) == Some(text.len())
    }
}

/// Whether a network issues numbers of such a beginning and length.
fn is_issued(digits: &[u8]) -> bool {
    let head = digits
        .iter()
        .take(4)
        .fold(0_u32, |sum, digit| sum.saturating_mul(10).saturating_add(u32::from(*digit)));
    match digits.len() {
        13 => matches!(head, 4000..=4999),
        14 => matches!(head, 3000..=3059 | 3600..=3699 | 3800..=3999),
        15 => matches!(head, 3400..=3499 | 3700..=3799),
        16 => matches!(
            head,
            2221..=2720 | 3528..=3589 | 4000..=4999 | 5018 | 5020 | 5038 | 5100..=5599 | 5893
                | 6011 | 6200..=6299 | 6304 | 6440..=6599 | 6759..=6763
        ),
        17 | 18 => matches!(head, 6200..=6299),
        19 => matches!(head, 4000..=4999 | 6200..=6299 | 6304 | 6759..=6763),
        _ => false,
    }
}

/// Luhn's check digit.
fn is_checked(digits: &[u8]) -> bool {
    let sum = digits.iter().rev().enumerate().fold(0_u32, |sum, (place, digit)| {
        let digit = u32::from(*digit);
        let doubled = digit.saturating_mul(2);
        let counted = match (place % 2, doubled) {
            (0, _) => digit,
            (_, 10..) => doubled.saturating_sub(9),
            (_, doubled) => doubled,
        };
        sum.saturating_add(counted)
    });
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_networks_issue_with_the_right_check_digit_are_cards() {
        for card in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "5555-5555-5555-4444",
            "378282246310005",
            "3782 822463 10005",
            "6011111111111117",
            "30569309025904",
            "3530111333300000",
            "4222222222222",
        ] {
            assert_eq!(end(card.as_bytes(), 0), Some(card.len()), "{card}");
            assert!(end(format!("{card}.").as_bytes(), 0).is_some(), "{card}.");
        }
    }

    #[test]
    fn other_numbers_are_none() {
        for number in [
            "",
            "4111111111111112",
            "1795167627000000000",
            "0000000000000000",
            "41111111 11111111",
            "4111-1111 1111 1111",
            "4111111111111111.5",
            "4111111111111111abc",
            "411111111111111141111111111111114111",
        ] {
            assert_eq!(end(number.as_bytes(), 0), None, "{number}");
        }
        assert!(is_card(4_111_111_111_111_111) && !is_card(4_111_111_111_111_112));
        assert!(!is_card(-4_111_111_111_111_111) && !is_card(0) && !is_card(i64::MIN));
    }
}
