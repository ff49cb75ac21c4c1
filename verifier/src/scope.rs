//! Scope (RFC 6749 §3.3): a set of case-sensitive scope tokens, written with single spaces between them.
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One scope token: `1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749 §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeToken<'a>(&'a str);

/// Why a text is not a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A character outside the grammar of RFC 6749 §3.3.
    #[error("a scope token takes the characters %x21, %x23-5B and %x5D-7E only")]
    Character,
    /// An empty token: a leading, trailing or double space.
    #[error("scope tokens are separated by exactly one space, with none before the first or after the last")]
    Empty,
}

impl<'a> ScopeToken<'a> {
    /// Reads one scope token.
    ///
    /// # Errors
    /// [`ScopeError`] when the text is empty or has a character outside the grammar.
    pub fn parse(text: &'a str) -> Result<Self, ScopeError> {
        if text.is_empty() {
            return Err(ScopeError::Empty);
        }
        if text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) { Ok(Self(text)) } else { Err(ScopeError::Character) }
    }

    /// The token as it is written.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl std::fmt::Display for ScopeToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// A set of scope tokens, kept as it is written: in ASCII order, so equal scopes are written alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope(Box<str>);

impl Scope {
    /// Reads a `scope` parameter or claim. The empty text is the empty scope; a repeated token counts once.
    ///
    /// # Errors
    /// [`ScopeError`] when a token is empty or has a character outside the grammar.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        text.split(' ').map(ScopeToken::parse).collect()
    }

    /// The scope as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the token is in the scope.
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|own| own.0 == token)
    }

    /// Whether every token of this scope is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        // Both are in order: what was passed in the other comes in neither again.
        let mut others = other.iter();
        self.iter().all(|own| others.find(|other| *other >= own) == Some(own))
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// The tokens in ASCII order.
    pub fn iter(&self) -> impl Iterator<Item = ScopeToken<'_>> {
        self.0.split(' ').filter(|token| !token.is_empty()).map(ScopeToken)
    }
}

impl<'a> FromIterator<ScopeToken<'a>> for Scope {
    fn from_iter<I: IntoIterator<Item = ScopeToken<'a>>>(tokens: I) -> Self {
        let mut tokens: Vec<&str> = tokens.into_iter().map(ScopeToken::as_str).collect();
        tokens.sort_unstable();
        tokens.dedup();
        Self(tokens.join(" ").into())
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6749_3_3_order_and_repetition_do_not_matter() {
        assert_eq!(Scope::parse("b a b").map(|scope| scope.to_string()), Ok("a b".into()));
        assert_eq!(Scope::parse(""), Ok(Scope::default()));
    }

    #[test]
    fn rfc6749_3_3_the_grammar_is_strict() {
        for text in [" a", "a ", "a  b"] {
            assert_eq!(Scope::parse(text), Err(ScopeError::Empty), "{text:?}");
        }
        for text in ["a\"", "a\\", "a\tb", "é", "a\u{7f}"] {
            assert_eq!(Scope::parse(text), Err(ScopeError::Character), "{text:?}");
        }
    }
}
