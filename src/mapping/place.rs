//! The modules and crates that the functions of Rust stand in.

use std::borrow::Cow;

use super::bytes::has;
use super::symbol::{is_runtime_crate, part, split_first, split_last};
use crate::steps;

/// How deep types are looked into.
const NESTED_TYPES: usize = 8;

/// The place of a function among the modules.
#[derive(Default)]
pub(super) struct Place<'a> {
    /// The modules and the name, without generic arguments.
    pub(super) path: Cow<'a, str>,
    /// The crate.
    pub(super) package: Option<Cow<'a, str>>,
}

/// A name such as `<subject as implemented>rest`.
struct Qualified<'a> {
    subject: &'a str,
    implemented: Option<&'a str>,
    rest: &'a str,
}

impl<'a> Place<'a> {
    pub(super) fn into_owned(self) -> Place<'static> {
        Place {
            path: self.path.into_owned().into(),
            package: self.package.map(|package| package.into_owned().into()),
        }
    }

    /// Finds the place of a function or of a type.
    ///
    /// `<Type as Trait>::call` stands at the type, unless that has no path. It
    /// belongs to the crate of the type, unless that is a type of `std`, which
    /// only the crate of the trait can have extended, or a function, which only that crate can
    /// have given methods to.
    pub(super) fn of(name: &'a str) -> Self {
        match bare(name).filter(|name| !name.starts_with('&')) {
            Some(path) => Self::at(path.into()),
            None => Self::nested(name, NESTED_TYPES),
        }
    }

    fn at(path: Cow<'a, str>) -> Self {
        let package = part(&path, |path| split_first(path).map(|(package, _)| package));
        Self { package: package.filter(|package| !package.is_empty()), path }
    }

    fn nested(name: &'a str, nesting: usize) -> Self {
        let name = without_type_prefix(name);
        let Some(nesting) = nesting.checked_sub(1) else {
            return Self::default();
        };
        let Some(Qualified { subject, implemented, rest }) = Qualified::of(name) else {
            return Self::at(without_generics(name));
        };
        let implemented = implemented.map(|name| Self::nested(name, nesting)).unwrap_or_default();
        let subject = Self::nested(subject, nesting);
        let is_own = !is_function(&subject.path) || implemented.package.is_none();
        let path = if subject.path.contains("::") { subject.path } else { implemented.path };
        Self {
            path: match &*without_generics(rest) {
                "" => path,
                rest => [&*path, rest].concat().into(),
            },
            package: match subject.package {
                Some(package) if is_own && !is_runtime_crate(&package) => Some(package),
                package => implemented.package.or(package),
            },
        }
    }
}

impl<'a> Qualified<'a> {
    const AS: &'static str = " as ";

    fn of(name: &'a str) -> Option<Self> {
        let inner = name.strip_prefix('<')?;
        let (division, end) = Self::ends(inner)?;
        let (inner, rest) = inner.split_at_checked(end)?;
        let (subject, implemented) = match division.and_then(|end| inner.split_at_checked(end)) {
            Some((subject, rest)) => (subject, rest.strip_prefix(Self::AS)),
            None => (inner, None),
        };
        Some(Self { subject, implemented, rest: rest.strip_prefix('>')? })
    }

    /// Where the subject ends if something follows it, and where the bracket closes.
    fn ends(inner: &str) -> Option<(Option<usize>, usize)> {
        let (mut depth, mut last) = (0_usize, b' ');
        let mut division = None;
        for (index, byte) in inner.bytes().enumerate() {
            steps::count(1);
            match byte {
                b'<' | b'(' | b'[' | b'{' => depth = depth.saturating_add(1),
                b'>' if last == b'-' => {}
                b'>' if depth == 0 => return Some((division, index)),
                b'>' | b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                b' ' if depth == 0 && inner.get(index..)?.starts_with(Self::AS) => {
                    division.get_or_insert(index);
                }
                _ => {}
            }
            last = byte;
        }
        None
    }
}

/// Whether the path of a type is that of a function or closure.
fn is_function(path: &str) -> bool {
    split_last(path).is_some_and(|(_, name)| {
        name.starts_with(|first: char| first.is_lowercase() || first == '{')
    })
}

