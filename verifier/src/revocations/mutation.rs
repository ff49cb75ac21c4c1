//! The rules the bound rests on (for tests, which take them out one by one to see that each is needed).

/// Which rules hold.
#[cfg(test)]
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) continuity: bool,
    pub(crate) signed_time: bool,
    pub(crate) held_while_catching_up: bool,
    pub(crate) kept_long_enough: bool,
    pub(crate) stale_is_refused: bool,
    pub(crate) no_future: bool,
    pub(crate) union_on_epoch: bool,
    pub(crate) held_while_keys_change: bool,
}

#[cfg(test)]
impl Rules {
    pub(crate) const ALL: Self = Self {
        continuity: true,
        signed_time: true,
        held_while_catching_up: true,
        kept_long_enough: true,
        stale_is_refused: true,
        no_future: true,
        union_on_epoch: true,
        held_while_keys_change: true,
    };
}

/// Whether a rule holds: always, but in the tests that take it out.
macro_rules! rule {
    ($self:ident.$rule:ident) => {{
        #[cfg(test)]
        {
            $self.rules.$rule
        }
        #[cfg(not(test))]
        {
            true
        }
    }};
}

pub(super) use rule;
