use std::net::IpAddr as Address;

use sentry_types::protocol::v7::{IpAddress, User};

use super::facts::Facts;
use crate::semconv::Attribute::{self, *};

/// What tells of a user.
const USER: &[Attribute] =
    &[ClientAddress, EnduserId, HttpClientIp, UserEmail, UserFullName, UserId, UserName];

/// The user that the attributes of a root span tell of; what may be sent is decided later.
pub(super) fn user(facts: &Facts<'_>) -> Option<User> {
    if !facts.has(USER) {
        return None;
    }
    let text = |keys: &[_], max_chars: usize| {
        let text = facts.text(keys)?;
        let chars = text.trim().chars().filter(|char| !char.is_control());
        Some(chars.take(max_chars).collect::<String>()).filter(|text| !text.is_empty())
    };
    let address =
        text(&[ClientAddress, HttpClientIp], 64).and_then(|text| text.parse::<Address>().ok());
    let full_name = text(&[UserFullName], 128).map(|name| ("name".to_owned(), name.into()));
    let user = User {
        id: text(&[UserId, EnduserId], 128),
        email: text(&[UserEmail], 75),
        ip_address: address.map(IpAddress::Exact),
        username: text(&[UserName], 128),
        other: full_name.into_iter().collect(),
    };
    (user != User::default()).then_some(user)
}