/// Strips what stands before the path of a type, as in `&mut dyn app::Trait`.
fn without_type_prefix(name: &str) -> &str {
    let mut rest = name.trim_start();
    while let Some(shorter) = ["&", "mut ", "dyn ", "*const ", "*mut "]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix))
        .or_else(|| {
            let (lifetimes, rest) = rest.strip_prefix("for<")?.split_once("> ")?;
            (!lifetimes.contains('<')).then_some(rest)
        })
        .or_else(|| rest.strip_prefix('\'')?.split_once(' ').map(|(_, rest)| rest))
    {
        rest = shorter.trim_start();
    }
    rest
}

/// The path of a type or function, where the name is nothing else.
fn bare(name: &str) -> Option<&str> {
    steps::count(name.len());
    let is_other =
        |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'<' | b'>' | b'(' | b'[' | b',');
    let is_bare = !has(name, is_other) && !has_three_colons(name);
    is_bare.then(|| name.trim_end_matches(':'))
}

/// The bare path of a type or function, up to the first blank.
fn without_generics(name: &str) -> Cow<'_, str> {
    if let Some(path) = bare(name) {
        return path.into();
    }
    let mut path = Cow::default();
    let (mut depth, mut last) = (0_usize, b' ');
    // Of what follows the last bracket.
    let (mut start, mut end) = (0_usize, name.len());
    for (index, byte) in name.bytes().enumerate() {
        if byte == b'<' || (byte == b'>' && last != b'-') {
            if depth == 0 {
                add(&mut path, name.get(start..index).unwrap_or_default());
            }
            depth = match byte {
                b'<' => depth.saturating_add(1),
                _ => depth.saturating_sub(1),
            };
            start = index.saturating_add(1);
        } else if depth == 0
            && (matches!(byte, b'(' | b'[' | b',')
                || (!byte.is_ascii_graphic() && is_blank(name, index)))
        {
            end = index;
            break;
        }
        last = byte;
    }
    steps::count(end);
    if depth == 0 {
        add(&mut path, name.get(start..end).unwrap_or_default());
    }
    if has_three_colons(&path) {
        path = path.replace("::::", "::").into();
    }
    match path {
        Cow::Borrowed(path) => path.trim_end_matches(':').into(),
        Cow::Owned(mut path) => {
            path.truncate(path.trim_end_matches(':').len());
            path.into()
        }
    }
}

/// Adds a part to a text, which is borrowed as long as there is one part.
fn add<'a>(text: &mut Cow<'a, str>, part: &'a str) {
    if text.is_empty() {
        *text = part.into();
    } else if !part.is_empty() {
        text.to_mut().push_str(part);
    }
}

/// Whether three colons follow each other, as they do where there are four; looked at as in
/// [`has`].
#[inline(never)]
fn has_three_colons(name: &str) -> bool {
    let from = |at: usize| name.as_bytes().get(at..).unwrap_or_default().iter();
    let threes = from(0).zip(from(1)).zip(from(2));
    threes.fold(false, |has, ((first, second), third)| {
        has | ((*first == b':') & (*second == b':') & (*third == b':'))
    })
}

/// Whether a blank begins there.
fn is_blank(text: &str, index: usize) -> bool {
    text.get(index..).is_some_and(|rest| rest.starts_with(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_stands_at_its_type_and_in_the_crate_that_wrote_it() {
        let table = "\
shop::cart::total | shop::cart::total | shop
shop::Cart<T>::total::{{closure}} | shop::Cart::total::{{closure}} | shop
shop::total::<a::B<C>, D> | shop::total | shop
shop::call<fn() -> a::B>::x | shop::call::x | shop
shop::größe<T>::x | shop::größe::x | shop
<shop::Cart<T> as core::fmt::Debug>::fmt | shop::Cart::fmt | shop
<shop::Cart>::total | shop::Cart::total | shop
<alloc::vec::Vec<T> as shop::Sum>::sum | alloc::vec::Vec::sum | shop
<F as shop::Handler<(M,T1),S>>::call | shop::Handler::call | shop
<<a::B as b::C>::D as e::F>::g | a::B::D::g | a
<&mut dyn shop::Pay<> as core::fmt::Debug>::fmt | shop::Pay::fmt | shop
<fn(a::B) -> c::D as shop::Call>::call | shop::Call::call | shop
<shop::run::{closure#0} as core::ops::FnOnce<()>>::call | shop::run::{closure#0}::call | core
shop::a>b<c | shop::ab | shop
<shop::Cart as | |
(shop::Cart) | |";
        for row in table.lines() {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let [name, path, package] = cells.as_slice() else { panic!("{row}") };
            let place = Place::of(name);
            let found = (&*place.path, place.package.as_deref().unwrap_or_default());
            assert_eq!(found, (*path, *package), "{name}");
        }
    }
}
