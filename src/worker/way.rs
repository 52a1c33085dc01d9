/// Which project something goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Way(usize);

impl Way {
    /// That of `with_dsn`.
    pub(crate) const DEFAULT: Self = Self(0);

    /// That of the project at this place of the router's list.
    pub(crate) fn other(place: usize) -> Self {
        Self(place.saturating_add(1))
    }

    /// The place in the router's list; none for that of `with_dsn`.
    pub(super) fn place(self) -> Option<usize> {
        self.0.checked_sub(1)
    }
}
