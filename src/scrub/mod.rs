//! What must not leave the process.
//!
//! Without consent to personal data, which is the default: no addresses, names or mail addresses
//! of users, no cookies of requests, no values of query strings, no literals of queries. With or
//! without: no passwords, keys, tokens and numbers of cards.

mod around;
mod assignment;
mod attribute;
mod byte;
mod calm;
mod card;
mod family;
mod graphql;
mod key;
mod lists;
mod mail;
#[cfg(feature = "logs")]
mod nested;
mod output;
mod pass;
mod redis;
mod scope;
mod scrubber;
mod settings;
mod shape;
mod sql;
mod state;
mod table;
mod text;
mod url;
mod value;
mod word;

pub use self::family::Family;
pub(crate) use self::scrubber::Scrubber;
pub use self::settings::Scrubbing;
pub(crate) use self::text::without_user_info;
