//! Pages of a list: `limit`, `before` and `after` an object's id, `order`.

/// By what a list is in order. Two that are alike are in the order of their creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortKey {
    #[default]
    Created,
    /// Without regard to ASCII case.
    Name,
    /// What was never used is before everything that was.
    LastUsed,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    Ascending,
    #[default]
    Descending,
}

impl Order {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }

    pub fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

/// Where a page begins: beyond this object, forwards or backwards in the list's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    After(String),
    Before(String),
}

/// Which part of a list is asked for. `limit` is 1 to 100.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    pub limit: u8,
    /// Of lists that can be in another order; the others are by creation.
    pub by: SortKey,
    pub order: Order,
    pub cursor: Option<Cursor>,
}

impl PageRequest {
    pub const DEFAULT_LIMIT: u8 = 10;
    pub const MAX_LIMIT: u8 = 100;

    /// The newest of a list, so many of them.
    pub const fn newest(limit: u8) -> Self {
        Self { limit, by: SortKey::Created, order: Order::Descending, cursor: None }
    }
}

/// A part of a list. `after` is the last id when and only when there is more behind it; `before` likewise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub data: Vec<T>,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl<T> Page<T> {
    pub fn empty() -> Self {
        Self { data: Vec::new(), before: None, after: None }
    }

    /// Makes a page of the rows read, at most `limit` and one more, in the order read (away from the cursor).
    pub fn of(mut rows: Vec<T>, request: &PageRequest, id: impl Fn(&T) -> String) -> Self {
        let more = rows.len() > usize::from(request.limit);
        rows.truncate(usize::from(request.limit));
        let (backwards, from_cursor) = (matches!(request.cursor, Some(Cursor::Before(_))), request.cursor.is_some());
        if backwards {
            rows.reverse();
        }
        let (has_before, has_after) = if backwards { (more, true) } else { (from_cursor, more) };
        let before = rows.first().filter(|_| has_before).map(&id);
        let after = rows.last().filter(|_| has_after).map(&id);
        Self { data: rows, before, after }
    }
}
